/* test_exit.c - self-speculation is lossless: ids and logits of plain greedy decoding, to the last bit, for many random models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_model.h"

#define GEN 50

struct run {
    int32_t ids[GEN];
    struct eng_generate_result rs;
    float logits[96];
    struct eng_session_info info;
    int rc;
};

/* Two requests on one session: the second continues from the token that the first left pending. */
static void run(struct eng_model *m, struct eng_session_params p, uint32_t max_gen, bool ignore_eos, struct run *out)
{
    struct eng_session *s;
    struct eng_error err;
    int32_t prompt[9];
    tiny_tokens(96, 3, prompt, 9);
    memset(out, 0, sizeof *out);
    if (eng_session_open(&s, m, &p, &err) != ENG_OK)
        fail_msg("%s", err.text);
    out->rs = (struct eng_generate_result){.ids = out->ids, .cap_ids = GEN};
    struct eng_generate_request rq = {.ids = prompt, .n_ids = 9, .max_gen = max_gen / 2, .ignore_eos = ignore_eos};
    out->rc = eng_generate(s, &rq, &out->rs, &err);
    const uint32_t n_first = out->rs.n_gen;
    if (out->rc == ENG_OK && !out->rs.stopped_at_eog) {
        rq.n_ids = 2;
        rq.max_gen = max_gen - max_gen / 2;
        out->rs.ids += n_first;
        out->rs.cap_ids -= n_first;
        out->rc = eng_generate(s, &rq, &out->rs, &err);
    }
    if (eng_logits(s))
        memcpy(out->logits, eng_logits(s), sizeof out->logits);
    eng_session_info(s, &out->info);
    eng_session_close(s);
}

static void check_same(const struct run *a, const struct run *b)
{
    assert_int_equal(a->rc, b->rc);
    assert_int_equal(a->rs.n_gen, b->rs.n_gen);
    assert_int_equal(a->rs.stopped_at_eog, b->rs.stopped_at_eog);
    assert_memory_equal(a->ids, b->ids, sizeof a->ids);
    assert_memory_equal(a->logits, b->logits, sizeof a->logits);
    assert_int_equal(a->info.n_seen, b->info.n_seen);
}

static void test_lossless_for_many_models(void **state)
{
    static const char *const exits[] = {"verify:layer=1,draft=1", "verify:layer=1,draft=4", "verify:layer=2,draft=15", "verify:layer=3,draft=7"};
    static const enum eng_type types[] = {ENG_TYPE_F32, ENG_TYPE_Q4_1, ENG_TYPE_Q8_0};
    uint64_t n_drafted = 0, n_accepted = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 24; seed++) {
        struct eng_model *m = tiny_model_new(&(struct tiny_shape){.seed = seed, .n_layers = 4, .type = types[seed % 3], .d_head = 32,
                                                                  .deep_scale = seed % 2 ? 0.05f : 1, .eog = 5});
        for (int f32 = 0; f32 < 2; f32++) {
            struct eng_session_params p = {.act = f32 ? "f32" : "q8", .cache_type_k = f32 ? "f32" : "f16", .n_threads = (uint32_t)(1 + seed % 3), .n_ctx = 128};
            struct run plain, spec;
            for (int ignore = 0; ignore < 2; ignore++) {
                p.early_exit = NULL;
                run(m, p, GEN, ignore, &plain);
                assert_int_equal(plain.rc, ENG_OK);
                p.early_exit = exits[(seed / 2) % 4];
                run(m, p, GEN, ignore, &spec);
                check_same(&plain, &spec);
                n_drafted += spec.info.n_drafted;
                n_accepted += spec.info.n_accepted;
            }
        }
        tiny_model_free(m);
    }
    assert_true(n_drafted > n_accepted && n_accepted > 500); /* both ways out of a round were taken */
}

/* The end of the context comes at the same token. */
static void test_same_end_of_context(void **state)
{
    struct eng_model *m = tiny_model_new(&(struct tiny_shape){.seed = 2, .n_layers = 4, .deep_scale = 0.05f});
    (void)state;
    for (uint32_t n_ctx = 12; n_ctx < 60; n_ctx += 5) {
        struct run plain, spec;
        run(m, (struct eng_session_params){.n_ctx = n_ctx}, GEN, true, &plain);
        run(m, (struct eng_session_params){.n_ctx = n_ctx, .early_exit = "verify:layer=2,draft=6"}, GEN, true, &spec);
        assert_int_equal(plain.rc, ENG_ELIMIT);
        assert_int_equal(plain.rc, spec.rc);
        assert_int_equal(plain.rs.n_gen, spec.rs.n_gen);
        assert_memory_equal(plain.ids, spec.ids, sizeof plain.ids);
        assert_int_equal(plain.info.n_seen, spec.info.n_seen);
    }
    tiny_model_free(m);
}

static void test_counts(void **state)
{
    struct eng_model *m = tiny_model_new(&(struct tiny_shape){.seed = 2, .n_layers = 4, .deep_scale = 1e-6f});
    struct run spec;
    (void)state;
    run(m, (struct eng_session_params){.n_ctx = 128, .early_exit = "verify:layer=2,draft=4"}, 42, true, &spec);
    /* deep layers change nothing: all drafts hold. 21 tokens a request: 1 from the prompt, then 4 rounds of 4 drafts + 1 */
    assert_int_equal(spec.info.n_drafted, 2 * 4 * 4);
    assert_int_equal(spec.info.n_accepted, 2 * 4 * 4);
    assert_int_equal(spec.rs.n_drafted, 16);
    assert_int_equal(spec.rs.n_accepted, 16);
    tiny_model_free(m);
}

static void test_sampling_is_refused(void **state)
{
    struct eng_model *m = tiny_model_new(&(struct tiny_shape){.seed = 2});
    struct eng_session *s;
    struct eng_error err;
    int32_t out[4];
    struct eng_generate_result rs = {.ids = out, .cap_ids = 4};
    (void)state;
    assert_int_equal(eng_session_open(&s, m, &(struct eng_session_params){.early_exit = "verify:layer=2"}, &err), ENG_OK);
    struct eng_generate_request rq = {.ids = (const int32_t[]){1}, .n_ids = 1, .max_gen = 4, .sampling = {.temperature = 0.5f}};
    assert_int_equal(eng_generate(s, &rq, &rs, &err), ENG_ENOTSUP);
    assert_non_null(strstr(err.text, "temperature 0"));
    eng_session_close(s);
    tiny_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lossless_for_many_models),
        cmocka_unit_test(test_same_end_of_context),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_sampling_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
