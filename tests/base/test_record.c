/* What a worker found must reach the parent unchanged, and a damaged message must not take the parent along. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/record.h"

static void fill(struct mb_record *r)
{
    *r = (struct mb_record){.kind = MB_TRIAL_COLD, .status = MB_TRIAL_FAILED, .repetition = 3, .t_begin_ns = 1000000000000ull,
                            .t_end_ns = INT64_MAX};
    r->reason = strdup("killed by signal 11");
    snprintf(r->started_utc, sizeof(r->started_utc), "2026-11-22T17:00:00.123Z");
    for (uint32_t i = 0; i < 40; i++) {
        const struct mb_event e = {.t_ns = 999999999999ull + i, .value = i == 5 ? -7 : (int64_t)i, .request = i, .index = i * 2,
                                   .kind = (enum mb_event_kind)(i % MB_EVENT_N)};
        assert_int_equal(mb_record_event(r, &e), MB_OK);
    }
    assert_int_equal(mb_record_add_metric(r, MB_METRIC_ACCURACY, "arc_easy", "accuracy", MB_ORIGIN_ESTIMATED, 0.1 + 0.2), MB_OK);
    assert_int_equal(mb_record_add_metric(r, MB_METRIC_PERPLEXITY, NULL, "perplexity", MB_ORIGIN_MEASURED, NAN), MB_OK);
    assert_int_equal(mb_record_add_metric(r, MB_METRIC_CYCLES, "", "perf_event", MB_ORIGIN_SIMULATED, -INFINITY), MB_OK);
    assert_int_equal(mb_record_add_absent(r, MB_METRIC_ENERGY_UJ, "", "rapl", "no /sys/class/powercap"), MB_OK);
    uint64_t t[] = {1000000000001ull, 1000000000002ull};
    int64_t v[] = {INT64_MIN, INT64_MAX};
    const struct mb_record_stream s = {.name = (char *)"power_uw", .channel = (char *)"package-0", .source = (char *)"rapl",
                                       .origin = MB_ORIGIN_MEASURED,
                                       .t_ns = t, .value = v, .n = 2, .period_ns = 10000000, .n_errors = 4};
    assert_int_equal(mb_record_add_stream(r, &s), MB_OK);
    const struct mb_record_stream empty = {.name = (char *)"temp_milli_c", .channel = (char *)"", .source = (char *)"thermal"};
    assert_int_equal(mb_record_add_stream(r, &empty), MB_OK);
    const struct mb_record_answer a = {.item = (char *)"chat/1.1", .given = (char *)"cut \xe2\x82 here \xff \"quoted\" <\n>",
                                       .correct = -1,
                                       .log_likelihood = NAN};
    assert_int_equal(mb_record_add_answer(r, &a), MB_OK);
    const struct mb_record_answer b = {.item = (char *)"arc_easy/12", .given = (char *)"B", .expected = (char *)"C",
                                       .correct = 0, .log_likelihood = -12.25};
    assert_int_equal(mb_record_add_answer(r, &b), MB_OK);
}

static void assert_text(const char *a, const char *b)
{
    if (!a || !b)
        assert_ptr_equal(a, b);
    else
        assert_string_equal(a, b);
}

static void assert_same(const struct mb_record *a, const struct mb_record *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->repetition, b->repetition);
    assert_text(a->reason, b->reason);
    assert_true(a->t_begin_ns == b->t_begin_ns && a->t_end_ns == b->t_end_ns);
    assert_string_equal(a->started_utc, b->started_utc);
    assert_int_equal(a->n_events, b->n_events);
    for (size_t i = 0; i < a->n_events; i++) {
        const struct mb_event *x = &a->events[i], *y = &b->events[i];
        assert_true(x->t_ns == y->t_ns && x->value == y->value && x->request == y->request && x->index == y->index &&
                    x->kind == y->kind);
    }
    assert_int_equal(a->n_metrics, b->n_metrics);
    for (size_t i = 0; i < a->n_metrics; i++) {
        const struct mb_record_metric *x = &a->metrics[i], *y = &b->metrics[i];
        assert_true(x->metric == y->metric && x->origin == y->origin);
        assert_true(x->value == y->value || (isnan(x->value) && isnan(y->value)));
        assert_text(x->scope, y->scope);
        assert_text(x->source, y->source);
        assert_text(x->reason, y->reason);
    }
    assert_int_equal(a->n_streams, b->n_streams);
    for (size_t i = 0; i < a->n_streams; i++) {
        const struct mb_record_stream *x = &a->streams[i], *y = &b->streams[i];
        assert_true(x->n == y->n && x->origin == y->origin && x->period_ns == y->period_ns && x->n_errors == y->n_errors);
        assert_text(x->name, y->name);
        assert_text(x->channel, y->channel);
        assert_text(x->source, y->source);
        assert_memory_equal(x->t_ns, y->t_ns, x->n * sizeof(*x->t_ns));
        assert_memory_equal(x->value, y->value, x->n * sizeof(*x->value));
    }
    assert_int_equal(a->n_answers, b->n_answers);
    for (size_t i = 0; i < a->n_answers; i++) {
        const struct mb_record_answer *x = &a->answers[i], *y = &b->answers[i];
        assert_text(x->item, y->item);
        assert_text(x->given, y->given);
        assert_text(x->expected, y->expected);
        assert_int_equal(x->correct, y->correct);
        assert_true(x->log_likelihood == y->log_likelihood || (isnan(x->log_likelihood) && isnan(y->log_likelihood)));
    }
}

static void survives_the_wire(void **state)
{
    (void)state;
    struct mb_record a, b;
    struct mb_error err = {0};
    fill(&a);
    json_t *out = mb_record_to_json(&a);
    assert_non_null(out);
    char *line = json_dumps(out, JSON_COMPACT);
    assert_non_null(line);
    assert_null(strchr(line, '\n')); /* one line on the pipe */
    json_t *in = json_loads(line, 0, NULL);
    assert_non_null(in);
    assert_int_equal(mb_record_from_json(&b, in, &err), MB_OK);
    assert_same(&a, &b);
    free(line);
    json_decref(out);
    json_decref(in);
    mb_record_release(&a);
    mb_record_release(&b);
}

