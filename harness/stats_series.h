/**
 * stats_series.h - values in the order they were measured: a line through them, a step in them, and whether they have come to rest.
 *
 * For sustained runs: token rate, power or temperature against time. A NaN or an infinity in a series gives NaN figures (steady state: the
 * windows that hold it are not steady). Reentrant.
 */
#ifndef MB_HARNESS_STATS_SERIES_H
#define MB_HARNESS_STATS_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mb_stats_line {
    double intercept; /* y at x = 0 */
    double slope;     /* y per x */
    double slope_se;  /* standard error of the slope, n - 2 degrees of freedom; NaN when n < 3 */
};

/** mb_stats_line() - least squares y = intercept + slope x, sums about the means:
 *      slope = Sxy / Sxx,  slope_se = sqrt(sum residual^2 / (n - 2) / Sxx)      (Draper and Smith 1998, chapter 1)
 *  Residuals of a heating machine are not independent: the standard error is then too small. All NaN when n < 2 or all x are equal. */
struct mb_stats_line mb_stats_line(const double *x, const double *y, size_t n);

struct mb_stats_change {
    size_t first_after;              /* y[first_after] is the first value after the step; n when there is none */
    double mean_before, mean_after;
    double explained;                /* part of the sum of squares that the step removes, 0..1 */
    double p;                        /* of the null hypothesis that order does not matter */
};

/** mb_stats_change_point() - the one step that leaves the least residual sum of squares about two means, each of at least @side values:
 *  the k that makes k (n - k) / n (mean_after - mean_before)^2 greatest (Hinkley 1970, Biometrika 57(1): the likelihood
 *  estimate for normal values; the earliest k of equals). p by shuffling the order: (1 + shuffles with as great a maximum) / (1 + shuffles)
 *  (Phipson and Smyth 2010), seeded, so that the search over k is paid for. It takes the values as exchangeable without a step: a drift
 *  or slow waves also make p small, so look at mb_stats_line() beside it. A second step is not looked for.
 *  n >= 2 side, side >= 1, shuffles 19..1000000 (the least p is 1 / (1 + shuffles)), all finite: else MB_EINVAL. All values equal: no step,
 *  p = 1. MB_ENOMEM without memory for a copy. On failure *change is {n, NaN...}. Time: shuffles x n. */
int mb_stats_change_point(const double *y, size_t n, size_t side, size_t shuffles, uint64_t seed, struct mb_stats_change *change,
                          struct mb_error *err) MB_MUST_CHECK;

struct mb_stats_steady {
    bool reached;
    size_t first, end;     /* the window [first, end) that was steady first; n, n when none was */
    double mean;           /* of that window */
    double relative_slope; /* slope / |mean| in it, per unit of x */
};

/** mb_stats_steady() - the first run of @window successive values whose least-squares slope is below @limit x |mean| per unit of x in size:
 *  fio's steadystate=iops_slope:LIMIT% over ss_dur (fio manual, "steadystate"), there with one value and one unit a second. A window that
 *  swings about its mean is steady by this rule; a slow fall below the limit too. window >= 3, limit > 0; a window of mean 0, or with x not
 *  spread, is not steady. @x ascending, such as seconds. Time: n x window. */
struct mb_stats_steady mb_stats_steady(const double *x, const double *y, size_t n, size_t window, double limit);

#endif
