/* meter_log.c - see meter_log.h. */
#include "collectors/meter_log.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_MAX 0.1       /* of the trial, at a stretch */
#define BAD_LINES_MAX 0.1
#define CLOCK_RATE_MAX 0.01   /* meter's clock against ours; a unit given wrongly is off by far more */
#define PHASE_READINGS_MIN 10

const enum mb_metric mb_meter_metrics[] = {MB_METRIC_ENERGY_UJ, MB_METRIC_POWER_MEAN_UW, MB_METRIC_ENERGY_ERROR_UJ, MB_METRIC_END};

/* --- the trial ------------------------------------------------------------------------------------------------- */

int mb_meter_log_open(struct mb_meter_log *log, const struct mb_meter_setup *setup, struct mb_error *err)
{
    *log = (struct mb_meter_log){.setup = *setup};
    log->spans = malloc(MB_METER_SPANS_MAX * sizeof(*log->spans));
    if (!log->spans)
        return mb_fail(err, MB_ENOMEM, "no memory for the phases");
    memset(log->spans, 0xff, MB_METER_SPANS_MAX * sizeof(*log->spans)); /* touched before the timed region */
    int rc = MB_OK;
    for (size_t i = 0; rc == MB_OK && i < setup->n_channels; i++)
        rc = mb_series_init(&log->channel[i].power, setup->max_samples, err);
    return rc;
}

void mb_meter_log_close(struct mb_meter_log *log)
{
    for (size_t i = 0; i < MB_METER_CHANNELS_MAX; i++)
        mb_series_release(&log->channel[i].power);
    free(log->spans);
    log->spans = NULL;
}

void mb_meter_log_start(struct mb_meter_log *log, uint64_t t_ns)
{
    for (size_t i = 0; i < log->setup.n_channels; i++) {
        struct mb_series power = log->channel[i].power;
        mb_series_clear(&power);
        log->channel[i] = (struct mb_meter_channel){.power = power};
    }
    log->t_start_ns = t_ns;
    log->n_good = log->n_bad = log->gap_max_ns = 0;
    log->went_back = log->spans_full = false;
    log->tracker = (struct mb_phase_tracker){0};
    log->n_spans = 0;
}

void mb_meter_log_stop(struct mb_meter_log *log, uint64_t t_ns)
{
    log->t_stop_ns = t_ns;
}

void mb_meter_log_bad(struct mb_meter_log *log)
{
    log->n_bad++;
    for (size_t i = 0; i < log->setup.n_channels; i++)
        log->channel[i].power.n_errors++;
}

static void add_to_channel(struct mb_meter_channel *c, uint64_t n, uint64_t t_ns, double uw)
{
    const double delta = uw - c->mean_uw;
    if (n == 1)
        c->first_uw = uw;
    c->mean_uw += delta / (double)n;
    c->m2 += delta * (uw - c->mean_uw);
    mb_trapezoid_add(&c->integral, t_ns, uw);
    mb_series_push(&c->power, t_ns, (int64_t)llround(uw));
}

void mb_meter_log_add(struct mb_meter_log *log, uint64_t t_meter_ns, uint64_t t_arrival_ns, const double *uw)
{
    const int64_t offset_ns = (int64_t)(t_arrival_ns - t_meter_ns);
    if (log->n_good == 0) {
        log->t_first_ns = t_meter_ns;
        log->t_first_arrival_ns = t_arrival_ns;
        log->offset_ns = offset_ns;
    } else if (t_meter_ns < log->t_last_ns) {
        log->went_back = true;
        return;
    } else if (t_meter_ns - log->t_last_ns > log->gap_max_ns) {
        log->gap_max_ns = t_meter_ns - log->t_last_ns;
    }
    log->offset_ns = offset_ns < log->offset_ns ? offset_ns : log->offset_ns;
    log->t_last_ns = t_meter_ns;
    log->t_last_arrival_ns = t_arrival_ns;
    log->n_good++;
    for (size_t i = 0; i < log->setup.n_channels; i++)
        add_to_channel(&log->channel[i], log->n_good, t_meter_ns, uw[i]);
}

void mb_meter_log_phase(struct mb_meter_log *log, const struct mb_event *event)
{
    enum mb_phase ended;
    if (!mb_phase_advance(&log->tracker, event, &ended))
        return;
    if (ended != MB_PHASE_NONE && log->n_spans < MB_METER_SPANS_MAX)
        log->spans[log->n_spans++] = (struct mb_meter_span){log->t_edge_ns, event->t_ns, ended};
    else if (ended != MB_PHASE_NONE)
        log->spans_full = true;
    log->t_edge_ns = event->t_ns;
}

/* --- what it comes to ------------------------------------------------------------------------------------------ */

struct figure { double uj, span_ns, error_uj; };

