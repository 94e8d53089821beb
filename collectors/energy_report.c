/* energy_report.c - see energy_meter.h. The figures of a trial that has ended: energy, its error, the window rule, totals, phases. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/energy_meter.h"

#define LOST_READS_MAX 0.1 /* more failed reads than this share, and the integral bridges too much to be called measured */
#define ROUNDING 1e-9      /* of the window rule: exactly 100 updates are enough */

const enum mb_metric mb_energy_metrics[] = {MB_METRIC_ENERGY_UJ, MB_METRIC_ENERGY_ERROR_UJ, MB_METRIC_POWER_MEAN_UW, MB_METRIC_END};

struct figure {
    double uj, error_uj, span_ns;
    bool still; /* a counter that never moved */
    char reason[320]; /* "": known */
};

static void MB_PRINTF(2, 3) unknown(struct figure *f, const char *fmt, ...)
{
    va_list args;
    if (f->reason[0])
        return; /* the first reason is the cause */
    va_start(args, fmt);
    vsnprintf(f->reason, sizeof(f->reason), fmt, args);
    va_end(args);
}

/* The longest time that the value stood still, also after its last change. */
static double longest_still_ns(const struct mb_energy_channel *c, uint64_t t_end_ns)
{
    const double tail = t_end_ns > c->moved.t_ns ? (double)(t_end_ns - c->moved.t_ns) : 0;
    return fmax((double)c->longest_still_ns, tail);
}

/* What an end of the window may be off by, in time: see the header. */
static double update_ns(const struct mb_energy_channel *c)
{
    if (c->kind == MB_ENERGY_COUNTER)
        return c->update_ns ? (double)c->update_ns : longest_still_ns(c, c->end.t_ns);
    const double n_gaps = c->integral.n > 1 ? (double)(c->integral.n - 1) : 1;
    const double interval = (double)(c->integral.t_last_ns - c->integral.t_first_ns) / n_gaps;
    return fmax(interval, c->watch_moves ? longest_still_ns(c, c->integral.t_last_ns) : (double)c->update_ns);
}

static void apply_window_rule(const struct mb_energy_meter *m, const char *what, double span_ns, double update, struct figure *f)
{
    if (span_ns * m->target * (1 + ROUNDING) < update)
        unknown(f, "%s of %.4g ms: shorter than %.4g updates of the source (%.4g ms each), error above %.4g %%; run longer, or allow more "
                   "with %s:error=PERCENT", what, span_ns / 1e6, 1 / m->target, update / 1e6, m->target * 100, m->source);
}

static void counter_figure(const struct mb_energy_channel *c, struct figure *f)
{
    if (atomic_load(&c->went_back))
        unknown(f, "the counter went back, and no range is known to undo a wrap with");
    if (!c->begin.ok || !c->end.ok) {
        unknown(f, "the counter could not be read at both ends of the trial");
        return;
    }
    f->span_ns = (double)(c->end.t_ns - c->begin.t_ns);
    f->uj = (double)c->end.total * c->scale;
    f->still = c->end.total == 0 && f->span_ns > 0 && !f->reason[0];
    f->error_uj = f->span_ns > 0 ? f->uj * update_ns(c) / f->span_ns + c->scale : 0;
}

static void power_figure(const struct mb_energy_channel *c, struct figure *f)
{
    if (!c->first_ok || !c->last_ok)
        unknown(f, "the power could not be read at both ends of the trial");
    if ((double)c->power.n_errors > LOST_READS_MAX * (double)c->n_reads)
        unknown(f, "%llu of %llu reads failed", (unsigned long long)c->power.n_errors, (unsigned long long)c->n_reads);
    if (f->reason[0])
        return;
    const double n = (double)c->integral.n, mean = c->sum / n;
    const double deviation = sqrt(fmax(0, c->sum_squares / n - mean * mean) * n / fmax(1, n - 1));
    f->span_ns = (double)(c->integral.t_last_ns - c->integral.t_first_ns);
    f->uj = c->integral.sum_ns / 1e9 * c->scale;
    f->error_uj = c->scale * (2 * deviation / sqrt(n) * f->span_ns + (c->most - c->least) * update_ns(c)) / 1e9 + fabs(f->uj) * c->accuracy;
}

