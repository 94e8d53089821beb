/* stopping.c - see stopping.h. */
#include "harness/stopping.h"

#include <math.h>
#include <stdbool.h>

#include "harness/stats.h"

#define COVERAGE 0.95

double mb_stopping_interval(const double *sorted, size_t n)
{
    double lo, hi;
    const double coverage = mb_stats_median_interval(sorted, n, &lo, &hi);
    if (!(coverage >= COVERAGE))
        return (double)NAN;
    const double median = mb_stats_quantile(sorted, n, 0.5);
    return median > 0 ? fmax(hi - median, median - lo) / median : (double)NAN;
}

enum mb_stop mb_stopping_check(const struct mb_stopping *rule, uint32_t least, uint32_t n_counted, const double *sorted, size_t n, uint64_t spent_ns)
{
    if (n_counted < least)
        return MB_STOP_NOT_YET;
    const bool long_enough = spent_ns >= rule->least_s * UINT64_C(1000000000);
    if (long_enough && !(rule->target > 0))
        return MB_STOP_MINIMA;
    if (long_enough && mb_stopping_interval(sorted, n) <= rule->target) /* NaN is not */
        return MB_STOP_TARGET;
    if (n_counted >= rule->most)
        return MB_STOP_MOST;
    return long_enough && rule->budget_s && spent_ns >= rule->budget_s * UINT64_C(1000000000) ? MB_STOP_BUDGET : MB_STOP_NOT_YET;
}

const char *mb_stop_name(enum mb_stop stop)
{
    static const char *const names[] = {"", "minima", "target", "most", "budget"};
    return names[stop];
}
