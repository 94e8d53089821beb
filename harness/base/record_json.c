/*
 * record_json.c - struct mb_record as one JSON object and back: the wire between the worker process and its parent.
 * Series are arrays of numbers ([[kind, t_ns, value, request, index], ...] for events), NaN travels as null. The reader trusts
 * nothing: a worker that went wrong must not take the parent with it.
 */
#include "base/record.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Only the reason of a record can be anything but UTF-8 here: it is set without mb_record_add_*(). */
static json_t *text_or_null(const char *text)
{
    if (!text)
        return json_null();
    json_t *json = json_string(text);
    return json ? json : json_string("(the reason is not valid UTF-8)");
}

static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* json_array_append_new() that also fails on a NULL element. */
static bool append(json_t *array, json_t *element)
{
    return element && json_array_append_new(array, element) == 0;
}

static bool append_event(json_t *array, const struct mb_event *e)
{
    return append(array, json_pack("[s, I, I, I, I]", mb_event_names[e->kind], (json_int_t)e->t_ns, (json_int_t)e->value,
                                   (json_int_t)e->request, (json_int_t)e->index));
}

static bool append_metric(json_t *array, const struct mb_record_metric *m)
{
    return append(array, json_pack("[s, s, s, s, o, o]", mb_metric_rows[m->metric].name, m->scope, m->source,
                                   mb_origin_name(m->origin), number_or_null(m->value), text_or_null(m->reason)));
}

static bool append_answer(json_t *array, const struct mb_record_answer *a)
{
    return append(array, json_pack("[s, s, o, i, o]", a->item, a->given, text_or_null(a->expected), a->correct,
                                   number_or_null(a->log_likelihood)));
}

static bool append_stream(json_t *array, const struct mb_record_stream *s)
{
    json_t *t = json_array(), *v = json_array();
    bool ok = t && v;
    for (size_t i = 0; ok && i < s->n; i++)
        ok = append(t, json_integer((json_int_t)s->t_ns[i])) && append(v, json_integer((json_int_t)s->value[i]));
    if (!ok) {
        json_decref(t);
        json_decref(v);
        return false;
    }
    return append(array, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:o, s:o}", "name", s->name, "channel", s->channel, "source",
                                   s->source, "origin", mb_origin_name(s->origin), "period_ns", (json_int_t)s->period_ns, "n_errors",
                                   (json_int_t)s->n_errors, "t_ns", t, "value", v));
}

json_t *mb_record_to_json(const struct mb_record *r)
{
    json_t *events = json_array(), *metrics = json_array(), *streams = json_array(), *answers = json_array();
    bool ok = events && metrics && streams && answers;
    for (size_t i = 0; ok && i < r->n_events; i++)
        ok = append_event(events, &r->events[i]);
    for (size_t i = 0; ok && i < r->n_metrics; i++)
        ok = append_metric(metrics, &r->metrics[i]);
    for (size_t i = 0; ok && i < r->n_streams; i++)
        ok = append_stream(streams, &r->streams[i]);
    for (size_t i = 0; ok && i < r->n_answers; i++)
        ok = append_answer(answers, &r->answers[i]);
    if (!ok) {
        json_decref(events);
        json_decref(metrics);
        json_decref(streams);
        json_decref(answers);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:I, s:o, s:I, s:I, s:s, s:o, s:o, s:o, s:o}", "kind", mb_trial_kind_name(r->kind), "status",
                     mb_trial_status_name(r->status), "repetition", (json_int_t)r->repetition, "reason", text_or_null(r->reason),
                     "t_begin_ns", (json_int_t)r->t_begin_ns, "t_end_ns", (json_int_t)r->t_end_ns, "started_utc", r->started_utc,
                     "events", events, "metrics", metrics, "streams", streams, "answers", answers);
}

/* --- reading --- */

/* Index of @name among n names given by @name_of, or -1. */
static int index_of(const char *name, const char *(*name_of)(int), int n)
{
    for (int i = 0; name && i < n; i++)
        if (strcmp(name, name_of(i)) == 0)
            return i;
    return -1;
}

static const char *kind_name(int i) { return mb_trial_kind_name((enum mb_trial_kind)i); }
static const char *status_name(int i) { return mb_trial_status_name((enum mb_trial_status)i); }
static const char *origin_name(int i) { return mb_origin_name((enum mb_origin)i); }
static const char *event_name(int i) { return mb_event_names[i]; }

