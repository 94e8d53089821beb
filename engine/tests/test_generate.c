/* test_generate.c - a request from tokens to text: marks, ends, turns, seeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_model.h"

#define GEN 12

struct marks {
    enum eng_mark what[64];
    uint32_t index[64];
    int64_t value[64];
    uint64_t t_ns[64];
    size_t n;
};

static void on_mark(void *user, enum eng_mark what, uint32_t index, int64_t value, uint64_t t_ns)
{
    struct marks *m = user;
    assert_true(m->n < 64);
    m->what[m->n] = what;
    m->index[m->n] = index;
    m->value[m->n] = value;
    m->t_ns[m->n++] = t_ns;
}

static struct eng_session *open_session(struct eng_model *m, struct eng_session_params p)
{
    struct eng_session *s;
    struct eng_error err;
    if (eng_session_open(&s, m, &p, &err) != ENG_OK)
        fail_msg("%s", err.text);
    return s;
}

static const int32_t prompt[] = {3, 14, 15, 92, 65};
static const struct eng_generate_request request = {.ids = prompt, .n_ids = 5, .max_gen = GEN, .ignore_eos = true};

static void test_marks_tell_the_story(void **state)
{
    struct eng_model *m = tiny_model_new(&(struct tiny_shape){.seed = 1});
    struct marks marks = {.n = 0};
    struct eng_session *s = open_session(m, (struct eng_session_params){.observer = {on_mark, &marks}});
    struct eng_error err;
    int32_t out[GEN];
    char text[200], want[200] = "";
    struct eng_generate_result rs = {.ids = out, .cap_ids = GEN, .text = text, .cap_text = sizeof text};
    (void)state;
    assert_int_equal(eng_generate(s, &request, &rs, &err), ENG_OK);
    assert_int_equal(rs.n_gen, GEN);
    assert_int_equal(rs.n_prompt, 5);
    static const enum eng_mark order[] = {ENG_MARK_REQUEST_BEGIN, ENG_MARK_PREFILL_BEGIN, ENG_MARK_PREFILL_END};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(marks.what[i], order[i]);
    assert_int_equal(marks.value[1], 5);
    for (size_t i = 0; i < GEN; i++) {
        assert_int_equal(marks.what[3 + i], ENG_MARK_TOKEN);
        assert_int_equal(marks.index[3 + i], i);
        assert_int_equal(marks.value[3 + i], out[i]);
        snprintf(want + strlen(want), sizeof want - strlen(want), "%d ", out[i]);
    }
    assert_string_equal(text, want);
    assert_int_equal(rs.n_text, strlen(want));
    assert_int_equal(marks.what[3 + GEN], ENG_MARK_DETOKENIZE_BEGIN);
    assert_int_equal(marks.what[4 + GEN], ENG_MARK_DETOKENIZE_END);
    assert_int_equal(marks.what[5 + GEN], ENG_MARK_REQUEST_END);
    assert_int_equal(marks.value[5 + GEN], GEN);
    assert_int_equal(marks.n, 6 + GEN);
    for (size_t i = 1; i < marks.n; i++)
        assert_true(marks.t_ns[i - 1] <= marks.t_ns[i]);
    eng_session_close(s);
    tiny_model_free(m);
}

/* What a step chooses is the best of what eng_eval() computes. */
static void test_greedy_is_the_arg_max(void **state)
{
    struct eng_model *m = tiny_model_new(&(struct tiny_shape){.seed = 4});
    struct eng_session *s = open_session(m, (struct eng_session_params){0}), *check = open_session(m, (struct eng_session_params){0});
    struct eng_error err;
    int32_t out[GEN];
    struct eng_generate_result rs = {.ids = out, .cap_ids = GEN};
    (void)state;
    assert_int_equal(eng_generate(s, &request, &rs, &err), ENG_OK);
    assert_int_equal(eng_eval(check, prompt, 5, NULL, &err), ENG_OK);
    for (int i = 0; i < GEN; i++) {
        int32_t best = 0;
        for (int32_t j = 1; j < 96; j++)
            best = eng_logits(check)[j] > eng_logits(check)[best] ? j : best;
        assert_int_equal(out[i], best);
        assert_int_equal(eng_eval(check, &best, 1, NULL, &err), ENG_OK);
    }
    eng_session_close(s);
    eng_session_close(check);
    tiny_model_free(m);
}

