/**
 * cell_run.h - all repetitions of one cell, from what is stored already to the full number: worker, warm-up, measured ones, and a row
 * for every way in which they can go wrong. docs/protocol.md is the description for users; the rules:
 *   exactly `repetitions` measured rows a cell, or at least so many and then until stopping.h says enough; a refused cell has one,
 *   skipped, with the reason
 *   an invalid repetition is made up for by one more, up to the protocol's limit
 *   a repetition that fails (error, NaN, crash, time-out, also while loading or warming up) is a failed row; the next one gets a
 *   fresh worker; after two in a row the rest are stored as skipped
 *   what cannot run here (MB_ENOTSUP) is skipped, all repetitions
 */
#ifndef MB_HARNESS_CELL_RUN_H
#define MB_HARNESS_CELL_RUN_H

#include "harness/interrupt.h"
#include "harness/progress.h"
#include "harness/resume.h"
#include "harness/session.h"

#define MB_CELL_FAILURES_IN_A_ROW 2u

struct mb_cell_host { /* what the cells of a session share */
    const struct mb_plan *plan;
    const struct mb_session_options *options;
    struct mb_session_result *result;
    struct mb_interrupt *interrupt;
    struct mb_progress *progress;
    const char *root;     /* prefix of /sys and /proc */
    struct mb_cooldown_outcome *cooled; /* the last pause, until a repetition carries it into the database */
};

/** mb_cell_cool_down() - the protocol's pause; how it ended goes into the next repetition that is stored. @before_first: nothing ran yet, so only a
 *  gate has anything to wait for. */
void mb_cell_cool_down(const struct mb_cell_host *host, bool before_first);

/** mb_cell_target() - measured rows that the cell has at least when it is complete, as far as can be told from what it has. */
uint32_t mb_cell_target(const struct mb_plan_cell *cell, const struct mb_cell_done *done);

/** mb_cell_complete() - is nothing left to do? Looks at stored facts only: the same after a resume. */
bool mb_cell_complete(const struct mb_plan_cell *cell, const struct mb_cell_done *done);

/** A cell under way, with its worker once it has one. */
struct mb_cell_run;

/** mb_cell_run_open() - everything but memory comes later; @cell_id is unused without a database. */
int mb_cell_run_open(struct mb_cell_run **out, const struct mb_cell_host *host, const struct mb_plan_cell *cell, int64_t cell_id,
                     struct mb_cell_done *done, struct mb_error *err) MB_MUST_CHECK;

/** mb_cell_run_next() - the next measured repetition of an incomplete cell; where there is no worker, a fresh one and its warm-up. What cannot
 *  be run becomes skipped rows, all at once. MB_EINTR: to be continued. Others: the database's. */
int mb_cell_run_next(struct mb_cell_run *run, struct mb_error *err) MB_MUST_CHECK;

/** mb_cell_run_is_open() - has it a live worker? mb_cell_run_rest() - end that worker; the next repetition gets a fresh, warmed-up one. */
bool mb_cell_run_is_open(const struct mb_cell_run *run);
void mb_cell_run_rest(struct mb_cell_run *run);

/** mb_cell_run_close() - the worker ends by itself, or, @now, is killed. Accepts NULL. */
void mb_cell_run_close(struct mb_cell_run *run, bool now);

/** mb_cell_run() - all of it: open, next until complete, close. */
int mb_cell_run(const struct mb_cell_host *host, const struct mb_plan_cell *cell, int64_t cell_id, struct mb_cell_done *done,
                struct mb_error *err) MB_MUST_CHECK;

/** mb_result_count() - @n measured rows of a status into the result. */
void mb_result_count(struct mb_session_result *result, enum mb_trial_status status, uint32_t n);

#endif
