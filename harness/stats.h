/**
 * stats.h - sample statistics of the command line; doubles, two passes, nothing trimmed. Reentrant.
 */
#ifndef MB_HARNESS_STATS_H
#define MB_HARNESS_STATS_H

#include <stddef.h>

/** mb_stats_mean() - arithmetic mean of x[n]; NaN when n == 0. */
double mb_stats_mean(const double *x, size_t n);

/** mb_stats_sd() - sample standard deviation, n - 1 in the denominator, deviations from the mean summed in a second pass
 *  (Chan, Golub, LeVeque 1983: the textbook one-pass form cancels, and llama-bench's integer sums wrap). 0 when n < 2. */
double mb_stats_sd(const double *x, size_t n);

/** mb_stats_median() - middle value, mean of the middle two; sorts x in place. NaN when n == 0. */
double mb_stats_median(double *x, size_t n);

/** mb_stats_median_interval() - order statistics of the sorted x[n] that bound the true median with probability >= 0.95 whatever the
 *  distribution, the rule of db's v_median_rank: [x(k), x(n+1-k)], largest k with 1 - 2 sum_{i<k} C(n,i) / 2^n >= 0.95; below n = 6
 *  minimum and maximum. Returns the coverage; NaN when n < 2. */
double mb_stats_median_interval(const double *x, size_t n, double *lo, double *hi);

#endif