static struct figure channel_figure(const struct mb_energy_meter *m, const struct mb_energy_channel *c, const char *veto)
{
    struct figure f = {0};
    if (c->reason[0])
        unknown(&f, "%s", c->reason);
    if (veto)
        unknown(&f, "%s", veto);
    if (f.reason[0])
        return f;
    if (c->kind == MB_ENERGY_COUNTER)
        counter_figure(c, &f);
    else
        power_figure(c, &f);
    if (!(f.span_ns > 0))
        unknown(&f, "the trial was too short to read twice");
    if (!f.still || c->update_ns)
        apply_window_rule(m, "a trial", f.span_ns, update_ns(c), &f);
    f.still = f.still && !f.reason[0];
    if (f.still)
        unknown(&f, "the counter stood still for the whole trial of %.4g ms: it does not count here, or updates come less often",
                f.span_ns / 1e6);
    return f;
}

/* Integral of the samples between two times, the line between neighbours taken at the ends, the first and last sample held beyond. In the
 * stream's uW x ns. */
static double integrate(const struct mb_series *s, uint64_t begin_ns, uint64_t end_ns)
{
    const uint64_t t_first = s->t_ns[0], t_last = s->t_ns[s->n - 1];
    double sum = begin_ns < t_first ? (double)s->value[0] * (double)((end_ns < t_first ? end_ns : t_first) - begin_ns) : 0;
    if (end_ns > t_last)
        sum += (double)s->value[s->n - 1] * (double)(end_ns - (begin_ns > t_last ? begin_ns : t_last));
    for (uint32_t i = 1; i < s->n && s->t_ns[i - 1] < end_ns; i++) {
        if (s->t_ns[i] <= begin_ns)
            continue;
        const double t0 = (double)(s->t_ns[i - 1] > begin_ns ? 0 : begin_ns - s->t_ns[i - 1]), step = (double)(s->t_ns[i] - s->t_ns[i - 1]);
        const double t1 = s->t_ns[i] < end_ns ? step : (double)(end_ns - s->t_ns[i - 1]);
        const double v = (double)s->value[i - 1], slope = ((double)s->value[i] - v) / step;
        sum += (t1 - t0) * (v + slope * (t0 + t1) / 2);
    }
    return sum;
}

static void power_phase(const struct mb_energy_meter *m, const struct mb_energy_channel *c, enum mb_phase phase, struct figure *f)
{
    const struct mb_series *s = &c->power;
    const uint64_t slack_ns = (uint64_t)update_ns(c);
    if (m->n_intervals > MB_ENERGY_INTERVALS_MAX)
        unknown(f, "more than %d phases in one trial", MB_ENERGY_INTERVALS_MAX);
    if (s->n_dropped)
        unknown(f, "%llu samples found no room: sample more slowly", (unsigned long long)s->n_dropped);
    for (size_t i = 0; !f->reason[0] && i < m->n_intervals; i++) {
        const struct mb_energy_interval *v = &m->intervals[i];
        if (v->phase != phase)
            continue;
        if (s->n < 2 || v->begin_ns + 2 * slack_ns < s->t_ns[0] || v->end_ns > s->t_ns[s->n - 1] + 2 * slack_ns)
            unknown(f, "the samples do not cover the phase");
        else
            f->uj += integrate(s, v->begin_ns, v->end_ns) / 1e9;
    }
    f->error_uj = (c->most - c->least) * c->scale * (double)slack_ns / 1e9 * (double)m->n_phases[phase] + fabs(f->uj) * c->accuracy;
}

/* Energy of one channel over all phases of one kind. */
static struct figure phase_figure(const struct mb_energy_meter *m, const struct mb_energy_channel *c, enum mb_phase phase, const char *veto)
{
    struct figure f = channel_figure(m, c, veto);
    const double n = (double)m->n_phases[phase], span_ns = (double)m->phase_ns[phase];
    if (f.reason[0])
        return f;
    f.uj = f.error_uj = 0;
    f.span_ns = span_ns;
    if (c->kind == MB_ENERGY_POWER) {
        power_phase(m, c, phase, &f);
    } else if (!c->at_edges) {
        unknown(&f, "%s is not read at the edges of phases", c->scope);
    } else {
        if (c->phase_broken[phase])
            unknown(&f, "%s could not be read at every edge of the phase", c->scope);
        f.uj = (double)c->phase_total[phase] * c->scale;
        f.error_uj = span_ns > 0 ? n * (f.uj * update_ns(c) / span_ns + c->scale) : 0;
    }
    if (!(span_ns > 0))
        unknown(&f, "the phase took no time");
    apply_window_rule(m, "phases", span_ns / n, update_ns(c), &f);
    return f;
}

