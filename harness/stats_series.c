/* stats_series.c - see stats_series.h. */
#include "harness/stats_series.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "harness/stats.h"

struct mb_stats_line mb_stats_line(const double *x, const double *y, size_t n)
{
    struct mb_stats_line line = {(double)NAN, (double)NAN, (double)NAN};
    const double mean_x = mb_stats_mean(x, n), mean_y = mb_stats_mean(y, n);
    double sxx = 0, sxy = 0, residual = 0;
    for (size_t i = 0; i < n; i++) {
        sxx += (x[i] - mean_x) * (x[i] - mean_x);
        sxy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    if (n < 2 || !(sxx > 0))
        return line;
    line.slope = sxy / sxx;
    line.intercept = mean_y - line.slope * mean_x;
    for (size_t i = 0; i < n; i++) {
        const double r = y[i] - mean_y - line.slope * (x[i] - mean_x);
        residual += r * r;
    }
    if (n > 2)
        line.slope_se = sqrt(residual / (double)(n - 2) / sxx);
    return line;
}

/* Of y[n], whose sum is about 0, the greatest sum of squares between two parts; *after is the place of the step. */
static double greatest_step(const double *y, size_t n, size_t side, size_t *after)
{
    double total = 0, sum = 0, most = -1;
    for (size_t i = 0; i < n; i++)
        total += y[i];
    for (size_t k = 1; k + side <= n; k++) {
        sum += y[k - 1];
        const double difference = (total - sum) / (double)(n - k) - sum / (double)k;
        const double between = (double)k * ((double)(n - k) / (double)n) * difference * difference;
        if (k >= side && between > most) {
            most = between;
            *after = k;
        }
    }
    return most;
}

static void shuffle(double *y, size_t n, struct mb_rng *rng)
{
    for (size_t i = n; i > 1; i--) {
        const size_t j = (size_t)mb_rng_below(rng, i);
        const double t = y[i - 1];
        y[i - 1] = y[j];
        y[j] = t;
    }
}

/* y about its mean, to be freed; equal values become exact zeros */
static double *centred(const double *y, size_t n)
{
    double *copy = calloc(n, sizeof(*copy)), mean = 0;
    if (!copy)
        return NULL;
    for (size_t i = 0; i < n; i++)
        mean += (y[i] - y[0]) / (double)n;
    for (size_t i = 0; i < n; i++)
        copy[i] = y[i] - y[0] - mean;
    return copy;
}

static double sum_of_squares(const double *y, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += y[i] * y[i];
    return sum;
}

static int check_change(const double *y, size_t n, size_t side, size_t shuffles, struct mb_error *err)
{
    if (side < 1 || side > n / 2)
        return mb_fail(err, MB_EINVAL, "%zu values cannot be cut into two parts of at least %zu (1 or more)", n, side);
    if (shuffles < 19 || shuffles > 1000000)
        return mb_fail(err, MB_EINVAL, "%zu shuffles: between 19 and 1000000 are possible", shuffles);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(y[i]))
            return mb_fail(err, MB_EINVAL, "value %zu of the series is not a finite number", i);
    return MB_OK;
}

/* part of shuffles, the true order among them, with a step as great as found; rounding must not hide an equal one */
static double shuffled_p(double *y, size_t n, size_t side, size_t shuffles, uint64_t seed, double found)
{
    struct mb_rng rng = {seed};
    size_t as_great = 1, after = 0;
    for (size_t i = 0; i < shuffles; i++) {
        shuffle(y, n, &rng);
        as_great += greatest_step(y, n, side, &after) >= found * (1 - 1e-12);
    }
    return (double)as_great / ((double)shuffles + 1);
}

int mb_stats_change_point(const double *y, size_t n, size_t side, size_t shuffles, uint64_t seed, struct mb_stats_change *change,
                          struct mb_error *err)
{
    *change = (struct mb_stats_change){n, (double)NAN, (double)NAN, (double)NAN, (double)NAN};
    const int rc = check_change(y, n, side, shuffles, err);
    if (rc)
        return rc;
    double *order = centred(y, n);
    if (!order)
        return mb_fail(err, MB_ENOMEM, "no memory for a series of %zu values", n);
    size_t after = 0;
    const double all = sum_of_squares(order, n), found = greatest_step(order, n, side, &after);
    if (all > 0) {
        *change = (struct mb_stats_change){after, mb_stats_mean(y, after), mb_stats_mean(y + after, n - after), fmin(1, found / all),
                                           shuffled_p(order, n, side, shuffles, seed, found)};
    } else {
        *change = (struct mb_stats_change){n, y[0], y[0], 0, 1};
    }
    free(order);
    return MB_OK;
}

struct mb_stats_steady mb_stats_steady(const double *x, const double *y, size_t n, size_t window, double limit)
{
    for (size_t first = 0; window >= 3 && window <= n && first <= n - window; first++) {
        const double mean = mb_stats_mean(y + first, window);
        const double slope = mb_stats_line(x + first, y + first, window).slope / fabs(mean);
        if (fabs(slope) < limit) /* false for NaN */
            return (struct mb_stats_steady){true, first, first + window, mean, slope};
    }
    return (struct mb_stats_steady){false, n, n, (double)NAN, (double)NAN};
}
