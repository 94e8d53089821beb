/* test_session.c - what a session promises: limits, memory, going back, scores, and clear words for what cannot be. */
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

static struct eng_model *model;

static int setup(void **state)
{
    (void)state;
    model = tiny_model_new(&(struct tiny_shape){.seed = 11});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tiny_model_free(model);
    return 0;
}

static struct eng_session *open_session(struct eng_session_params p)
{
    struct eng_session *s;
    struct eng_error err;
    if (eng_session_open(&s, model, &p, &err) != ENG_OK)
        fail_msg("%s", err.text);
    return s;
}

static void refuse(struct eng_session_params p, int code, const char *says)
{
    struct eng_session *s = (void *)1;
    struct eng_error err;
    assert_int_equal(eng_session_open(&s, model, &p, &err), code);
    assert_null(s);
    if (!strstr(err.text, says))
        fail_msg("expected '%s' in: %s", says, err.text);
}

static void test_what_cannot_be_opened(void **state)
{
    (void)state;
    refuse((struct eng_session_params){.act = "q4"}, ENG_EINVAL, "known: q8, f32");
    refuse((struct eng_session_params){.cache_type_v = "f8"}, ENG_EINVAL, "known: f16, f32, q8_0, q4_0");
    refuse((struct eng_session_params){.backend = "opencl"}, ENG_ENOTSUP, "not built yet");
    refuse((struct eng_session_params){.early_exit = "verify:layer=3"}, ENG_EINVAL, "1 to 2: it has 3 layers");
    refuse((struct eng_session_params){.early_exit = "verify:layer=2", .token_reduction = "streaming"}, ENG_ENOTSUP, "cannot run together");
    refuse((struct eng_session_params){.n_threads = 100000}, ENG_EINVAL, "threads");
    refuse((struct eng_session_params){.n_batch = 1u << 30}, ENG_EINVAL, "batch");
    refuse((struct eng_session_params){.n_ctx = UINT32_MAX}, ENG_EINVAL, "context");
}

static void test_cache_bytes_follow_the_formula(void **state)
{
    struct eng_session_info info;
    (void)state;
    /* 3 layers, 2 KV heads, 100 tokens in pages of 64 = 128, 16 dimensions */
    struct eng_session *s = open_session((struct eng_session_params){.n_ctx = 100});
    eng_session_info(s, &info);
    assert_int_equal(info.kv_bytes, 3 * 2 * 128 * 16 * (2 + 2));
    assert_int_equal(info.n_ctx, 100);
    assert_true(info.scratch_bytes > 0 && strlen(info.kernels) > 0);
    eng_session_close(s);
    s = open_session((struct eng_session_params){.n_ctx = 100, .cache_type_k = "f32", .cache_type_v = "f16"});
    eng_session_info(s, &info);
    assert_int_equal(info.kv_bytes, 3 * 2 * 128 * 16 * (4 + 2));
    eng_session_close(s);
    s = open_session((struct eng_session_params){0});
    eng_session_info(s, &info);
    assert_int_equal(info.n_ctx, 256); /* the model's own, being less than 2048 */
    eng_session_close(s);
    eng_session_close(NULL);
}

static void test_context_ends(void **state)
{
    struct eng_session *s = open_session((struct eng_session_params){.n_ctx = 20});
    struct eng_session_info info;
    struct eng_error err;
    int32_t ids[21];
    (void)state;
    tiny_tokens(96, 1, ids, 21);
    assert_null(eng_logits(s));
    assert_int_equal(eng_eval(s, ids, 21, NULL, &err), ENG_ELIMIT);
    assert_non_null(strstr(err.text, "20"));
    assert_int_equal(eng_eval(s, ids, 18, NULL, &err), ENG_OK);
    assert_int_equal(eng_eval(s, ids, 3, NULL, &err), ENG_ELIMIT);
    eng_session_info(s, &info);
    assert_int_equal(info.n_seen, 18); /* a refused call changes nothing */
    assert_int_equal(eng_eval(s, ids, 2, NULL, &err), ENG_OK);
    assert_int_equal(eng_eval(s, ids, 1, NULL, &err), ENG_ELIMIT);
    eng_session_reset(s);
    assert_null(eng_logits(s));
    assert_int_equal(eng_eval(s, ids, 20, NULL, &err), ENG_OK);
    eng_session_close(s);
}