static int bad(struct mb_error *err, const char *what, size_t i)
{
    return mb_fail(err, MB_EFORMAT, "answer of the worker: %s %zu is damaged", what, i);
}

/* An integer in [0, max]; false otherwise. */
static bool count_of(const json_t *json, uint64_t max, uint64_t *value)
{
    if (!json_is_integer(json) || json_integer_value(json) < 0 || (uint64_t)json_integer_value(json) > max)
        return false;
    *value = (uint64_t)json_integer_value(json);
    return true;
}

static int read_event(struct mb_record *r, const json_t *json, size_t i, struct mb_error *err)
{
    const int kind = index_of(json_string_value(json_array_get(json, 0)), event_name, MB_EVENT_N);
    uint64_t t_ns, request, index;
    const json_t *value = json_array_get(json, 2);
    if (kind < 0 || !count_of(json_array_get(json, 1), INT64_MAX, &t_ns) || !json_is_integer(value) ||
        !count_of(json_array_get(json, 3), UINT32_MAX, &request) || !count_of(json_array_get(json, 4), UINT32_MAX, &index))
        return bad(err, "event", i);
    const struct mb_event e = {.t_ns = t_ns, .value = json_integer_value(value), .request = (uint32_t)request,
                               .index = (uint32_t)index, .kind = (enum mb_event_kind)kind};
    const int rc = mb_record_event(r, &e);
    return rc ? mb_fail(err, rc, "no memory for the worker's events") : MB_OK;
}

static int read_metric(struct mb_record *r, const json_t *json, size_t i, struct mb_error *err)
{
    const char *name = json_string_value(json_array_get(json, 0));
    const char *scope = json_string_value(json_array_get(json, 1)), *source = json_string_value(json_array_get(json, 2));
    const int origin = index_of(json_string_value(json_array_get(json, 3)), origin_name, MB_ORIGIN_SIMULATED + 1);
    const json_t *value = json_array_get(json, 4);
    const char *reason = json_string_value(json_array_get(json, 5));
    const int metric = name ? mb_metric_find(name) : -1;
    if (metric < 0 || !scope || !source || origin < 0 || (!json_is_number(value) && !reason))
        return bad(err, "metric", i);
    int rc;
    if (json_is_number(value)) {
        rc = mb_record_add_metric(r, (enum mb_metric)metric, scope, source, (enum mb_origin)origin, json_number_value(value));
    } else {
        rc = mb_record_add_absent(r, (enum mb_metric)metric, scope, source, reason);
        if (!rc)
            r->metrics[r->n_metrics - 1].origin = (enum mb_origin)origin;
    }
    return rc ? mb_fail(err, rc, "no memory for the worker's metrics") : MB_OK;
}

/* Fills t_ns[n] and value[n]; false when an element is not an integer. */
static bool read_series(struct mb_record_stream *s, const json_t *t, const json_t *v)
{
    for (size_t i = 0; i < s->n; i++) {
        const json_t *value = json_array_get(v, i);
        if (!count_of(json_array_get(t, i), INT64_MAX, &s->t_ns[i]) || !json_is_integer(value))
            return false;
        s->value[i] = json_integer_value(value);
    }
    return true;
}

static int read_stream(struct mb_record *r, const json_t *json, size_t i, struct mb_error *err)
{
    const json_t *t = json_object_get(json, "t_ns"), *v = json_object_get(json, "value");
    const int origin = index_of(json_string_value(json_object_get(json, "origin")), origin_name, MB_ORIGIN_SIMULATED + 1);
    /* Borrowed: mb_record_add_stream() copies. */
    struct mb_record_stream s = {.name = (char *)json_string_value(json_object_get(json, "name")),
                                 .channel = (char *)json_string_value(json_object_get(json, "channel")),
                                 .source = (char *)json_string_value(json_object_get(json, "source")),
                                 .origin = (enum mb_origin)origin, .n = json_array_size(t)};
    if (!s.name || !s.channel || !s.source || origin < 0 || !json_is_array(t) || !json_is_array(v) || json_array_size(v) != s.n ||
        !count_of(json_object_get(json, "period_ns"), INT64_MAX, &s.period_ns) ||
        !count_of(json_object_get(json, "n_errors"), INT64_MAX, &s.n_errors))
        return bad(err, "stream", i);
    s.t_ns = calloc(s.n + 1, sizeof(*s.t_ns));
    s.value = calloc(s.n + 1, sizeof(*s.value));
    int rc = MB_OK;
    if (!s.t_ns || !s.value)
        rc = mb_fail(err, MB_ENOMEM, "no memory for %zu samples", s.n);
    else if (!read_series(&s, t, v))
        rc = bad(err, "stream", i);
    else if (mb_record_add_stream(r, &s))
        rc = mb_fail(err, MB_ENOMEM, "no memory for %zu samples", s.n);
    free(s.t_ns);
    free(s.value);
    return rc;
}

