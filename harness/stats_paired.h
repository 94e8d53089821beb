/**
 * stats_paired.h - two answers to the same question, and one new value against earlier ones. Reentrant.
 */
#ifndef MB_HARNESS_STATS_PAIRED_H
#define MB_HARNESS_STATS_PAIRED_H

#include <stddef.h>

struct mb_stats_mcnemar {
    double p;          /* two-sided, exact */
    double difference; /* (won - lost) / n: the change of the share of right answers */
    double lo, hi;     /* interval of it, clamped to [-1, 1] */
};

/** mb_stats_mcnemar() - of @n items answered by A and by B, @lost were right with A only and @won with B only. Items both got right or both
 *  wrong tell nothing: under "no difference" won is Binomial(lost + won, 1/2), p = min(1, 2 P[X <= min(lost, won)]) (McNemar 1947,
 *  Psychometrika 12(2); exact form: Fagerland, Lydersen, Laake 2013). No flips: p = 1. The interval is Agresti and Min's (2005, Statistics in
 *  Medicine 24(5)): half an item is added to each of the four counts, N = n + 2, d = (won - lost) / N,
 *      d -+ z sqrt((won + lost + 1) / N - d^2) / sqrt N
 *  The least p is 2^(1 - flips): 6 flips, all one way, are the fewest that reach 0.05. lost + won > n or n == 0: all NaN. */
struct mb_stats_mcnemar mb_stats_mcnemar(size_t lost, size_t won, size_t n, double level);

struct mb_stats_prediction {
    double difference; /* y - mean of x */
    double lo, hi;     /* interval of it at the level */
    double p;          /* two-sided */
};

/** mb_stats_predict() - is @y one more value of the population that x[n] come from? Normal values:
 *      y - mean -+ t s sqrt(1 + 1/n),   t = |y - mean| / (s sqrt(1 + 1/n)) with n - 1 degrees of freedom
 *  the prediction interval for one future value (Hahn and Meeker 1991, Statistical Intervals, section 4.7), centred on the difference. Unlike an
 *  interval for the mean it does not shrink to nothing as n grows: y has its own scatter. s = 0: p = 1 for the same value, else 0.
 *  All NaN when n < 2 or a value is not finite. */
struct mb_stats_prediction mb_stats_predict(const double *x, size_t n, double y, double level);

#endif
