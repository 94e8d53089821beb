/*
 * eng_kernel_bench.c - speed of every kernel on the shapes of the default model, against the reference and against the limits.
 *
 *   eng_kernel_bench [threads]
 *
 * Rows: decode (1 token; weights streamed, so GB/s of weights) and prefill (512 tokens; GOP/s, 2 per multiply-add). Weights of
 * decode are 96 MB in many matrices, as in a model: they do not stay in L2. Sets are measured interleaved, medians are printed.
 * The machine's own limits come first: "peak", 8-bit dot instructions on registers in one thread (x86 with AVX-512 VNNI), and
 * "read", one word of each cache line of the weights. With one thread, seconds are the thread's own CPU time: other load matters less.
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

#define N_COLS 576
#define N_ROWS 1536
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
    (void)i_worker;
    b->kernel->fn(&job, (struct eng_span){n_panels * i_task / b->n_tasks * 16, n_panels * (i_task + 1) / b->n_tasks * 16},
                  (struct eng_span){0, b->n_tokens});
}

/* Seconds for one pass over all weights. */
static double pass(struct bench *b)
{
    const double begin = now_s(b->clock);
    for (size_t i = 0; i < b->n_weights; i++) {
        if (b->kernel->act == ENG_ACT_Q8)
            for (size_t t = 0; t < b->n_tokens; t++)
                b->set->quantize(b->x + t * N_COLS, N_COLS, b->q8 + t / 8 * (N_COLS / ENG_BLOCK), t % 8);
        b->now = &b->w[i];
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
    const size_t n = b->now->packed_bytes / 64, begin = n * i_task / b->n_tasks, end = n * (i_task + 1) / b->n_tasks;
    const uint64_t *p = b->now->packed;
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

static int make_weights(struct bench *b, const struct eng_type_traits *traits, size_t n_weights)
{
    struct eng_error err;
    const size_t row_bytes = eng_type_row_bytes(traits, N_COLS);
    float row[N_COLS];
    uint32_t seed = 1;
    b->n_weights = n_weights;
    b->w = calloc(n_weights, sizeof(*b->w));
    uint8_t *data = malloc(N_ROWS * row_bytes);
    if (!b->w || !data)
        return 1;
    for (size_t r = 0; r < N_ROWS; r++) {
        for (size_t i = 0; i < N_COLS; i++)
            row[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) * 0x1p-23f - 1.0f;
        traits->encode(row, data + r * row_bytes, N_COLS);
    }
    for (size_t i = 0; i < n_weights; i++) {
        if (eng_matrix_init(&b->w[i], traits, N_ROWS, N_COLS, data, &err) || eng_matrix_pack(&b->w[i], b->pool, &err)) {
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
    return eng_kernel_set_possible(set) && eng_kernel_find(set, traits->type, act)->act == act;
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
                part.kernel = eng_kernel_find(sets[s], traits->type, (enum eng_act)act);
                part.n_weights = sets[s]->cpu_need == 0 ? 1 : b->n_weights; /* the reference is slow: one matrix, once */
                part.n_tokens = sets[s]->cpu_need == 0 && n_tokens > 4 ? 4 : n_tokens;
                seconds[s][act][round] = pass(&part) / (double)part.n_weights / (double)part.n_tokens;
            }
        reading[round] = read_pass(b) / (double)b->n_weights;
    }
    const double weights = (double)N_ROWS * N_COLS, n_bytes = (double)b->w[0].data_bytes;
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

int main(int argc, char **argv)
{
    static const uint32_t types[] = {ENG_TYPE_Q4_1, ENG_TYPE_Q4_0, ENG_TYPE_Q8_0, ENG_TYPE_F16, ENG_TYPE_F32};
    const uint32_t n_threads = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 2;
    struct eng_error err;
    struct bench b = {0};
    if (eng_pool_open(&b.pool, n_threads ? n_threads : 1, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    b.n_tasks = 4 * eng_pool_threads(b.pool);
    b.x = malloc(PREFILL_TOKENS * N_COLS * sizeof(float));
    b.y = malloc(PREFILL_TOKENS * N_ROWS * sizeof(float));
    b.q8 = malloc(PREFILL_TOKENS / 8 * N_COLS / ENG_BLOCK * sizeof(*b.q8));
    if (!b.x || !b.y || !b.q8)
        return 1;
    for (size_t i = 0; i < PREFILL_TOKENS * N_COLS; i++)
        b.x[i] = (float)(i * 2654435761u % 2001) * 1e-3f - 1.0f;
    b.clock = eng_pool_threads(b.pool) == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    printf("%u threads, %d x %d matrices\n", eng_pool_threads(b.pool), N_ROWS, N_COLS);
    if (eng_cpu_features() & ENG_CPU_AVX512_VNNI)
        print_peak(CLOCK_THREAD_CPUTIME_ID);
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        const struct eng_type_traits *traits = eng_type_traits(types[t]);
        const size_t bytes = eng_type_row_bytes(traits, N_COLS) * N_ROWS;
        if (make_weights(&b, traits, DECODE_BYTES / bytes))
            return 1;
        measure(&b, traits, 1);
        const size_t n_all = b.n_weights;
        b.n_weights = 2;
        measure(&b, traits, PREFILL_TOKENS);
        b.n_weights = n_all;
        free_weights(&b);
    }
    eng_pool_close(b.pool);
    return 0;
}
