/**
 * stats.h - statistics of one sample. docs/statistics.md says which one is used where.
 *
 * Doubles; nothing is trimmed or rejected: outliers are shown and kept. Where the text says "sorted", the caller has called
 * mb_stats_sort(); other order gives wrong numbers, never a wild read. A NaN in the sample gives NaN (a measurement that is not a
 * number is not skipped silently). Infinities sort as numbers: order statistics keep them, sums become inf or NaN.
 * No memory, no state, no output: reentrant.
 */
#ifndef MB_HARNESS_STATS_H
#define MB_HARNESS_STATS_H

#include <stddef.h>

/** mb_stats_mean() - arithmetic mean of x[n]; NaN when n == 0. */
double mb_stats_mean(const double *x, size_t n);

/** mb_stats_sd() - sample standard deviation, n - 1 in the denominator, deviations from the mean summed in a second pass
 *  (Chan, Golub, LeVeque 1983: the textbook one-pass form cancels, and llama-bench's integer sums wrap). 0 when n < 2. */
double mb_stats_sd(const double *x, size_t n);

/** mb_stats_cv() - coefficient of variation, sd / |mean|: a ratio, not per cent. NaN when n < 2 or the mean is 0. */
double mb_stats_cv(const double *x, size_t n);

/** mb_stats_sort() - ascending, in place, NaN last. */
void mb_stats_sort(double *x, size_t n);

/** mb_stats_median() - middle value, mean of the middle two; sorts x in place. NaN when n == 0 or one value is NaN. */
double mb_stats_median(double *x, size_t n);

/** mb_stats_median_interval() - order statistics of the sorted x[n] that bound the true median with probability >= 0.95 whatever the
 *  distribution, the rule of db's v_median_rank: [x(k), x(n+1-k)], largest k with 1 - 2 sum_{i<k} C(n,i) / 2^n >= 0.95; below n = 6
 *  minimum and maximum; above n = 1000 k = floor(n/2 - 0.98 sqrt n) (Le Boudec, Performance Evaluation, appendix A) and its normal
 *  approximation. Returns the coverage; NaN when n < 2 or one value is NaN. */
double mb_stats_median_interval(const double *x, size_t n, double *lo, double *hi);

/** mb_stats_quantile() - q-quantile of sorted x[n] by linear interpolation, type 7 of Hyndman and Fan 1996 (The American Statistician 50(4)),
 *  the default of numpy and R and the rule of db's v_itl_percentile:
 *      h = (n - 1) q,  x[floor h] + (h - floor h) (x[floor h + 1] - x[floor h])     (indices from 0)
 *  LoadGen's sorted[floor(n q)] is another definition: the two differ by up to one gap between neighbours.
 *  NaN when n == 0 or q is outside [0, 1]. Whether n is enough for q: mb_stats_quantile_need(). */
double mb_stats_quantile(const double *sorted, size_t n, double q);

/** mb_stats_quantile_need() - the least n from which a q-quantile is honest at a confidence: the second most extreme value lies beyond the
 *  true quantile with at least that probability. With r = min(q, 1 - q) the number of values beyond it is Binomial(n, r), so
 *      smallest n with  (1 - r)^n + n r (1 - r)^(n - 1)  <=  1 - confidence
 *  the rule of MLPerf LoadGen's early stopping (inference policies, "Early Stopping", t = 1, no tolerance): at 0.99 p50 11, p90 64, p95
 *  130, p99 662. Below it print no number. 0 when q or confidence is not inside (0, 1); SIZE_MAX when n would not fit 2^52. */
size_t mb_stats_quantile_need(double q, double confidence);

/** mb_stats_mad() - median of |x - median| of sorted x[n]: the spread in the unit of x, unscaled (Hampel 1974). 0 when n == 1 or over half of
 *  the values are equal; NaN when n == 0, or when the median is infinite. */
double mb_stats_mad(const double *sorted, size_t n);

/** MB_STATS_MAD_TO_SD - 1 / Phi^-1(3/4): a normal sample's standard deviation per MAD. */
#define MB_STATS_MAD_TO_SD 1.482602218505602

/** mb_stats_mad_scaled() - MB_STATS_MAD_TO_SD x MAD: comparable to mb_stats_sd() where the sample is normal. */
double mb_stats_mad_scaled(const double *sorted, size_t n);

enum mb_stats_outlier { MB_STATS_OUTLIER_NONE, MB_STATS_OUTLIER_MILD, MB_STATS_OUTLIER_SEVERE };

struct mb_stats_fences {
    double q1, q3;               /* type 7 quartiles */
    double mild_lo, mild_hi;     /* q1 - 1.5 IQR, q3 + 1.5 IQR: Tukey's inner fences */
    double severe_lo, severe_hi; /* q1 - 3 IQR, q3 + 3 IQR: outer fences */
};

/** mb_stats_fences() - Tukey 1977 (Exploratory Data Analysis, chapter 2) with type 7 quartiles in place of hinges. All NaN when n < 4:
 *  with fewer no value can lie outside, so "no outliers" would be an empty promise. */
struct mb_stats_fences mb_stats_fences(const double *sorted, size_t n);

/** mb_stats_classify() - where x lies; on a fence is inside. NaN as x or as fence: NONE. For display: nothing is to be left out by it. */
enum mb_stats_outlier mb_stats_classify(const struct mb_stats_fences *fences, double x);

/** MB_STATS_MODIFIED_Z_LIMIT - |modified z| above this is called an outlier (Iglewicz and Hoaglin 1993). */
#define MB_STATS_MODIFIED_Z_LIMIT 3.5

/** mb_stats_modified_z() - (x - median) / (MB_STATS_MAD_TO_SD x mad), Iglewicz and Hoaglin 1993, "How to Detect and Handle Outliers" (their
 *  0.6745 is the reciprocal, rounded). mad == 0: 0 for x == median, else an infinity of the sign of the difference. */
double mb_stats_modified_z(double x, double median, double mad);

#endif
