/**
 * compare_rule.h - the rule of `meltbench compare`: from the values of two sides to better, worse, same or cannot tell. Knows no database.
 * docs/statistics.md, "Verdicts", has the reasons, and the rates of false alarms and of found slow-downs that were measured.
 *
 * A figure of a cell is a row. Each row is measured by one of the mb_compare_* functions below, then all are judged at once, because the p of
 * one depends on how many others were asked:
 *   better, worse   the adjusted p is below 1 - confidence, and the whole interval lies beyond the minimum effect
 *   same            the whole interval lies within the minimum effect
 *   cannot tell     neither; the reason says what is missing
 * No memory is kept; reentrant.
 */
#ifndef MB_HARNESS_COMPARE_RULE_H
#define MB_HARNESS_COMPARE_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/metric.h"

enum mb_compare_group { MB_COMPARE_SPEED, MB_COMPARE_MEMORY, MB_COMPARE_ENERGY, MB_COMPARE_QUALITY };
enum mb_compare_how { MB_COMPARE_SAMPLES, MB_COMPARE_EXACT, MB_COMPARE_PAIRED };
enum mb_compare_verdict { MB_COMPARE_WORSE, MB_COMPARE_BETTER, MB_COMPARE_SAME, MB_COMPARE_UNKNOWN, MB_COMPARE_VERDICT_N };

enum mb_compare_metric {
#define COMPARE_METRIC(id, name, short_name, better, group, how, floor, usual) MB_COMPARE_METRIC_##id,
#include "harness/compare_metric.def"
#undef COMPARE_METRIC
    MB_COMPARE_METRIC_N
};

struct mb_compare_metric_row {
    const char *name, *short_name;
    enum mb_better better; /* HIGHER or LOWER */
    enum mb_compare_group group;
    enum mb_compare_how how;
    double floor; /* a change below it never matters */
    bool usual;
};

/** mb_compare_metric() - row @i of compare_metric.def, directions of base/metric.def filled in. */
struct mb_compare_metric_row mb_compare_metric(size_t i);

/** mb_compare_metric_find() - index by name or short name, '-' for '_'; else -1 with the nearest name in err->text. */
int mb_compare_metric_find(const char *name, size_t n_bytes, struct mb_error *err);

const char *mb_compare_verdict_name(enum mb_compare_verdict verdict); /* "cannot tell" */

struct mb_compare_rule {
    double confidence;      /* inside (0, 1): of the intervals; alpha = 1 - confidence */
    double min_effect;      /* 0.01: a change below 1 % does not matter; of accuracy, 1 percentage point */
    bool by_discovery_rate; /* Benjamini-Hochberg in place of Holm */
};

struct mb_compare_row {
    size_t metric;
    size_t n_a, n_b;           /* values; questions; runs of a baseline */
    double median_a, median_b; /* accuracy: the share of right answers */
    double change, lo, hi;     /* b / a - 1; accuracy: b - a; NaN: none. Of samples: Hodges-Lehmann over logarithms, not median_b / median_a */
    double coverage;           /* what the interval covers: at least confidence, unless the values are too few */
    double p, p_adjusted;      /* NaN: no test was made */
    double matters;            /* the minimum effect of this row: the rule's, or the metric's floor / median_a where that is more */
    double effect;             /* Cliff's delta, > 0 when b is larger; NaN: none */
    size_t lost, won;          /* PAIRED: answers that were right with A only, with B only */
    bool exact;                /* equal within each side: no test */
    bool by_runs;              /* A is a baseline of n_a runs */
    const char *doubt;         /* set by the caller after measuring: why no verdict can be trusted; the verdict is then UNKNOWN. NULL: none */
    enum mb_compare_verdict verdict;
    char reason[160];          /* UNKNOWN: why, and what to do; else what is to be known, or "" */
};

/** mb_compare_samples() - a metric of how SAMPLES or EXACT from the values of both sides, in any order. Sorts them. Values that are
 *  not above 0 allow no ratio: all NaN, with the reason.
 *  p is Mann-Whitney's, not below 2 / C(n_a + n_b, n_a), which the normal approximation for ties can undershoot. Where that is not below
 *  alpha there is no test (p is NaN), and the others are not adjusted for it: it could never raise an alarm (Tarone 1990). The change is the
 *  Hodges-Lehmann shift of the logarithms, so that its interval and p are two faces of one test. */
void mb_compare_samples(struct mb_compare_row *row, double *a, size_t n_a, double *b, size_t n_b, const struct mb_compare_rule *rule);

/** mb_compare_baseline() - @new_median of a run against the medians of @n_a earlier runs: a run is one value. Prediction interval of the
 *  logarithms (mb_stats_predict()). Fewer than 3 runs: no test. @n_b: values behind the new median, for display. */
void mb_compare_baseline(struct mb_compare_row *row, double *medians, size_t n_a, double new_median, size_t n_b, const struct mb_compare_rule *rule);

/** mb_compare_items() - accuracy: @n questions that both sides answered, right with A, with A only (lost), with B only (won). Fewer than
 *  the flips that can reach alpha: no test, as above. No flip at all: exact, "same" about these questions. */
void mb_compare_items(struct mb_compare_row *row, size_t n, size_t right_a, size_t lost, size_t won, const struct mb_compare_rule *rule);

/** mb_compare_judge() - p_adjusted, verdict and reason of measured rows[n], one family. MB_ENOMEM, MB_EINVAL as stats_adjust.h. */
int mb_compare_judge(struct mb_compare_row *rows, size_t n, const struct mb_compare_rule *rule, struct mb_error *err) MB_MUST_CHECK;

/** mb_compare_is_beyond() - is a row WORSE with its whole interval beyond @limit (0.03 = 3 %)? */
bool mb_compare_is_beyond(const struct mb_compare_row *row, double limit);

/** mb_compare_least_n() - the fewest repetitions a side with which one of @n_tests comparisons can reach alpha after adjustment. */
size_t mb_compare_least_n(double alpha, size_t n_tests);

#endif
