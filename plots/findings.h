/** findings.h - the sentences at the top of the report, computed by stated rules, each with its numbers and intervals. */
#ifndef MB_PLOTS_FINDINGS_H
#define MB_PLOTS_FINDINGS_H

#include "plots/report.h"

/**
 * mb_findings_make() - the first three of these that the run can support, in this order:
 *   speed     fastest decode rate (of the micro shape with most cells, else chat) against the fastest plain `file` cell of that model;
 *             overlapping intervals are called no difference
 *   quality   fastest setting whose accuracy is not below the lower 95 % bound of the plain `file` setting; without a rate the smallest
 *   method    the early-exit or token-reduction cell with the best speedup over its baseline, with acceptance, kept tokens, same output or not
 *   energy    least energy per generated token
 *   problems  how many cells gave no number, and the first reason
 *   latency   least time to first token
 *   missing   why energy is unknown
 */
int mb_findings_make(struct sqlite3 *db, int64_t run_id, struct mb_report_result *result, struct mb_error *err) MB_MUST_CHECK;

#endif
