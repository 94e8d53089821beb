/* test_stats_compare.c - against scipy 1.17.1: literals with the line that made them; false alarms by count. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "harness/stats.h"
#include "harness/stats_compare.h"
#include "near.h"

static struct mb_stats_mann_whitney test_of(double *a, size_t n_a, double *b, size_t n_b)
{
    mb_stats_sort(a, n_a);
    mb_stats_sort(b, n_b);
    return mb_stats_mann_whitney(a, n_a, b, n_b);
}

/* [i * factor % modulus + offset for i in range(n)], sorted */
static void spread_out(double *x, int n, int factor, int modulus, double offset)
{
    for (int i = 0; i < n; i++)
        x[i] = i * factor % modulus + offset;
    mb_stats_sort(x, (size_t)n);
}

/* scipy.stats.mannwhitneyu(b, a, alternative='two-sided', method='exact'): statistic, pvalue; delta = 2 * statistic / len(a) / len(b) - 1 */
static void exact_p_of_small_samples(void **state)
{
    (void)state;
    double a[] = {12.1, 11.4, 13.0, 12.7, 11.9}, b[] = {13.3, 12.9, 14.1, 12.2, 15.0, 13.8};
    struct mb_stats_mann_whitney t = test_of(a, 5, b, 6);
    assert_true(t.exact);
    near(t.u, 27, 0);
    near(t.p, 0.030303030303030304, 1e-14);
    near(t.rank_biserial, 0.8, 1e-14);
    t = test_of(b, 6, a, 5); /* the other way round: same p, opposite effect */
    near(t.p, 0.030303030303030304, 1e-14);
    near(t.rank_biserial, -0.8, 1e-14);
    double low[] = {1, 2, 3, 4}, high[] = {5, 6, 7, 8};
    t = test_of(low, 4, high, 4);
    near(t.p, 0.02857142857142857, 1e-14);
    near(t.rank_biserial, 1, 0);
}

/* the same with a = [i * 37 % 101 for i in range(20)], b = [i * 53 % 103 + 20.5 for i in range(20)]; then the a of range(7) against b */
static void exact_p_of_the_largest_samples(void **state)
{
    (void)state;
    double a[20], b[20];
    spread_out(a, 20, 37, 101, 0);
    spread_out(b, 20, 53, 103, 20.5);
    const struct mb_stats_mann_whitney t = mb_stats_mann_whitney(a, 20, b, 20);
    assert_true(t.exact);
    near(t.u, 246, 0);
    near(t.p, 0.22106463542358493, 1e-13);
    double a7[20];
    spread_out(a7, 7, 37, 101, 0);
    const struct mb_stats_mann_whitney uneven = mb_stats_mann_whitney(a7, 7, b, 20);
    near(uneven.u, 100, 0);
    near(uneven.p, 0.10364064277107757, 1e-13);
}

/* method='asymptotic' (its continuity correction is on): ties; and a = [i * 37 % 101 ...] of 25, b = [i * 53 % 103 + 15.5 ...] of 30 */
static void approximate_p_of_ties_and_of_large_samples(void **state)
{
    (void)state;
    double a[] = {1, 2, 2, 3, 3, 3, 5, 8, 8}, b[] = {2, 3, 4, 4, 5, 8, 8, 9};
    struct mb_stats_mann_whitney t = test_of(a, 9, b, 8);
    assert_false(t.exact);
    near(t.u, 50, 0);
    near(t.p, 0.1867543552014176, 1e-13);
    near(t.rank_biserial, 0.38888888888888884, 1e-14);
    double large_a[25], large_b[30];
    spread_out(large_a, 25, 37, 101, 0);
    spread_out(large_b, 30, 53, 103, 15.5);
    t = mb_stats_mann_whitney(large_a, 25, large_b, 30);
    assert_false(t.exact);
    near(t.u, 478, 0);
    near(t.p, 0.08317279726072167, 1e-13);
}

/* d = numpy.sort(numpy.subtract.outer(b, a).ravel()), c = cumulated counts of all orders (recursion f(n, m, u) = f(n-1, m, u-m) + f(n, m-1, u)) /
 * comb(n + m, n), k = the largest with 1 - 2 c[k-1] >= level or 1: numpy.median(d), d[k-1], d[-k], 1 - 2 c[k-1] */
static void shift_and_interval_are_differences(void **state)
{
    (void)state;
    double a[] = {11.4, 11.9, 12.1, 12.7, 13.0}, b[] = {12.2, 12.9, 13.3, 13.8, 14.1, 15.0};
    struct mb_stats_shift s = mb_stats_shift(a, 5, b, 6, 0.95);
    near(s.estimate, 1.3, 1e-14);
    near(s.lo, 0.1, 1e-13);
    near(s.hi, 2.7, 1e-14);
    near(s.coverage, 0.9696969696969697, 1e-14);
    double tied_a[] = {1, 2, 2, 3, 3, 3, 5, 8, 8}, tied_b[] = {2, 3, 4, 4, 5, 8, 8, 9};
    s = mb_stats_shift(tied_a, 9, tied_b, 8, 0.95);
    near(s.estimate, 1, 0);
    near(s.lo, -1, 0);
    near(s.hi, 5, 0);
    near(s.coverage, 0.9535993418346359, 1e-14);
    double a20[20], b20[20];
    spread_out(a20, 20, 37, 101, 0);
    spread_out(b20, 20, 53, 103, 20.5);
    s = mb_stats_shift(a20, 20, b20, 20, 0.99);
    near(s.estimate, 12, 0);
    near(s.lo, -14.5, 0);
    near(s.hi, 38.5, 0);
    near(s.coverage, 0.990516392808795, 1e-13);
}

