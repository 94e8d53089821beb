/*
 * validation_cost.c - what measuring costs. Per collector: start + stop, a phase edge, and CPU time of a poll. All default ones together:
 * reading memory with every core, with and without them in turns, whose order changes; the ratio of each pair, median and interval.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "collectors/sampler.h"
#include "harness/machine.h"
#include "harness/machine_cpu.h"
#include "harness/plan.h"
#include "harness/roofline.h"
#include "harness/stats.h"
#include "harness/validation.h"

#define STARTS 31
#define POLLED_NS 300000000u
#define POLL_PERIOD_NS 10000000u
#define PAIRS 31
#define READ_BYTES ((uint64_t)256 << 20)
#define READS_IN_A_TURN 6
#define BAR 0.005

struct cost { double start_stop_ns, phase_ns, poll_ns; };

/* Median times of STARTS trials of nothing, then one of POLLED_NS. */
static int measure(struct mb_collect_set *set, struct cost *cost, struct mb_error *err)
{
    double start_ns[STARTS], phase_ns[STARTS];
    char note[64];
    int rc = MB_OK;
    for (int i = 0; i < STARTS && !rc; i++) {
        struct mb_record r = {0};
        const struct mb_event begin = {.kind = MB_EVENT_PREFILL_BEGIN, .t_ns = mb_clock_ns()}, end = {.kind = MB_EVENT_PREFILL_END, .t_ns = begin.t_ns + 1};
        const uint64_t t0 = mb_clock_ns();
        mb_collect_start(set);
        const uint64_t t1 = mb_clock_ns();
        mb_collect_phase(set, &begin);
        mb_collect_phase(set, &end);
        const uint64_t t2 = mb_clock_ns();
        mb_collect_stop(set);
        const uint64_t t3 = mb_clock_ns();
        start_ns[i] = (double)(t1 - t0 + t3 - t2);
        phase_ns[i] = (double)(t2 - t1) / 2;
        rc = mb_collect_read(set, &r, err);
        mb_record_release(&r);
    }
    if (rc)
        return rc;
    struct mb_record r = {0};
    mb_collect_start(set);
    mb_validation_sleep(POLLED_NS);
    mb_collect_stop(set);
    rc = mb_collect_read(set, &r, err);
    cost->start_stop_ns = mb_stats_median(start_ns, STARTS);
    cost->phase_ns = mb_stats_median(phase_ns, STARTS);
    cost->poll_ns = mb_validation_metric(&r, MB_METRIC_SAMPLER_CPU_NS, NULL, note, sizeof(note)) / (POLLED_NS / POLL_PERIOD_NS);
    mb_record_release(&r);
    return rc;
}

static int cost_of(struct mb_validation *v, const struct mb_collector_ops *ops, struct mb_error *err)
{
    const struct mb_collect_env env = {.root = v->root, .pid = getpid(), .period_ns = POLL_PERIOD_NS, .max_samples = 4096, .options = ""};
    struct mb_error why = {0};
    struct cost cost;
    struct mb_collect_set *set = NULL;
    if (ops->probe(&env, &why))
        return mb_validation_figure(v, ops->name, "us", NAN, why.text, err, "not here");
    int rc = mb_collect_open(&set, ops->name, &env, err);
    if (!rc)
        rc = measure(set, &cost, err);
    mb_collect_close(set);
    if (!rc)
        rc = mb_validation_figure(v, ops->name, "us", cost.start_stop_ns * 1e-3, NULL, err, "start and stop of a trial, median of %d", STARTS);
    if (!rc && ops->phase)
        rc = mb_validation_figure(v, ops->name, "us", cost.phase_ns * 1e-3, NULL, err, "a phase edge");
    if (!rc && ops->flags & MB_COLLECTOR_POLLED)
        rc = mb_validation_figure(v, ops->name, "us", cost.poll_ns * 1e-3, "CPU time of the sampler thread, its wake-up included", err, "a poll, mean of %u",
                                  POLLED_NS / POLL_PERIOD_NS);
    return rc;
}

