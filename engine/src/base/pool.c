/*
 * pool.c - fork-join over ranges of tasks.
 *
 * Each worker has a range of the run's tasks, always the same part of them, so that what one operator wrote lies in the cache of the
 * core that reads it in the next. Its owner takes tasks from the front; who has none left takes them from the end of the others'.
 * A task is taken by a compare-and-swap that shortens the range; only then may a worker read fn and arg, for the caller cannot start
 * the next run before every taken task is `pending` no more. A worker that wakes late finds empty ranges, or takes part in a later
 * run: nobody waits for it. Waiting is a bounded spin, then a futex: a thread without work leaves its core to others.
 */
#include "base/pool.h"

#include "base/placement.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS 40000u         /* a matrix of the default model takes 5 to 50 us: a worker is still awake for the next one */
#define PAUSES_PER_CLOCK_READ 8
#define FETCH_STEP 1024        /* bytes between two looks for work */

struct worker {
    _Alignas(64) _Atomic uint64_t range; /* begin << 32 | end of its tasks that nobody has taken */
    struct eng_pool_span expected;       /* read during a run only */
    struct eng_pool *pool;
    pthread_t thread;
    uint32_t index;
};

struct eng_pool {
    _Alignas(64) _Atomic uint32_t pending;   /* tasks of this run not yet finished */
    _Atomic uint32_t caller_sleeps;
    _Alignas(64) _Atomic uint32_t run_number; /* the futex that idle workers sleep on */
    _Atomic uint32_t n_asleep;
    _Atomic bool stop;
    _Alignas(64) void (*fn)(void *arg, uint32_t i_task, uint32_t i_worker);
    void *arg;
    uint32_t n_threads;
    bool caller_is_placed;
    cpu_set_t caller_before;                 /* its affinity, to be given back */
    struct worker *workers;                  /* [n_threads]; the first is the caller */
};

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int n)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static inline void cpu_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ __volatile__("yield");
#endif
}

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Spins until *word differs from @seen (true) or the time is over (false). */
static bool spin_while(const _Atomic uint32_t *word, uint32_t seen, uint64_t limit_ns)
{
    uint64_t begin_ns = 0;
    for (;;) {
        for (int i = 0; i < PAUSES_PER_CLOCK_READ; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != seen)
                return true;
            cpu_pause();
        }
        const uint64_t t_ns = now_ns();
        if (begin_ns == 0)
            begin_ns = t_ns;
        else if (t_ns - begin_ns > limit_ns)
            return false;
    }
}

/* The first task of a range that is left, or the last one; false: none. */
static bool take(_Atomic uint64_t *range, bool last, uint32_t *i_task)
{
    uint64_t seen = atomic_load_explicit(range, memory_order_acquire), rest;
    do {
        const uint32_t begin = (uint32_t)(seen >> 32), end = (uint32_t)seen;
        if (begin >= end)
            return false;
        *i_task = last ? end - 1 : begin;
        rest = last ? seen - 1 : seen + (1ull << 32);
    } while (!atomic_compare_exchange_weak_explicit(range, &seen, rest, memory_order_acq_rel, memory_order_acquire));
    return true;
}

/* Takes and does tasks until none is left to take. Returns what the worker may fetch while it waits. */
static struct eng_pool_span work_off(struct eng_pool *pool, uint32_t i_worker)
{
    struct eng_pool_span expected = {0};
    uint32_t i_task, n_done = 0;
    for (; take(&pool->workers[i_worker].range, false, &i_task); n_done++)
        pool->fn(pool->arg, i_task, i_worker);
    for (uint32_t k = 1; k < pool->n_threads; k++)
        for (; take(&pool->workers[(i_worker + k) % pool->n_threads].range, true, &i_task); n_done++)
            pool->fn(pool->arg, i_task, i_worker);
    if (n_done == 0) /* perhaps the run is over, and the next is being prepared */
        return expected;
    expected = pool->workers[i_worker].expected;
    if (atomic_fetch_sub(&pool->pending, n_done) == n_done && atomic_load(&pool->caller_sleeps))
        futex_wake(&pool->pending, 1);
    return expected;
}

/* Into the second-level cache, until there is work. */
static void fetch(const struct eng_pool *pool, struct eng_pool_span span, uint32_t seen)
{
    const uint8_t *p = span.p;
    for (size_t i = 0; i < span.n_bytes && atomic_load_explicit(&pool->run_number, memory_order_relaxed) == seen; i += FETCH_STEP)
        for (size_t k = 0; k < FETCH_STEP; k += 64)
            __builtin_prefetch(p + i + k, 0, 2);
}

static void *worker_main(void *user)
{
    const struct worker *self = user;
    struct eng_pool *pool = self->pool;
    uint32_t seen = 0;
    while (!atomic_load(&pool->stop)) {
        if (!spin_while(&pool->run_number, seen, SPIN_NS)) {
            atomic_fetch_add(&pool->n_asleep, 1); /* first this, then the futex reads run_number; announce() the other way round */
            while (atomic_load(&pool->run_number) == seen)
                futex_wait(&pool->run_number, seen);
            atomic_fetch_sub(&pool->n_asleep, 1);
        }
        seen = atomic_load(&pool->run_number);
        fetch(pool, work_off(pool, self->index), seen);
    }
    return NULL;
}

/* Whoever is awake sees the new number by itself; of the sleepers only as many are woken as there are tasks for. (A worker that counts
 * as awake looks once more before it sleeps.) */