/* The ends, on our clock: how long the first reading is held back and the last one forward; negative where it lies outside. */
static double lead_ns(const struct mb_meter_log *log)
{
    return (double)((int64_t)(log->t_first_ns - log->t_start_ns) + log->offset_ns);
}

static double tail_ns(const struct mb_meter_log *log)
{
    return (double)((int64_t)(log->t_stop_ns - log->t_last_ns) - log->offset_ns);
}

static double interval_ns(const struct mb_meter_log *log)
{
    return (double)(log->t_last_ns - log->t_first_ns) / (double)(log->n_good - 1);
}

/* NULL when the trial's energy is known. */
static const char *why_unknown(const struct mb_meter_log *log, char *text, size_t cap)
{
    const double span = (double)(log->t_stop_ns - log->t_start_ns);
    if (log->gone)
        return "the meter hung up: its plug or its connection is gone; the next cell looks for it again";
    if (log->went_back)
        return "the meter's clock went back: it was started anew during the trial";
    if (log->n_good < 2) {
        snprintf(text, cap, "%" PRIu64 " readings and %" PRIu64 " damaged lines in %.0f ms: the trial is too short for this meter, or it is mute",
                 log->n_good, log->n_bad, span / 1e6);
        return text;
    }
    if ((double)log->n_bad > BAD_LINES_MAX * (double)(log->n_bad + log->n_good)) {
        snprintf(text, cap, "%" PRIu64 " of %" PRIu64 " lines were damaged", log->n_bad, log->n_bad + log->n_good);
        return text;
    }
    const double theirs = (double)(log->t_last_ns - log->t_first_ns), ours = (double)(log->t_last_arrival_ns - log->t_first_arrival_ns);
    if (fabs(theirs - ours) > CLOCK_RATE_MAX * ours + 2 * ours / (double)(log->n_good - 1) + 2 * (double)log->setup.period_ns) {
        snprintf(text, cap, "%.0f ms by the meter's clock were %.0f ms by ours: is its time column given in the right unit?", theirs / 1e6,
                 ours / 1e6);
        return text;
    }
    const double silence = fmax(fmax(lead_ns(log), tail_ns(log)), (double)log->gap_max_ns);
    if (silence > SILENCE_MAX * span) {
        snprintf(text, cap, "no reading for %.0f ms of a trial of %.0f ms: more than a tenth; a longer trial or a faster meter is needed",
                 silence / 1e6, span / 1e6);
        return text;
    }
    return NULL;
}

static double error_of(const struct mb_meter_log *log, const struct mb_meter_channel *c, double uj, double span_ns, double n, double held_ns)
{
    const double sd_uw = sqrt(c->m2 / (double)(log->n_good - 1));
    const double sampling = span_ns / 1e9 * sd_uw / sqrt(n), ends = held_ns / 1e9 * sd_uw;
    const double step = span_ns / 1e9 * log->setup.resolution_uw / sqrt(12), limit = uj * log->setup.accuracy_percent / 100 / sqrt(3);
    return sqrt(sampling * sampling + ends * ends + step * step + limit * limit);
}

static struct figure whole_trial(const struct mb_meter_log *log, const struct mb_meter_channel *c)
{
    const double lead = lead_ns(log), tail = tail_ns(log), span = (double)(log->t_stop_ns - log->t_start_ns);
    const double uj = (c->integral.sum_ns + c->first_uw * lead + c->integral.v_last * tail) / 1e9;
    const double held = fabs(lead) + fabs(tail) + (double)log->setup.period_ns;
    return (struct figure){uj, span, error_of(log, c, uj, span, (double)log->n_good, held)};
}

/* Power at @t_ns between samples i-1 and i, held outside the series. */
static double power_at(const struct mb_series *s, uint32_t i, uint64_t t_ns)
{
    if (i == 0 || i == s->n)
        return (double)s->value[i == 0 ? 0 : s->n - 1];
    const double part = (double)(t_ns - s->t_ns[i - 1]) / (double)(s->t_ns[i] - s->t_ns[i - 1]);
    return (double)s->value[i - 1] + part * (double)(s->value[i] - s->value[i - 1]);
}

/* Integral over one span; *i is the first sample at or after its beginning and moves on with it, as spans come in order. */
static double integrate(const struct mb_series *s, const struct mb_meter_span *span, uint32_t *i)
{
    struct mb_trapezoid z = {0};
    while (*i < s->n && s->t_ns[*i] < span->t0_ns)
        ++*i;
    mb_trapezoid_add(&z, span->t0_ns, power_at(s, *i, span->t0_ns));
    for (; *i < s->n && s->t_ns[*i] < span->t1_ns; ++*i)
        mb_trapezoid_add(&z, s->t_ns[*i], (double)s->value[*i]);
    mb_trapezoid_add(&z, span->t1_ns, power_at(s, *i, span->t1_ns));
    return z.sum_ns / 1e9;
}