static void test_bad_tokens(void **state)
{
    struct eng_session *s = open_session((struct eng_session_params){.n_ctx = 20});
    struct eng_error err;
    (void)state;
    assert_int_equal(eng_eval(s, (const int32_t[]){1, 96}, 2, NULL, &err), ENG_EINVAL);
    assert_non_null(strstr(err.text, "position 1"));
    assert_int_equal(eng_eval(s, (const int32_t[]){-1}, 1, NULL, &err), ENG_EINVAL);
    assert_int_equal(eng_eval(s, (const int32_t[]){0}, 0, NULL, &err), ENG_EINVAL);
    eng_session_close(s);
}

/* After going back, the same tokens give the same bits as if nothing had been. */
static void test_rewind(void **state)
{
    struct eng_session *s = open_session((struct eng_session_params){.n_ctx = 64, .n_threads = 2});
    struct eng_error err;
    float want[96];
    int32_t ids[40], other[10];
    (void)state;
    tiny_tokens(96, 5, ids, 40);
    tiny_tokens(96, 6, other, 10);
    assert_int_equal(eng_eval(s, ids, 16, NULL, &err), ENG_OK);
    assert_int_equal(eng_eval(s, ids + 16, 5, NULL, &err), ENG_OK);
    memcpy(want, eng_logits(s), sizeof want);
    assert_int_equal(eng_eval(s, other, 10, NULL, &err), ENG_OK);
    assert_int_equal(eng_session_rewind(s, 16, &err), ENG_OK);
    assert_null(eng_logits(s));
    assert_int_equal(eng_eval(s, ids + 16, 5, NULL, &err), ENG_OK);
    assert_memory_equal(want, eng_logits(s), sizeof want);
    assert_int_equal(eng_session_rewind(s, 22, &err), ENG_EINVAL);
    assert_int_equal(eng_session_rewind(s, 21, &err), ENG_OK);
    eng_session_close(s);
}

/* A prompt longer than a batch gives what one batch gives, but for rounding. */
static void test_batches_of_a_prompt(void **state)
{
    struct eng_session *whole = open_session((struct eng_session_params){.act = "f32"});
    struct eng_session *parts = open_session((struct eng_session_params){.act = "f32", .n_batch = 33});
    struct eng_error err;
    int32_t ids[200];
    (void)state;
    tiny_tokens(96, 5, ids, 200);
    assert_int_equal(eng_eval(whole, ids, 200, NULL, &err), ENG_OK);
    assert_int_equal(eng_eval(parts, ids, 200, NULL, &err), ENG_OK);
    for (size_t i = 0; i < 96; i++)
        assert_float_equal(eng_logits(whole)[i], eng_logits(parts)[i], 1e-3f);
    eng_session_close(whole);
    eng_session_close(parts);
}

