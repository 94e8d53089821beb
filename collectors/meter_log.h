/**
 * meter_log.h - what an external meter said during one trial: energy over the trial and its phases, how sure it is, the power stream.
 * Shared by the collectors of meters that send readings at a pace of their own (smartpower3.c, meter.c, ptdaemon.c).
 *
 * Time. A reading carries the meter's clock, or lacks one and gets the stamp of its arrival. The meter's clock is laid on ours by
 * the fastest reading of the trial: offset = min(arrival - meter time). A clock that runs another way than ours makes the energy unknown.
 * Energy = trapezoid between readings + the first and last reading held to the two ends of the trial. Unknown, with the reason, when the
 * meter was silent for more than a tenth of the trial at a stretch (so there are always ten readings), when a tenth of its lines was
 * damaged, when it hung up, or its clock jumped back.
 * Phases: the same integral between the edges, from the stream; unknown below ten readings a phase on average.
 * Error, one standard deviation, as the root of the sum of squares of
 *   sampling    span * sd / sqrt(n) of the readings (they are taken as independent of the load: jitter the meter or last longer)
 *   ends        sd * (what the ends were held for + one poll of the sampler)
 *   resolution  span * resolution / sqrt(12)
 *   accuracy    energy * limit / sqrt(3): a limit a of the data sheet is a rectangular distribution (JCGM 100:2008, 4.3.7)
 * Costs: add() is constant time and allocates nothing. Thread: phase() on the main thread beside add() on the sampler's; they share nothing.
 */
#ifndef MB_COLLECTORS_METER_LOG_H
#define MB_COLLECTORS_METER_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/event.h"
#include "base/record.h"
#include "collectors/phase.h"
#include "collectors/series.h"

#define MB_METER_CHANNELS_MAX 3u
#define MB_METER_SPANS_MAX 4096u /* phases of one trial that are remembered */

struct mb_meter_setup {
    const char *source;         /* collector */
    const char *const *scopes;  /* [n_channels] names of the channels; with one channel only the total has metric rows */
    size_t n_channels;
    uint64_t period_ns;         /* of the sampler */
    uint32_t max_samples;       /* room of the stream; a full one costs the phases, not the energy of the trial */
    double resolution_uw;       /* step of a reading; 0: not known, left out of the error */
    double accuracy_percent;    /* limit of the data sheet; 0: not given, left out of the error */
};

struct mb_meter_channel {
    struct mb_series power;
    struct mb_trapezoid integral; /* over the meter's clock */
    double first_uw, mean_uw, m2; /* Welford's running mean and sum of squared deviations */
};

struct mb_meter_span { uint64_t t0_ns, t1_ns; enum mb_phase phase; };

struct mb_meter_log {
    struct mb_meter_setup setup;
    struct mb_meter_channel channel[MB_METER_CHANNELS_MAX];
    int i_total;               /* channel that is the total, -1: none, then no_total says why; set by the collector */
    const char *no_total;
    uint64_t t_start_ns, t_stop_ns;
    uint64_t n_good, n_bad;    /* readings; damaged lines, counted by the collector through mb_meter_log_bad() */
    uint64_t t_first_ns, t_last_ns, t_first_arrival_ns, t_last_arrival_ns, gap_max_ns; /* first three: meter's clock */
    int64_t offset_ns;
    bool gone, went_back;      /* gone: set by the collector */
    struct mb_phase_tracker tracker;
    uint64_t t_edge_ns;
    struct mb_meter_span *spans; /* [MB_METER_SPANS_MAX], owned */
    size_t n_spans;
    bool spans_full;
};

int mb_meter_log_open(struct mb_meter_log *log, const struct mb_meter_setup *setup, struct mb_error *err) MB_MUST_CHECK;
void mb_meter_log_close(struct mb_meter_log *log); /* safe on zeroed */

void mb_meter_log_start(struct mb_meter_log *log, uint64_t t_ns);
void mb_meter_log_stop(struct mb_meter_log *log, uint64_t t_ns);
/** One reading: @uw has a value for each channel. A meter without a clock passes the same time twice. */
void mb_meter_log_add(struct mb_meter_log *log, uint64_t t_meter_ns, uint64_t t_arrival_ns, const double *uw);
void mb_meter_log_bad(struct mb_meter_log *log);
void mb_meter_log_phase(struct mb_meter_log *log, const struct mb_event *event);

/** mb_meter_log_read() - once per trial, after stop(): metric rows and streams. */
int mb_meter_log_read(struct mb_meter_log *log, struct mb_record *record, struct mb_error *err) MB_MUST_CHECK;

extern const enum mb_metric mb_meter_metrics[]; /* what read() may emit */

#endif