/* --- all of them, against a loop --------------------------------------------------------------------------------- */

struct observer { struct mb_roofline *roofline; const struct mb_peak *peak; uint32_t n_threads; struct mb_collect_set *set; };

/* Bytes a second, of all passes of a turn together: what a poll delays counts. */
static int read_memory(const struct observer *o, bool observed, double *speed, struct mb_error *err)
{
    double v[READS_IN_A_TURN], seconds = 0;
    uint64_t n_bytes;
    if (observed)
        mb_collect_start(o->set);
    int rc = mb_roofline_measure(o->roofline, MB_LIMIT_READ, o->peak, o->n_threads, READS_IN_A_TURN, v, &n_bytes, err);
    if (observed) {
        struct mb_record r = {0};
        mb_collect_stop(o->set);
        rc = rc ? rc : mb_collect_read(o->set, &r, err);
        mb_record_release(&r);
    }
    for (int i = 0; i < READS_IN_A_TURN && !rc; i++)
        seconds += 1.0 / v[i];
    *speed = READS_IN_A_TURN / seconds;
    return rc;
}

static int observe(struct mb_validation *v, const struct observer *o, struct mb_error *err)
{
    double ratio[PAIRS], speed[2], lo, hi;
    char note[200];
    int rc = read_memory(o, true, &speed[1], err); /* warm */
    for (int i = 0; i < PAIRS && !rc; i++) {
        rc = read_memory(o, i % 2, &speed[i % 2], err);
        rc = rc ? rc : read_memory(o, !(i % 2), &speed[!(i % 2)], err);
        ratio[i] = speed[1] / speed[0];
    }
    if (rc)
        return rc;
    const double median = mb_stats_median(ratio, PAIRS), coverage = mb_stats_median_interval(ratio, PAIRS, &lo, &hi);
    snprintf(note, sizeof(note), "%.2f to %.2f %% (%.0f %% interval, %d pairs): %s", 100 * (1 - hi), 100 * (1 - lo), 100 * coverage, PAIRS,
             1 - lo <= BAR ? "at most 0.5 %, shown" : 1 - hi > BAR ? "more than 0.5 %, shown" : "too noisy here to tell from 0.5 %");
    return mb_validation_figure(v, "default", "%", 100 * (1 - median), note, err, "slower reading with %u threads, polled every %d ms", o->n_threads,
                                MB_PLAN_PERIOD_MS);
}

static int observer_effect(struct mb_validation *v, struct mb_error *err)
{
    struct observer o = {.n_threads = mb_machine_physical_cores("")};
    json_t *flags = mb_machine_cpu_flags("");
    size_t n, i = 0;
    const struct mb_peak *const *peaks = mb_peaks(&n);
    while (i + 1 < n && !mb_peak_possible(peaks[i], flags))
        i++;
    o.peak = peaks[i];
    json_decref(flags);
    const struct mb_collect_env env = {.root = v->root, .pid = getpid(), .period_ns = (uint64_t)MB_PLAN_PERIOD_MS * 1000000u, .max_samples = 4096, .options = ""};
    int rc = mb_collect_open(&o.set, "default", &env, err);
    if (!rc)
        rc = mb_roofline_open(&o.roofline, READ_BYTES, o.n_threads, err);
    if (!rc)
        rc = observe(v, &o, err);
    mb_roofline_close(o.roofline);
    mb_collect_close(o.set);
    return rc;
}

int mb_validate_cost(struct mb_validation *v, struct mb_error *err)
{
    size_t n;
    const struct mb_collector_ops *const *all = mb_collectors(&n);
    int rc = MB_OK;
    for (size_t i = 0; i < n && !rc; i++)
        if (strcmp(all[i]->group, "test") != 0)
            rc = cost_of(v, all[i], err);
    return rc ? rc : observer_effect(v, err);
}
