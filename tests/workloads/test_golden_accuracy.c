/*
 * test_golden_accuracy.c - against lm-eval itself: every request string of three data sets, and the scores that come out of its
 * own log-likelihoods (../shared/data/golden/lm_eval; README.md there).
 */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/textfile.h"

struct opened {
    const struct mb_workload_ops *ops;
    void *state;
    struct mb_cell cell;
};

static void open_accuracy(struct opened *o, const char *task, unsigned limit)
{
    char options[100];
    struct mb_error err = {0};
    struct mb_workload_need need;
    snprintf(options, sizeof(options), "{\"tasks\":[\"%s\"],\"limit\":%u}", task, limit);
    o->ops = mb_workload_find("accuracy");
    cell_make(&o->cell, "accuracy", options);
    o->cell.data_dir = golden_dir();
    o->state = calloc(1, o->ops->state_size);
    assert_non_null(o->state);
    if (o->ops->open(o->state, &o->cell, &need, &err) != MB_OK)
        fail_msg("%s", err.text);
    o->ops->begin(o->state, 0);
}

static void close_accuracy(struct opened *o)
{
    o->ops->close(o->state);
    free(o->state);
    cell_release(&o->cell);
}

static void read_golden(struct mb_text *text, const char *format, const char *task, const char *model)
{
    char path[800];
    struct mb_error err = {0};
    snprintf(path, sizeof(path), "%s/golden/lm_eval/%s.%s%s", golden_dir(), task, model, format);
    if (mb_text_read(text, path, &err) != MB_OK)
        fail_msg("%s", err.text);
}

static void check_strings(const char *task, size_t n_expected)
{
    struct opened o;
    struct mb_text text;
    struct mb_line line = {0};
    struct mb_request rq;
    struct mb_record record = {0};
    struct mb_error err = {0};
    size_t at = 0, n = 0;
    open_accuracy(&o, task, 0);
    read_golden(&text, "docs.jsonl", task, "");
    while (mb_text_next_line(&text, &at, &line)) {
        json_t *doc = json_loadb(line.start, line.n_bytes, 0, NULL);
        const json_t *cont = json_object_get(doc, "cont");
        const int64_t gold = json_integer_value(json_object_get(doc, "gold"));
        assert_true(json_array_size(cont) >= 2);
        for (size_t i = 0; i < json_array_size(cont); i++) {
            assert_int_equal(o.ops->next(o.state, &rq, &err), 1);
            assert_string_equal(rq.context, json_string_value(json_object_get(doc, "ctx")));
            assert_string_equal(rq.continuation, json_string_value(json_array_get(cont, i)));
            assert_string_equal(strchr(rq.item, '/') + 1, json_string_value(json_object_get(doc, "id")));
            const struct mb_result rs = {.log_likelihood = (int64_t)i == gold ? -0.0 : -1000.0, .n_scored = 1};
            assert_int_equal(o.ops->score(o.state, &rq, &rs, &record, &err), MB_OK);
        }
        assert_int_equal(record.answers[record.n_answers - 1].correct, 1); /* our right answer is theirs */
        json_decref(doc);
        n++;
    }
    assert_int_equal(o.ops->next(o.state, &rq, &err), 0);
    assert_int_equal(n, n_expected);
    assert_int_equal(record.n_answers, n_expected);
    mb_record_release(&record);
    mb_text_release(&text);
    close_accuracy(&o);
}

static void test_request_strings(void **state)
{
    (void)state;
    if (!golden_dir())
        skip();
    check_strings("arc_easy", 2376);
    check_strings("openbookqa", 500);
    check_strings("piqa", 1838);
}

static double golden_score(const char *task, const char *model, const char *key)
{
    struct mb_text text;
    struct mb_error err = {0};
    char path[800];
    snprintf(path, sizeof(path), "%s/golden/lm_eval/results.json", golden_dir());
    assert_int_equal(mb_text_read(&text, path, &err), MB_OK);
    json_t *root = json_loadb(text.bytes, text.n_bytes, 0, NULL);
    const json_t *runs = json_object_get(json_object_get(json_object_get(root, "results"), task), model);
    double value = -1.0;
    for (size_t i = 0; i < json_array_size(runs); i++)
        if (json_integer_value(json_object_get(json_array_get(runs, i), "n")) == 100)
            value = json_number_value(json_object_get(json_array_get(runs, i), key));
    json_decref(root);
    mb_text_release(&text);
    assert_true(value >= 0.0);
    return value;
}

