/* test_generate.c - micro and chat: what exactly is asked, turn by turn, and what becomes of the answers. */
#include "scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct opened {
    const struct mb_workload_ops *ops;
    void *state;
    struct mb_cell cell;
    struct mb_workload_need need;
};

static void open_it(struct opened *o, const char *workload, const char *options, const char *data_dir)
{
    struct mb_error err = {0};
    o->ops = mb_workload_find(workload);
    cell_make(&o->cell, workload, options);
    o->cell.data_dir = data_dir;
    o->state = calloc(1, o->ops->state_size);
    assert_non_null(o->state);
    if (o->ops->open(o->state, &o->cell, &o->need, &err) != MB_OK)
        fail_msg("%s", err.text);
    o->ops->begin(o->state, 0);
}

static void close_it(struct opened *o)
{
    o->ops->close(o->state);
    free(o->state);
    cell_release(&o->cell);
}

static void expect_micro(const char *options, const char *item, uint32_t n_prompt, uint32_t n_gen, uint32_t n_depth)
{
    struct opened o;
    struct mb_request rq;
    open_it(&o, "micro", options, NULL);
    assert_int_equal(o.need.n_ctx, n_prompt + n_gen + n_depth);
    assert_int_equal(o.need.max_gen, n_gen);
    assert_int_equal(o.need.n_requests, 1);
    assert_int_equal(o.ops->next(o.state, &rq, NULL), 1);
    assert_int_equal(rq.kind, MB_REQUEST_GENERATE);
    assert_string_equal(rq.item, item);
    assert_int_equal(rq.n_prompt, n_prompt);
    assert_int_equal(rq.max_gen, n_gen);
    assert_int_equal(rq.n_depth, n_depth);
    assert_true(rq.ignore_eos && rq.fresh && !rq.chat);
    assert_true(rq.temperature == 0.0f);
    assert_true(strlen(rq.text) >= 20000); /* the shipped text */
    assert_int_equal(o.ops->next(o.state, &rq, NULL), 0);
    close_it(&o);
}

static void test_micro_shapes(void **state)
{
    (void)state;
    expect_micro("", "micro/pp512+tg128", 512, 128, 0);
    expect_micro("{\"prompt\":256,\"gen\":0}", "micro/pp256", 256, 0, 0);
    expect_micro("{\"prompt\":0,\"gen\":32}", "micro/tg32", 1, 32, 0); /* one token to go on from */
    expect_micro("{\"prompt\":64,\"gen\":8,\"depth\":1000}", "micro/pp64+tg8@d1000", 64, 8, 1000);
    expect_micro("{\"prompt\":\"16\",\"gen\":4}", "micro/pp16+tg4", 16, 4, 0); /* a number written as text */
}

/* Tokens per second over another number of tokens would be filed under the wrong name. */
static void test_micro_refuses_another_length(void **state)
{
    (void)state;
    struct opened o;
    struct mb_request rq;
    struct mb_record record = {0};
    struct mb_error err = {0};
    open_it(&o, "micro", "{\"prompt\":10,\"gen\":5}", NULL);
    assert_int_equal(o.ops->next(o.state, &rq, NULL), 1);
    struct mb_result rs = {.n_prompt = 10, .n_gen = 5};
    assert_int_equal(o.ops->score(o.state, &rq, &rs, &record, &err), MB_OK);
    rs.n_gen = 4;
    assert_int_equal(o.ops->score(o.state, &rq, &rs, &record, &err), MB_EFAILED);
    assert_non_null(strstr(err.text, "asked for 10 + 5 tokens, the runner did 10 + 4"));
    rs = (struct mb_result){.n_prompt = 11, .n_gen = 5};
    assert_int_equal(o.ops->score(o.state, &rq, &rs, &record, &err), MB_EFAILED);
    mb_record_release(&record);
    close_it(&o);
}

static const char two_talks[] = "[[\"one\", \"two\", \"three\"], [\"four\", \"five\"], [\"six\"]]";

