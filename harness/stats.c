/* stats.c - see stats.h. */
#include "harness/stats.h"

#include <math.h>
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

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double mb_stats_median(double *x, size_t n)
{
    if (n == 0)
        return (double)NAN;
    qsort(x, n, sizeof(*x), ascending);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

double mb_stats_median_interval(const double *x, size_t n, double *lo, double *hi)
{
    *lo = *hi = n ? x[0] : (double)NAN;
    if (n < 2)
        return (double)NAN;
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
