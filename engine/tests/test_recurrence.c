/* test_recurrence.c - recurrent operators of every set that this CPU can run, against plain loops in double: sizes that do not fill
 * registers, states carried from call to call, several sequences in a batch, and equal bits however tokens are cut into batches. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/recurrence.h"

enum { TOKENS = 150, MAX_FLOATS = 1 << 16, N_SEQS = 2 }; /* more than two chunks of ENG_RECUR_CHUNK */

/* ---- data ---- */

static uint64_t seed;

static float uniform(float low, float high) /* xorshift64 */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return low + (high - low) * (float)(seed >> 40) / (float)(1 << 24);
}

static float *rows(size_t n, float low, float high)
{
    float *p = malloc((n ? n : 1) * sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = uniform(low, high);
    return p;
}

static float *zeros(size_t n)
{
    float *p = calloc(n ? n : 1, sizeof *p);
    assert_non_null(p);
    return p;
}

static void assert_close(const char *set, const char *op, const float *got, const double *want, size_t n, double bound)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)got[i] - want[i]) <= bound * (1.0 + fabs(want[i]))))
            fail_msg("%s %s: element %zu of %zu is %.9g instead of %.9g", set, op, i, n, (double)got[i], want[i]);
}

static double softplus(double x)
{
    return x > 30 ? x : log1p(exp(x));
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* ---- one operator as a test sees it: operands made once, run over any cut of the tokens, and the truth ---- */

struct subject {
    const char *name;
    size_t width;  /* of a row of the result */
    size_t state;  /* floats of a sequence */
    float *in[8];  /* operands, rows of TOKENS */
    size_t in_ld[8];
    float *p[4];   /* parameters */
    uint32_t channels, n_state, heads, groups, taps;
    bool gated;
    void (*run)(const struct subject *s, const struct eng_recur_where *at, float *y);
    void (*truth)(const struct subject *s, double *y);
};

static struct eng_rows in(const struct subject *s, int i)
{
    return (struct eng_rows){s->in[i], s->in_ld[i]};
}

static double at(const struct subject *s, int i, size_t t, size_t column)
{
    return (double)s->in[i][t * s->in_ld[i] + column];
}

static void add_rows(struct subject *s, int i, size_t width, float low, float high)
{
    s->in_ld[i] = width + (size_t)i; /* strides of their own */
    s->in[i] = rows(TOKENS * s->in_ld[i], low, high);
}

static void free_subject(struct subject *s)
{
    for (int i = 0; i < 8; i++)
        free(s->in[i]);
    for (int i = 0; i < 4; i++)
        free(s->p[i]);
}

static struct eng_rows_out out(const struct subject *s, float *y)
{
    return (struct eng_rows_out){y, s->width};
}

/* Tokens [first, end) of the subject's rows as one call, in cuts of @step. */
static void run_cut(const struct subject *s, const struct eng_recur_ops *ops, struct eng_pool *pool, size_t step, float *y, float *state)
{
    for (size_t t = 0; t < TOKENS; t += step) {
        const uint32_t n = (uint32_t)(TOKENS - t < step ? TOKENS - t : step);
        const struct eng_batch_part part = {.pos = (uint32_t)t, .n = n, .first_row = (uint32_t)t};
        const struct eng_batch batch = {.n = n, .n_parts = 1, .part = &part};
        s->run(s, &(struct eng_recur_where){.pool = pool, .ops = ops, .batch = &batch, .state = state, .state_stride = s->state}, y);
    }
}

/* Two sequences that take turns: the second holds the same tokens, so both halves of the results must be those of one alone. */
static void run_pair(const struct subject *s, const struct eng_recur_ops *ops, struct eng_pool *pool, float *y, float *state)
{
    struct subject twice = *s;
    float *two[8] = {0};
    for (int i = 0; i < 8; i++) {
        if (!s->in[i])
            continue;
        const size_t n = TOKENS * s->in_ld[i];
        two[i] = malloc(2 * n * sizeof(float));
        assert_non_null(two[i]);
        memcpy(two[i], s->in[i], n * sizeof(float));
        memcpy(two[i] + n, s->in[i], n * sizeof(float));
        twice.in[i] = two[i];
    }
    const struct eng_batch_part part[2] = {{.seq = 1, .n = TOKENS, .first_row = 0}, {.seq = 0, .n = TOKENS, .first_row = TOKENS}};
    const struct eng_batch batch = {.n = 2 * TOKENS, .n_parts = 2, .part = part};
    s->run(&twice, &(struct eng_recur_where){.pool = pool, .ops = ops, .batch = &batch, .state = state, .state_stride = s->state}, y);
    for (int i = 0; i < 8; i++)
        free(two[i]);
}

static void check_subject(const struct subject *s, double bound)
{
    static const size_t cuts[] = {1, 7, 16, 64, 65};
    size_t n_ops;
    const struct eng_recur_ops *const *all = eng_recur_ops_all(&n_ops);
    const size_t n = TOKENS * s->width;
    double *want = calloc(n, sizeof *want);
    float *y = zeros(2 * n), *again = zeros(2 * n), *state = zeros(N_SEQS * s->state), *state_again = zeros(N_SEQS * s->state);
    struct eng_pool *one, *three;
    struct eng_error err;
    assert_int_equal(eng_pool_open(&one, 1, &err), ENG_OK);
    assert_int_equal(eng_pool_open(&three, 3, &err), ENG_OK);
    s->truth(s, want);
    for (size_t i = 0; i < n_ops; i++) {
        memset(state, 0, s->state * sizeof *state);
        run_cut(s, all[i], one, TOKENS, y, state);
        assert_close(all[i]->name, s->name, y, want, n, bound);
        for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
            memset(state_again, 0, s->state * sizeof *state);
            memset(again, 0, n * sizeof *again);
            run_cut(s, all[i], k % 2 ? three : one, cuts[k], again, state_again);
            assert_memory_equal(again, y, n * sizeof *y);
            assert_memory_equal(state_again, state, s->state * sizeof *state);
        }
        memset(state_again, 0, N_SEQS * s->state * sizeof *state);
        run_pair(s, all[i], three, again, state_again);
        for (size_t k = 0; k < 2; k++) {
            assert_memory_equal(again + k * n, y, n * sizeof *y);
            assert_memory_equal(state_again + k * s->state, state, s->state * sizeof *state);
        }
    }
    eng_pool_close(one);
    eng_pool_close(three);
    free(want);
    free(y);
    free(again);
    free(state);
    free(state_again);
}

