/*
 * eng_kernel_bench.c - speed of every kernel against the reference and against the machine's limits.
 *
 *   eng_kernel_bench [threads [rows columns [type...]]]
 *
 * Defaults: 2 threads, 1536 x 576, every type that can be made here. Rows printed: decode (1 token; weights streamed, so GB/s of
 * weights) and prefill (512 tokens; GOP/s, 2 per multiply-add, rounding included). Weights of decode are 96 MB in many matrices, as in
 * a model: they do not stay in L2. Sets are measured interleaved, medians are printed. ENG_BENCH_SETS=a,b measures only these sets.
 * The machine's own limits come first: "peak", 8-bit dot instructions and f32 FMAs on registers in one thread (x86 with AVX-512 VNNI),
 * and "read", one word of each cache line of the weights. With one thread, seconds are the thread's own CPU time: other load matters less.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cpu_features.h"
#include "kernels/kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define DECODE_BYTES ((size_t)96 << 20)
#define PREFILL_TOKENS 512
#define ROUNDS 9

static double now_s(clockid_t clock)
{
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), by_value);
    return v[n / 2];
}

struct bench {
    struct eng_pool *pool;
    const struct eng_kernel *kernel;
    const struct eng_kernel_set *set;
    struct eng_matrix *w;     /* [n_weights] */
    size_t n_weights, n_tokens;
    float *x, *y;
    struct eng_q8_group *q8;
    enum eng_act act;
    uint8_t *tiles;           /* ENG_TILE_BYTES for each thread */
    const struct eng_matrix *now; /* the one that tasks work on */
    uint32_t n_tasks;
    clockid_t clock;
};

static void task(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct bench *b = arg;
    const struct eng_matrix *w = b->now;
    const size_t n_panels = w->n_rows / ENG_PANEL_ROWS;
    const struct eng_matmul_job job = {.w = w, .shape = eng_panel_shape(w->traits, w->n_rows, w->n_cols), .x = b->x, .ldx = w->n_cols,
                                       .q8 = b->q8, .y = b->y, .ldy = w->n_rows};
    const struct eng_span rows = {n_panels * i_task / b->n_tasks * 16, n_panels * (i_task + 1) / b->n_tasks * 16};
    const size_t step = b->n_tokens < 256 ? b->n_tokens : 256; /* as the driver cuts */
    for (size_t t = 0; t < b->n_tokens; t += step)
        b->kernel->fn(&job, rows, (struct eng_span){t, t + step}, b->tiles + (size_t)i_worker * ENG_TILE_BYTES);
}

static void round_task(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct bench *b = arg;
    const size_t n_cols = b->now->n_cols;
    (void)i_worker;
    for (size_t t = 8 * i_task; t < 8 * i_task + 8 && t < b->n_tokens; t++)
        b->set->quantize(b->x + t * n_cols, n_cols, b->q8 + t / 8 * (n_cols / ENG_BLOCK), t % 8);
}

/* Seconds for one pass over all weights. */
static double pass(struct bench *b)
{
    const double begin = now_s(b->clock);
    for (size_t i = 0; i < b->n_weights; i++) {
        b->now = &b->w[i];
        if (b->act == ENG_ACT_Q8)
            eng_pool_run(b->pool, round_task, b, (uint32_t)(b->n_tokens + 7) / 8);
        eng_pool_run(b->pool, task, b, b->n_tasks);
    }
    return now_s(b->clock) - begin;
}

#if defined(__x86_64__)
/* Twelve independent chains of vpdpbusd on zmm: 64 multiply-adds each. */
__attribute__((target("avx512f,avx512vnni"), noinline)) static void print_peak(clockid_t clock)
{
    const int n_loops = 300000;
    double best_s = 1e9;
    __m512i sum[12], x = _mm512_set1_epi32(0x01020304);
    for (int i = 0; i < 12; i++)
        sum[i] = _mm512_set1_epi32(i);
    for (int round = 0; round < ROUNDS; round++) {
        const double begin = now_s(clock);
        for (int k = 0; k < n_loops; k++) {
#pragma GCC unroll 12
            for (int i = 0; i < 12; i++)
                sum[i] = _mm512_dpbusd_epi32(sum[i], x, x);
        }
        const double t = now_s(clock) - begin;
        best_s = t < best_s ? t : best_s;
    }
    for (int i = 0; i < 12; i++)
        __asm__ volatile("" : : "v"(sum[i]));
    printf("peak of 8-bit dot instructions, one thread: %.0f GOP/s\n", 2.0 * 64 * 12 * n_loops / best_s * 1e-9);

    __m512 f[12], y = _mm512_set1_ps(1e-9f);
    best_s = 1e9;
    for (int i = 0; i < 12; i++)
        f[i] = _mm512_set1_ps((float)i);
    for (int round = 0; round < ROUNDS; round++) {
        const double begin = now_s(clock);
        for (int k = 0; k < n_loops; k++) {
#pragma GCC unroll 12
            for (int i = 0; i < 12; i++)
                f[i] = _mm512_fmadd_ps(f[i], y, y);
        }
        const double t = now_s(clock) - begin;
        best_s = t < best_s ? t : best_s;
    }
    for (int i = 0; i < 12; i++)
        __asm__ volatile("" : : "v"(f[i]));
    printf("peak of f32 FMA, one thread: %.0f GFLOP/s\n", 2.0 * 16 * 12 * n_loops / best_s * 1e-9);
}
#else
static void print_peak(clockid_t clock)
{
    (void)clock;
}
#endif

