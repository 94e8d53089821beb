/* test_stopping.c - when adaptive repetitions end. Intervals are order statistics, worked out by hand beside each. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness/stopping.h"

#define SECOND_NS UINT64_C(1000000000)

static void the_interval_reaches_to_the_farther_end(void **state)
{
    (void)state;
    /* n = 6: minimum to maximum (coverage 0.969); median 102.5; 110 is 7.5 away, 100 only 2.5 */
    static const double six[] = {100, 101, 102, 103, 104, 110};
    assert_true(fabs(mb_stopping_interval(six, 6) - 7.5 / 102.5) < 1e-15);
    /* n = 9: second to eighth; median 5; the ends are 8 and 2 */
    static const double nine[] = {1, 2, 3, 4, 5, 6, 7, 8, 1000};
    assert_true(fabs(mb_stopping_interval(nine, 9) - 3.0 / 5.0) < 1e-15);
    assert_true(isnan(mb_stopping_interval(six, 5))); /* 93.75 %: not enough */
    assert_true(isnan(mb_stopping_interval(six, 0)));
    static const double zeros[6] = {0};
    assert_true(isnan(mb_stopping_interval(zeros, 6)));
}

static void each_rule_ends_it_and_the_first_gives_the_name(void **state)
{
    (void)state;
    static const double times[] = {100, 101, 102, 103, 104, 110};
    const struct mb_stopping rule = {.most = 10, .target = 0.08, .budget_s = 2};
    assert_int_equal(mb_stopping_check(&rule, 6, 6, times, 6, 0), MB_STOP_TARGET);
    assert_int_equal(mb_stopping_check(&rule, 7, 6, times, 6, 9 * SECOND_NS), MB_STOP_NOT_YET); /* least comes first */
    const struct mb_stopping tight = {.most = 10, .target = 0.07, .budget_s = 2};
    assert_int_equal(mb_stopping_check(&tight, 6, 6, times, 6, 2 * SECOND_NS - 1), MB_STOP_NOT_YET);
    assert_int_equal(mb_stopping_check(&tight, 6, 6, times, 6, 2 * SECOND_NS), MB_STOP_BUDGET);
    assert_int_equal(mb_stopping_check(&tight, 6, 10, times, 6, 0), MB_STOP_MOST); /* four of them failed */
    assert_int_equal(mb_stopping_check(&tight, 2, 5, times, 5, 0), MB_STOP_NOT_YET); /* no interval yet: no target */
    /* Without a target the minima are all: both of them. */
    const struct mb_stopping minima = {.most = 10, .least_s = 3, .budget_s = 1};
    assert_int_equal(mb_stopping_check(&minima, 6, 9, times, 6, 3 * SECOND_NS - 1), MB_STOP_NOT_YET);
    assert_int_equal(mb_stopping_check(&minima, 6, 5, times, 5, 3 * SECOND_NS), MB_STOP_NOT_YET);
    assert_int_equal(mb_stopping_check(&minima, 6, 6, times, 6, 3 * SECOND_NS), MB_STOP_MINIMA);
    assert_int_equal(mb_stopping_check(&minima, 6, 10, times, 6, 0), MB_STOP_MOST);
    const struct mb_stopping later = {.most = 10, .target = 0.08, .least_s = 3};
    assert_int_equal(mb_stopping_check(&later, 6, 6, times, 6, 2 * SECOND_NS), MB_STOP_NOT_YET);
    assert_int_equal(mb_stopping_check(&later, 6, 6, times, 6, 3 * SECOND_NS), MB_STOP_TARGET);
    assert_int_equal(mb_stopping_check(&later, 6, 10, times, 6, 3 * SECOND_NS), MB_STOP_TARGET);
    assert_string_equal(mb_stop_name(MB_STOP_TARGET), "target");
    assert_string_equal(mb_stop_name(MB_STOP_MOST), "most");
    assert_string_equal(mb_stop_name(MB_STOP_BUDGET), "budget");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interval_reaches_to_the_farther_end),
        cmocka_unit_test(each_rule_ends_it_and_the_first_gives_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
