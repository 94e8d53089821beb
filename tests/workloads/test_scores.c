/* test_scores.c - accuracy and perplexity on answers that are known: ties, the two norms, several tasks, ends of texts. */
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
    struct mb_record record;
};

static void open_it(struct opened *o, const char *workload, const char *options, const char *data_dir)
{
    struct mb_error err = {0};
    *o = (struct opened){.ops = mb_workload_find(workload)};
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
    mb_record_release(&o->record);
    o->ops->close(o->state);
    free(o->state);
    cell_release(&o->cell);
}

static double metric(const struct opened *o, enum mb_metric id, const char *scope)
{
    for (size_t i = 0; i < o->record.n_metrics; i++)
        if (o->record.metrics[i].metric == id && strcmp(o->record.metrics[i].scope, scope) == 0)
            return o->record.metrics[i].value;
    fail_msg("no metric %s with scope \"%s\"", mb_metric_rows[id].name, scope);
    return 0.0;
}

static void feed(struct opened *o, const double *ll, size_t n)
{
    struct mb_request rq;
    struct mb_error err = {0};
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(o->ops->next(o->state, &rq, &err), 1);
        const struct mb_result rs = {.log_likelihood = ll[i], .n_scored = 1};
        if (o->ops->score(o->state, &rq, &rs, &o->record, &err) != MB_OK)
            fail_msg("%s", err.text);
    }
    assert_int_equal(o->ops->next(o->state, &rq, &err), 0);
    assert_int_equal(o->ops->end(o->state, &o->record, &err), MB_OK);
}

static const char three[] = /* lengths of choices in code points: 2 and 4; 1 and 1; 3 and 3 */
    "{\"id\":\"q1\",\"ctx\":\"c1 \",\"cont\":[\" ab\",\" abcd\"],\"gold\":1}\n"
    "{\"id\":\"q2\",\"ctx\":\"c2\",\"cont\":[\" x\",\" y\"],\"gold\":1}\n"
    "{\"id\":\"q3\",\"ctx\":\"c3\",\"cont\":[\" \xc3\xa9\xc3\xa9\xc3\xa9\",\" eee\"],\"gold\":0}\n";

static void test_accuracy_rules(void **state)
{
    (void)state;
    struct scratch s;
    scratch_make(&s);
    scratch_text(&s, "own.jsonl", three);
    struct opened o;
    open_it(&o, "accuracy", "{\"tasks\":[\"own.jsonl\"]}", s.dir);
    assert_int_equal(o.need.n_requests, 6);
    /* q1: acc takes "ab" (-4 > -5, wrong), acc_norm "abcd" (-4/2 < -5/4, right). q2: a tie goes to the first (wrong).
       q3: "eee" is likelier, in sum and per code point (-5/3 > -6/3): wrong by both */
    const double ll[] = {-4, -5, -2, -2, -6, -5};
    feed(&o, ll, 6);
    assert_close(metric(&o, MB_METRIC_ACCURACY, "own"), 0.0, 0);
    assert_close(metric(&o, MB_METRIC_ACCURACY_NORM, "own"), 1.0 / 3.0, 1e-12);
    assert_close(metric(&o, MB_METRIC_N_QUESTIONS, "own"), 3, 0);
    assert_close(metric(&o, MB_METRIC_ACCURACY_NORM, ""), 1.0 / 3.0, 1e-12);
    assert_int_equal(o.record.n_answers, 3);
    assert_string_equal(o.record.answers[0].item, "own/q1");
    assert_string_equal(o.record.answers[0].given, "A");
    assert_string_equal(o.record.answers[0].expected, "B");
    assert_int_equal(o.record.answers[0].correct, 0);
    assert_close(o.record.answers[0].log_likelihood, -4, 0);
    assert_string_equal(o.record.answers[1].given, "A"); /* the tie */
    close_it(&o);
    scratch_remove(&s);
}

