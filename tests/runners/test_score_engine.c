/* test_score_engine.c - log-likelihoods: a context evaluated once for all choices scores as if each were alone; lm-eval's split; chunks of text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_rig.h"

static struct mb_request choice(const char *context, const char *continuation)
{
    return (struct mb_request){.kind = MB_REQUEST_SCORE, .item = "q/1", .fresh = true, .context = context, .continuation = continuation};
}

static double score(struct engine_rig *r, const char *context, const char *continuation)
{
    const struct mb_request rq = choice(context, continuation);
    if (engine_rig_run(r, &rq) != MB_OK)
        fail_msg("'%s' + '%s': %s", context, continuation, r->err.text);
    assert_true(isfinite(r->result.log_likelihood));
    return r->result.log_likelihood;
}

static void open_precise(struct engine_rig *r)
{
    engine_rig_open(r, 256, MB_OK, "act", "f32", "cache_type_k", "f32", "cache_type_v", "f32", NULL);
}

static double alone(const char *context, const char *continuation, uint32_t *n_evaluated)
{
    struct engine_rig r;
    open_precise(&r);
    const double ll = score(&r, context, continuation);
    *n_evaluated = r.result.n_prompt;
    engine_rig_close(&r);
    return ll;
}

static const char question[] = "Question: what is it that they all want to know?\nAnswer:";
static const char *const choices[] /* no "he", no "ll": a token a byte */ = {" a time", " a way back", " not a thing", " a time of day", " x"};

/* The prefix is evaluated in other batches, so sums may be rounded in another order: 1e-4 on a sum of up to 15 terms of about 5. */
static void a_shared_context_changes_no_score(void **state)
{
    (void)state;
    struct engine_rig shared;
    open_precise(&shared);
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        uint32_t n_fresh;
        const double expected = alone(question, choices[i], &n_fresh), got = score(&shared, question, choices[i]);
        if (fabs(got - expected) > 1e-4)
            fail_msg("%s: %.9f with the context of the choice before, %.9f alone", choices[i], got, expected);
        assert_int_equal(shared.result.n_scored, strlen(choices[i])); /* a token a byte */
        if (i == 0)
            assert_int_equal(shared.result.n_prompt, n_fresh);
        else
            assert_true(shared.result.n_prompt + 40 < n_fresh); /* it was not evaluated again */
    }
    const double before = score(&shared, question, choices[1]);
    shared.ops->reset(shared.state); /* a new trial starts from nothing and comes to the same */
    assert_true(fabs(score(&shared, question, choices[1]) - before) < 1e-4);
    assert_true(shared.result.n_prompt > 40);
    engine_rig_close(&shared);
}

/* What another kind of request left in the cache is not taken for a context. */
static void a_generation_between_two_scores_is_noticed(void **state)
{
    (void)state;
    struct engine_rig r;
    uint32_t n_fresh;
    const struct mb_request generate = {.kind = MB_REQUEST_GENERATE, .item = "g", .fresh = true, .text = "elsewhere", .n_prompt = 60, .max_gen = 4,
                                        .ignore_eos = true, .top_p = 1.0f};
    open_precise(&r);
    const double expected = alone(question, choices[0], &n_fresh);
    assert_true(fabs(score(&r, question, choices[0]) - expected) < 1e-4);
    assert_int_equal(engine_rig_run(&r, &generate), MB_OK);
    assert_true(fabs(score(&r, question, choices[0]) - expected) < 1e-4);
    assert_int_equal(r.result.n_prompt, n_fresh);
    engine_rig_close(&r);
}

/* A reduction method may have dropped tokens: then the context is evaluated anew. */
static void streaming_scores_too(void **state)
{
    (void)state;
    struct engine_rig r;
    engine_rig_open(&r, 256, MB_OK, "token_reduction", "streaming:sink=2,window=16", NULL);
    const double first = score(&r, question, choices[0]);
    (void)score(&r, question, choices[1]);
    assert_true(score(&r, question, choices[0]) == first);
    engine_rig_close(&r);
}