static void unknown_is_a_reason_not_a_number(void **state)
{
    (void)state;
    struct mb_record r;
    fill(&r);
    assert_true(isnan(r.metrics[1].value) && isnan(r.metrics[2].value) && isnan(r.metrics[3].value));
    assert_string_equal(r.metrics[1].reason, "not a number");
    assert_string_equal(r.metrics[2].reason, "infinite");
    assert_string_equal(r.metrics[3].reason, "no /sys/class/powercap");
    assert_null(r.metrics[0].reason);
    mb_record_release(&r);
}

static void text_becomes_utf8(void **state)
{
    (void)state;
    static const struct { const char *in, *out; } cases[] = {
        {"plain", "plain"}, {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xff", "\xef\xbf\xbd"}, {"a\xc3", "a\xef\xbf\xbd"}, {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"}, {"", ""}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mb_record r = {0};
        const struct mb_record_answer a = {.item = (char *)"x", .given = (char *)cases[i].in, .correct = -1};
        assert_int_equal(mb_record_add_answer(&r, &a), MB_OK);
        assert_string_equal(r.answers[0].given, cases[i].out);
        json_t *json = mb_record_to_json(&r);
        assert_non_null(json);
        json_decref(json);
        mb_record_release(&r);
    }
    struct mb_record r = {.reason = strdup("bad \xff")};
    json_t *json = mb_record_to_json(&r);
    assert_non_null(json);
    json_decref(json);
    mb_record_release(&r);
}

/* Every scalar of a good message replaced in turn by a wrong one: an error with a sentence and a zeroed record, or a good record. */
static size_t spoil(json_t *node, const json_t *root, size_t *n_refused)
{
    static const char *const wrong[] = {"null", "true", "-5", "9.5", "\"nonsense\"", "[]", "{}"};
    size_t n = 0;
    const size_t n_children = json_is_object(node) ? json_object_size(node) : json_array_size(node);
    void *iter = json_is_object(node) ? json_object_iter(node) : NULL;
    for (size_t i = 0; i < n_children; i++) {
        char *key = json_is_object(node) ? strdup(json_object_iter_key(iter)) : NULL;
        json_t *child = json_incref(key ? json_object_get(node, key) : json_array_get(node, i));
        for (size_t w = 0; w < sizeof(wrong) / sizeof(wrong[0]); w++) {
            json_t *replacement = json_loads(wrong[w], JSON_DECODE_ANY, NULL);
            assert_int_equal(key ? json_object_set_new(node, key, replacement) : json_array_set_new(node, i, replacement), 0);
            struct mb_record r;
            struct mb_error err = {0};
            const int rc = mb_record_from_json(&r, root, &err);
            if (rc) {
                assert_int_equal(rc, MB_EFORMAT);
                assert_true(strlen(err.text) > 20 && !strchr(err.text, '\n'));
                assert_true(!r.events && !r.metrics && !r.streams && !r.answers && !r.reason);
                (*n_refused)++;
            }
            mb_record_release(&r);
            n++;
        }
        assert_int_equal(key ? json_object_set(node, key, child) : json_array_set(node, i, child), 0);
        if (json_is_object(child) || json_is_array(child))
            n += spoil(child, root, n_refused);
        json_decref(child);
        if (key) {
            iter = json_object_iter_at(node, key);
            iter = json_object_iter_next(node, iter);
        }
        free(key);
    }
    return n;
}

static void damaged_messages_are_refused(void **state)
{
    (void)state;
    struct mb_record r;
    fill(&r);
    json_t *json = mb_record_to_json(&r);
    size_t n_refused = 0;
    const size_t n = spoil(json, json, &n_refused);
    assert_true(n > 1000 && n_refused > n * 3 / 5); /* the rest is free text, or a number for a number */
    struct mb_error err = {0};
    /* A value without its time. */
    json_t *stream = json_array_get(json_object_get(json, "streams"), 0);
    assert_int_equal(json_array_remove(json_object_get(stream, "t_ns"), 1), 0);
    struct mb_record uneven;
    assert_int_equal(mb_record_from_json(&uneven, json, &err), MB_EFORMAT);
    assert_non_null(strstr(err.text, "stream 0"));
    json_decref(json);
    mb_record_release(&r);
    json_t *other = json_loads("[1]", 0, NULL);
    assert_int_equal(mb_record_from_json(&r, other, &err), MB_EFORMAT);
    json_decref(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_the_wire),
        cmocka_unit_test(unknown_is_a_reason_not_a_number),
        cmocka_unit_test(text_becomes_utf8),
        cmocka_unit_test(damaged_messages_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