/* Lengths are code points: per byte the first choice (6 bytes) would win with -1 a byte, per code point it loses with -2 against -1.67. */
static void test_norm_counts_code_points(void **state)
{
    (void)state;
    struct scratch s;
    scratch_make(&s);
    scratch_text(&s, "u.jsonl", "{\"id\":\"q\",\"ctx\":\"c\",\"cont\":[\" \xc3\xa9\xc3\xa9\xc3\xa9\",\" eee\"],\"gold\":1}\n");
    struct opened o;
    open_it(&o, "accuracy", "{\"tasks\":\"u.jsonl\"}", s.dir); /* one text instead of a list */
    const double ll[] = {-6, -5};
    feed(&o, ll, 2);
    assert_close(metric(&o, MB_METRIC_ACCURACY_NORM, "u"), 1.0, 0);
    close_it(&o);
    scratch_remove(&s);
}

static void test_white_space_moves_to_the_continuation(void **state)
{
    (void)state;
    struct scratch s;
    scratch_make(&s);
    scratch_text(&s, "own.jsonl", three);
    struct opened o;
    struct mb_request first, second;
    open_it(&o, "accuracy", "{\"tasks\":[\"own.jsonl\"],\"limit\":1}", s.dir);
    assert_int_equal(o.need.n_requests, 2);
    assert_int_equal(o.ops->next(o.state, &first, NULL), 1);
    assert_string_equal(first.context, "c1");
    assert_string_equal(first.continuation, "  ab");
    assert_int_equal(o.ops->next(o.state, &second, NULL), 1);
    assert_string_equal(second.continuation, "  abcd");
    assert_ptr_equal(first.context, second.context); /* a runner may keep its work on the context */
    close_it(&o);
    scratch_remove(&s);
}

static void test_several_tasks_are_scored_apart_and_together(void **state)
{
    (void)state;
    struct scratch s;
    scratch_make(&s);
    scratch_text(&s, "a.jsonl", "{\"id\":\"1\",\"ctx\":\"c\",\"cont\":[\" x\",\" y\"],\"gold\":0}\n");
    scratch_text(&s, "b.jsonl", three);
    struct opened o;
    open_it(&o, "accuracy", "{\"tasks\":[\"a.jsonl\",\"b.jsonl\"]}", s.dir);
    const double ll[] = {-1, -2, /* b: */ -1, -2, -1, -2, -1, -2};
    feed(&o, ll, 8);
    assert_close(metric(&o, MB_METRIC_ACCURACY, "a"), 1.0, 0);
    assert_close(metric(&o, MB_METRIC_ACCURACY, "b"), 1.0 / 3.0, 1e-12);
    assert_close(metric(&o, MB_METRIC_ACCURACY, ""), 0.5, 1e-12); /* 2 of 4 questions, not the mean of the tasks */
    assert_close(metric(&o, MB_METRIC_N_QUESTIONS, ""), 4, 0);
    /* the next trial starts from nothing */
    mb_record_release(&o.record);
    o.record = (struct mb_record){0};
    o.ops->begin(o.state, 1);
    feed(&o, ll, 8);
    assert_close(metric(&o, MB_METRIC_N_QUESTIONS, ""), 4, 0);
    close_it(&o);
    scratch_remove(&s);
}

static void test_no_score_is_no_answer(void **state)
{
    (void)state;
    struct opened o;
    struct mb_request rq;
    struct mb_error err = {0};
    open_it(&o, "accuracy", "{\"limit\":1}", NULL);
    assert_int_equal(o.ops->next(o.state, &rq, &err), 1);
    struct mb_result rs = {.log_likelihood = (double)NAN, .n_scored = 1};
    assert_int_equal(o.ops->score(o.state, &rq, &rs, &o.record, &err), MB_EFAILED);
    assert_non_null(strstr(err.text, "NaN"));
    rs = (struct mb_result){.log_likelihood = 0};
    assert_int_equal(o.ops->score(o.state, &rq, &rs, &o.record, &err), MB_EFAILED);
    assert_int_equal(o.ops->end(o.state, &o.record, &err), MB_OK); /* unknown with a reason, never 0 */
    assert_true(isnan(metric(&o, MB_METRIC_ACCURACY, "")));
    assert_non_null(o.record.metrics[0].reason);
    close_it(&o);
}

