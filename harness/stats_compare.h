/**
 * stats_compare.h - two samples: do they differ (Mann-Whitney), how often does one lie above the other (effect size), by how much
 * (Hodges-Lehmann). None of it assumes a normal distribution. The ratio of medians is in stats_bootstrap.h, many comparisons at once in
 * stats_adjust.h.
 *
 * Samples are sorted (mb_stats_sort()); a NaN in one, or an empty one, makes every figure NaN. Infinities are ranked as numbers by the
 * test; the shift is NaN with them. No memory: pairs are counted by walking both sorted samples. Reentrant.
 */
#ifndef MB_HARNESS_STATS_COMPARE_H
#define MB_HARNESS_STATS_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

/** MB_STATS_EXACT_MOST - up to this many values in each sample, and without ties, p is exact. */
#define MB_STATS_EXACT_MOST 20

struct mb_stats_mann_whitney {
    double u;             /* pairs (a, b) with a < b, half of the ties: 0..n_a n_b */
    double p;             /* two-sided */
    double rank_biserial; /* Cliff's delta, P(b > a) - P(b < a) over all pairs = 2 u / (n_a n_b) - 1: -1..1, > 0 when b is larger */
    bool exact;           /* p from the exact distribution, else from the normal approximation */
};

/** mb_stats_mann_whitney() - the test that a and b come from one distribution (Mann and Whitney 1947, Ann. Math. Stat. 18(1)).
 *  Exact: with N = n_a n_b, p = min(1, 2 P[U >= max(u, N - u)]), the number of orders with each U being a coefficient of the Gaussian binomial
 *  (n_a + n_b choose n_a). Else with n = n_a + n_b and t values per tie
 *      z = (max(u, N - u) - N / 2 - 1/2) / sqrt(N / 12 ((n + 1) - sum (t^3 - t) / (n (n - 1)))),   p = min(1, 2 (1 - Phi(z)))
 *  (Hollander, Wolfe and Chicken 2014, Nonparametric Statistical Methods, chapter 4). All values equal: p = 1.
 *  The least possible p is 2 / C(n_a + n_b, n_a): 4 against 4 values are the fewest that can reach 0.05 (3 against 3: 0.1).
 *  Effect size: Cliff 1993, Psychological Bulletin 114(3); Kerby 2014 for the rank-biserial correlation, the same number. */
struct mb_stats_mann_whitney mb_stats_mann_whitney(const double *a, size_t n_a, const double *b, size_t n_b);

struct mb_stats_shift {
    double estimate; /* in the unit of the samples, b - a */
    double lo, hi;
    double coverage; /* of the interval, by the exact distribution where that is used; else the level asked for */
};

/** mb_stats_shift() - Hodges-Lehmann: the median of all N differences b - a (Hodges and Lehmann 1963), with the interval that holds the shifts
 *  Mann-Whitney would not reject (Moses; Hollander, Wolfe and Chicken, chapter 4): the differences of ranks k and N + 1 - k,
 *  k the largest with 1 - 2 P[U <= k - 1] >= level. Up to MB_STATS_EXACT_MOST values in each P is exact (ties are not looked at: the interval
 *  then covers more, not less); beyond k = floor(N / 2 - z sqrt(N (n + 1) / 12)). Where no k reaches the level, the extremes, with the
 *  coverage they have. level inside (0, 1), else all NaN. Differences are found by bisection over their ranks, 64 walks each. */
struct mb_stats_shift mb_stats_shift(const double *a, size_t n_a, const double *b, size_t n_b, double level);

#endif