/* ---- convolution ---- */

static void conv_run(const struct subject *s, const struct eng_recur_where *where, float *y)
{
    eng_recur_conv(where, &(struct eng_conv_block){.lanes = s->channels, .taps = s->taps, .x = in(s, 0),
                                                   .gate_in = s->gated ? in(s, 1) : (struct eng_rows){0},
                                                   .gate_out = s->gated ? in(s, 2) : (struct eng_rows){0}, .w = s->p[0], .w_ld = s->channels,
                                                   .bias = s->gated ? NULL : s->p[1], .silu = !s->gated, .y = out(s, y)});
}

static void conv_truth(const struct subject *s, double *y)
{
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t c = 0; c < s->channels; c++) {
            double sum = s->gated ? 0.0 : (double)s->p[1][c];
            for (size_t j = 0; j < s->taps && j <= t; j++) {
                const double u = at(s, 0, t - j, c) * (s->gated ? at(s, 1, t - j, c) : 1.0);
                sum += (double)s->p[0][(s->taps - 1 - j) * s->channels + c] * u;
            }
            y[t * s->width + c] = s->gated ? sum * at(s, 2, t, c) : sum * sigmoid(sum);
        }
}

static void test_conv(void **ignored)
{
    static const uint32_t sizes[][2] = {{1, 4}, {16, 4}, {48, 3}, {35, 2}, {20, 1}, {33, 5}, {17, ENG_RECUR_MAX_TAPS}};
    (void)ignored;
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        seed = 71 + i;
        struct subject s = {.name = "conv", .channels = sizes[i / 2][0], .taps = sizes[i / 2][1], .gated = i % 2, .run = conv_run,
                            .truth = conv_truth};
        s.width = s.channels;
        s.state = eng_conv_floats(s.channels, s.taps);
        for (int k = 0; k < 3; k++)
            add_rows(&s, k, s.channels, -2, 2);
        s.p[0] = rows(s.taps * s.channels, -1, 1);
        s.p[1] = rows(s.channels, -1, 1);
        check_subject(&s, 1e-5);
        free_subject(&s);
    }
}

