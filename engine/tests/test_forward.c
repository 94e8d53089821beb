/* test_forward.c - logits are right (against doubles), and their bits depend neither on batches of up to 16, nor on threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "run/attn_tables.h"
#include "tiny_model.h"

#define N 45 /* tokens; no multiple of anything */

/* Not fmax(), which passes over a NaN. */
static double larger(double a, double b)
{
    return b > a || b != b ? b : a;
}

static struct eng_session *open_session(struct eng_model *m, struct eng_session_params p)
{
    struct eng_session *s;
    struct eng_error err;
    if (p.n_ctx == 0)
        p.n_ctx = 64;
    if (eng_session_open(&s, m, &p, &err) != ENG_OK)
        fail_msg("%s", err.text);
    return s;
}

static void eval(struct eng_session *s, const int32_t *ids, size_t n, float *logits)
{
    struct eng_error err;
    if (eng_eval(s, ids, n, logits, &err) != ENG_OK)
        fail_msg("%s", err.text);
}

static double max_difference(const double *want, const float *got, size_t n)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++)
        worst = larger(worst, fabs(want[i] - (double)got[i]));
    return worst;
}

/* Shapes that exercise every branch: groups of 1, 3, 4 and all heads; head sizes off the tile of 16; partial and scaled RoPE. */
static const struct tiny_shape shapes[] = {
    {.seed = 1},
    {.seed = 2, .n_heads = 4, .n_heads_kv = 4, .d_head = 8, .untied = true},
    {.seed = 3, .n_heads = 5, .n_heads_kv = 1, .d_head = 24, .n_rope = 12, .bias = true},
    {.seed = 4, .n_heads = 8, .n_heads_kv = 2, .d_head = 20, .rope_scale = 4, .rope_factors = true, .n_layers = 2},
    {.seed = 5, .n_heads = 2, .n_heads_kv = 2, .d_head = 80, .type = ENG_TYPE_F16},
    {.seed = 6, .type = ENG_TYPE_Q4_1, .n_heads = 6, .n_heads_kv = 3, .d_head = 32},
    {.seed = 7, .type = ENG_TYPE_Q8_0, .n_heads = 3, .n_heads_kv = 3, .d_head = 32, .n_layers = 1},
    {.seed = 8, .type = ENG_TYPE_Q4_0, .n_heads = 9, .n_heads_kv = 3, .d_head = 64},
};
#define N_SHAPES (sizeof shapes / sizeof shapes[0])

static void test_logits_match_doubles(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SHAPES; i++) {
        struct eng_model *m = tiny_model_new(&shapes[i]);
        const size_t v = m->hp.n_vocab;
        int32_t ids[N];
        double *want = malloc(N * v * sizeof *want);
        float *got = malloc(N * v * sizeof *got);
        tiny_tokens(m->hp.n_vocab, i, ids, N);
        tiny_reference(m, ids, N, 0, 0, want);

        struct eng_session *s = open_session(m, (struct eng_session_params){.act = "f32", .cache_type_k = "f32", .cache_type_v = "f32"});
        eval(s, ids, N, got);
        assert_true(max_difference(want, got, N * v) < 5e-5);
        assert_memory_equal(eng_logits(s), got + (N - 1) * v, v * sizeof *got);
        eng_session_close(s);

        s = open_session(m, (struct eng_session_params){.act = "f32", .cache_type_k = "f32", .cache_type_v = "f32", .n_batch = 7, .n_threads = 3});
        for (size_t t = 0; t < N; t++)
            eval(s, ids + t, 1, got + t * v);
        assert_true(max_difference(want, got, N * v) < 5e-5);
        eng_session_close(s);

        s = open_session(m, (struct eng_session_params){.act = "f32"}); /* halves in the cache */
        eval(s, ids, N, got);
        assert_true(max_difference(want, got, N * v) < 0.03);
        eng_session_close(s);
        free(want);
        free(got);
        tiny_model_free(m);
    }
}