/* 2 against 2: no pair of differences covers 95 %, the extremes 66.7 %. 25 against 30:
 * k = int(25*30/2 - scipy.stats.norm.ppf(.975) * (25*30*56/12) ** .5) = 259: numpy.median(d), d[k-1], d[-k] */
static void shift_of_the_fewest_and_of_many(void **state)
{
    (void)state;
    const double a[] = {1, 2}, b[] = {3, 5};
    struct mb_stats_shift s = mb_stats_shift(a, 2, b, 2, 0.95);
    near(s.estimate, 2.5, 0);
    near(s.lo, 1, 0);
    near(s.hi, 4, 0);
    near(s.coverage, 2.0 / 3, 1e-14);
    double large_a[25], large_b[30];
    spread_out(large_a, 25, 37, 101, 0);
    spread_out(large_b, 30, 53, 103, 15.5);
    s = mb_stats_shift(large_a, 25, large_b, 30, 0.95);
    near(s.estimate, 14.5, 0);
    near(s.lo, -2.5, 0);
    near(s.hi, 31.5, 0);
    near(s.coverage, 0.95, 0);
}

static void what_cannot_be_compared_has_no_figure(void **state)
{
    (void)state;
    const double equal[30] = {0}, nan_last[] = {1, (double)NAN}, inf_last[] = {1, (double)INFINITY}, one[] = {1};
    near(mb_stats_mann_whitney(equal, 30, equal, 30).p, 1, 0);
    near(mb_stats_mann_whitney(equal, 30, equal, 30).rank_biserial, 0, 0);
    near(mb_stats_mann_whitney(equal, 1, one, 1).p, 1, 0);
    near(mb_stats_shift(equal, 1, one, 1, 0.95).estimate, 1, 0);
    near(mb_stats_shift(equal, 30, equal, 30, 0.95).hi, 0, 0);
    assert_true(isnan(mb_stats_mann_whitney(equal, 0, one, 1).p) && isnan(mb_stats_mann_whitney(one, 1, equal, 0).u));
    assert_true(isnan(mb_stats_mann_whitney(nan_last, 2, one, 1).p) && isnan(mb_stats_mann_whitney(one, 1, nan_last, 2).rank_biserial));
    const double unsorted[] = {2, (double)NAN, 1};
    assert_true(isnan(mb_stats_mann_whitney(unsorted, 3, one, 1).p) && isnan(mb_stats_mann_whitney(one, 1, unsorted, 3).p));
    near(mb_stats_mann_whitney(one, 1, inf_last, 2).u, 1.5, 0);
    assert_true(isnan(mb_stats_shift(one, 1, inf_last, 2, 0.95).estimate) && isnan(mb_stats_shift(equal, 0, one, 1, 0.95).lo));
    assert_true(isnan(mb_stats_shift(one, 1, nan_last, 2, 0.95).hi) && isnan(mb_stats_shift(equal, 2, one, 1, 1).estimate));
}

/* Pairs of samples from one distribution. At alpha = 0.05 the alarms of 2000 comparisons are at most Binomial(2000, 0.05):
 * scipy.stats.binom.ppf([0.0005, 0.9995], 2000, 0.05) = 69, 133; the discrete test of 8 against 8 may alarm less (its level is 0.0499). */
static unsigned false_alarms(size_t n, double grain, uint64_t seed)
{
    struct mb_rng rng = {seed};
    unsigned alarms = 0;
    for (int i = 0; i < 2000; i++) {
        double x[2][40];
        for (size_t j = 0; j < 2 * n; j++) {
            const double value = -log(1 - mb_rng_unit(&rng));
            x[j / n][j % n] = grain > 0 ? floor(value / grain) : value;
        }
        alarms += test_of(x[0], n, x[1], n).p < 0.05;
    }
    return alarms;
}

static void equal_things_alarm_at_the_stated_rate(void **state)
{
    (void)state;
    assert_in_range(false_alarms(8, 0, 1), 55, 133); /* exact */
    assert_in_range(false_alarms(40, 0, 2), 69, 133); /* approximation */
    assert_in_range(false_alarms(40, 0.25, 3), 60, 133); /* with many ties */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_p_of_small_samples),
        cmocka_unit_test(exact_p_of_the_largest_samples),
        cmocka_unit_test(approximate_p_of_ties_and_of_large_samples),
        cmocka_unit_test(shift_and_interval_are_differences),
        cmocka_unit_test(shift_of_the_fewest_and_of_many),
        cmocka_unit_test(what_cannot_be_compared_has_no_figure),
        cmocka_unit_test(equal_things_alarm_at_the_stated_rate),
    };
    return cmocka_run_group_tests_name("stats_compare", tests, NULL, NULL);
}