/* ---- Mamba ---- */

static void scan1_run(const struct subject *s, const struct eng_recur_where *where, float *y)
{
    const size_t blocks = (s->channels + 15) / 16;
    float *a2 = zeros(blocks * s->n_state * 16);
    eng_scan1_pack(a2, s->p[0], s->channels, s->n_state);
    eng_recur_scan1(where, &(struct eng_scan1_block){.lanes = s->channels, .n_state = s->n_state, .x = in(s, 0), .dt = in(s, 1), .b = in(s, 2),
                                                     .c = in(s, 3), .z = in(s, 4), .dt_bias = s->p[1], .d = s->p[2], .a2 = a2,
                                                     .y = out(s, y)});
    free(a2);
}

static void scan1_truth(const struct subject *s, double *y)
{
    double *h = calloc(s->channels * s->n_state, sizeof *h);
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t c = 0; c < s->channels; c++) {
            const double dt = softplus(at(s, 1, t, c) + (double)s->p[1][c]), x = at(s, 0, t, c), z = at(s, 4, t, c);
            double sum = (double)s->p[2][c] * x;
            for (size_t i = 0; i < s->n_state; i++) {
                double *hi = &h[c * s->n_state + i];
                *hi = *hi * exp(dt * (double)s->p[0][c * s->n_state + i]) + dt * x * at(s, 2, t, i);
                sum += *hi * at(s, 3, t, i);
            }
            y[t * s->width + c] = sum * z * sigmoid(z);
        }
    free(h);
}

static void test_scan1(void **ignored)
{
    static const uint32_t sizes[][2] = {{1, 1}, {16, 16}, {100, 16}, {33, 9}, {48, 3}};
    (void)ignored;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        seed = 11 + i;
        struct subject s = {.name = "scan1", .channels = sizes[i][0], .n_state = sizes[i][1], .run = scan1_run, .truth = scan1_truth};
        s.width = s.channels;
        s.state = eng_scan_floats(1, s.channels, s.n_state);
        add_rows(&s, 0, s.channels, -2, 2);
        add_rows(&s, 1, s.channels, -8, 3);
        add_rows(&s, 2, s.n_state, -1, 1);
        add_rows(&s, 3, s.n_state, -1, 1);
        add_rows(&s, 4, s.channels, -4, 4);
        s.p[0] = rows(s.channels * s.n_state, -16, -0.01f);
        s.p[1] = rows(s.channels, -2, 2);
        s.p[2] = rows(s.channels, -1, 1);
        check_subject(&s, 2e-5);
        free_subject(&s);
    }
}

/* ---- Mamba-2 ---- */

static void scan2_run(const struct subject *s, const struct eng_recur_where *where, float *y)
{
    float *a2 = zeros(s->heads);
    for (size_t i = 0; i < s->heads; i++)
        a2[i] = s->p[0][i] * 1.44269504f;
    eng_recur_scan2(where, &(struct eng_scan2){.n_heads = s->heads, .d_head = s->channels, .n_state = s->n_state, .n_groups = s->groups,
                                               .x = in(s, 0), .dt = in(s, 1), .b = in(s, 2), .c = in(s, 3), .z = in(s, 4), .dt_bias = s->p[1],
                                               .a2 = a2, .d = s->p[2], .y = out(s, y)});
    free(a2);
}