static void test_not_a_number_is_an_error(void **state)
{
    struct eng_session *s = open_session((struct eng_session_params){.n_ctx = 32, .act = "f32"});
    struct eng_error err;
    double ll;
    bool greedy;
    float *norm = (float *)(uintptr_t)model->output_norm.w;
    const float kept = norm[3];
    (void)state;
    static const float bad[] = {NAN, INFINITY};
    for (int i = 0; i < 2; i++) {
        norm[3] = bad[i];
        eng_session_reset(s);
        assert_int_equal(eng_eval(s, (const int32_t[]){1, 2}, 2, NULL, &err), ENG_ENAN);
        assert_int_equal(eng_score(s, (const int32_t[]){1, 2, 3}, 3, 1, &ll, &greedy, &err), ENG_ENAN);
        eng_session_reset(s);
        int32_t out[4];
        struct eng_generate_result rs = {.ids = out, .cap_ids = 4};
        assert_int_equal(eng_generate(s, &(struct eng_generate_request){.ids = (const int32_t[]){1}, .n_ids = 1, .max_gen = 4}, &rs, &err), ENG_ENAN);
    }
    norm[3] = kept;
    eng_session_reset(s);
    assert_int_equal(eng_eval(s, (const int32_t[]){1, 2}, 2, NULL, &err), ENG_OK);
    eng_session_close(s);
}

/* Against a sum made here from all logits; contexts and batches of every alignment. */
static void test_score(void **state)
{
    enum { N = 60 };
    struct eng_session *s = open_session((struct eng_session_params){.act = "f32", .cache_type_k = "f32", .cache_type_v = "f32", .n_ctx = N - 1, .n_batch = 23});
    struct eng_error err;
    int32_t ids[N];
    double want[N], *logits = malloc(N * 96 * sizeof *logits);
    bool all[N];
    (void)state;
    tiny_tokens(96, 9, ids, N);
    for (int t = 30; t + 1 < N; t += 2) { /* make some continuations greedy */
        tiny_reference(model, ids, N, 0, 0, logits);
        for (int i = 0; i < 96; i++)
            if (logits[t * 96 + i] > logits[t * 96 + ids[t + 1]])
                ids[t + 1] = i;
        if (t > 34)
            break;
    }
    tiny_reference(model, ids, N, 0, 0, logits);
    for (int t = 0; t + 1 < N; t++) {
        double sum = 0;
        int best = 0;
        for (int i = 0; i < 96; i++) {
            sum += exp(logits[t * 96 + i]);
            best = logits[t * 96 + i] > logits[t * 96 + best] ? i : best;
        }
        want[t + 1] = logits[t * 96 + ids[t + 1]] - log(sum);
        all[t + 1] = best == ids[t + 1];
    }
    static const size_t from[] = {1, 2, 22, 23, 24, 30, 31, 58, 59, 60};
    for (size_t c = 0; c < sizeof from / sizeof from[0]; c++) {
        for (size_t n = from[c]; n <= N; n += 7) {
            double ll, sum = 0;
            bool greedy, every = true;
            for (size_t i = from[c]; i < n; i++) {
                sum += want[i];
                every = every && all[i];
            }
            assert_int_equal(eng_score(s, ids, n, from[c], &ll, &greedy, &err), ENG_OK);
            assert_true(fabs(ll - sum) < 1e-3);
            assert_int_equal(greedy, every);
        }
    }
    double ll;
    bool greedy;
    assert_int_equal(eng_score(s, ids, 32, 31, &ll, &greedy, &err), ENG_OK);
    assert_true(greedy);
    assert_int_equal(eng_score(s, ids, N, 0, &ll, &greedy, &err), ENG_EINVAL);
    assert_int_equal(eng_score(s, ids, 5, 6, &ll, &greedy, &err), ENG_EINVAL);
    assert_int_equal(eng_score(s, (const int32_t[]){1, 2, 96}, 3, 1, &ll, &greedy, &err), ENG_EINVAL);
    int32_t many[N + 1] = {0};
    assert_int_equal(eng_score(s, many, N + 1, 1, &ll, &greedy, &err), ENG_ELIMIT);
    free(logits);
    eng_session_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_be_opened),
        cmocka_unit_test(test_cache_bytes_follow_the_formula),
        cmocka_unit_test(test_context_ends),
        cmocka_unit_test(test_bad_tokens),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_batches_of_a_prompt),
        cmocka_unit_test(test_not_a_number_is_an_error),
        cmocka_unit_test(test_score),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
