/* roofline.c - see roofline.h. Threads live for one limit and one thread count; they meet on a spinning barrier, as the engine's do. */
#include "harness/roofline.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"

#define STEP_BYTES ((uint64_t)16 << 20) /* 1 + 2 + 4 + 8 + 1 MiB of matrices */
#define PEAK_TARGET_NS 20000000u        /* a pass of a peak: long against a clock read and a time slice */
enum { SPINS_BEFORE_YIELD = 2000 };

const struct mb_limit_row mb_limit_rows[MB_LIMIT_N] = {
    [MB_LIMIT_READ] = {"read", "GB/s", 1e9},
    [MB_LIMIT_READ_MATRICES] = {"read_matrices", "GB/s", 1e9},
    [MB_LIMIT_F32] = {"f32", "GFLOP/s", 1e9},
    [MB_LIMIT_INT8] = {"int8", "GOP/s", 1e9},
};

enum mb_limit mb_limit_find(const char *name)
{
    int k = 0;
    while (k < MB_LIMIT_N && strcmp(mb_limit_rows[k].name, name) != 0)
        k++;
    return (enum mb_limit)k;
}

struct mb_roofline {
    unsigned char *buffer;
    uint64_t n_bytes;
    uint32_t max_threads;
};

struct team {
    const struct mb_roofline *roofline;
    const struct mb_peak *peak;
    enum mb_limit kind;
    uint32_t n_threads, n_passes; /* the first pass is not measured */
    uint64_t n_rounds;            /* of a peak */
    _Atomic uint32_t arrived, phase;
    _Atomic uint64_t sink;        /* what was read must be used */
    _Atomic bool abandoned;       /* a thread did not start */
    double *work;                 /* [n_passes][n_threads] bytes or operations */
    uint64_t *begin_ns, *end_ns;  /* [n_passes][n_threads] */
};

struct member {
    struct team *team;
    uint32_t i;
    pthread_t thread;
};

/* All threads meet here. On a crowded machine the one that is waited for may need this core: yield after a while. */
static void meet(struct team *t)
{
    const uint32_t phase = atomic_load(&t->phase);
    if (atomic_fetch_add(&t->arrived, 1) + 1 == t->n_threads) {
        atomic_store(&t->arrived, 0);
        atomic_fetch_add(&t->phase, 1);
        return;
    }
    for (uint32_t spins = 0; atomic_load_explicit(&t->phase, memory_order_acquire) == phase && !atomic_load(&t->abandoned); spins++)
        if (spins > SPINS_BEFORE_YIELD)
            sched_yield();
}

/* Part i of n of [0, n_bytes), on borders of 512 bytes. */
static void part(uint64_t n_bytes, uint32_t i, uint32_t n, uint64_t *begin, uint64_t *end)
{
    const uint64_t lines = n_bytes / 512;
    *begin = lines * i / n * 512;
    *end = lines * (i + 1) / n * 512;
}

static double read_part(struct team *t, const unsigned char *from, uint64_t n_bytes, uint32_t i)
{
    uint64_t begin, end;
    part(n_bytes, i, t->n_threads, &begin, &end);
    atomic_fetch_xor(&t->sink, t->peak->read(from + begin, (size_t)(end - begin)));
    return (double)(end - begin);
}

/* 1, 2, 4, 8 MiB and again. */
static double read_matrices(struct team *t, uint32_t i)
{
    double n = 0;
    uint64_t at = 0;
    for (uint32_t k = 0;; k++) {
        const uint64_t matrix = (uint64_t)1 << (20 + k % 4);
        if (at + matrix > t->roofline->n_bytes)
            return n;
        n += read_part(t, t->roofline->buffer + at, matrix, i);
        at += matrix;
        meet(t);
    }
}

static double one_pass(struct team *t, uint32_t i)
{
    switch (t->kind) {
    case MB_LIMIT_READ: return read_part(t, t->roofline->buffer, t->roofline->n_bytes, i);
    case MB_LIMIT_READ_MATRICES: return read_matrices(t, i);
    case MB_LIMIT_F32: return t->peak->f32(t->n_rounds);
    case MB_LIMIT_INT8: return t->peak->int8(t->n_rounds);
    case MB_LIMIT_N: break;
    }
    return 0;
}

static void *member_main(void *user)
{
    const struct member *m = user;
    struct team *t = m->team;
    for (uint32_t p = 0; p < t->n_passes; p++) {
        const size_t slot = (size_t)p * t->n_threads + m->i;
        meet(t);
        if (atomic_load(&t->abandoned))
            break;
        t->begin_ns[slot] = mb_clock_ns();
        t->work[slot] = one_pass(t, m->i);
        t->end_ns[slot] = mb_clock_ns();
    }
    return NULL;
}

static int run_team(struct team *t, struct mb_error *err)
{
    struct member *members = calloc(t->n_threads, sizeof(*members));
    uint32_t n_started = 0;
    int rc = members ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for %u threads", t->n_threads);
    for (uint32_t i = 1; !rc && i < t->n_threads; i++) {
        members[i] = (struct member){.team = t, .i = i};
        if (pthread_create(&members[i].thread, NULL, member_main, &members[i])) {
            atomic_store(&t->abandoned, true);
            rc = mb_fail(err, MB_ENOMEM, "thread %u of %u does not start", i + 1, t->n_threads);
        } else {
            n_started = i;
        }
    }
    if (!rc)
        member_main(&(struct member){.team = t, .i = 0});
    for (uint32_t i = 1; i <= n_started; i++)
        pthread_join(members[i].thread, NULL);
    free(members);
    return rc;
}