static void read_task(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct bench *b = arg;
    (void)i_worker;
    uint64_t sum = 0;
    const size_t n = b->now->data_bytes / 64, begin = n * i_task / b->n_tasks, end = n * (i_task + 1) / b->n_tasks;
    const uint64_t *p = b->now->packed ? b->now->packed : b->now->data;
    for (size_t i = begin; i < end; i++)
        sum += p[8 * i];
    __asm__ volatile("" : : "r"(sum));
}

static double read_pass(struct bench *b)
{
    const double begin = now_s(b->clock);
    for (size_t i = 0; i < b->n_weights; i++) {
        b->now = &b->w[i];
        eng_pool_run(b->pool, read_task, b, b->n_tasks);
    }
    return now_s(b->clock) - begin;
}

/* Random bytes whose values are finite and of usual size, where a type cannot be written. */
static void random_row(const struct eng_type_traits *traits, uint8_t *out, size_t n_cols, uint32_t *seed)
{
    float x[256];
    for (size_t c = 0; c < n_cols; c += traits->block_elems, out += traits->block_bytes) {
        double power = 0.0;
        while (!(power > 1e-4 && power < 1e4)) {
            for (size_t i = 0; i < traits->block_bytes; i++)
                out[i] = (uint8_t)((*seed = *seed * 1664525u + 1013904223u) >> 24);
            traits->decode(out, x, traits->block_elems);
            power = 0.0;
            for (size_t i = 0; i < traits->block_elems; i++)
                power += (double)x[i] * (double)x[i];
        }
    }
}

static int make_weights(struct bench *b, const struct eng_type_traits *traits, size_t n_rows, size_t n_cols, size_t n_weights)
{
    struct eng_error err;
    const size_t row_bytes = eng_type_row_bytes(traits, n_cols);
    uint32_t seed = 1;
    b->n_weights = n_weights;
    b->w = calloc(n_weights, sizeof(*b->w));
    uint8_t *data = malloc(n_rows * row_bytes);
    float *row = malloc(n_cols * sizeof(*row));
    if (!b->w || !data || !row)
        return 1;
    for (size_t r = 0; r < n_rows; r++) {
        for (size_t i = 0; i < n_cols; i++)
            row[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) * 0x1p-23f - 1.0f;
        if (traits->encode)
            traits->encode(row, data + r * row_bytes, n_cols);
        else
            random_row(traits, data + r * row_bytes, n_cols, &seed);
    }
    free(row);
    for (size_t i = 0; i < n_weights; i++) {
        if (eng_matrix_init(&b->w[i], traits, n_rows, n_cols, data, &err) || eng_matrix_pack(&b->w[i], b->pool, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
    }
    return 0; /* data stays: the reference reads it */
}

static void free_weights(struct bench *b)
{
    free((void *)(uintptr_t)b->w[0].data);
    for (size_t i = 0; i < b->n_weights; i++)
        eng_matrix_release(&b->w[i]);
    free(b->w);
}

static bool wanted(const struct eng_kernel_set *set, const struct eng_type_traits *traits, enum eng_act act)
{
    const char *only = getenv("ENG_BENCH_SETS");
    return eng_kernel_set_possible(set) && eng_kernel_act(traits, act) == act && (!only || set->cpu_need == 0 || strstr(only, set->name));
}

static void measure(struct bench *b, const struct eng_type_traits *traits, size_t n_tokens)
{
    size_t n_sets;
    const struct eng_kernel_set *const *sets = eng_kernel_sets(&n_sets);
    double seconds[8][2][ROUNDS], reading[ROUNDS];
    b->n_tokens = n_tokens;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t s = 0; s < n_sets && s < 8; s++)
            for (int act = ENG_ACT_Q8; act <= ENG_ACT_F32; act++) {
                if (!wanted(sets[s], traits, (enum eng_act)act) || (sets[s]->cpu_need == 0 && round > 0))
                    continue;
                struct bench part = *b;
                part.set = sets[s];
                part.act = (enum eng_act)act;
                part.kernel = eng_kernel_find(sets[s], traits, b->w[0].packed != NULL, part.act);
                part.n_weights = sets[s]->cpu_need == 0 ? 1 : b->n_weights; /* the reference is slow: one matrix, once */
                part.n_tokens = sets[s]->cpu_need == 0 && n_tokens > 4 ? 4 : n_tokens;
                seconds[s][act][round] = pass(&part) / (double)part.n_weights / (double)part.n_tokens;
            }
        reading[round] = read_pass(b) / (double)b->n_weights;
    }
    const double weights = (double)b->w[0].n_rows * (double)b->w[0].n_cols, n_bytes = (double)b->w[0].data_bytes;
    if (n_tokens == 1)
        printf("%-6s %-8s %-12s %9s %9.2f GB/s\n", traits->name, "read", "-", "-", n_bytes / median(reading, ROUNDS) * 1e-9);
    for (size_t s = 0; s < n_sets && s < 8; s++)
        for (int act = ENG_ACT_Q8; act <= ENG_ACT_F32; act++) {
            if (!wanted(sets[s], traits, (enum eng_act)act))
                continue;
            const double t = sets[s]->cpu_need == 0 ? seconds[s][act][0] : median(seconds[s][act], ROUNDS);
            const double ref = seconds[n_sets - 1][act][0];
            printf("%-6s %-8s %-12s %-4s", traits->name, n_tokens == 1 ? "decode" : "prefill", sets[s]->name,
                   act == ENG_ACT_Q8 ? "q8" : "f32");
            if (n_tokens == 1)
                printf(" %9.2f GB/s  %8.1f x ref\n", n_bytes / t * 1e-9, ref / t);
            else
                printf(" %9.1f GOP/s %8.1f x ref\n", 2 * weights / t * 1e-9, ref / t);
        }
    fflush(stdout);
}

