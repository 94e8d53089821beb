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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spread_of_long_samples_does_not_wrap),
        cmocka_unit_test(spread_survives_a_large_offset),
        cmocka_unit_test(median_of_odd_even_and_none),
        cmocka_unit_test(few_samples_have_no_spread),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
