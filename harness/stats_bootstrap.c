/* stats_bootstrap.c - see stats_bootstrap.h. */
#include "harness/stats_bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "harness/stats.h"

/* The median of one resample of sorted x[n]: how often each place was drawn is enough, no sorting. */
static double resampled_median(const double *x, size_t n, size_t *times, struct mb_rng *rng)
{
    memset(times, 0, n * sizeof(*times));
    for (size_t i = 0; i < n; i++)
        times[mb_rng_below(rng, n)]++;
    const size_t low = (n - 1) / 2, high = n / 2; /* ranks of the middle two, from 0 */
    size_t place = 0, passed = times[0];
    while (passed <= low)
        passed += times[++place];
    const double lower = x[place];
    while (passed <= high)
        passed += times[++place];
    return lower + (x[place] - lower) / 2;
}

static void interval_of(double *drawn, const struct mb_stats_bootstrap *how, struct mb_stats_interval *interval)
{
    mb_stats_sort(drawn, how->resamples);
    interval->lo = mb_stats_quantile(drawn, how->resamples, (1 - how->level) / 2);
    interval->hi = mb_stats_quantile(drawn, how->resamples, (1 + how->level) / 2);
}

/* sorted: the ends tell whether all are finite, but a NaN can only be last */
static int check_sample(const double *x, size_t n, const char *which, struct mb_error *err)
{
    if (n < 2)
        return mb_fail(err, MB_EINVAL, "%s has %zu values; a bootstrap needs 2", which, n);
    if (!isfinite(x[0]) || !isfinite(x[n - 1]))
        return mb_fail(err, MB_EINVAL, "%s has a value that is not a finite number", which);
    return MB_OK;
}

static int check_how(const struct mb_stats_bootstrap *how, struct mb_error *err)
{
    if (!(how->level > 0 && how->level < 1))
        return mb_fail(err, MB_EINVAL, "level %g: it must lie inside (0, 1)", how->level);
    if (how->resamples < 100 || how->resamples > 1000000)
        return mb_fail(err, MB_EINVAL, "%zu resamples: between 100 and 1000000 are possible", how->resamples);
    return MB_OK;
}

/* drawn medians of x, to be freed; NULL when memory could not be had */
static double *resampled_medians(const double *x, size_t n, size_t resamples, struct mb_rng *rng)
{
    size_t *times = calloc(n, sizeof(*times));
    double *drawn = times ? calloc(resamples, sizeof(*drawn)) : NULL;
    for (size_t i = 0; drawn && i < resamples; i++)
        drawn[i] = resampled_median(x, n, times, rng);
    free(times);
    return drawn;
}

static double middle(const double *sorted, size_t n)
{
    return mb_stats_quantile(sorted, n, 0.5);
}

int mb_stats_bootstrap_median(const double *x, size_t n, const struct mb_stats_bootstrap *how, struct mb_stats_interval *interval,
                              struct mb_error *err)
{
    *interval = (struct mb_stats_interval){(double)NAN, (double)NAN, (double)NAN};
    int rc = check_how(how, err);
    if (!rc)
        rc = check_sample(x, n, "the sample", err);
    if (rc)
        return rc;
    struct mb_rng rng = {how->seed};
    double *drawn = resampled_medians(x, n, how->resamples, &rng);
    if (!drawn)
        return mb_fail(err, MB_ENOMEM, "no memory for %zu resamples", how->resamples);
    interval->estimate = middle(x, n);
    interval_of(drawn, how, interval);
    free(drawn);
    return MB_OK;
}

int mb_stats_bootstrap_ratio(const double *a, size_t n_a, const double *b, size_t n_b, const struct mb_stats_bootstrap *how,
                             struct mb_stats_interval *interval, struct mb_error *err)
{
    *interval = (struct mb_stats_interval){(double)NAN, (double)NAN, (double)NAN};
    int rc = check_how(how, err);
    if (!rc)
        rc = check_sample(a, n_a, "the first sample", err);
    if (!rc)
        rc = check_sample(b, n_b, "the second sample", err);
    if (rc)
        return rc;
    if (a[0] <= 0 || b[0] <= 0)
        return mb_fail(err, MB_EINVAL, "a ratio of medians needs values above 0");
    struct mb_rng rng = {how->seed};
    double *below = resampled_medians(a, n_a, how->resamples, &rng), *ratios = NULL;
    if (below)
        ratios = resampled_medians(b, n_b, how->resamples, &rng);
    if (!ratios) {
        free(below);
        return mb_fail(err, MB_ENOMEM, "no memory for %zu resamples", how->resamples);
    }
    for (size_t i = 0; i < how->resamples; i++)
        ratios[i] /= below[i];
    interval->estimate = middle(b, n_b) / middle(a, n_a);
    interval_of(ratios, how, interval);
    free(below);
    free(ratios);
    return MB_OK;
}
