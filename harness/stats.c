/* stats.c - see stats.h. */
#include "harness/stats.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

double mb_stats_mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n ? sum / (double)n : (double)NAN;
}

double mb_stats_sd(const double *x, size_t n)
{
    if (n < 2)
        return 0;
    const double mean = mb_stats_mean(x, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sqrt(sum / (double)(n - 1));
}

double mb_stats_cv(const double *x, size_t n)
{
    const double mean = mb_stats_mean(x, n);
    return n < 2 || mean == 0 ? (double)NAN : mb_stats_sd(x, n) / fabs(mean);
}

/* a total order: NaN after everything, or qsort could be led astray */
static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return (isnan(x) != 0) - (isnan(y) != 0);
    return (x > y) - (x < y);
}

void mb_stats_sort(double *x, size_t n)
{
    if (n > 1)
        qsort(x, n, sizeof(*x), ascending);
}

/* middle of two, which stays an infinity when both are */
static double between(double low, double high)
{
    return low == high ? low : (low + high) / 2;
}

static double median_of_sorted(const double *x, size_t n)
{
    if (n == 0 || isnan(x[n - 1]))
        return (double)NAN;
    return between(x[(n - 1) / 2], x[n / 2]);
}

double mb_stats_median(double *x, size_t n)
{
    mb_stats_sort(x, n);
    return median_of_sorted(x, n);
}

/* 2^-n leaves the range of doubles: the normal approximation of the binomial, with continuity correction */
static double wide_median_interval(const double *x, size_t n, double *lo, double *hi)
{
    const double root = sqrt((double)n), k = floor((double)n / 2 - 0.98 * root);
    *lo = x[(size_t)k - 1];
    *hi = x[n - (size_t)k];
    return erf(((double)n - 2 * k + 1) / (root * sqrt(2)));
}

double mb_stats_median_interval(const double *x, size_t n, double *lo, double *hi)
{
    *lo = *hi = n ? x[0] : (double)NAN;
    if (n < 2)
        return (double)NAN;
    if (isnan(x[n - 1]))
        return *lo = *hi = (double)NAN;
    if (n > 1000)
        return wide_median_interval(x, n, lo, hi);
    /* coverage of k = 1, then ever narrower while it stays enough */
    double term = pow(0.5, (double)n), tail = term, coverage = 1 - 2 * tail;
    size_t k = 1;
    while (2 * (k + 1) < n + 1) {
        term *= (double)(n - k + 1) / (double)k; /* C(n,k) / 2^n */
        if (1 - 2 * (tail + term) < 0.95)
            break;
        tail += term;
        coverage = 1 - 2 * tail;
        k++;
    }
    *lo = x[k - 1];
    *hi = x[n - k];
    return coverage;
}

double mb_stats_quantile(const double *sorted, size_t n, double q)
{
    if (n == 0 || !(q >= 0 && q <= 1) || isnan(sorted[n - 1]))
        return (double)NAN;
    const double h = (double)(n - 1) * q;
    const size_t lower = (size_t)h;
    const double part = h - (double)lower;
    if (part == 0 || sorted[lower] == sorted[lower + 1])
        return sorted[lower]; /* also where the difference of infinities would be NaN */
    return sorted[lower] + part * (sorted[lower + 1] - sorted[lower]);
}

/* P[at most one of n draws lies beyond], r the chance of one; falls with n */
static double at_most_one(double n, double r)
{
    return exp(n * log1p(-r)) + n * r * exp((n - 1) * log1p(-r));
}

size_t mb_stats_quantile_need(double q, double confidence)
{
    if (!(q > 0 && q < 1) || !(confidence > 0 && confidence < 1))
        return 0;
    const double r = fmin(q, 1 - q), risk = 1 - confidence, most = 0x1p52;
    double enough = 2;
    while (enough < most && at_most_one(enough, r) > risk)
        enough *= 2;
    if (enough >= most)
        return SIZE_MAX;
    double few = 1; /* not enough: at_most_one(1) = 1 */
    while (enough - few > 1) {
        const double n = floor((few + enough) / 2);
        if (at_most_one(n, r) > risk)
            few = n;
        else
            enough = n;
    }
    return (size_t)enough;
}

/* In a sorted sample the distances from the median grow to both sides, so the k smallest are found by walking outwards. */
double mb_stats_mad(const double *sorted, size_t n)
{
    const double median = median_of_sorted(sorted, n);
    if (!isfinite(median))
        return (double)NAN;
    size_t below = (n + 1) / 2, above = below; /* next to take: sorted[below - 1], sorted[above] */
    double last = 0, before = 0;
    for (size_t taken = 0; taken <= n / 2; taken++) {
        const double down = below > 0 ? median - sorted[below - 1] : (double)INFINITY;
        const double up = above < n ? sorted[above] - median : (double)INFINITY;
        before = last;
        if (above >= n || (below > 0 && down <= up)) {
            last = down;
            below--;
        } else {
            last = up;
            above++;
        }
    }
    return n % 2 ? last : between(before, last);
}

double mb_stats_mad_scaled(const double *sorted, size_t n)
{
    return MB_STATS_MAD_TO_SD * mb_stats_mad(sorted, n);
}

struct mb_stats_fences mb_stats_fences(const double *sorted, size_t n)
{
    const double q1 = n < 4 ? (double)NAN : mb_stats_quantile(sorted, n, 0.25);
    const double q3 = n < 4 ? (double)NAN : mb_stats_quantile(sorted, n, 0.75);
    const double iqr = q3 - q1;
    return (struct mb_stats_fences){.q1 = q1, .q3 = q3, .mild_lo = q1 - 1.5 * iqr, .mild_hi = q3 + 1.5 * iqr,
                                    .severe_lo = q1 - 3 * iqr, .severe_hi = q3 + 3 * iqr};
}

enum mb_stats_outlier mb_stats_classify(const struct mb_stats_fences *fences, double x)
{
    if (x < fences->severe_lo || x > fences->severe_hi)
        return MB_STATS_OUTLIER_SEVERE;
    return x < fences->mild_lo || x > fences->mild_hi ? MB_STATS_OUTLIER_MILD : MB_STATS_OUTLIER_NONE;
}

double mb_stats_modified_z(double x, double median, double mad)
{
    return x == median ? 0 : (x - median) / (MB_STATS_MAD_TO_SD * mad);
}
