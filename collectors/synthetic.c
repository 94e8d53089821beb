/* synthetic.c - the test double: a collector whose answer is known beforehand, so that the whole path from sampler to report can be
 * checked on any machine. Every figure is labelled simulated. Options (one):
 *   constant=V   each sample is V; answer: mean of the samples = V. The default, with V = 1
 *   ramp=R       sample = R * seconds since start (default 1000); answer: 2 * integral / span^2 = R, by trapezoid
 *   wrap=TOTAL   a counter modulo 1000 that counts to TOTAL over the trial; answer: the undone total = TOTAL, however long the trial
 *   absent       answer: unknown, with a reason
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collectors/collector.h"
#include "collectors/series.h"

#define WRAP_MODULUS 1000
#define WRAP_STEP 300 /* per read: less than the modulus, else a wrap could hide */

enum synthetic_kind { SYNTHETIC_CONSTANT, SYNTHETIC_RAMP, SYNTHETIC_WRAP, SYNTHETIC_ABSENT };

struct synthetic {
    enum synthetic_kind kind;
    int64_t parameter;
    uint64_t period_ns, t_start_ns;
    int64_t source_total; /* wrap: what the pretended device has counted */
    int64_t last_raw, undone_total;
    struct mb_trapezoid integral;
    double sum;
    uint64_t n;
    struct mb_series series;
};

static int parse(const char *options, struct synthetic *s, struct mb_error *err)
{
    static const struct { const char *key; enum synthetic_kind kind; int64_t def; bool takes_value; } rows[] = {
        {"constant", SYNTHETIC_CONSTANT, 1, true},
        {"ramp", SYNTHETIC_RAMP, 1000, true},
        {"wrap", SYNTHETIC_WRAP, 100000, true},
        {"absent", SYNTHETIC_ABSENT, 0, false},
    };
    const char *text = options && *options ? options : "constant";
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const size_t n_key = strlen(rows[i].key);
        if (strncmp(text, rows[i].key, n_key) != 0 || (text[n_key] && (text[n_key] != '=' || !rows[i].takes_value)))
            continue;
        s->kind = rows[i].kind;
        s->parameter = rows[i].def;
        if (!text[n_key])
            return MB_OK;
        char *end;
        s->parameter = strtoll(text + n_key + 1, &end, 10);
        if (end != text + n_key + 1 && !*end && s->parameter >= 0 && s->parameter <= 1000000000)
            return MB_OK;
        return mb_fail(err, MB_EINVAL, "option '%s': the value is a whole number from 0 to 1000000000", text);
    }
    return mb_fail(err, MB_EINVAL, "option '%s': constant=V, ramp=R, wrap=TOTAL or absent", text);
}

static int synthetic_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    struct synthetic s;
    const int rc = parse(env->options, &s, why);
    if (rc == MB_OK)
        mb_fail(why, MB_OK, "always there; answers known beforehand (constant, ramp, wrap, absent)");
    return rc;
}

static int synthetic_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    struct synthetic *s = state;
    const int rc = parse(env->options, s, err);
    s->period_ns = env->period_ns;
    return rc ? rc : mb_series_init(&s->series, env->max_samples, err);
}

static void synthetic_start(void *state)
{
    struct synthetic *s = state;
    mb_series_clear(&s->series);
    s->integral = (struct mb_trapezoid){0};
    s->source_total = s->last_raw = s->undone_total = 0;
    s->sum = 0;
    s->n = 0;
    s->t_start_ns = mb_clock_ns();
}

/* The pretended device counts on with every read; the reader sees the remainder only. */
static int64_t read_wrapping(struct synthetic *s)
{
    const int64_t left = s->parameter - s->source_total;
    s->source_total += left < WRAP_STEP ? left : WRAP_STEP;
    const int64_t raw = s->source_total % WRAP_MODULUS;
    s->undone_total += (raw - s->last_raw + WRAP_MODULUS) % WRAP_MODULUS;
    s->last_raw = raw;
    return raw;
}

static void synthetic_poll(void *state, uint64_t now_ns)
{
    struct synthetic *s = state;
    double value = (double)s->parameter;
    if (s->kind == SYNTHETIC_RAMP)
        value *= (double)(now_ns - s->t_start_ns) / 1e9;
    else if (s->kind == SYNTHETIC_WRAP)
        value = (double)read_wrapping(s);
    s->sum += value;
    s->n++;
    mb_trapezoid_add(&s->integral, now_ns, value);
    mb_series_push(&s->series, now_ns, (int64_t)value);
}

static void synthetic_stop(void *state)
{
    struct synthetic *s = state;
    while (s->kind == SYNTHETIC_WRAP && s->source_total < s->parameter)
        read_wrapping(s);
}

static double ramp_answer(const struct synthetic *s)
{
    /* Linear from v0 at t0: the integral over span T is v0 T + R T^2 / 2. */
    const double span_ns = (double)(s->integral.t_last_ns - s->integral.t_first_ns);
    const double v0 = (double)s->parameter * (double)(s->integral.t_first_ns - s->t_start_ns) / 1e9;
    return (s->integral.sum_ns - v0 * span_ns) * 2 / (span_ns * span_ns) * 1e9;
}

static int synthetic_read(void *state, struct mb_record *record, struct mb_error *err)
{
    struct synthetic *s = state;
    int rc;
    if (s->kind == SYNTHETIC_ABSENT || s->n == 0) {
        rc = mb_record_add_absent(record, MB_METRIC_SYNTHETIC, "", "synthetic",
                                  s->kind == SYNTHETIC_ABSENT ? "synthetic: absent as asked" : "no sample in the trial");
    } else {
        const double answer = s->kind == SYNTHETIC_CONSTANT ? s->sum / (double)s->n
                              : s->kind == SYNTHETIC_RAMP   ? ramp_answer(s)
                                                            : (double)s->undone_total;
        rc = mb_record_add_metric(record, MB_METRIC_SYNTHETIC, "", "synthetic", MB_ORIGIN_SIMULATED, answer);
    }
    const struct mb_series_label label = {.name = "synthetic_units", .channel = "synthetic", .source = "synthetic",
                                          .origin = MB_ORIGIN_SIMULATED, .period_ns = s->period_ns};
    return rc ? mb_fail(err, rc, "no memory") : mb_series_record(&s->series, record, &label, err);
}

static void synthetic_close(void *state)
{
    struct synthetic *s = state;
    mb_series_release(&s->series);
}

static const enum mb_metric synthetic_metrics[] = {MB_METRIC_SYNTHETIC, MB_METRIC_END};

extern const struct mb_collector_ops mb_collector_synthetic;
const struct mb_collector_ops mb_collector_synthetic = {
    .abi = MB_COLLECTOR_ABI,
    .name = "synthetic",
    .group = "test",
    .summary = "test double with a known answer: constant=V, ramp=R, wrap=TOTAL, absent",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct synthetic),
    .metrics = synthetic_metrics,
    .probe = synthetic_probe,
    .open = synthetic_open,
    .start = synthetic_start,
    .poll = synthetic_poll,
    .stop = synthetic_stop,
    .read = synthetic_read,
    .close = synthetic_close,
};
