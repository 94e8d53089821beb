/* test_attention.c - the arithmetic of attention in every set this CPU has, against doubles: all cache types, odd head sizes, ranges. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/vector.h"
#include "run/attention.h"
#include "run/attn_tables.h"
#include "types/types.h"

#define PAGE ENG_ATTN_PAGE
#define MOST_D 256
#define MOST_ROWS 11

static uint32_t noise_state;

static float noise(void) /* in [-1, 1) */
{
    noise_state = noise_state * 1664525u + 1013904223u;
    return (float)(noise_state >> 8) / 8388608.0f - 1.0f;
}

static void assert_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.9g instead of %.9g", got, want);
}

static size_t sets(const struct eng_attn_ops **set)
{
    size_t n = 0;
    set[n++] = &eng_attn_ref;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        set[n++] = &eng_attn_avx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni"))
        set[n++] = &eng_attn_avx512;
#elif defined(__aarch64__)
    set[n++] = &eng_attn_neon;
#endif
    return n;
}

static const enum eng_type types[] = {ENG_TYPE_F32, ENG_TYPE_F16, ENG_TYPE_Q8_0, ENG_TYPE_Q4_0};

/* One page of one head, filled through eng_cache_store(), and the same numbers as doubles after rounding to the type. */
struct page {
    struct eng_cache cache;
    void *memory;
    double k[PAGE][MOST_D], v[PAGE][MOST_D];
};

static void round_to(enum eng_type type, const float *x, uint32_t d, double *out)
{
    uint8_t bytes[MOST_D * 4];
    float back[MOST_D];
    const struct eng_type_traits *t = eng_type_traits(type);
    if (type == ENG_TYPE_F32 || type == ENG_TYPE_F16) {
        for (uint32_t i = 0; i < d; i++)
            out[i] = (double)(type == ENG_TYPE_F16 ? eng_f16_to_f32(eng_f32_to_f16(x[i])) : x[i]);
        return;
    }
    t->encode(x, bytes, d);
    t->decode(bytes, back, d);
    for (uint32_t i = 0; i < d; i++)
        out[i] = (double)back[i];
}

static void fill_page(struct page *p, enum eng_type type, uint32_t d_k, uint32_t d_v)
{
    const struct eng_attn_spec spec = {.n_heads = 1, .n_heads_kv = 1, .d_k = d_k, .d_v = d_v, .scale = 1};
    float k[MOST_D], v[MOST_D];
    p->cache = (struct eng_cache){.type_k = type, .type_v = type};
    assert_int_equal(eng_cache_plan(&p->cache, &spec, sizeof spec, 1, 1, NULL), ENG_OK);
    p->memory = aligned_alloc(64, p->cache.n_bytes);
    memset(p->memory, 0, p->cache.n_bytes);
    eng_cache_attach(&p->cache, p->memory);
    noise_state = d_k * 131 + d_v;
    for (uint32_t t = 0; t < PAGE; t++) {
        for (uint32_t d = 0; d < d_k; d++)
            k[d] = noise();
        for (uint32_t d = 0; d < d_v; d++)
            v[d] = noise();
        eng_cache_store(&p->cache, eng_vector(), 0, 0, t, k, v);
        round_to(type, k, d_k, p->k[t]);
        round_to(type, v, d_v, p->v[t]);
    }
}

static void free_page(struct page *p)
{
    eng_cache_release(&p->cache);
    free(p->memory);
}

/* Products of n_rows rows with tokens [0, n_tokens), by the page as it stands where the set can, and expanded. */
static void check_scores(const struct eng_attn_ops *ops, const struct page *p, uint32_t n_rows, uint32_t n_tokens)
{
    const enum eng_kv kv = p->cache.kv_k;
    const uint32_t d_k = p->cache.layer[0].d_k;
    float *s = malloc(2 * MOST_ROWS * ENG_ATTN_CHUNK * sizeof *s), *q = malloc(MOST_ROWS * MOST_D * sizeof *q);
    float *page = aligned_alloc(64, PAGE * MOST_D * sizeof *page), *other = s + MOST_ROWS * ENG_ATTN_CHUNK;
    const float *rows[MOST_ROWS];
    const void *stored = p->cache.layer[0].k;
    for (uint32_t r = 0; r < n_rows; r++) {
        rows[r] = q + r * MOST_D;
        for (uint32_t d = 0; d < d_k; d++)
            q[r * MOST_D + d] = noise();
    }
    if (ops->expand_k[kv])
        ops->expand_k[kv](page, stored, n_tokens, d_k);
    ops->scores[ENG_KV_F32](rows, s, n_rows, ops->expand_k[kv] ? page : stored, n_tokens, d_k);
    for (uint32_t r = 0; r < n_rows; r++)
        for (uint32_t t = 0; t < n_tokens; t++) {
            double want = 0;
            for (uint32_t d = 0; d < d_k; d++)
                want += (double)rows[r][d] * p->k[t][d];
            assert_near((double)s[r * ENG_ATTN_CHUNK + t], want, 2e-5);
        }
    if (ops->scores[kv])
        ops->scores[kv](rows, other, n_rows, stored, n_tokens, d_k);
    for (uint32_t r = 0; r < n_rows; r++) { /* the same bits in every way */
        if (ops->scores[kv])
            assert_memory_equal(s + r * ENG_ATTN_CHUNK, other + r * ENG_ATTN_CHUNK, n_tokens * sizeof *s);
        ops->scores[ENG_KV_F32](rows + r, other, 1, ops->expand_k[kv] ? page : stored, n_tokens, d_k);
        assert_memory_equal(s + r * ENG_ATTN_CHUNK, other, n_tokens * sizeof *s);
    }
    free(s);
    free(q);
    free(page);
}