/* Sum of one set; phase MB_PHASE_NONE: the whole trial. False where the set has no channel. A counter that never moved while others of its
 * set did is one that the machine does not have (dram of many desktops): it is left out. */
static bool sum_of_set(const struct mb_energy_meter *m, unsigned set, enum mb_phase phase, const char *veto, struct figure *sum)
{
    const struct mb_energy_channel *first = NULL;
    struct figure still = {0};
    bool any = false;
    memset(sum, 0, sizeof(*sum));
    for (size_t i = 0; i < m->n; i++) {
        const struct mb_energy_channel *c = &m->channels[i];
        if (c->total_set != set)
            continue;
        const struct figure f = phase == MB_PHASE_NONE ? channel_figure(m, c, veto) : phase_figure(m, c, phase, veto);
        any = true;
        if (f.still) {
            still = f;
            continue;
        }
        if (!first)
            sum->span_ns = f.span_ns;
        else if (c->kind != first->kind)
            unknown(sum, "counters of energy and readings of power are never added: %s, %s", first->scope, c->scope);
        first = first ? first : c;
        sum->uj += f.uj;
        sum->error_uj += f.error_uj;
        if (f.reason[0])
            unknown(sum, "%s", f.reason);
    }
    if (!first && any)
        *sum = still;
    return any;
}

static struct figure total_figure(const struct mb_energy_meter *m, enum mb_phase phase, const char *veto)
{
    struct figure first, second;
    const bool any_first = sum_of_set(m, 1, phase, veto, &first);
    if (any_first && !first.reason[0])
        return first;
    const bool any_second = sum_of_set(m, 2, phase, veto, &second);
    if (any_second && (!any_first || !second.reason[0]))
        return second;
    if (!any_first)
        unknown(&first, "%s", m->no_total);
    return first;
}

static int put(const struct mb_energy_meter *m, const char *scope, const struct figure *f, struct mb_record *record)
{
    if (f->reason[0]) {
        const int rc = mb_record_add_absent(record, MB_METRIC_ENERGY_UJ, scope, m->source, f->reason);
        return rc ? rc : mb_record_add_absent(record, MB_METRIC_POWER_MEAN_UW, scope, m->source, f->reason);
    }
    int rc = mb_record_add_metric(record, MB_METRIC_ENERGY_UJ, scope, m->source, m->origin, f->uj);
    if (rc == MB_OK && m->origin == MB_ORIGIN_MEASURED) /* an estimate has no error that could be stated */
        rc = mb_record_add_metric(record, MB_METRIC_ENERGY_ERROR_UJ, scope, m->source, m->origin, f->error_uj);
    return rc ? rc : mb_record_add_metric(record, MB_METRIC_POWER_MEAN_UW, scope, m->source, m->origin, f->uj / f->span_ns * 1e9);
}

static int record_channel(const struct mb_energy_meter *m, const struct mb_energy_channel *c, const char *veto, struct mb_record *record,
                          struct mb_error *err)
{
    const struct figure f = channel_figure(m, c, veto);
    const int rc = put(m, c->scope, &f, record);
    if (rc)
        return mb_fail(err, rc, "no memory for the figures");
    const struct mb_series_label label = {.name = "power_uw", .channel = c->scope, .source = m->source, .origin = m->origin,
                                          .period_ns = m->period_ns > c->rest_ns ? m->period_ns : c->rest_ns};
    return mb_series_record(&c->power, record, &label, err);
}

int mb_energy_record(const struct mb_energy_meter *m, const char *veto, struct mb_record *record, struct mb_error *err)
{
    struct figure f = total_figure(m, MB_PHASE_NONE, veto);
    int rc = put(m, "", &f, record);
    for (int p = MB_PHASE_LOAD; rc == MB_OK && p < MB_PHASE_N; p++) {
        if (m->n_phases[p] == 0)
            continue;
        f = total_figure(m, (enum mb_phase)p, veto);
        rc = put(m, mb_phase_names[p], &f, record);
    }
    if (rc)
        return mb_fail(err, rc, "no memory for the figures");
    for (size_t i = 0; rc == MB_OK && i < m->n; i++)
        rc = record_channel(m, &m->channels[i], veto, record, err);
    return rc;
}
