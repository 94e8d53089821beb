/**
 * run_noise.h - how quiet the machine was for a session of a run: a short noise measurement before its first repetition (noise.h), and what was
 * stolen, waited for and throttled until its end, from counts of /proc and the control groups: two reads, nothing meanwhile.
 * Stored as one object of `sessions` in run.conditions; v_run_noise (db/views.sql) reads it.
 */
#ifndef MB_HARNESS_RUN_NOISE_H
#define MB_HARNESS_RUN_NOISE_H

#include <jansson.h>

#include "db/store.h"
#include "harness/noise.h"
#include "harness/proc_load.h"

struct mb_run_noise {
    const char *root;
    json_t *session;             /* NULL: nothing under way */
    char grade;                  /* '?' not known */
    uint64_t begin_ns;
    struct mb_cpu_ticks ticks;
    struct mb_cpu_pressure pressure;
    struct mb_group_throttle throttle;
    bool has_ticks, has_pressure, has_throttle;
};

/** mb_run_noise_begin() - measure for @seconds (0: only the counts), store what is known so far. */
int mb_run_noise_begin(struct mb_run_noise *n, struct mb_db *db, int64_t run_id, const char *root, double seconds, struct mb_error *err) MB_MUST_CHECK;
/** mb_run_noise_end() - store the rest; releases @n. Nothing without a begin. */
int mb_run_noise_end(struct mb_run_noise *n, struct mb_db *db, int64_t run_id, struct mb_error *err) MB_MUST_CHECK;

#endif