static void check_mix(const struct eng_attn_ops *ops, const struct page *p, uint32_t n_rows, uint32_t first, uint32_t n)
{
    const enum eng_kv kv = p->cache.kv_v;
    const struct eng_cache_layer *l = &p->cache.layer[0];
    const size_t pitch = l->v_pad + 16;
    float *weight = malloc(MOST_ROWS * ENG_ATTN_CHUNK * sizeof *weight), *page = aligned_alloc(64, PAGE * MOST_D * sizeof *page);
    float *acc = malloc(2 * MOST_ROWS * (MOST_D + 16) * sizeof *acc), *other = acc + MOST_ROWS * (MOST_D + 16), start[MOST_D + 16];
    for (size_t i = 0; i < MOST_ROWS * ENG_ATTN_CHUNK; i++)
        weight[i] = noise();
    for (uint32_t d = 0; d < pitch; d++)
        start[d] = noise();
    for (uint32_t r = 0; r < n_rows; r++) {
        memcpy(acc + r * pitch, start, pitch * sizeof *acc);
        memcpy(other + r * pitch, start, pitch * sizeof *acc);
    }
    if (ops->expand_v[kv])
        ops->expand_v[kv](page, l->v, first, n, l->v_pad);
    ops->mix[ENG_KV_F32](weight, acc, pitch, n_rows, ops->expand_v[kv] ? (void *)page : (void *)l->v, ops->expand_v[kv] ? 0 : first, n, l->v_pad);
    for (uint32_t r = 0; r < n_rows; r++)
        for (uint32_t d = 0; d < l->d_v; d++) {
            double want = (double)start[d];
            for (uint32_t t = 0; t < n; t++)
                want += (double)weight[r * ENG_ATTN_CHUNK + t] * p->v[first + t][d];
            assert_near((double)acc[r * pitch + d], want, 2e-5);
        }
    if (ops->mix[kv]) {
        ops->mix[kv](weight, other, pitch, n_rows, l->v, first, n, l->v_pad);
        assert_memory_equal(acc, other, ((n_rows - 1) * pitch + l->v_pad) * sizeof *acc);
    }
    for (uint32_t r = 0; r < n_rows; r++) {
        memcpy(other, start, pitch * sizeof *acc);
        ops->mix[ENG_KV_F32](weight + r * ENG_ATTN_CHUNK, other, pitch, 1, ops->expand_v[kv] ? (void *)page : (void *)l->v,
                             ops->expand_v[kv] ? 0 : first, n, l->v_pad);
        assert_memory_equal(acc + r * pitch, other, l->v_pad * sizeof *acc);
    }
    free(weight);
    free(page);
    free(acc);
}

static void test_products_match_doubles(void **state)
{
    static const uint32_t plain[][2] = {{4, 4}, {20, 80}, {64, 64}, {80, 20}, {192, 128}}, blocks[][2] = {{32, 64}, {64, 64}, {192, 128}};
    const struct eng_attn_ops *set[4];
    struct page *p = malloc(sizeof *p);
    (void)state;
    for (size_t i = 0, n_sets = sets(set); i < n_sets; i++)
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
            for (size_t h = 0; h < (t < 2 ? 5 : 3); h++) {
                const uint32_t *d = t < 2 ? plain[h] : blocks[h];
                fill_page(p, types[t], d[0], d[1]);
                for (uint32_t rows = 1; rows <= MOST_ROWS; rows++) {
                    check_scores(set[i], p, rows, PAGE);
                    check_scores(set[i], p, rows, 5 * rows);
                    check_mix(set[i], p, rows, 0, PAGE);
                    check_mix(set[i], p, rows, 3 * rows, 17);
                }
                free_page(p);
            }
    free(p);
}

static double logit(const struct eng_attn_curve *c, double product, double distance)
{
    double x = (double)c->scale * product;
    if (c->softcap > 0)
        x = (double)c->softcap * tanh(x / (double)c->softcap);
    return x + (double)c->slope * distance;
}