static double metric(const struct mb_record *record, enum mb_metric id, const char *scope)
{
    for (size_t i = 0; i < record->n_metrics; i++)
        if (record->metrics[i].metric == id && strcmp(record->metrics[i].scope, scope) == 0)
            return record->metrics[i].value;
    return -1.0;
}

static void check_scores(const char *task, const char *model)
{
    struct opened o;
    struct mb_text text;
    struct mb_line line = {0};
    struct mb_request rq;
    struct mb_record record = {0};
    struct mb_error err = {0};
    size_t at = 0, n_docs = 0;
    int64_t acc_of_doc = -1;
    open_accuracy(&o, task, 100);
    read_golden(&text, ".n100.jsonl", task, model);
    while (mb_text_next_line(&text, &at, &line)) {
        json_t *golden = json_loadb(line.start, line.n_bytes, 0, NULL);
        assert_int_equal(o.ops->next(o.state, &rq, &err), 1);
        assert_string_equal(rq.context, json_string_value(json_object_get(golden, "ctx")));
        assert_string_equal(rq.continuation, json_string_value(json_object_get(golden, "cont")));
        if (json_integer_value(json_object_get(golden, "i")) == 0) {
            acc_of_doc = json_integer_value(json_object_get(golden, "acc"));
            n_docs++;
        }
        const struct mb_result rs = {.log_likelihood = json_number_value(json_object_get(golden, "ll")), .n_scored = 1};
        assert_int_equal(o.ops->score(o.state, &rq, &rs, &record, &err), MB_OK);
        if (record.n_answers == n_docs)
            assert_int_equal(record.answers[n_docs - 1].correct, acc_of_doc);
        json_decref(golden);
    }
    assert_int_equal(o.ops->next(o.state, &rq, &err), 0);
    assert_int_equal(o.ops->end(o.state, &record, &err), MB_OK);
    assert_int_equal(n_docs, 100);
    assert_close(metric(&record, MB_METRIC_ACCURACY, task), golden_score(task, model, "acc"), 1e-12);
    assert_close(metric(&record, MB_METRIC_ACCURACY_NORM, task), golden_score(task, model, "acc_norm"), 1e-12);
    assert_close(metric(&record, MB_METRIC_N_QUESTIONS, task), 100, 0);
    mb_record_release(&record);
    mb_text_release(&text);
    close_accuracy(&o);
}

static void test_scores(void **state)
{
    (void)state;
    if (!golden_dir())
        skip();
    static const char *const tasks[] = {"arc_easy", "openbookqa", "piqa"}, *const models[] = {"smollm2", "gemma"};
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 2; j++)
            check_scores(tasks[i], models[j]);
}

/* MELT's prompt sets and WikiText-2 as they come. */
static void test_other_real_files_open(void **state)
{
    (void)state;
    if (!golden_dir())
        skip();
    static const struct { const char *workload, *options; uint32_t n_requests; } cases[] = {
        {"chat", "{\"file\":\"oasst_conversations.json\",\"conversations\":0}", 404},
        {"chat", "{\"file\":\"oasst_sustained.json\",\"conversations\":1}", 48},
        {"perplexity", "{\"file\":\"wikitext2_valid_tokens.txt\",\"chunks\":51}", 51},
    };
    for (size_t i = 0; i < 3; i++) {
        const struct mb_workload_ops *w = mb_workload_find(cases[i].workload);
        struct mb_cell cell;
        struct mb_workload_need need;
        struct mb_error err = {0};
        cell_make(&cell, w->name, cases[i].options);
        cell.data_dir = golden_dir();
        void *st = calloc(1, w->state_size);
        if (w->open(st, &cell, &need, &err) != MB_OK)
            fail_msg("%s", err.text);
        assert_int_equal(need.n_requests, cases[i].n_requests);
        w->close(st);
        free(st);
        cell_release(&cell);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_strings),
        cmocka_unit_test(test_scores),
        cmocka_unit_test(test_other_real_files_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
