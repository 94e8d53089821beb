/**
 * stats_bootstrap.h - intervals by resampling: the median of one sample, the ratio of the medians of two.
 *
 * Percentile method (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13): draw n of n values with replacement,
 * compute the statistic, repeat; the interval is the (1 - level) / 2 and (1 + level) / 2 quantile (type 7) of what came out.
 * Draws come from mb_rng, so a seed gives the same interval on every machine. The interval never leaves the range of the sample: with few
 * values it covers less than it says (n = 5: about 94 % at a level of 95 %, and one value is enough to move it). mb_stats_median_interval()
 * promises its coverage without resampling and is preferred for one sample.
 *
 * Samples are sorted (mb_stats_sort()), n >= 2, all values finite. Time: resamples x n draws.
 * Returns MB_OK, MB_EINVAL (a sample, level or count that cannot be used: the sentence says which) or MB_ENOMEM; on failure *interval is
 * all NaN. Memory is freed before return. No state: reentrant.
 */
#ifndef MB_HARNESS_STATS_BOOTSTRAP_H
#define MB_HARNESS_STATS_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mb_stats_interval {
    double estimate; /* the statistic of the sample as it is */
    double lo, hi;
};

struct mb_stats_bootstrap {
    double level;     /* inside (0, 1), such as 0.95 */
    size_t resamples; /* 100..1000000; 10000 gives ends that move by about a hundredth of the width from seed to seed */
    uint64_t seed;
};

/** mb_stats_bootstrap_median() - median of sorted x[n]. */
int mb_stats_bootstrap_median(const double *x, size_t n, const struct mb_stats_bootstrap *how, struct mb_stats_interval *interval,
                              struct mb_error *err) MB_MUST_CHECK;

/** mb_stats_bootstrap_ratio() - median(b) / median(a), the two resampled independently; all values > 0 (rates, times). 1 inside the interval:
 *  no difference shown at that level. */
int mb_stats_bootstrap_ratio(const double *a, size_t n_a, const double *b, size_t n_b, const struct mb_stats_bootstrap *how,
                             struct mb_stats_interval *interval, struct mb_error *err) MB_MUST_CHECK;

#endif