/* Two turns give what one conversation gives: the last token of a turn is evaluated in front of the next prompt. */
static void test_turns_continue(void **state)
{
    struct eng_model *m = tiny_model_new(&(struct tiny_shape){.seed = 6});
    struct eng_session *turns = open_session(m, (struct eng_session_params){0}), *whole = open_session(m, (struct eng_session_params){0});
    struct eng_error err;
    struct eng_session_info info;
    int32_t first[GEN], second[GEN], want[GEN], all[5 + GEN + 3], more[3] = {7, 8, 9};
    struct eng_generate_result rs = {.ids = first, .cap_ids = GEN};
    (void)state;
    assert_int_equal(eng_generate(turns, &request, &rs, &err), ENG_OK);
    eng_session_info(turns, &info);
    assert_int_equal(info.n_seen, 5 + GEN - 1);
    rs.ids = second;
    struct eng_generate_request next = {.ids = more, .n_ids = 3, .max_gen = GEN, .ignore_eos = true};
    assert_int_equal(eng_generate(turns, &next, &rs, &err), ENG_OK);
    assert_int_equal(rs.n_prompt, 4); /* 3 and the pending one */

    memcpy(all, prompt, sizeof prompt);
    memcpy(all + 5, first, sizeof first);
    memcpy(all + 5 + GEN, more, sizeof more);
    assert_int_equal(eng_eval(whole, all, 5, NULL, &err), ENG_OK);
    assert_int_equal(eng_eval(whole, all + 5, GEN - 1, NULL, &err), ENG_OK);
    next.ids = all + 5 + GEN - 1;
    next.n_ids = 4;
    rs.ids = want;
    assert_int_equal(eng_generate(whole, &next, &rs, &err), ENG_OK);
    assert_memory_equal(second, want, sizeof want);

    /* continuing without a new prompt is possible as long as a token is pending */
    next.n_ids = 0;
    assert_int_equal(eng_generate(turns, &next, &rs, &err), ENG_OK);
    assert_int_equal(rs.n_prompt, 1);
    eng_session_reset(turns);
    assert_int_equal(eng_generate(turns, &next, &rs, &err), ENG_EINVAL);
    assert_non_null(strstr(err.text, "empty"));
    eng_session_close(turns);
    eng_session_close(whole);
    tiny_model_free(m);
}

/* An end-of-text token stops, is no output, and is not in the cache; with ignore_eos it is an ordinary token. */
static void test_end_of_text(void **state)
{
    struct eng_model *m = tiny_model_new(&(struct tiny_shape){.seed = 1});
    struct eng_error err;
    struct eng_session_info info;
    int32_t free_run[GEN], out[GEN];
    struct eng_generate_result rs = {.ids = free_run, .cap_ids = GEN};
    (void)state;
    struct eng_session *s = open_session(m, (struct eng_session_params){0});
    assert_int_equal(eng_generate(s, &request, &rs, &err), ENG_OK);
    assert_false(rs.stopped_at_eog);
    int at = GEN - 1; /* the first time that this token appears */
    for (int i = GEN - 1; i >= 0; i--)
        at = free_run[i] == free_run[GEN - 1] ? i : at;
    m->vocab->pieces[free_run[GEN - 1]].is_eog = true;

    struct eng_generate_request rq = request;
    rs.ids = out;
    rq.ignore_eos = false;
    eng_session_reset(s);
    assert_int_equal(eng_generate(s, &rq, &rs, &err), ENG_OK);
    assert_true(rs.stopped_at_eog);
    assert_int_equal(rs.n_gen, at);
    assert_memory_equal(out, free_run, (size_t)at * sizeof *out);
    eng_session_info(s, &info);
    assert_int_equal(info.n_seen, 5 + at);
    rq.n_ids = 0; /* nothing pending */
    assert_int_equal(eng_generate(s, &rq, &rs, &err), ENG_EINVAL);

    eng_session_reset(s);
    assert_int_equal(eng_generate(s, &request, &rs, &err), ENG_OK);
    assert_memory_equal(out, free_run, sizeof out);
    eng_session_close(s);
    tiny_model_free(m);
}

