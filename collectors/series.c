/* series.c - see series.h. */
#include "collectors/series.h"

#include <stdlib.h>
#include <string.h>

#define SAME_STAMP_NS 1000u /* the sample table keeps microseconds and wants them distinct */

int mb_series_init(struct mb_series *s, uint32_t cap, struct mb_error *err)
{
    memset(s, 0, sizeof(*s));
    if (cap == 0)
        return mb_fail(err, MB_EINVAL, "a series needs room for at least one sample");
    s->t_ns = malloc(cap * sizeof(*s->t_ns));
    s->value = malloc(cap * sizeof(*s->value));
    if (!s->t_ns || !s->value) {
        mb_series_release(s);
        return mb_fail(err, MB_ENOMEM, "no memory for %u samples", cap);
    }
    memset(s->t_ns, 0xff, cap * sizeof(*s->t_ns)); /* non-zero: the compiler may not turn this into calloc */
    memset(s->value, 0xff, cap * sizeof(*s->value));
    s->cap = cap;
    return MB_OK;
}

void mb_series_clear(struct mb_series *s)
{
    s->n = 0;
    s->n_errors = s->n_dropped = 0;
}

void mb_series_release(struct mb_series *s)
{
    free(s->t_ns);
    free(s->value);
    memset(s, 0, sizeof(*s));
}

void mb_series_push(struct mb_series *s, uint64_t t_ns, int64_t value)
{
    if (s->n > 0 && t_ns < s->t_ns[s->n - 1] + SAME_STAMP_NS) {
        s->value[s->n - 1] = value;
    } else if (s->n < s->cap) {
        s->t_ns[s->n] = t_ns;
        s->value[s->n++] = value;
    } else {
        s->n_dropped++;
    }
}

int mb_series_record(const struct mb_series *s, struct mb_record *record, const struct mb_series_label *label, struct mb_error *err)
{
    if (s->n == 0 && s->n_errors == 0)
        return MB_OK;
    char name[64], channel[128], source[32];
    strncpy(name, label->name, sizeof(name) - 1)[sizeof(name) - 1] = '\0';
    strncpy(channel, label->channel, sizeof(channel) - 1)[sizeof(channel) - 1] = '\0';
    strncpy(source, label->source, sizeof(source) - 1)[sizeof(source) - 1] = '\0';
    const struct mb_record_stream stream = {
        .name = name,
        .channel = channel,
        .source = source,
        .origin = label->origin,
        .t_ns = s->t_ns,
        .value = s->value,
        .n = s->n,
        .cap = s->n,
        .period_ns = label->period_ns,
        .n_errors = s->n_errors + s->n_dropped,
    };
    const int rc = mb_record_add_stream(record, &stream);
    return rc ? mb_fail(err, rc, "%s: no memory to keep stream %s", source, name) : MB_OK;
}

void mb_trapezoid_add(struct mb_trapezoid *z, uint64_t t_ns, double value)
{
    if (z->n == 0)
        z->t_first_ns = t_ns;
    else if (t_ns > z->t_last_ns)
        z->sum_ns += (value + z->v_last) / 2 * (double)(t_ns - z->t_last_ns);
    z->v_last = value;
    z->t_last_ns = t_ns;
    z->n++;
}