static void announce(struct eng_pool *pool, uint32_t n_tasks)
{
    atomic_fetch_add(&pool->run_number, 1);
    const uint32_t n_asleep = atomic_load(&pool->n_asleep), n_awake = pool->n_threads - n_asleep; /* with the caller */
    if (n_asleep != 0 && n_tasks > n_awake)
        futex_wake(&pool->run_number, (int)(n_tasks - n_awake));
}

static void wait_for_pending(struct eng_pool *pool)
{
    uint32_t left;
    while ((left = atomic_load(&pool->pending)) != 0) {
        if (spin_while(&pool->pending, left, SPIN_NS))
            continue;
        atomic_store(&pool->caller_sleeps, 1);
        while ((left = atomic_load(&pool->pending)) != 0)
            futex_wait(&pool->pending, left);
        atomic_store(&pool->caller_sleeps, 0);
    }
}

void eng_pool_run(struct eng_pool *pool, void (*fn)(void *arg, uint32_t i_task, uint32_t i_worker), void *arg, uint32_t n_tasks)
{
    if (pool->n_threads == 1 || n_tasks <= 1) {
        for (uint32_t i = 0; i < n_tasks; i++)
            fn(arg, i, 0);
        return;
    }
    pool->fn = fn;
    pool->arg = arg;
    atomic_store(&pool->pending, n_tasks);
    for (uint32_t i = 0; i < pool->n_threads; i++) {
        const struct eng_pool_part part = eng_pool_part(n_tasks, pool->n_threads, i);
        atomic_store_explicit(&pool->workers[i].range, (uint64_t)part.begin << 32 | part.end, memory_order_release);
    }
    announce(pool, n_tasks);
    (void)work_off(pool, 0);
    wait_for_pending(pool);
    for (uint32_t i = 1; i < pool->n_threads; i++)
        pool->workers[i].expected = (struct eng_pool_span){0};
}

void eng_pool_expect(struct eng_pool *pool, uint32_t i_worker, struct eng_pool_span span)
{
    if (i_worker > 0) /* the caller does not wait: it goes on */
        pool->workers[i_worker].expected = span;
}

/* A worker begins on its own processors, so that its stack lies near to it. */
static int start_worker(struct worker *w, const cpu_set_t *cpus)
{
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);
    if (rc != 0)
        return rc;
    if (cpus)
        rc = pthread_attr_setaffinity_np(&attr, sizeof *cpus, cpus);
    if (rc == 0)
        rc = pthread_create(&w->thread, &attr, worker_main, w);
    pthread_attr_destroy(&attr);
    return rc;
}

static void place_caller(struct eng_pool *pool, const cpu_set_t *cpus)
{
    if (pthread_getaffinity_np(pthread_self(), sizeof pool->caller_before, &pool->caller_before) == 0)
        pool->caller_is_placed = pthread_setaffinity_np(pthread_self(), sizeof *cpus, cpus) == 0;
}

int eng_pool_open_on(struct eng_pool **out, uint32_t n_threads, const struct eng_placement *placement, struct eng_error *err)
{
    const cpu_set_t *sets = placement->sets;
    *out = NULL;
    if (n_threads == 0 || n_threads > 1024)
        return eng_fail(err, ENG_EINVAL, "thread pool: %u threads asked for, 1 to 1024 are possible", n_threads);
    if (n_threads > placement->n_usable) /* a thread too many would take the core of one that works */
        n_threads = placement->n_usable;
    struct eng_pool *pool = aligned_alloc(64, sizeof(*pool)); /* its size is a multiple of its alignment */
    struct worker *workers = aligned_alloc(64, n_threads * sizeof(*workers));
    if (!pool || !workers) {
        free(pool);
        free(workers);
        return eng_fail(err, ENG_ENOMEM, "thread pool: no memory for %u threads", n_threads);
    }
    memset(pool, 0, sizeof(*pool));
    memset(workers, 0, n_threads * sizeof(*workers));
    pool->workers = workers;
    pool->n_threads = n_threads;
    for (uint32_t i = 1; i < n_threads; i++) {
        struct worker *w = &workers[i];
        w->pool = pool;
        w->index = i;
        const int rc = start_worker(w, sets ? &sets[i] : NULL);
        if (rc != 0) {
            pool->n_threads = i; /* close joins those that run */
            eng_pool_close(pool);
            return eng_fail(err, ENG_ENOMEM, "thread pool: thread %u of %u does not start: %s", i + 1, n_threads, strerror(rc));
        }
    }
    if (sets)
        place_caller(pool, &sets[0]);
    *out = pool;
    return ENG_OK;
}

int eng_pool_open(struct eng_pool **out, uint32_t n_threads, struct eng_error *err)
{
    return eng_pool_open_on(out, n_threads, &(struct eng_placement){.n_usable = n_threads ? n_threads : 1}, err);
}

int eng_pool_open_masked(struct eng_pool **out, uint32_t n_threads, const char *cpu_mask, struct eng_error *err)
{
    struct eng_placement placement;
    *out = NULL;
    int rc = eng_placement_open(&placement, cpu_mask, n_threads, err);
    if (rc == ENG_OK)
        rc = eng_pool_open_on(out, n_threads, &placement, err);
    eng_placement_release(&placement);
    return rc;
}

void eng_pool_close(struct eng_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    atomic_fetch_add(&pool->run_number, 1);
    futex_wake(&pool->run_number, INT_MAX);
    for (uint32_t i = 1; i < pool->n_threads; i++)
        pthread_join(pool->workers[i].thread, NULL);
    if (pool->caller_is_placed)
        (void)pthread_setaffinity_np(pthread_self(), sizeof pool->caller_before, &pool->caller_before);
    free(pool->workers);
    free(pool);
}

uint32_t eng_pool_threads(const struct eng_pool *pool)
{
    return pool->n_threads;
}
