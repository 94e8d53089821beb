/* meter_log.c - see meter_log.h. */
#include "collectors/meter_log.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "collectors/options.h"

#define SILENCE_MAX 0.1     /* of the trial, at a stretch */
#define BAD_LINES_MAX 0.1
#define CLOCK_RATE_MAX 0.01 /* meter's clock against ours; a unit given wrongly is off by far more */

int mb_meter_log_open(struct mb_meter_log *log, const char *source, const struct mb_collect_env *env, const char *const *scopes, size_t n,
                      struct mb_error *err)
{
    double accuracy_percent;
    int rc = mb_energy_init(&log->energy, source, env, n, err);
    if (rc == MB_OK)
        rc = mb_collector_option_number(env->options, "accuracy", 0, 100, 0, &accuracy_percent, err);
    for (size_t i = 0; rc == MB_OK && i < n; i++) {
        struct mb_energy_channel *c = mb_energy_add(&log->energy);
        snprintf(c->scope, sizeof(c->scope), "%s", scopes[i]);
        c->kind = MB_ENERGY_POWER;
        c->accuracy = accuracy_percent / 100;
    }
    return rc ? rc : mb_energy_ready(&log->energy, env, err);
}

void mb_meter_log_close(struct mb_meter_log *log)
{
    mb_energy_release(&log->energy);
}

void mb_meter_log_total(struct mb_meter_log *log, int i_total, const char *why)
{
    log->energy.no_total = why;
    for (size_t i = 0; i < log->energy.n; i++)
        log->energy.channels[i].total_set = (int)i == i_total;
}

void mb_meter_log_start(struct mb_meter_log *log, uint64_t t_ns)
{
    mb_energy_start(&log->energy);
    log->t_start_ns = t_ns;
    log->n_good = log->n_bad = log->gap_max_ns = 0;
    log->went_back = false;
}

void mb_meter_log_stop(struct mb_meter_log *log, uint64_t t_ns)
{
    log->t_stop_ns = t_ns;
}

void mb_meter_log_bad(struct mb_meter_log *log)
{
    log->n_bad++;
    for (size_t i = 0; i < log->energy.n; i++)
        log->energy.channels[i].power.n_errors++;
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
    for (size_t i = 0; i < log->energy.n; i++)
        mb_energy_take(&log->energy.channels[i], true, t_meter_ns, llround(uw[i]));
}

/* The ends, on our clock: how long the first reading is held back and the last one forward; negative where it lies outside. */
static double lead_ns(const struct mb_meter_log *log)
{
    return (double)((int64_t)(log->t_first_ns - log->t_start_ns) + log->offset_ns);
}

static double tail_ns(const struct mb_meter_log *log)
{
    return (double)((int64_t)(log->t_stop_ns - log->t_last_ns) - log->offset_ns);
}

/* NULL when the readings may be believed. */
static const char *veto(const struct mb_meter_log *log, char *text, size_t cap)
{
    const double span = (double)(log->t_stop_ns - log->t_start_ns);
    if (log->gone)
        return log->gone;
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
    if (fabs(theirs - ours) > CLOCK_RATE_MAX * ours + 2 * ours / (double)(log->n_good - 1) + 2 * (double)log->energy.period_ns) {
        snprintf(text, cap, "%.0f ms by the meter's clock were %.0f ms by ours: is its time given in the right unit?", theirs / 1e6, ours / 1e6);
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

/* From the meter's clock to ours, which could not be done before the fastest reading was known, and from the readings to the ends. */
static void lay_on_our_clock(struct mb_meter_log *log, struct mb_energy_channel *c)
{
    if (c->power.n == 0)
        return;
    const double first_uw = (double)c->power.value[0];
    for (uint32_t i = 0; i < c->power.n; i++)
        c->power.t_ns[i] += (uint64_t)log->offset_ns;
    c->integral.sum_ns += first_uw * lead_ns(log) + c->integral.v_last * tail_ns(log);
    c->integral.t_first_ns = log->t_start_ns;
    c->integral.t_last_ns = log->t_stop_ns;
    c->integral.n++; /* the one that is held: n readings cover n intervals then, not n - 1 */
    c->sum += c->integral.v_last;
    c->sum_squares += c->integral.v_last * c->integral.v_last;
}

int mb_meter_log_read(struct mb_meter_log *log, struct mb_record *record, struct mb_error *err)
{
    char text[200];
    const char *reason = veto(log, text, sizeof(text));
    for (size_t i = 0; i < log->energy.n; i++)
        lay_on_our_clock(log, &log->energy.channels[i]);
    return mb_energy_record(&log->energy, reason, record, err);
}
