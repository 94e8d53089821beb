/**
 * plan_estimate.h - how long a plan will take: a figure for planning an evening, never a result.
 * A cell that a database already holds (same hash) takes the median of its measured trials. Otherwise the time follows from work:
 * each generated token reads all weights once at the memory bandwidth measured now; a prompt or scored token is taken as a fifth of
 * that (batches reuse weights); answers are counted at their full length. Rough, and usually too long.
 */
#ifndef MB_HARNESS_PLAN_ESTIMATE_H
#define MB_HARNESS_PLAN_ESTIMATE_H

#include <stdbool.h>

#include "harness/plan.h"

struct mb_db;

struct mb_estimate {
    double trial_s;     /* one repetition; NaN when it cannot be told (null scripts) */
    double cell_s;      /* with start, loading and warm-up */
    bool from_database;
};

/** mb_estimate_bandwidth() - bytes per second that one thread reads from memory, measured in about 50 ms. */
double mb_estimate_bandwidth(void);

/** mb_estimate_cell() - @db may be NULL. */
struct mb_estimate mb_estimate_cell(const struct mb_plan *plan, const struct mb_plan_cell *cell, struct mb_db *db, double bytes_per_s);

#endif