/* Rounds that take about PEAK_TARGET_NS in one thread. */
static uint64_t rounds_of(const struct mb_peak *peak, enum mb_limit kind)
{
    uint64_t n = 1000;
    for (;; n *= 4) {
        const uint64_t begin = mb_clock_ns();
        (void)(kind == MB_LIMIT_F32 ? peak->f32(n) : peak->int8(n));
        const uint64_t ns = mb_clock_ns() - begin;
        if (ns > PEAK_TARGET_NS / 8)
            return n * PEAK_TARGET_NS / ns + 1;
    }
}

int mb_roofline_measure(struct mb_roofline *roofline, enum mb_limit kind, const struct mb_peak *peak, uint32_t n_threads,
                        uint32_t n_repetitions, double *values, uint64_t *n_bytes, struct mb_error *err)
{
    const bool reads = kind == MB_LIMIT_READ || kind == MB_LIMIT_READ_MATRICES;
    const size_t n_slots = (size_t)(n_repetitions + 1) * n_threads;
    struct team t = {.roofline = roofline, .peak = peak, .kind = kind, .n_threads = n_threads, .n_passes = n_repetitions + 1};
    if (n_threads == 0 || n_threads > roofline->max_threads || (reads && !roofline->n_bytes))
        return mb_fail(err, MB_EINVAL, "limits are measured with 1 to %u threads and a buffer to read", roofline->max_threads);
    t.work = calloc(n_slots, sizeof(*t.work));
    t.begin_ns = calloc(n_slots, sizeof(*t.begin_ns));
    t.end_ns = calloc(n_slots, sizeof(*t.end_ns));
    int rc = t.work && t.begin_ns && t.end_ns ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for %zu stamps", n_slots);
    if (!rc && !reads)
        t.n_rounds = rounds_of(peak, kind);
    if (!rc)
        rc = run_team(&t, err);
    *n_bytes = 0;
    for (uint32_t p = 1; !rc && p <= n_repetitions; p++) {
        uint64_t begin = UINT64_MAX, end = 0;
        double work = 0;
        for (uint32_t i = 0; i < n_threads; i++) {
            const size_t slot = (size_t)p * n_threads + i;
            begin = t.begin_ns[slot] < begin ? t.begin_ns[slot] : begin;
            end = t.end_ns[slot] > end ? t.end_ns[slot] : end;
            work += t.work[slot];
        }
        values[p - 1] = work * 1e9 / (double)(end > begin ? end - begin : 1);
        *n_bytes = reads ? (uint64_t)work : 0;
    }
    free(t.work);
    free(t.begin_ns);
    free(t.end_ns);
    return rc;
}

/* --- the buffer ------------------------------------------------------------------------------------------------ */

struct toucher {
    unsigned char *begin;
    size_t n_bytes;
    pthread_t thread;
};

static void *touch(void *user)
{
    const struct toucher *t = user;
    memset(t->begin, 0x5a, t->n_bytes);
    return NULL;
}

/* Every thread touches its own part first: on several memory nodes it is then near to it. */
static int touch_all(struct mb_roofline *r, struct mb_error *err)
{
    struct toucher *touchers = calloc(r->max_threads, sizeof(*touchers));
    if (!touchers)
        return mb_fail(err, MB_ENOMEM, "no memory for %u threads", r->max_threads);
    for (uint32_t i = 0; i < r->max_threads; i++) {
        uint64_t begin, end;
        part(r->n_bytes, i, r->max_threads, &begin, &end);
        touchers[i] = (struct toucher){.begin = r->buffer + begin, .n_bytes = (size_t)(end - begin)};
        if (pthread_create(&touchers[i].thread, NULL, touch, &touchers[i])) {
            touch(&touchers[i]);
            touchers[i].n_bytes = 0; /* not started: not joined */
        }
    }
    for (uint32_t i = 0; i < r->max_threads; i++)
        if (touchers[i].n_bytes)
            pthread_join(touchers[i].thread, NULL);
    free(touchers);
    return MB_OK;
}

int mb_roofline_open(struct mb_roofline **out, uint64_t n_bytes, uint32_t max_threads, struct mb_error *err)
{
    *out = NULL;
    struct mb_roofline *r = calloc(1, sizeof(*r));
    if (!r)
        return mb_fail(err, MB_ENOMEM, "no memory");
    r->max_threads = max_threads ? max_threads : 1;
    r->n_bytes = (n_bytes + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
    int rc = MB_OK;
    if (r->n_bytes) {
        void *map = mmap(NULL, r->n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED) {
            rc = mb_fail_errno(err, MB_ENOMEM, "no %llu MiB to read from", (unsigned long long)(r->n_bytes >> 20));
        } else {
            r->buffer = map;
            (void)madvise(map, r->n_bytes, MADV_HUGEPAGE); /* the limit is the memory's, not the page table's */
            rc = touch_all(r, err);
        }
    }
    if (rc)
        mb_roofline_close(r);
    else
        *out = r;
    return rc;
}

void mb_roofline_close(struct mb_roofline *r)
{
    if (!r)
        return;
    if (r->buffer)
        munmap(r->buffer, r->n_bytes);
    free(r);
}

uint64_t mb_roofline_bytes(uint64_t cache_bytes, uint64_t available_bytes)
{
    const uint64_t wanted = 4 * (cache_bytes ? cache_bytes : (uint64_t)64 << 20), least = (uint64_t)256 << 20, most = available_bytes / 3;
    const uint64_t n = wanted > least ? wanted : least;
    const uint64_t bytes = n < most ? n : most;
    return (bytes + STEP_BYTES - 1) / STEP_BYTES * STEP_BYTES;
}
