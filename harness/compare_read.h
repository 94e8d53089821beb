/**
 * compare_read.h - a run as `compare` needs it: what it ran on, its cells, and per cell the values of the measured repetitions that are ok.
 * Reads only views and the cell, trial and answer tables. Invalid, failed and skipped repetitions are counted, their values are not there.
 */
#ifndef MB_HARNESS_COMPARE_READ_H
#define MB_HARNESS_COMPARE_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/axis.h"
#include "base/error.h"
#include "harness/compare_rule.h"

struct mb_compare_answer { char *item; bool right; };

struct mb_compare_cell {
    char *key;                  /* cells of two runs with the same key are compared */
    char *label, *shape, *runner;
    char *refused;              /* or NULL */
    int64_t id, n_ok, n_failed, n_skipped, n_invalid;
    double *value[MB_COMPARE_METRIC_N]; /* in the order of the repetitions */
    size_t n_value[MB_COMPARE_METRIC_N];
    struct mb_compare_answer *answers; /* scored questions of the first ok repetition, by item: asking again is no new evidence */
    size_t n_answers;
};

struct mb_compare_run {
    json_t *facts; /* object: database, run, plan, started_utc, state, the build's and device's columns, energy, conditions */
    struct mb_compare_cell *cells; /* in the plan's order */
    size_t n_cells;
};

/** struct mb_cell_filter - axis[i]: only cells with this value, NULL: any. */
struct mb_cell_filter { char *axis[MB_AXIS_N]; };

/** mb_compare_read() - run @run_id of the database at @path, cells that pass @filter. With @without[i] the key leaves axis i out, so that cells
 *  that differ in it alone meet; two cells of the run with one key are then MB_EINVAL, naming them. A run without cells that pass:
 *  MB_ENOENT. On failure *run is released. mb_compare_run_release() after use; accepts zeroed. */
int mb_compare_read(struct mb_compare_run *run, const char *path, int64_t run_id, const struct mb_cell_filter *filter, const bool without[MB_AXIS_N],
                    struct mb_error *err) MB_MUST_CHECK;
void mb_compare_run_release(struct mb_compare_run *run);

/** mb_compare_fact() - a fact that is text; "" when it is unknown. */
const char *mb_compare_fact(const struct mb_compare_run *run, const char *key);

/** mb_compare_find() - the cell with this key, or NULL. */
const struct mb_compare_cell *mb_compare_find(const struct mb_compare_run *run, const char *key);

#endif