static int bench_type(struct bench *b, const struct eng_type_traits *traits, size_t n_rows, size_t n_cols)
{
    const size_t bytes = eng_type_row_bytes(traits, n_cols) * n_rows, n_all = DECODE_BYTES / bytes + 1;
    if (bytes == 0)
        return 0; /* its block does not divide the columns */
    if (make_weights(b, traits, n_rows, n_cols, n_all))
        return 1;
    measure(b, traits, 1);
    b->n_weights = 1;
    measure(b, traits, PREFILL_TOKENS);
    b->n_weights = n_all;
    free_weights(b);
    return 0;
}

static bool named(const char *name, int n, char **names)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return n == 0;
}

int main(int argc, char **argv)
{
    const uint32_t n_threads = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 2;
    const size_t n_rows = argc > 3 ? strtoul(argv[2], NULL, 10) : 1536, n_cols = argc > 3 ? strtoul(argv[3], NULL, 10) : 576;
    struct eng_error err;
    struct bench b = {0};
    if (n_rows % ENG_PANEL_ROWS || n_cols % ENG_BLOCK || !n_rows || !n_cols || eng_pool_open(&b.pool, n_threads ? n_threads : 1, &err)) {
        fprintf(stderr, "usage: eng_kernel_bench [threads [rows columns [type...]]]; rows by 16, columns by 32\n");
        return 1;
    }
    b.n_tasks = 4 * eng_pool_threads(b.pool);
    b.x = malloc(PREFILL_TOKENS * n_cols * sizeof(float));
    b.y = malloc(PREFILL_TOKENS * n_rows * sizeof(float));
    b.q8 = malloc(PREFILL_TOKENS / 8 * n_cols / ENG_BLOCK * sizeof(*b.q8));
    b.tiles = aligned_alloc(64, (size_t)eng_pool_threads(b.pool) * ENG_TILE_BYTES);
    if (!b.x || !b.y || !b.q8 || !b.tiles)
        return 1;
    for (size_t i = 0; i < PREFILL_TOKENS * n_cols; i++)
        b.x[i] = (float)(i * 2654435761u % 2001) * 1e-3f - 1.0f;
    b.clock = eng_pool_threads(b.pool) == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    printf("%u threads, %zu x %zu matrices\n", eng_pool_threads(b.pool), n_rows, n_cols);
    if (eng_cpu_features() & ENG_CPU_AVX512_VNNI)
        print_peak(CLOCK_THREAD_CPUTIME_ID);
    for (uint32_t id = 0; id < ENG_TYPE_LIMIT; id++) {
        const struct eng_type_traits *traits = eng_type_traits(id);
        if (traits && named(traits->name, argc - 4, argv + 4) && bench_type(&b, traits, n_rows, n_cols))
            return 1;
    }
    free(b.x);
    free(b.y);
    free(b.q8);
    free(b.tiles);
    eng_pool_close(b.pool);
    return 0;
}
