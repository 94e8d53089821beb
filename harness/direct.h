/** direct.h - commands that measure what their flags say (bench, generate, eval): plan of flags -> session -> rows, database optional. */
#ifndef MB_HARNESS_DIRECT_H
#define MB_HARNESS_DIRECT_H

#include "harness/plan.h"
#include "harness/session.h"

/** mb_direct_run() - run @plan; with @db_path the run is stored there (made when missing), without it nothing is.
 *  @options: db is filled in here. Status as mb_session_run(). */
int mb_direct_run(const struct mb_plan *plan, const char *db_path, struct mb_session_options *options, struct mb_session_result *result,
                  struct mb_error *err) MB_MUST_CHECK;

/** mb_direct_exit() - the exit code of such a command: 1 when a repetition failed or none is valid, 77 when nothing could be run, else 0. */
int mb_direct_exit(const struct mb_session_result *result);

/** mb_direct_say_refused() - "meltbench: skipped CELL: reason" on stderr for cells that the plan refused; their number. */
size_t mb_direct_say_refused(const struct mb_plan *plan);

/** mb_record_value() - the first known value of a metric with this scope, or NaN. */
double mb_record_value(const struct mb_record *record, enum mb_metric metric, const char *scope);

/** mb_record_stamp() - t_ns of the @request's first event of a kind (last = false) or last one (true); 0 when there is none. */
uint64_t mb_record_stamp(const struct mb_record *record, enum mb_event_kind kind, uint32_t request, bool last);

#endif