/* Depths straddle tile and batch borders; each batch of n <= 16 must have the bits of n single calls. */
static void check_batch_bits(struct eng_model *m, const char *act, const char *cache, const int32_t *ids)
{
    const size_t v = m->hp.n_vocab;
    const struct eng_session_params p = {.act = act, .cache_type_k = cache, .cache_type_v = cache};
    struct eng_session *one = open_session(m, p), *many = open_session(m, (struct eng_session_params){.act = act, .cache_type_k = cache,
                                                                                                      .cache_type_v = cache, .n_threads = 3});
    float *want = malloc(N * v * sizeof *want), *got = malloc(N * v * sizeof *got);
    for (size_t t = 0; t < N; t++)
        eval(one, ids + t, 1, want + t * v);
    static const size_t sizes[] = {2, 3, 4, 7, 11, 15, 16};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t n = sizes[i];
        eng_session_reset(many);
        for (size_t t = 0; t < N; t += n)
            eval(many, ids + t, n < N - t ? n : N - t, got + t * v);
        assert_memory_equal(want, got, N * v * sizeof *want);
    }
    free(want);
    free(got);
    eng_session_close(one);
    eng_session_close(many);
}

static void test_small_batches_have_the_bits_of_single_calls(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SHAPES; i++) {
        struct eng_model *m = tiny_model_new(&shapes[i]);
        int32_t ids[N];
        tiny_tokens(m->hp.n_vocab, i, ids, N);
        check_batch_bits(m, "q8", "f16", ids);
        check_batch_bits(m, "q8", "f32", ids);
        check_batch_bits(m, "f32", "f16", ids);
        check_batch_bits(m, "f32", "f32", ids);
        tiny_model_free(m);
    }
}

static void test_threads_do_not_change_bits(void **state)
{
    (void)state;
    struct eng_model *m = tiny_model_new(&shapes[7]);
    const size_t v = m->hp.n_vocab;
    int32_t ids[N];
    float *want = malloc(N * v * sizeof *want), *got = malloc(N * v * sizeof *got);
    tiny_tokens(m->hp.n_vocab, 3, ids, N);
    for (uint32_t n_threads = 1; n_threads <= 4; n_threads++) {
        struct eng_session *s = open_session(m, (struct eng_session_params){.n_threads = n_threads});
        eval(s, ids, N, n_threads == 1 ? want : got);
        if (n_threads > 1)
            assert_memory_equal(want, got, N * v * sizeof *want);
        eng_session_close(s);
    }
    free(want);
    free(got);
    tiny_model_free(m);
}

/* 8-bit activations move logits, but not far: the tolerance is set from the reference's own spread of 0.08 .. 0.35 for q8_0. */
static void test_q8_activations_stay_near_f32(void **state)
{
    (void)state;
    struct eng_model *m = tiny_model_new(&shapes[6]);
    const size_t v = m->hp.n_vocab;
    int32_t ids[N];
    float *f32 = malloc(N * v * sizeof *f32), *q8 = malloc(N * v * sizeof *q8);
    double worst = 0;
    tiny_tokens(m->hp.n_vocab, 3, ids, N);
    struct eng_session *s = open_session(m, (struct eng_session_params){.act = "f32"});
    eval(s, ids, N, f32);
    eng_session_close(s);
    s = open_session(m, (struct eng_session_params){.act = "q8"});
    eval(s, ids, N, q8);
    eng_session_close(s);
    for (size_t i = 0; i < N * v; i++)
        worst = larger(worst, fabs((double)f32[i] - (double)q8[i]));
    assert_true(worst > 1e-5); /* the choice has an effect at all */
    assert_true(worst < 0.35);
    free(f32);
    free(q8);
    tiny_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logits_match_doubles),
        cmocka_unit_test(test_small_batches_have_the_bits_of_single_calls),
        cmocka_unit_test(test_threads_do_not_change_bits),
        cmocka_unit_test(test_q8_activations_stay_near_f32),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