static bool stop_after_three(void *user, int32_t id)
{
    (void)id;
    return ++*(int *)user < 3;
}

static void test_caller_stops(void **state)
{
    struct eng_model *m = tiny_model_new(&(struct tiny_shape){.seed = 1, .n_layers = 4, .deep_scale = 1e-6f});
    static const char *const exits[] = {"none", "verify:layer=2,draft=6"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct eng_session *s = open_session(m, (struct eng_session_params){.early_exit = exits[i]});
        struct eng_session_info info;
        struct eng_error err;
        int32_t out[GEN];
        char text[100];
        int n = 0;
        struct eng_generate_result rs = {.ids = out, .cap_ids = GEN, .text = text, .cap_text = sizeof text};
        struct eng_generate_request rq = request;
        rq.on_token = stop_after_three;
        rq.user = &n;
        assert_int_equal(eng_generate(s, &rq, &rs, &err), ENG_ECANCELED);
        assert_int_equal(rs.n_gen, 3);
        assert_true(rs.n_text > 0);
        eng_session_info(s, &info);
        assert_int_equal(info.n_seen, 5 + 2);
        rq = request;
        rq.n_ids = 0;
        assert_int_equal(eng_generate(s, &rq, &rs, &err), ENG_OK); /* and can go on */
        eng_session_close(s);
    }
    tiny_model_free(m);
}

static void test_limits(void **state)
{
    struct eng_model *m = tiny_model_new(&(struct tiny_shape){.seed = 1});
    struct eng_session *s = open_session(m, (struct eng_session_params){.n_ctx = 10});
    struct eng_error err;
    int32_t out[GEN];
    struct eng_generate_result rs = {.ids = out, .cap_ids = GEN - 1};
    struct eng_generate_request rq = request;
    (void)state;
    assert_int_equal(eng_generate(s, &rq, &rs, &err), ENG_EINVAL); /* room for ids */
    rs.cap_ids = GEN;
    assert_int_equal(eng_generate(s, &rq, &rs, &err), ENG_ELIMIT);
    assert_int_equal(rs.n_gen, 6); /* 5 prompt tokens and 5 of these are in the cache */
    eng_session_reset(s);
    rq.max_gen = 0; /* only prefill */
    assert_int_equal(eng_generate(s, &rq, &rs, &err), ENG_OK);
    assert_int_equal(rs.n_gen, 0);
    assert_int_equal(rs.n_prompt, 5);
    rq.sampling.temperature = -1;
    assert_int_equal(eng_generate(s, &rq, &rs, &err), ENG_EINVAL);
    eng_session_close(s);
    tiny_model_free(m);
}

static void test_seeds(void **state)
{
    struct eng_model *m = tiny_model_new(&(struct tiny_shape){.seed = 1});
    struct eng_session *s = open_session(m, (struct eng_session_params){0});
    struct eng_error err;
    int32_t out[3][GEN];
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct eng_generate_result rs = {.ids = out[i], .cap_ids = GEN};
        struct eng_generate_request rq = request;
        rq.sampling = (struct eng_sampling){.temperature = 2, .top_p = 0.95f, .top_k = 50, .seed = i == 2 ? 8 : 7};
        eng_session_reset(s);
        assert_int_equal(eng_generate(s, &rq, &rs, &err), ENG_OK);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    assert_memory_not_equal(out[0], out[2], sizeof out[0]);
    eng_session_close(s);
    tiny_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks_tell_the_story), cmocka_unit_test(test_greedy_is_the_arg_max),
        cmocka_unit_test(test_turns_continue),       cmocka_unit_test(test_end_of_text),
        cmocka_unit_test(test_caller_stops),         cmocka_unit_test(test_limits),
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