static void scan2_truth(const struct subject *s, double *y)
{
    double *h = calloc(s->heads * s->channels * s->n_state, sizeof *h);
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t head = 0; head < s->heads; head++) {
            const double dt = softplus(at(s, 1, t, head) + (double)s->p[1][head]), decay = exp(dt * (double)s->p[0][head]);
            const size_t group = head / (s->heads / s->groups) * s->n_state;
            for (size_t k = 0; k < s->channels; k++) {
                const size_t c = head * s->channels + k;
                const double x = at(s, 0, t, c), z = at(s, 4, t, c);
                double sum = (double)s->p[2][head] * x;
                for (size_t i = 0; i < s->n_state; i++) {
                    double *hi = &h[c * s->n_state + i];
                    *hi = *hi * decay + dt * x * at(s, 2, t, group + i);
                    sum += *hi * at(s, 3, t, group + i);
                }
                y[t * s->width + c] = sum * z * sigmoid(z);
            }
        }
    free(h);
}

static void test_scan2(void **ignored)
{
    static const uint32_t sizes[][4] = {{1, 1, 1, 1}, {4, 32, 16, 1}, {3, 20, 11, 3}, {4, 16, 128, 2}}; /* heads, d_head, n_state, groups */
    (void)ignored;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        seed = 31 + i;
        struct subject s = {.name = "scan2", .heads = sizes[i][0], .channels = sizes[i][1], .n_state = sizes[i][2], .groups = sizes[i][3],
                            .run = scan2_run, .truth = scan2_truth};
        s.width = (size_t)s.heads * s.channels;
        s.state = eng_scan_floats(s.heads, s.channels, s.n_state);
        add_rows(&s, 0, s.width, -2, 2);
        add_rows(&s, 1, s.heads, -8, 3);
        add_rows(&s, 2, (size_t)s.groups * s.n_state, -1, 1);
        add_rows(&s, 3, (size_t)s.groups * s.n_state, -1, 1);
        add_rows(&s, 4, s.width, -4, 4);
        s.p[0] = rows(s.heads, -16, -0.01f);
        s.p[1] = rows(s.heads, -2, 2);
        s.p[2] = rows(s.heads, -1, 1);
        check_subject(&s, 3e-5);
        free_subject(&s);
    }
}

/* ---- RWKV ---- */

static void wkv6_run(const struct subject *s, const struct eng_recur_where *where, float *y)
{
    eng_recur_wkv6(where, &(struct eng_wkv6){.n_heads = s->heads, .d_head = s->channels, .r = in(s, 0), .w = in(s, 1), .k = in(s, 2),
                                             .v = in(s, 3), .u = s->p[0], .y = out(s, y)});
}

static void wkv6_truth(const struct subject *s, double *y)
{
    const size_t d = s->channels;
    double *h = calloc(s->heads * d * d, sizeof *h);
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t head = 0; head < s->heads; head++)
            for (size_t j = 0; j < d; j++) {
                double sum = 0.0;
                for (size_t i = 0; i < d; i++) {
                    const size_t key = head * d + i;
                    double *hi = &h[key * d + j];
                    const double kv = at(s, 2, t, key) * at(s, 3, t, head * d + j);
                    sum += at(s, 0, t, key) * ((double)s->p[0][key] * kv + *hi);
                    *hi = *hi * at(s, 1, t, key) + kv;
                }
                y[t * s->width + head * d + j] = sum;
            }
    free(h);
}

static void wkv7_run(const struct subject *s, const struct eng_recur_where *where, float *y)
{
    eng_recur_wkv7(where, &(struct eng_wkv7){.n_heads = s->heads, .d_head = s->channels, .r = in(s, 0), .w = in(s, 1), .k = in(s, 2),
                                             .v = in(s, 3), .a = in(s, 4), .b = in(s, 5), .y = out(s, y)});
}

static void wkv7_truth(const struct subject *s, double *y)
{
    const size_t d = s->channels;
    double *h = calloc(s->heads * d * d, sizeof *h);
    for (size_t t = 0; t < TOKENS; t++)
        for (size_t head = 0; head < s->heads; head++)
            for (size_t j = 0; j < d; j++) {
                double sum = 0.0, removed = 0.0, *hj = &h[(head * d + j) * d];
                for (size_t i = 0; i < d; i++)
                    removed += at(s, 4, t, head * d + i) * hj[i];
                for (size_t i = 0; i < d; i++) {
                    const size_t key = head * d + i;
                    hj[i] = hj[i] * at(s, 1, t, key) + at(s, 3, t, head * d + j) * at(s, 2, t, key) + removed * at(s, 5, t, key);
                    sum += hj[i] * at(s, 0, t, key);
                }
                y[t * s->width + head * d + j] = sum;
            }
    free(h);
}