static void the_split_is_by_tokens_of_the_whole(void **state)
{
    (void)state;
    struct engine_rig r;
    open_precise(&r);
    /* Trailing blanks of the context go over to the continuation: "a " + "b" is "a" + " b". */
    assert_true(score(&r, "hello ", "you") == score(&r, "hello", " you"));
    assert_int_equal(r.result.n_scored, 4);
    /* " hello" is one token: a continuation that melts into it is scored as the whole's tokens. */
    (void)score(&r, "x", " hello");
    assert_int_equal(r.result.n_scored, 1);
    struct mb_request rq = choice("abc", "");
    assert_int_equal(engine_rig_run(&r, &rq), MB_EINVAL);
    assert_non_null(strstr(r.err.text, "q/1"));
    rq = choice("", "abc");
    assert_int_equal(engine_rig_run(&r, &rq), MB_EINVAL);
    engine_rig_close(&r);
}

/* Probabilities of all single bytes after a context, with those of the merged and control tokens left out, sum to less than one. */
static void likelihoods_are_probabilities(void **state)
{
    (void)state;
    struct engine_rig r;
    double sum = 0;
    int n_greedy = 0;
    open_precise(&r);
    for (int c = 33; c < 127; c++) {
        const char continuation[] = {(char)c, '\0'};
        const double ll = score(&r, "The next letter is #", continuation);
        assert_true(ll < 0);
        if (r.result.n_scored == 1)
            sum += exp(ll);
        n_greedy += r.result.greedy;
    }
    assert_true(sum > 0.05 && sum < 1);
    assert_in_range(n_greedy, 0, 1); /* one token at most is the likeliest */
    engine_rig_close(&r);
}

static struct mb_request chunk(const char *text, uint32_t n_skip, uint32_t n)
{
    return (struct mb_request){.kind = MB_REQUEST_PERPLEXITY, .item = "ppl/1", .fresh = true, .text = text, .n_skip = n_skip, .n_chunk = n};
}

static void chunks_score_their_second_half(void **state)
{
    (void)state;
    static const char text[] = "it was not a wind that spoke but one who had come from far away, and what was said is not known";
    struct engine_rig r;
    char context[64], rest[64];
    open_precise(&r);
    struct mb_request rq = chunk(text, 0, 32);
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    assert_int_equal(r.result.n_scored, 15); /* positions 16 .. 30 predict the next one */
    const double ll = r.result.log_likelihood;
    snprintf(context, sizeof(context), "%.17s", text);
    snprintf(rest, sizeof(rest), "%.15s", text + 17);
    assert_true(fabs(score(&r, context, rest) - ll) < 1e-4); /* "s" is no blank, so the split falls there */
    rq = chunk(text, 32, 32);
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    assert_int_equal(r.result.n_scored, 15);
    assert_true(r.result.log_likelihood != ll);
    rq = chunk(text, 0, 32);
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    assert_true(fabs(r.result.log_likelihood - ll) < 1e-9);
    rq = chunk(text, 64, 32); /* 95 bytes: no whole chunk is left */
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    assert_int_equal(r.result.n_scored, 0);
    rq = chunk(text, UINT32_MAX, 32);
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    assert_int_equal(r.result.n_scored, 0);
    engine_rig_close(&r);
}

/* More scored tokens than logits are held at once. */
static void long_chunks_are_scored_in_pieces(void **state)
{
    (void)state;
    char text[400];
    struct engine_rig r;
    double sum = 0;
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        text[i] = (char)('a' + (i * 7 + i / 11) % 26);
    text[sizeof(text) - 1] = '\0';
    open_precise(&r);
    struct mb_request rq = chunk(text, 0, 240);
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    const uint32_t n_scored = r.result.n_scored;
    assert_int_equal(n_scored, 119);
    const double whole = r.result.log_likelihood;
    for (uint32_t n = 0; n < n_scored; n++) { /* token by token, each given all before it */
        char context[300], next[2] = {0};
        snprintf(context, sizeof(context), "%.*s", (int)(121 + n), text);
        next[0] = text[121 + n];
        sum += score(&r, context, next);
    }
    assert_true(fabs(sum - whole) < 1e-3);
    engine_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shared_context_changes_no_score),
        cmocka_unit_test(a_generation_between_two_scores_is_noticed),
        cmocka_unit_test(streaming_scores_too),
        cmocka_unit_test(the_split_is_by_tokens_of_the_whole),
        cmocka_unit_test(likelihoods_are_probabilities),
        cmocka_unit_test(chunks_score_their_second_half),
        cmocka_unit_test(long_chunks_are_scored_in_pieces),
    };
    return cmocka_run_group_tests_name("score_engine", tests, engine_rig_begin, engine_rig_end);
}