static int read_answer(struct mb_record *r, const json_t *json, size_t i, struct mb_error *err)
{
    const json_t *correct = json_array_get(json, 3), *likelihood = json_array_get(json, 4), *expected = json_array_get(json, 2);
    struct mb_record_answer a = {.item = (char *)json_string_value(json_array_get(json, 0)),
                                 .given = (char *)json_string_value(json_array_get(json, 1)),
                                 .expected = (char *)json_string_value(expected),
                                 .log_likelihood = json_is_number(likelihood) ? json_number_value(likelihood) : (double)NAN};
    if (!a.item || !a.given || (!a.expected && !json_is_null(expected)) || !json_is_integer(correct) ||
        json_integer_value(correct) < -1 || json_integer_value(correct) > 1)
        return bad(err, "answer", i);
    a.correct = (int)json_integer_value(correct);
    const int rc = mb_record_add_answer(r, &a);
    return rc ? mb_fail(err, rc, "no memory for the worker's answers") : MB_OK;
}

static int read_head(struct mb_record *r, const json_t *json, struct mb_error *err)
{
    const int kind = index_of(json_string_value(json_object_get(json, "kind")), kind_name, MB_TRIAL_COLD + 1);
    const int status = index_of(json_string_value(json_object_get(json, "status")), status_name, MB_TRIAL_INVALID + 1);
    const char *utc = json_string_value(json_object_get(json, "started_utc"));
    const char *reason = json_string_value(json_object_get(json, "reason"));
    uint64_t repetition;
    if (kind < 0 || status < 0 || !utc || strlen(utc) >= sizeof(r->started_utc) ||
        !count_of(json_object_get(json, "repetition"), UINT32_MAX, &repetition) ||
        !count_of(json_object_get(json, "t_begin_ns"), INT64_MAX, &r->t_begin_ns) ||
        !count_of(json_object_get(json, "t_end_ns"), INT64_MAX, &r->t_end_ns))
        return mb_fail(err, MB_EFORMAT, "answer of the worker: no kind, status, repetition or time in it");
    r->kind = (enum mb_trial_kind)kind;
    r->status = (enum mb_trial_status)status;
    r->repetition = (uint32_t)repetition;
    snprintf(r->started_utc, sizeof(r->started_utc), "%s", utc);
    if (reason && !(r->reason = strdup(reason)))
        return mb_fail(err, MB_ENOMEM, "no memory for the worker's answer");
    return MB_OK;
}

int mb_record_from_json(struct mb_record *r, const json_t *json, struct mb_error *err)
{
    static const struct {
        const char *key;
        int (*read)(struct mb_record *r, const json_t *json, size_t i, struct mb_error *err);
    } lists[] = {{"events", read_event}, {"metrics", read_metric}, {"streams", read_stream}, {"answers", read_answer}};
    *r = (struct mb_record){0};
    int rc = read_head(r, json, err);
    for (size_t k = 0; !rc && k < sizeof(lists) / sizeof(lists[0]); k++) {
        const json_t *list = json_object_get(json, lists[k].key);
        if (!json_is_array(list))
            rc = mb_fail(err, MB_EFORMAT, "answer of the worker: no list \"%s\" in it", lists[k].key);
        for (size_t i = 0; !rc && i < json_array_size(list); i++)
            rc = lists[k].read(r, json_array_get(list, i), i, err);
    }
    if (rc)
        mb_record_release(r);
    return rc;
}
