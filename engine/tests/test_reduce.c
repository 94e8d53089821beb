/* test_reduce.c - StreamingLLM: equal to `none` while everything fits, right against doubles when not, bounded in memory. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_model.h"

#define N 150

/* Not fmax(), which passes over a NaN. */
static double larger(double a, double b)
{
    return b > a || b != b ? b : a;
}

static struct eng_session *open_session(struct eng_model *m, struct eng_session_params p)
{
    struct eng_session *s;
    struct eng_error err;
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

static const struct tiny_shape shape = {.seed = 21, .n_heads = 6, .n_heads_kv = 2, .d_head = 20, .n_rope = 16};

static const struct {
    uint32_t sink, window;
} sets[] = {{4, 16}, {0, 16}, {0, 1}, {1, 1}, {3, 29}, {17, 40}, {4, 96}, {16, 15}};
#define N_SETS (sizeof sets / sizeof sets[0])

static const char *spec(size_t i, char buf[64])
{
    snprintf(buf, 64, "streaming:sink=%u,window=%u", sets[i].sink, sets[i].window);
    return buf;
}

static void test_equals_none_while_everything_fits(void **state)
{
    struct eng_model *m = tiny_model_new(&shape);
    const size_t v = m->hp.n_vocab;
    float *want = malloc(N * v * sizeof *want), *got = malloc(N * v * sizeof *got);
    int32_t ids[N];
    (void)state;
    tiny_tokens(96, 4, ids, N);
    /* a context larger than sink + window (the ring exists, nothing has left it yet), and one that is not */
    static const uint32_t contexts[] = {400, 150};
    for (size_t c = 0; c < 2; c++) {
        struct eng_session *none = open_session(m, (struct eng_session_params){.n_ctx = contexts[c], .n_batch = 50});
        struct eng_session *kept = open_session(m, (struct eng_session_params){.n_ctx = contexts[c], .n_batch = 50, .n_threads = 2,
                                                                              .token_reduction = "streaming:sink=5,window=145"});
        eval(none, ids, 100, want);
        eval(kept, ids, 100, got);
        for (size_t t = 100; t < N; t++) {
            eval(none, ids + t, 1, want + t * v);
            eval(kept, ids + t, 1, got + t * v);
        }
        assert_memory_equal(want, got, N * v * sizeof *want);
        eng_session_close(none);
        eng_session_close(kept);
    }
    free(want);
    free(got);
    tiny_model_free(m);
}

static void check_against_doubles(struct eng_session *s, const int32_t *ids, const double *want, size_t step, size_t v)
{
    float *got = malloc(N * v * sizeof *got);
    double worst = 0;
    eng_session_reset(s);
    for (size_t t = 0; t < N; t += step)
        eval(s, ids + t, step < N - t ? step : N - t, got + t * v);
    for (size_t i = 0; i < N * v; i++)
        worst = larger(worst, fabs(want[i] - (double)got[i]));
    assert_true(worst < 1e-4);
    free(got);
}

static void test_matches_doubles_in_prefill_and_decode(void **state)
{
    struct eng_model *m = tiny_model_new(&shape);
    const size_t v = m->hp.n_vocab;
    double *want = malloc(N * v * sizeof *want);
    int32_t ids[N];
    (void)state;
    tiny_tokens(96, 4, ids, N);
    for (size_t i = 0; i < N_SETS; i++) {
        char text[64];
        tiny_reference(m, ids, N, sets[i].sink, sets[i].window, want);
        struct eng_session *s = open_session(m, (struct eng_session_params){.n_ctx = 256, .act = "f32", .cache_type_k = "f32", .n_threads = 2,
                                                                           .cache_type_v = "f32", .token_reduction = spec(i, text)});
        check_against_doubles(s, ids, want, N, v); /* a prompt longer than the cache */
        check_against_doubles(s, ids, want, 1, v);
        check_against_doubles(s, ids, want, 13, v);
        eng_session_close(s);
    }
    free(want);
    tiny_model_free(m);
}

static void test_batches_have_the_bits_of_single_calls(void **state)
{
    struct eng_model *m = tiny_model_new(&shape);
    const size_t v = m->hp.n_vocab;
    float *want = malloc(N * v * sizeof *want), *got = malloc(N * v * sizeof *got);
    int32_t ids[N];
    (void)state;
    tiny_tokens(96, 8, ids, N);
    for (size_t i = 0; i < N_SETS; i++) {
        char text[64];
        struct eng_session *s = open_session(m, (struct eng_session_params){.n_ctx = 256, .n_threads = 2, .token_reduction = spec(i, text)});
        for (size_t t = 0; t < N; t++)
            eval(s, ids + t, 1, want + t * v);
        for (size_t n = 3; n <= 16; n += 6) {
            eng_session_reset(s);
            for (size_t t = 0; t < N; t += n)
                eval(s, ids + t, n < N - t ? n : N - t, got + t * v);
            assert_memory_equal(want, got, N * v * sizeof *want);
        }
        eng_session_close(s);
    }
    free(want);
    free(got);
    tiny_model_free(m);
}

static void test_memory_is_bounded_and_the_stream_is_not(void **state)
{
    struct eng_model *m = tiny_model_new(&shape);
    struct eng_session *s = open_session(m, (struct eng_session_params){.n_ctx = 100000, .token_reduction = "streaming:sink=4,window=64"});
    struct eng_session_info info;
    struct eng_error err;
    int32_t ids[500];
    (void)state;
    tiny_tokens(96, 8, ids, 500);
    eng_session_info(s, &info);
    /* slots: sinks 4, window 64 + half-window batch 48 - 1 -> 112, in pages of 64; K 20 and V 32 (padded) halves; 3 layers, 2 heads */
    assert_int_equal(info.kv_bytes, 3 * 2 * 128 * (20 + 32) * 2);
    assert_int_equal(info.n_ctx, 68);
    for (int i = 0; i < 10; i++)
        eval(s, ids, 500, NULL);
    eng_session_info(s, &info);
    assert_int_equal(info.n_seen, 5000);
    assert_int_equal(info.n_kept, 68);
    assert_int_equal(eng_session_rewind(s, 4999, &err), ENG_ENOTSUP);
    assert_non_null(strstr(err.text, "streaming"));
    assert_int_equal(eng_session_rewind(s, 5000, &err), ENG_OK);
    eng_session_reset(s);
    eval(s, ids, 60, NULL);
    assert_int_equal(eng_session_rewind(s, 30, &err), ENG_OK); /* nothing has left yet */
    eng_session_close(s);
    tiny_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_none_while_everything_fits),
        cmocka_unit_test(test_matches_doubles_in_prefill_and_decode),
        cmocka_unit_test(test_batches_have_the_bits_of_single_calls),
        cmocka_unit_test(test_memory_is_bounded_and_the_stream_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