static void test_perplexity(void **state)
{
    (void)state;
    struct opened o;
    struct mb_request rq;
    struct mb_error err = {0};
    open_it(&o, "perplexity", "{\"ctx\":512,\"chunks\":3}", NULL);
    assert_int_equal(o.need.n_ctx, 512);
    assert_int_equal(o.need.n_requests, 3);
    const struct mb_result rs[] = {{.log_likelihood = -510.0, .n_scored = 255}, {.log_likelihood = -765.0, .n_scored = 255}, {.n_scored = 0}};
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(o.ops->next(o.state, &rq, &err), 1);
        assert_int_equal(rq.kind, MB_REQUEST_PERPLEXITY);
        assert_int_equal(rq.n_skip, i * 512);
        assert_int_equal(rq.n_chunk, 512);
        assert_true(rq.fresh);
        assert_int_equal(o.ops->score(o.state, &rq, &rs[i], &o.record, &err), MB_OK);
    }
    assert_int_equal(o.ops->next(o.state, &rq, &err), 0);
    assert_int_equal(o.ops->end(o.state, &o.record, &err), MB_OK);
    assert_close(metric(&o, MB_METRIC_PERPLEXITY, ""), exp(1275.0 / 510.0), 1e-12);
    /* the next trial starts from nothing */
    mb_record_release(&o.record);
    o.record = (struct mb_record){0};
    o.ops->begin(o.state, 1);
    assert_int_equal(o.ops->next(o.state, &rq, &err), 1);
    assert_int_equal(rq.n_skip, 0);
    assert_int_equal(o.ops->score(o.state, &rq, &rs[0], &o.record, &err), MB_OK);
    assert_int_equal(o.ops->end(o.state, &o.record, &err), MB_OK);
    assert_close(metric(&o, MB_METRIC_PERPLEXITY, ""), exp(510.0 / 255.0), 1e-12);
    close_it(&o);
}

static void test_perplexity_stops_where_the_text_does(void **state)
{
    (void)state;
    struct opened o;
    struct mb_request rq;
    struct mb_error err = {0};
    open_it(&o, "perplexity", "{\"chunks\":0,\"ctx\":64}", NULL);
    const struct mb_result past_end = {.n_scored = 0};
    assert_int_equal(o.ops->next(o.state, &rq, &err), 1);
    assert_int_equal(o.ops->score(o.state, &rq, &past_end, &o.record, &err), MB_OK);
    assert_int_equal(o.ops->next(o.state, &rq, &err), 0);
    assert_int_equal(o.ops->end(o.state, &o.record, &err), MB_OK);
    assert_true(isnan(metric(&o, MB_METRIC_PERPLEXITY, "")));
    assert_non_null(strstr(o.record.metrics[0].reason, "fewer than 64 tokens"));
    close_it(&o);
}

static void test_perplexity_refuses_nan(void **state)
{
    (void)state;
    struct opened o;
    struct mb_request rq;
    struct mb_error err = {0};
    open_it(&o, "perplexity", "", NULL);
    assert_int_equal(o.ops->next(o.state, &rq, &err), 1);
    const struct mb_result rs = {.log_likelihood = (double)NAN, .n_scored = 255};
    assert_int_equal(o.ops->score(o.state, &rq, &rs, &o.record, &err), MB_EFAILED);
    close_it(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accuracy_rules),
        cmocka_unit_test(test_norm_counts_code_points),
        cmocka_unit_test(test_white_space_moves_to_the_continuation),
        cmocka_unit_test(test_several_tasks_are_scored_apart_and_together),
        cmocka_unit_test(test_no_score_is_no_answer),
        cmocka_unit_test(test_perplexity),
        cmocka_unit_test(test_perplexity_stops_where_the_text_does),
        cmocka_unit_test(test_perplexity_refuses_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
