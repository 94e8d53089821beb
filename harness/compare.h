/**
 * compare.h - two sides paired cell by cell and judged: what `meltbench compare` prints. Side A is one run or the last N runs of a baseline.
 * The rule is in compare_rule.h, the reading in compare_read.h, the printing in compare_print.h.
 */
#ifndef MB_HARNESS_COMPARE_H
#define MB_HARNESS_COMPARE_H

#include "harness/compare_read.h"
#include "harness/compare_rule.h"

struct mb_compare_pair {
    const struct mb_compare_cell *a, *b; /* NULL: on one side only. Of a baseline: the newest run that has it */
    size_t first_row, n_rows;            /* in rows */
};

struct mb_compare_wanted {
    bool metric[MB_COMPARE_METRIC_N];
    bool fails[MB_COMPARE_METRIC_N];    /* a metric whose regression is a failure */
    double limit[MB_COMPARE_METRIC_N];  /* beyond this; 0: any "worse" */
};

struct mb_compare {
    struct mb_compare_run *a, b;  /* a[n_a], newest first; owned, filled in by the caller before mb_compare_make() */
    size_t n_a;
    bool is_baseline;
    struct mb_compare_rule rule;
    struct mb_compare_wanted wanted;
    bool noisy;         /* judge times and energy also where a run has noise grade E */
    /* made: */
    struct mb_compare_pair *pairs;
    size_t n_pairs;
    struct mb_compare_row *rows;
    size_t n_rows, n_tests;
    size_t n_verdict[MB_COMPARE_VERDICT_N], n_only_a, n_only_b;
    json_t *differs; /* array of sentences: what is not the same about the two sides; of a baseline, of its newest run */
};

/** mb_compare_make() - pair, measure, judge. Rows come where both sides have a value, and for a metric that one side only has, as "cannot
 *  tell". MB_ENOENT when no cell is on both sides, with one of either as example. */
int mb_compare_make(struct mb_compare *c, struct mb_error *err) MB_MUST_CHECK;
void mb_compare_release(struct mb_compare *c);

/** mb_compare_fails() - does this row count as a regression by wanted.fails and wanted.limit? */
bool mb_compare_fails(const struct mb_compare *c, const struct mb_compare_row *row);

/** mb_compare_exit() - 5: a regression of quality; 3: of anything else; 0: none. */
int mb_compare_exit(const struct mb_compare *c);

#endif