static void test_wkv(void **ignored)
{
    static const uint32_t sizes[][2] = {{1, 1}, {2, 64}, {3, 19}, {2, 32}}; /* heads, d_head */
    (void)ignored;
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        seed = 51 + i;
        struct subject s = {.heads = sizes[i / 2][0], .channels = sizes[i / 2][1]};
        s.name = i % 2 ? "wkv7" : "wkv6";
        s.run = i % 2 ? wkv7_run : wkv6_run;
        s.truth = i % 2 ? wkv7_truth : wkv6_truth;
        s.width = (size_t)s.heads * s.channels;
        s.state = eng_scan_floats(s.heads, s.channels, s.channels);
        const float size = 1.0f / sqrtf((float)s.channels);
        add_rows(&s, 0, s.width, -1, 1);
        add_rows(&s, 1, s.width, 0.3f, 0.999f);
        add_rows(&s, 2, s.width, -1, 1);
        add_rows(&s, 3, s.width, -1, 1);
        add_rows(&s, 4, s.width, -size, size);
        add_rows(&s, 5, s.width, -size, size);
        s.p[0] = rows(s.width, -1, 1);
        check_subject(&s, 3e-5);
        free_subject(&s);
    }
}

/* ---- rows ---- */

enum { ROW = 1100 };

static void check_rows(const struct eng_recur_ops *ops, size_t n)
{
    float *x = rows(ROW, -9, 9), *b = rows(ROW, -2, 2), *c = rows(ROW, 0, 1), *y = zeros(ROW + 1);
    double want[ROW];
#define EACH(expression)           \
    for (size_t i = 0; i < n; i++) \
    want[i] = (double)(expression)
    ops->tanh(y, x, NULL, n);
    EACH(tanh((double)x[i]));
    assert_close(ops->name, "tanh", y, want, n, 3e-7);
    ops->sigmoid(y, x, b, n);
    EACH(sigmoid((double)x[i] + (double)b[i]));
    assert_close(ops->name, "sigmoid", y, want, n, 1e-6);
    ops->sigmoid(y, x, NULL, n);
    EACH(sigmoid((double)x[i]));
    assert_close(ops->name, "sigmoid without bias", y, want, n, 1e-6);
    ops->decay6(y, x, b, n);
    EACH(exp(-exp((double)x[i] + (double)b[i])));
    assert_close(ops->name, "decay6", y, want, n, 2e-6);
    ops->decay7(y, x, b, n);
    EACH(exp(-exp(-0.5) * sigmoid((double)x[i] + (double)b[i])));
    assert_close(ops->name, "decay7", y, want, n, 1e-6);
    ops->lerp(y, x, b, c, NULL, n);
    EACH((double)x[i] + ((double)b[i] - (double)x[i]) * (double)c[i]);
    assert_close(ops->name, "lerp", y, want, n, 2e-6);
    ops->lerp(y, x, b, c, x, n);
    EACH((double)x[i] + ((double)b[i] - (double)x[i]) * ((double)c[i] + (double)x[i]));
    assert_close(ops->name, "lerp with more", y, want, n, 2e-5);
    ops->lerp(y, x, b, NULL, c, n);
    EACH((double)x[i] + ((double)b[i] - (double)x[i]) * (double)c[i]);
    assert_close(ops->name, "lerp with more alone", y, want, n, 2e-6);
    memcpy(y, x, n * sizeof *y);
    ops->mul(y, b, n);
    EACH(x[i] * b[i]);
    assert_close(ops->name, "mul", y, want, n, 1e-7);
    memcpy(y, x, n * sizeof *y);
    ops->axpy(y, 0.5f, b, n);
    EACH(x[i] + 0.5f * b[i]);
    assert_close(ops->name, "axpy", y, want, n, 1e-6);
    double dot = 0;
    for (size_t i = 0; i < n; i++)
        dot += (double)x[i] * (double)b[i] * (double)c[i];
    if (!(fabs((double)ops->dot3(x, b, c, n) - dot) <= 1e-4 * (double)(n + 1)))
        fail_msg("%s dot3: %g instead of %g", ops->name, (double)ops->dot3(x, b, c, n), dot);
    assert_true(y[n] == 0.0f); /* nothing beyond the row */
#undef EACH
    free(x);
    free(b);
    free(c);
    free(y);
}

