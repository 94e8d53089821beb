/**
 * meter_log.h - readings that an external meter sends at a pace of its own, laid on our clock and handed to energy_meter.h, which makes
 * the figures. Shared by smartpower3.c, meter.c and ptdaemon.c.
 *
 * Time. A reading carries the meter's clock, or lacks one and gets the stamp of its arrival. The meter's clock is laid on ours by
 * the fastest reading of the trial: offset = min(arrival - meter time). The first and the last reading are held to the two ends of the trial.
 * The energy is unknown, with the reason, when the meter was silent for more than a tenth of the trial at a stretch, a tenth of its lines
 * was damaged, it hung up, its clock jumped back or runs another way than ours (a unit given wrongly); and by energy_meter.h's window rule.
 * Costs: add() is constant time and allocates nothing. Thread: phase() on the main thread beside add() on the sampler's; they share nothing.
 */
#ifndef MB_COLLECTORS_METER_LOG_H
#define MB_COLLECTORS_METER_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/energy_meter.h"

struct mb_meter_log {
    struct mb_energy_meter energy; /* its POWER channels are the meter's, scale 1: uW */
    const char *gone;              /* why there is no more to come, or NULL; set by the collector, stays until the next cell */
    uint64_t t_start_ns, t_stop_ns;
    uint64_t n_good, n_bad;        /* readings; damaged lines */
    uint64_t t_first_ns, t_last_ns, gap_max_ns; /* meter's clock */
    uint64_t t_first_arrival_ns, t_last_arrival_ns;
    int64_t offset_ns;
    bool went_back;
};

/** mb_meter_log_open() - channels named @scopes[n]; the options error= (window rule) and accuracy= (limit of the data sheet, percent, part
 *  of the error) of env->options. The channel that is the total: mb_meter_log_total(), none at first. */
int mb_meter_log_open(struct mb_meter_log *log, const char *source, const struct mb_collect_env *env, const char *const *scopes, size_t n,
                      struct mb_error *err) MB_MUST_CHECK;
void mb_meter_log_close(struct mb_meter_log *log); /* safe on zeroed */

/** mb_meter_log_total() - channel @i is what the machine draws; -1: it is not known which, because of @why. */
void mb_meter_log_total(struct mb_meter_log *log, int i, const char *why);

void mb_meter_log_start(struct mb_meter_log *log, uint64_t t_ns);
void mb_meter_log_stop(struct mb_meter_log *log, uint64_t t_ns);
/** One reading: @uw has a value for each channel. A meter without a clock passes the same time twice. */
void mb_meter_log_add(struct mb_meter_log *log, uint64_t t_meter_ns, uint64_t t_arrival_ns, const double *uw);
void mb_meter_log_bad(struct mb_meter_log *log);

/** mb_meter_log_read() - once per trial, after stop(): metric rows and streams. */
int mb_meter_log_read(struct mb_meter_log *log, struct mb_record *record, struct mb_error *err) MB_MUST_CHECK;

#endif
