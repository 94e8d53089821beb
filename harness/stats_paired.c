/* stats_paired.c - see stats_paired.h. */
#include "harness/stats_paired.h"

#include <math.h>

#include "harness/stats.h"
#include "harness/stats_tail.h"

/* P[X <= k] of Binomial(n, 1/2); logarithms of each term, so that thousands of flips do not underflow */
static double half_binomial(size_t k, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i <= k; i++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) - (double)n * M_LN2);
    return sum;
}

struct mb_stats_mcnemar mb_stats_mcnemar(size_t lost, size_t won, size_t n, double level)
{
    const size_t flips = lost + won;
    if (n == 0 || flips > n || !(level > 0 && level < 1))
        return (struct mb_stats_mcnemar){(double)NAN, (double)NAN, (double)NAN, (double)NAN};
    const double all = (double)n + 2, d = ((double)won - (double)lost) / all;
    const double width = mb_stats_normal_width(level) * sqrt((((double)flips + 1) / all - d * d) / all);
    return (struct mb_stats_mcnemar){.p = fmin(1, 2 * half_binomial(lost < won ? lost : won, flips)),
                                     .difference = ((double)won - (double)lost) / (double)n,
                                     .lo = fmax(-1, d - width),
                                     .hi = fmin(1, d + width)};
}

struct mb_stats_prediction mb_stats_predict(const double *x, size_t n, double y, double level)
{
    struct mb_stats_prediction none = {(double)NAN, (double)NAN, (double)NAN, (double)NAN};
    const double mean = mb_stats_mean(x, n), scatter = mb_stats_sd(x, n) * sqrt(1 + 1 / (double)n);
    if (n < 2 || !isfinite(y - mean) || !isfinite(scatter) || !(level > 0 && level < 1))
        return none;
    const double difference = y - mean, width = mb_stats_student_width(level, n - 1) * scatter;
    return (struct mb_stats_prediction){.difference = difference,
                                        .lo = difference - width,
                                        .hi = difference + width,
                                        .p = scatter > 0 ? mb_stats_student_p(difference / scatter, n - 1) : difference == 0 ? 1.0 : 0.0};
}