static void check_weights(const struct eng_attn_ops *ops, const struct eng_attn_curve *curve, uint32_t begin, uint32_t end)
{
    const uint32_t n = (end + 15) / 16 * 16 + 16;
    float s[ENG_ATTN_CHUNK], top, sum;
    double x[ENG_ATTN_CHUNK], most = (double)-INFINITY, total = 0;
    for (uint32_t i = 0; i < n; i++) {
        s[i] = i < begin || i >= end ? nanf("") : 20.0f * noise(); /* what was never stored may be anything */
        x[i] = logit(curve, (double)s[i], (double)i - 40);
        most = i >= begin && i < end && x[i] > most ? x[i] : most;
    }
    ops->weigh(s, begin, end, n, curve, -40.0f, &top, &sum);
    assert_near((double)top * log(2), most, 5e-5);
    for (uint32_t i = 0; i < n; i++) {
        if (i < begin || i >= end) {
            assert_true(s[i] == 0.0f);
            continue;
        }
        assert_near((double)s[i], exp(x[i] - most), 5e-5);
        total += (double)s[i];
    }
    assert_near((double)sum, total, 1e-4);
}

static void test_weights_follow_the_curve(void **state)
{
    static const struct eng_attn_curve curves[] = {{.scale = 0.125f}, {.scale = 1, .softcap = 5}, {.scale = 0.5f, .slope = 0.25f}};
    const struct eng_attn_ops *set[4];
    (void)state;
    for (size_t i = 0, n = sets(set); i < n; i++)
        for (size_t c = 0; c < 3; c++) {
            check_weights(set[i], &curves[c], 0, 1);
            check_weights(set[i], &curves[c], 0, 240);
            check_weights(set[i], &curves[c], 37, 38);
            check_weights(set[i], &curves[c], 16, 100);
            check_weights(set[i], &curves[c], 31, 225);
        }
}

/* The softmax of two parts, merged, is the softmax of both together. */
static void test_merged_parts_are_one_softmax(void **state)
{
    const struct eng_attn_ops *set[4];
    (void)state;
    for (size_t i = 0, n = sets(set); i < n; i++) {
        float acc[32] = {0}, one[32], two[32], out[20], top = -INFINITY, sum = 0;
        for (int d = 0; d < 32; d++) {
            one[d] = noise();
            two[d] = noise();
        }
        set[i]->merge(acc, &top, &sum, one, 3.0f, 2.5f, 32);
        assert_memory_equal(acc, one, sizeof one); /* the first part goes in as it is */
        set[i]->merge(acc, &top, &sum, two, 5.0f, 1.5f, 32);
        assert_true(top == 5.0f);
        set[i]->finish(out, acc, sum, 20);
        for (int d = 0; d < 20; d++)
            assert_near((double)out[d], ((double)one[d] * exp2(-2) + (double)two[d]) / (2.5 * exp2(-2) + 1.5), 1e-6);
        set[i]->merge(acc, &top, &sum, one, nanf(""), 1.0f, 32); /* what is no number must come out */
        set[i]->finish(out, acc, sum, 20);
        assert_true(out[3] != out[3]);
    }
}

static void test_slopes(void **state)
{
    (void)state;
    const struct eng_attn_spec eight = {.n_heads = 8, .alibi_max = 8}, twelve = {.n_heads = 12, .alibi_max = 8}, none = {.n_heads = 4};
    assert_near((double)eng_attn_slope(&eight, 0), 0.5, 1e-7);
    assert_near((double)eng_attn_slope(&eight, 7), 1.0 / 256, 1e-9);
    assert_near((double)eng_attn_slope(&twelve, 7), 1.0 / 256, 1e-9);
    assert_near((double)eng_attn_slope(&twelve, 8), pow(2, -0.5), 1e-7);
    assert_near((double)eng_attn_slope(&twelve, 11), pow(2, -3.5), 1e-7);
    assert_true(eng_attn_slope(&none, 1) == 0.0f);
}

/* Memory is what cache.h says, and a quantized type refuses head sizes that it cannot hold. */
static void test_bytes_and_refusals(void **state)
{
    static const struct { enum eng_type type; size_t token_bytes; } rows[] = {
        {ENG_TYPE_F32, 46080}, {ENG_TYPE_F16, 23040}, {ENG_TYPE_Q8_0, 12240}, {ENG_TYPE_Q4_0, 6480}};
    const struct eng_attn_spec smol = {.n_heads = 9, .n_heads_kv = 3, .d_k = 64, .d_v = 64}, odd = {.n_heads = 1, .n_heads_kv = 1, .d_k = 80, .d_v = 80};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct eng_cache c = {.type_k = rows[i].type, .type_v = rows[i].type};
        struct eng_error err;
        assert_int_equal(eng_cache_plan(&c, &smol, 0, 30, 7, &err), ENG_OK);
        assert_int_equal(c.n_bytes, 7 * PAGE * rows[i].token_bytes);
        eng_cache_release(&c);
        const int rc = eng_cache_plan(&c, &odd, 0, 1, 1, &err);
        assert_int_equal(rc, i < 2 ? ENG_OK : ENG_ENOTSUP);
        if (i >= 2)
            assert_non_null(strstr(err.text, eng_type_name(rows[i].type)));
        eng_cache_release(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_match_doubles),
        cmocka_unit_test(test_weights_follow_the_curve),
        cmocka_unit_test(test_merged_parts_are_one_softmax),
        cmocka_unit_test(test_slopes),
        cmocka_unit_test(test_bytes_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