static void check_keys7(const struct eng_recur_ops *ops, size_t n)
{
    float *k = rows(ROW, -2, 2), *rate = rows(ROW, 0, 1), *k_k = rows(ROW, -1, 1), *k_a = rows(ROW, -1, 1), *a = zeros(ROW);
    double want_k[ROW], want_a[ROW], want_b[ROW], norm = 0;
    for (size_t i = 0; i < n; i++)
        norm += (double)k[i] * (double)k_k[i] * (double)k[i] * (double)k_k[i];
    for (size_t i = 0; i < n; i++) {
        const double u = (double)k[i] * (double)k_k[i] / sqrt(norm);
        want_a[i] = -u;
        want_b[i] = u * (double)rate[i];
        want_k[i] = (double)k[i] * (1.0 + ((double)rate[i] - 1.0) * (double)k_a[i]);
    }
    ops->keys7(k, a, rate, rate, k_k, k_a, n);
    assert_close(ops->name, "keys7 k", k, want_k, n, 1e-6);
    assert_close(ops->name, "keys7 a", a, want_a, n, 1e-6);
    assert_close(ops->name, "keys7 b", rate, want_b, n, 1e-6);
    memset(k, 0, n * sizeof *k);
    ops->keys7(k, a, rate, rate, k_k, k_a, n); /* a key of zeros has no direction, but no NaN either */
    for (size_t i = 0; i < n; i++)
        assert_true(a[i] == 0.0f && rate[i] == 0.0f && k[i] == 0.0f);
    free(k);
    free(rate);
    free(k_k);
    free(k_a);
    free(a);
}

static void test_rows(void **ignored)
{
    static const size_t lengths[] = {1, 15, 16, 17, 64, 512, 513, ROW - 3};
    size_t n_ops;
    const struct eng_recur_ops *const *all = eng_recur_ops_all(&n_ops);
    (void)ignored;
    seed = 91;
    for (size_t i = 0; i < n_ops; i++)
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            check_rows(all[i], lengths[k]);
            check_keys7(all[i], lengths[k]);
        }
}

/* What goes wrong must reach the logits: NaN and infinity are not swallowed, saturated inputs are finite. */
static void test_edges(void **ignored)
{
    size_t n_ops;
    const struct eng_recur_ops *const *all = eng_recur_ops_all(&n_ops);
    (void)ignored;
    for (size_t i = 0; i < n_ops; i++) {
        const float x[6] = {-1000, -90, 0, 90, 1000, NAN};
        float dt[6], decay[6], y[6];
        all[i]->steps2(x, 1, 6, 0.0f, -2.0f, dt, decay);
        assert_true(dt[0] == 0.0f && dt[1] < 1e-30f && fabsf(dt[2] - 0.6931472f) < 1e-6f && dt[3] == 90.0f && dt[4] == 1000.0f && isnan(dt[5]));
        assert_true(decay[0] == 1.0f && decay[1] == 1.0f && decay[3] < 1e-30f && decay[4] < 1e-30f && isnan(decay[5]));
        all[i]->tanh(y, x, NULL, 6);
        assert_true(y[0] == -1.0f && y[4] == 1.0f && y[2] == 0.0f && isnan(y[5]));
        all[i]->sigmoid(y, x, NULL, 6);
        assert_true(y[0] < 1e-30f && y[4] == 1.0f && isnan(y[5]));
        all[i]->decay6(y, x, NULL, 6);
        assert_true(y[0] == 1.0f && y[4] == 0.0f && isnan(y[5]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv), cmocka_unit_test(test_scan1), cmocka_unit_test(test_scan2),
        cmocka_unit_test(test_wkv),  cmocka_unit_test(test_rows),  cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests_name("recurrence", tests, NULL, NULL);
}
