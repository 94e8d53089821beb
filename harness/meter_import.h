/**
 * meter_import.h - energy of a run's repetitions from a recording that a meter's own program made meanwhile, stored beside what the collectors
 * saw (source meter_file, origin measured).
 *
 * Clocks. A repetition is laid on the wall clock by trial.started_utc, which is read, to the millisecond, right before its collectors start;
 * the recording by the time that its zero is said to be. Both are the caller's machines' clocks: how far they may be apart is the
 * caller's to say, and becomes part of the error.
 * Error of a figure: 2 sd / sqrt(n) T + (max - min) (interval + clock error) for each stretch, as of energy_meter.h's POWER channels.
 * Unknown, with the reason: not covered by the recording, no reading for a tenth of it, or (interval + clock error) above the target share of it.
 */
#ifndef MB_HARNESS_METER_IMPORT_H
#define MB_HARNESS_METER_IMPORT_H

#include "db/store.h"
#include "harness/meter_file.h"

struct mb_meter_import {
    int64_t run_id;
    double zero_s;         /* UTC of the recording's time 0, seconds since 1970 */
    double clock_error_s;
    double target;         /* 0.01: the window rule's 1 % */
    size_t n_known, n_unknown; /* filled in: figures stored */
};

/** mb_utc_parse() - "2026-01-02T03:04:05.678Z" to seconds since 1970; MB_EINVAL otherwise. */
int mb_utc_parse(const char *text, double *seconds, struct mb_error *err) MB_MUST_CHECK;

/** mb_meter_import() - one pass over @m, one transaction. What an earlier import of this run left is replaced. MB_ENOENT: the run has no ok
 *  repetition. */
int mb_meter_import(struct mb_meter_import *import, struct mb_meter_file *m, struct mb_db *db, struct mb_error *err) MB_MUST_CHECK;

#endif