static struct figure one_phase(const struct mb_meter_log *log, const struct mb_meter_channel *c, enum mb_phase phase, size_t *n_spans)
{
    struct figure f = {0};
    uint32_t i = 0;
    *n_spans = 0;
    for (size_t k = 0; k < log->n_spans; k++) {
        if (log->spans[k].phase != phase)
            continue;
        f.uj += integrate(&c->power, &log->spans[k], &i);
        f.span_ns += (double)(log->spans[k].t1_ns - log->spans[k].t0_ns);
        ++*n_spans;
    }
    return f;
}

/* --- rows ------------------------------------------------------------------------------------------------------ */

static int put(struct mb_record *record, const struct mb_meter_log *log, const char *scope, const struct figure *f, const char *reason)
{
    const char *source = log->setup.source;
    const double value[] = {f->uj, f->uj / f->span_ns * 1e9, f->error_uj};
    int rc = MB_OK;
    for (size_t i = 0; rc == MB_OK && mb_meter_metrics[i] != MB_METRIC_END; i++) {
        const enum mb_origin origin = mb_meter_metrics[i] == MB_METRIC_ENERGY_ERROR_UJ ? MB_ORIGIN_ESTIMATED : MB_ORIGIN_MEASURED;
        rc = reason ? mb_record_add_absent(record, mb_meter_metrics[i], scope, source, reason)
                    : mb_record_add_metric(record, mb_meter_metrics[i], scope, source, origin, value[i]);
    }
    return rc;
}

static int put_phase(struct mb_record *record, const struct mb_meter_log *log, enum mb_phase phase, const char *reason)
{
    const struct mb_meter_channel *c = &log->channel[log->i_total < 0 ? 0 : log->i_total];
    char text[160];
    size_t n_spans;
    struct figure f = one_phase(log, c, phase, &n_spans);
    if (n_spans == 0)
        return MB_OK;
    if (!reason && c->power.n_dropped)
        reason = "the stream was full before the trial ended: `period_ms` of the plan too short for so long a trial";
    else if (!reason && log->spans_full)
        reason = "more phases in one trial than are remembered";
    else if (!reason && f.span_ns / (double)n_spans < PHASE_READINGS_MIN * interval_ns(log)) {
        snprintf(text, sizeof(text), "phases of %.1f ms on average: shorter than %d readings of the meter (%.1f ms each)",
                 f.span_ns / (double)n_spans / 1e6, PHASE_READINGS_MIN, interval_ns(log) / 1e6);
        reason = text;
    }
    if (!reason) {
        const double held = sqrt(2.0 * (double)n_spans) * (interval_ns(log) + (double)log->setup.period_ns);
        f.error_uj = error_of(log, c, f.uj, f.span_ns, f.span_ns / interval_ns(log), held);
    }
    return put(record, log, mb_phase_names[phase], &f, reason);
}

/* From the meter's clock to ours: only now is the fastest reading known. */
static void shift_streams(struct mb_meter_log *log)
{
    for (size_t i = 0; i < log->setup.n_channels; i++)
        for (uint32_t k = 0; k < log->channel[i].power.n; k++)
            log->channel[i].power.t_ns[k] += (uint64_t)log->offset_ns;
    log->t_first_ns += (uint64_t)log->offset_ns;
    log->t_last_ns += (uint64_t)log->offset_ns;
    log->offset_ns = 0;
}

int mb_meter_log_read(struct mb_meter_log *log, struct mb_record *record, struct mb_error *err)
{
    char text[200];
    const struct figure none = {.span_ns = 1};
    if (log->n_good > 0)
        shift_streams(log);
    const char *reason = why_unknown(log, text, sizeof(text)), *no_total = reason ? reason : log->i_total < 0 ? log->no_total : NULL;
    const struct figure total = no_total ? none : whole_trial(log, &log->channel[log->i_total]);
    int rc = put(record, log, "", &total, no_total);
    for (enum mb_phase p = MB_PHASE_LOAD; rc == MB_OK && p < MB_PHASE_N; p++)
        rc = put_phase(record, log, p, no_total);
    for (size_t i = 0; rc == MB_OK && i < log->setup.n_channels; i++) {
        const struct figure f = reason ? none : whole_trial(log, &log->channel[i]);
        if (log->setup.n_channels > 1)
            rc = put(record, log, log->setup.scopes[i], &f, reason);
        const struct mb_series_label label = {.name = "power_uw", .channel = log->setup.scopes[i], .source = log->setup.source,
                                              .origin = MB_ORIGIN_MEASURED, .period_ns = log->setup.period_ns};
        if (rc == MB_OK)
            rc = mb_series_record(&log->channel[i].power, record, &label, err);
    }
    return rc ? mb_fail(err, rc, "no memory for the figures") : MB_OK;
}
