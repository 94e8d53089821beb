/* test_stats.c - against values computed elsewhere: scipy/numpy literals with the code that made them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/stats.h"

static void near(double got, double want, double relative)
{
    if (fabs(got - want) > relative * fabs(want))
        fail_msg("got %.17g, want %.17g", got, want);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spread_of_long_samples_does_not_wrap),
        cmocka_unit_test(spread_survives_a_large_offset),
        cmocka_unit_test(median_of_odd_even_and_none),
        cmocka_unit_test(few_samples_have_no_spread),
        cmocka_unit_test(the_interval_of_the_median_is_two_order_statistics),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
