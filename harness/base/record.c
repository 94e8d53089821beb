/* record.c - see record.h. Layer 0; the JSON keys are the wire between worker and parent, both always of the same build. */
#include "base/record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static const char *const kind_names[] = {"measured", "warmup", "cold"};
static const char *const status_names[] = {"ok", "failed", "skipped", "invalid"};
static const char *const origin_names[] = {"measured", "estimated", "simulated"};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

const char *mb_trial_kind_name(enum mb_trial_kind kind)
{
    return (size_t)kind < N_OF(kind_names) ? kind_names[kind] : "unknown";
}

const char *mb_trial_status_name(enum mb_trial_status status)
{
    return (size_t)status < N_OF(status_names) ? status_names[status] : "unknown";
}

const char *mb_origin_name(enum mb_origin origin)
{
    return (size_t)origin < N_OF(origin_names) ? origin_names[origin] : "unknown";
}

/* Room for one more element; *array keeps its old content. */
static int grow(void **array, size_t n, size_t *cap, size_t element_bytes)
{
    if (n < *cap)
        return MB_OK;
    const size_t cap_new = *cap ? *cap * 2 : 16;
    void *grown = reallocarray(*array, cap_new, element_bytes);
    if (!grown)
        return MB_ENOMEM;
    *array = grown;
    *cap = cap_new;
    return MB_OK;
}

static void release_stream(struct mb_record_stream *s)
{
    free(s->name);
    free(s->channel);
    free(s->source);
    free(s->t_ns);
    free(s->value);
}

static void release_metric(struct mb_record_metric *m)
{
    free(m->scope);
    free(m->source);
    free(m->reason);
}

static void release_answer(struct mb_record_answer *a)
{
    free(a->item);
    free(a->given);
    free(a->expected);
}

void mb_record_release(struct mb_record *r)
{
    for (size_t i = 0; i < r->n_metrics; i++)
        release_metric(&r->metrics[i]);
    for (size_t i = 0; i < r->n_streams; i++)
        release_stream(&r->streams[i]);
    for (size_t i = 0; i < r->n_answers; i++)
        release_answer(&r->answers[i]);
    free(r->metrics);
    free(r->streams);
    free(r->answers);
    free(r->events);
    free(r->reason);
    *r = (struct mb_record){0};
}

int mb_record_event(struct mb_record *r, const struct mb_event *event)
{
    void *array = r->events;
    const int rc = grow(&array, r->n_events, &r->cap_events, sizeof(*r->events));
    r->events = array;
    if (rc)
        return rc;
    r->events[r->n_events++] = *event;
    return MB_OK;
}

static int add_metric(struct mb_record *r, enum mb_metric metric, const char *scope, const char *source, enum mb_origin origin,
                      double value, const char *reason)
{
    void *array = r->metrics;
    const int rc = grow(&array, r->n_metrics, &r->cap_metrics, sizeof(*r->metrics));
    r->metrics = array;
    if (rc)
        return rc;
    struct mb_record_metric m = {.metric = metric, .origin = origin, .value = value};
    m.scope = mb_utf8_copy(scope ? scope : "");
    m.source = mb_utf8_copy(source ? source : "");
    m.reason = reason ? mb_utf8_copy(reason) : NULL;
    if (!m.scope || !m.source || (reason && !m.reason)) {
        release_metric(&m);
        return MB_ENOMEM;
    }
    r->metrics[r->n_metrics++] = m;
    return MB_OK;
}

int mb_record_add_metric(struct mb_record *r, enum mb_metric metric, const char *scope, const char *source, enum mb_origin origin,
                         double value)
{
    if (isnan(value))
        return add_metric(r, metric, scope, source, origin, NAN, "not a number");
    if (isinf(value))
        return add_metric(r, metric, scope, source, origin, NAN, "infinite");
    return add_metric(r, metric, scope, source, origin, value, NULL);
}

int mb_record_add_absent(struct mb_record *r, enum mb_metric metric, const char *scope, const char *source, const char *reason)
{
    return add_metric(r, metric, scope, source, MB_ORIGIN_MEASURED, NAN, reason && *reason ? reason : "no reason given");
}

/* A copy of n elements; a block of at least one so that NULL means "no memory". */
static void *copy_array(const void *from, size_t n, size_t element_bytes)
{
    void *copy = calloc(n ? n : 1, element_bytes);
    if (copy && n)
        memcpy(copy, from, n * element_bytes);
    return copy;
}

int mb_record_add_stream(struct mb_record *r, const struct mb_record_stream *stream)
{
    void *array = r->streams;
    const int rc = grow(&array, r->n_streams, &r->cap_streams, sizeof(*r->streams));
    r->streams = array;
    if (rc)
        return rc;
    struct mb_record_stream s = *stream;
    s.name = mb_utf8_copy(stream->name);
    s.channel = mb_utf8_copy(stream->channel ? stream->channel : "");
    s.source = mb_utf8_copy(stream->source ? stream->source : "");
    s.t_ns = copy_array(stream->t_ns, stream->n, sizeof(*s.t_ns));
    s.value = copy_array(stream->value, stream->n, sizeof(*s.value));
    s.cap = stream->n;
    if (!s.name || !s.channel || !s.source || !s.t_ns || !s.value) {
        release_stream(&s);
        return MB_ENOMEM;
    }
    r->streams[r->n_streams++] = s;
    return MB_OK;
}

int mb_record_add_answer(struct mb_record *r, const struct mb_record_answer *answer)
{
    void *array = r->answers;
    const int rc = grow(&array, r->n_answers, &r->cap_answers, sizeof(*r->answers));
    r->answers = array;
    if (rc)
        return rc;
    struct mb_record_answer a = *answer;
    a.item = mb_utf8_copy(answer->item);
    a.given = mb_utf8_copy(answer->given ? answer->given : "");
    a.expected = answer->expected ? mb_utf8_copy(answer->expected) : NULL;
    if (!a.item || !a.given || (answer->expected && !a.expected)) {
        release_answer(&a);
        return MB_ENOMEM;
    }
    r->answers[r->n_answers++] = a;
    return MB_OK;
}