static void test_chat_asks_turn_by_turn(void **state)
{
    (void)state;
    struct scratch s;
    scratch_make(&s);
    scratch_text(&s, "talks.json", two_talks);
    struct opened o;
    open_it(&o, "chat", "{\"file\":\"talks.json\",\"conversations\":2,\"turns\":2,\"max_gen\":9}", s.dir);
    static const struct { const char *text, *item; bool fresh; } expected[] = {
        {"one", "chat/1.1", true}, {"two", "chat/1.2", false}, {"four", "chat/2.1", true}, {"five", "chat/2.2", false}};
    struct mb_request rq;
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(o.ops->next(o.state, &rq, NULL), 1);
        assert_string_equal(rq.text, expected[i].text);
        assert_string_equal(rq.item, expected[i].item);
        assert_int_equal(rq.fresh, expected[i].fresh);
        assert_int_equal(rq.index, i);
        assert_int_equal(rq.n_prompt, 0);
        assert_int_equal(rq.max_gen, 9);
        assert_true(rq.chat && !rq.ignore_eos && rq.temperature == 0.0f);
        assert_int_equal(rq.seed, 42 + i);
    }
    assert_int_equal(o.ops->next(o.state, &rq, NULL), 0);
    assert_int_equal(o.need.n_requests, 4);
    assert_int_equal(o.need.max_gen, 9);
    close_it(&o);
    open_it(&o, "chat", "{\"file\":\"talks.json\",\"conversations\":0}", s.dir); /* all of all */
    assert_int_equal(o.need.n_requests, 6);
    close_it(&o);
    scratch_remove(&s);
}

static void test_chat_sampling_options(void **state)
{
    (void)state;
    struct opened o;
    struct mb_request rq;
    open_it(&o, "chat", "{\"temperature\":\"0.8\",\"top_k\":40,\"top_p\":0.95,\"seed\":7,\"ctx\":1234}", NULL);
    assert_int_equal(o.ops->next(o.state, &rq, NULL), 1);
    assert_close(rq.temperature, 0.8, 1e-6);
    assert_close(rq.top_p, 0.95, 1e-6);
    assert_int_equal(rq.top_k, 40);
    assert_int_equal(rq.seed, 7);
    assert_int_equal(o.need.n_ctx, 1234);
    close_it(&o);
}

/* 48 turns of 256 tokens would ask for a cache that no board has. */
static void test_chat_context_is_capped(void **state)
{
    (void)state;
    struct opened o;
    open_it(&o, "chat", "{\"conversations\":0,\"max_gen\":100000}", NULL);
    assert_int_equal(o.need.n_ctx, 8192);
    close_it(&o);
}

static void test_chat_stores_answers(void **state)
{
    (void)state;
    struct opened o;
    struct mb_request rq;
    struct mb_record record = {0};
    struct mb_error err = {0};
    open_it(&o, "chat", "", NULL);
    char cut[] = "caf\xc3"; /* stopped inside a character */
    struct mb_result rs = {.text = cut, .cap_text = sizeof(cut)};
    assert_int_equal(o.ops->next(o.state, &rq, NULL), 1);
    assert_int_equal(o.ops->score(o.state, &rq, &rs, &record, &err), MB_OK);
    assert_int_equal(o.ops->next(o.state, &rq, NULL), 1);
    rs.text = NULL;
    assert_int_equal(o.ops->score(o.state, &rq, &rs, &record, &err), MB_OK);
    assert_int_equal(o.ops->end(o.state, &record, &err), MB_OK);
    assert_int_equal(record.n_answers, 2);
    assert_string_equal(record.answers[0].item, "chat/1.1");
    assert_string_equal(record.answers[0].given, "caf\xef\xbf\xbd");
    assert_int_equal(record.answers[0].correct, -1);
    assert_true(isnan(record.answers[0].log_likelihood));
    assert_null(record.answers[0].expected);
    assert_string_equal(record.answers[1].item, "chat/1.2");
    mb_record_release(&record);
    close_it(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_micro_shapes),          cmocka_unit_test(test_micro_refuses_another_length),
        cmocka_unit_test(test_chat_asks_turn_by_turn), cmocka_unit_test(test_chat_sampling_options),
        cmocka_unit_test(test_chat_context_is_capped), cmocka_unit_test(test_chat_stores_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
