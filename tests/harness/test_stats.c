/* test_stats.c - against values computed elsewhere: scipy/numpy literals with the code that made them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/stats.h"
#include "near.h"

/* llama.cpp issue 24951: the five samples for which llama-bench printed 3722529745 (its sums wrap at 2^64).
 * numpy.std([12140144300, 12308847400, 12225136900, 12154929400, 11909783400], ddof=1) = 148894757.97668... */
static void spread_of_long_samples_does_not_wrap(void **state)
{
    (void)state;
    const double x[] = {12140144300.0, 12308847400.0, 12225136900.0, 12154929400.0, 11909783400.0};
    assert_int_equal(llround(mb_stats_sd(x, 5)), 148894758);
    near(mb_stats_mean(x, 5), 12147768280.0, 1e-15);
}

/* A large offset with a small spread: the one-pass formula loses all digits here.
 * numpy.std(1e9 + numpy.array([4, 7, 13, 16]), ddof=1) = 5.477225575051661 */
static void spread_survives_a_large_offset(void **state)
{
    (void)state;
    const double x[] = {1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16};
    near(mb_stats_sd(x, 4), 5.477225575051661, 1e-12);
}

static void median_of_odd_even_and_none(void **state)
{
    (void)state;
    double odd[] = {9, 1, 5}, even[] = {4, 1, 3, 2};
    near(mb_stats_median(odd, 3), 5, 0);
    near(mb_stats_median(even, 4), 2.5, 0);
    assert_true(isnan(mb_stats_median(odd, 0)));
}

static void few_samples_have_no_spread(void **state)
{
    (void)state;
    const double x[] = {3};
    near(mb_stats_sd(x, 1), 0, 0);
    assert_true(isnan(mb_stats_mean(x, 0)));
}

/* The rule of db/views.sql (v_median_rank): n = 9 gives ranks 2 and 8 with 96.09 %, n = 5 the extremes with 93.75 %. */
static void the_interval_of_the_median_is_two_order_statistics(void **state)
{
    (void)state;
    const struct { size_t n, k; double coverage; } rows[] = {{2, 1, 0.5}, {5, 1, 0.9375}, {8, 1, 0.992188}, {9, 2, 0.960938}, {12, 3, 0.961426},
                                                             {20, 6, 0.958611}, {50, 18, 0.967161}};
    double x[50], lo, hi;
    for (int i = 0; i < 50; i++)
        x[i] = i + 1;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        near(mb_stats_median_interval(x, rows[i].n, &lo, &hi), rows[i].coverage, 1e-6);
        near(lo, (double)rows[i].k, 0);
        near(hi, (double)(rows[i].n + 1 - rows[i].k), 0);
    }
    assert_true(isnan(mb_stats_median_interval(x, 1, &lo, &hi)));
    near(lo, 1, 0);
}

/* The sample of the literals below: X = [4.1, 2.2, 9.7, 3.3, 5.8, 2.2, 7.4, 6.1, 30.5, 4.9], scipy 1.17.1, numpy 2.4.6. */
enum { N_X = 10 };
static const double x_sorted[N_X] = {2.2, 2.2, 3.3, 4.1, 4.9, 5.8, 6.1, 7.4, 9.7, 30.5};

/* numpy.quantile(X, [0, .1, .25, .5, .9, .99, 1]) */
static void quantiles_are_of_type_7(void **state)
{
    (void)state;
    const double q[] = {0, 0.1, 0.25, 0.5, 0.9, 0.99, 1}, want[] = {2.2, 2.2, 3.5, 5.35, 11.78, 28.628, 30.5};
    for (size_t i = 0; i < 7; i++)
        near(mb_stats_quantile(x_sorted, N_X, q[i]), want[i], 1e-14);
    assert_true(isnan(mb_stats_quantile(x_sorted, 0, 0.5)));
    near(mb_stats_quantile(x_sorted, 1, 0.99), 2.2, 0);
    const double bad[] = {-0.1, 1.1, (double)NAN};
    for (size_t i = 0; i < 3; i++)
        assert_true(isnan(mb_stats_quantile(x_sorted, N_X, bad[i])));
}

/* n = 1; while scipy.stats.binom.cdf(1, n, min(q, 1 - q)) > 1 - confidence: n += 1
 * The first four are the numbers of MLPerf's early stopping, which db's v_itl_percentile has as constants. */
static void a_quantile_needs_values_beyond_it(void **state)
{
    (void)state;
    const struct { double q; size_t at_99, at_95; } rows[] = {{0.5, 11, 8},     {0.9, 64, 46},        {0.95, 130, 93},
                                                              {0.99, 662, 473}, {0.999, 6636, 4742}, {0.1, 64, 46}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(mb_stats_quantile_need(rows[i].q, 0.99), rows[i].at_99);
        assert_int_equal(mb_stats_quantile_need(rows[i].q, 0.95), rows[i].at_95);
    }
    const double bad[] = {0, 1, -1, 2, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(mb_stats_quantile_need(bad[i], 0.99), 0);
        assert_int_equal(mb_stats_quantile_need(0.5, bad[i]), 0);
    }
    assert_true(mb_stats_quantile_need(1e-300, 0.99) == SIZE_MAX);
}

/* scipy.stats.median_abs_deviation(X), (X, scale='normal'), of X[:9], of X[:2]; scipy.stats.variation(X, ddof=1) */
static void spread_of_a_sample_with_an_outlier(void **state)
{
    (void)state;
    near(mb_stats_mad(x_sorted, N_X), 2.05, 1e-14);
    near(mb_stats_mad_scaled(x_sorted, N_X), 3.0393345479364844, 1e-14);
    const double nine[] = {2.2, 2.2, 3.3, 4.1, 5.8, 6.1, 7.4, 9.7, 30.5}, two[] = {2.2, 4.1};
    near(mb_stats_mad(nine, 9), 2.5, 1e-14);
    near(mb_stats_mad(two, 2), 0.95, 1e-14);
    near(mb_stats_cv(x_sorted, N_X), 1.0985853727348867, 1e-14);
    const double equal[] = {3, 3, 3, 3, 3};
    near(mb_stats_mad(equal, 1), 0, 0);
    near(mb_stats_mad(equal, 5), 0, 0);
    near(mb_stats_cv(equal, 5), 0, 0);
    assert_true(isnan(mb_stats_mad(equal, 0)) && isnan(mb_stats_cv(equal, 1)));
}

/* numpy.quantile(X, [.25, .75]) = 3.5, 7.075: IQR 3.575; (v - numpy.median(X)) / median_abs_deviation(X, scale='normal') for v in 30.5, 2.2 */
static void outliers_are_named_and_kept(void **state)
{
    (void)state;
    const struct mb_stats_fences f = mb_stats_fences(x_sorted, N_X);
    near(f.mild_lo, 3.5 - 1.5 * 3.575, 1e-14);
    near(f.mild_hi, 7.075 + 1.5 * 3.575, 1e-14);
    near(f.severe_lo, 3.5 - 3 * 3.575, 1e-14);
    near(f.severe_hi, 7.075 + 3 * 3.575, 1e-14);
    assert_int_equal(mb_stats_classify(&f, 30.5), MB_STATS_OUTLIER_SEVERE);
    assert_int_equal(mb_stats_classify(&f, 13), MB_STATS_OUTLIER_MILD);
    assert_int_equal(mb_stats_classify(&f, -2), MB_STATS_OUTLIER_MILD);
    assert_int_equal(mb_stats_classify(&f, -8), MB_STATS_OUTLIER_SEVERE);
    assert_int_equal(mb_stats_classify(&f, 9.7), MB_STATS_OUTLIER_NONE);
    assert_int_equal(mb_stats_classify(&f, (double)NAN), MB_STATS_OUTLIER_NONE);
    const struct mb_stats_fences none = mb_stats_fences(x_sorted, 3);
    assert_true(isnan(none.q1) && isnan(none.mild_lo) && isnan(none.severe_hi));
    near(mb_stats_modified_z(30.5, 5.35, 2.05), 8.274837667039732, 1e-14);
    near(mb_stats_modified_z(2.2, 5.35, 2.05), -1.0364110795695887, 1e-14);
    near(mb_stats_modified_z(7, 7, 0), 0, 0);
    assert_true(isinf(mb_stats_modified_z(8, 7, 0)) && mb_stats_modified_z(6, 7, 0) < 0);
}

static void not_a_number_is_not_skipped(void **state)
{
    (void)state;
    double x[] = {(double)NAN, 3, (double)NAN, 1, 2}, lo, hi;
    assert_true(isnan(mb_stats_median(x, 5)));
    near(x[0], 1, 0);
    near(x[2], 3, 0);
    assert_true(isnan(x[3]) && isnan(x[4]));
    assert_true(isnan(mb_stats_quantile(x, 5, 0)) && isnan(mb_stats_mad(x, 5)) && isnan(mb_stats_cv(x, 5)));
    assert_true(isnan(mb_stats_fences(x, 5).q1) && isnan(mb_stats_median_interval(x, 5, &lo, &hi)) && isnan(lo));
}

static void infinities_are_ranked(void **state)
{
    (void)state;
    double x[] = {(double)INFINITY, 1, (double)INFINITY, 2, (double)-INFINITY};
    near(mb_stats_median(x, 5), 2, 0);
    assert_true(isinf(mb_stats_quantile(x, 5, 0.75)) && isinf(mb_stats_quantile(x, 5, 0.9)));
    near(mb_stats_mad(x, 3), 1, 0); /* of -inf, 1, 2: distances inf, 0, 1 */
    assert_true(isnan(mb_stats_mad(x + 3, 2)));
}

/* n = 5000: k = int(n / 2 - .98 * n ** .5) = 2430, 1 - 2 * scipy.stats.binom.cdf(k - 1, n, .5) = 0.95386325 */
static void the_interval_of_a_long_sample_does_not_underflow(void **state)
{
    (void)state;
    static double x[5000];
    double lo, hi;
    for (int i = 0; i < 5000; i++)
        x[i] = i + 1;
    near(mb_stats_median_interval(x, 5000, &lo, &hi), 0.95386325, 2e-5);
    near(lo, 2430, 0);
    near(hi, 2571, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spread_of_long_samples_does_not_wrap),
        cmocka_unit_test(spread_survives_a_large_offset),
        cmocka_unit_test(median_of_odd_even_and_none),
        cmocka_unit_test(few_samples_have_no_spread),
        cmocka_unit_test(the_interval_of_the_median_is_two_order_statistics),
        cmocka_unit_test(quantiles_are_of_type_7),
        cmocka_unit_test(a_quantile_needs_values_beyond_it),
        cmocka_unit_test(spread_of_a_sample_with_an_outlier),
        cmocka_unit_test(outliers_are_named_and_kept),
        cmocka_unit_test(not_a_number_is_not_skipped),
        cmocka_unit_test(infinities_are_ranked),
        cmocka_unit_test(the_interval_of_a_long_sample_does_not_underflow),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
