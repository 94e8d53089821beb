/* test_stats_series.c - against scipy 1.17.1 and, for the step, numpy over every cut and every order. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "harness/stats_series.h"
#include "near.h"

/* r = scipy.stats.linregress([0, 1, 2, 3.5, 5, 8], y): r.intercept, r.slope, r.stderr; then x = range(6), here far from 0 */
static void a_line_with_the_error_of_its_slope(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2, 3.5, 5, 8}, y[] = {100.2, 99.1, 98.7, 97.0, 95.2, 92.9};
    struct mb_stats_line line = mb_stats_line(x, y, 6);
    near(line.intercept, 100.20592808551993, 1e-14);
    near(line.slope, -0.9300291545189499, 1e-13);
    near(line.slope_se, 0.0420620669318358, 1e-12);
    const double far[] = {1e9, 1e9 + 1, 1e9 + 2, 1e9 + 3, 1e9 + 4, 1e9 + 5};
    line = mb_stats_line(far, y, 6);
    near(line.slope, -1.4257142857142846, 1e-13);
    near(line.slope_se, 0.16110164957752182, 1e-12);
}

static void a_line_through_too_little(void **state)
{
    (void)state;
    const double x[] = {1, 2, 2, 2}, y[] = {5, 7, 8, 9}, bad[] = {1, (double)NAN, 3, (double)INFINITY};
    struct mb_stats_line line = mb_stats_line(x, y, 2);
    near(line.slope, 2, 0);
    near(line.intercept, 3, 0);
    assert_true(isnan(line.slope_se));
    assert_true(isnan(mb_stats_line(x, y, 0).slope) && isnan(mb_stats_line(x, y, 1).intercept) && isnan(mb_stats_line(x + 1, y, 3).slope));
    assert_true(isnan(mb_stats_line(x, bad, 3).slope) && isnan(mb_stats_line(bad, y, 3).slope) && isnan(mb_stats_line(bad + 2, y, 2).slope));
}

/* rs = [(((y[:k]-y[:k].mean())**2).sum() + ((y[k:]-y[k:].mean())**2).sum(), k) for k in range(side, n-side+1)]; rss, k = min(rs);
 * k, y[:k].mean(), y[k:].mean(), 1 - rss/((y-y.mean())**2).sum() */
static void a_step_is_where_two_means_leave_least(void **state)
{
    (void)state;
    const double y[] = {10.2, 9.8, 10.1, 10.4, 9.9, 10.0, 8.9, 9.1, 8.7, 9.0, 8.8, 9.2}, small[] = {3, 1, 4, 1, 5};
    struct mb_stats_change change;
    assert_int_equal(mb_stats_change_point(y, 12, 2, 999, 1, &change, NULL), MB_OK);
    assert_int_equal(change.first_after, 6);
    near(change.mean_before, 10.066666666666666, 1e-14);
    near(change.mean_after, 8.950000000000001, 1e-14);
    near(change.explained, 0.901586663988753, 1e-12);
    assert_true(change.p < 0.01);
    assert_int_equal(mb_stats_change_point(small, 5, 1, 999, 1, &change, NULL), MB_OK);
    assert_int_equal(change.first_after, 4);
    near(change.explained, 0.47265625, 1e-13);
    assert_int_equal(mb_stats_change_point(small, 5, 2, 999, 1, &change, NULL), MB_OK);
    assert_true(change.first_after >= 2 && change.first_after <= 3);
    const double early[] = {5, 1, 4, 1, 3}; /* the other way round: side counts at the front too */
    assert_int_equal(mb_stats_change_point(early, 5, 1, 999, 1, &change, NULL), MB_OK);
    assert_int_equal(change.first_after, 1);
    assert_int_equal(mb_stats_change_point(early, 5, 2, 999, 1, &change, NULL), MB_OK);
    assert_true(change.first_after >= 2 && change.first_after <= 3);
}

/* The share of all 720 orders (itertools.permutations) whose best cut explains as much: 0.1 and 1/3; 20000 shuffles are within 0.015. */
static void p_is_the_share_of_orders_with_as_great_a_step(void **state)
{
    (void)state;
    const double y[] = {5.0, 5.2, 5.1, 4.1, 4.0, 4.2}, other[] = {3, 1, 4, 1, 5, 9};
    struct mb_stats_change change;
    assert_int_equal(mb_stats_change_point(y, 6, 1, 20000, 3, &change, NULL), MB_OK);
    near(change.p, 0.1, 0.1);
    const double p = change.p;
    assert_int_equal(mb_stats_change_point(y, 6, 1, 20000, 3, &change, NULL), MB_OK);
    near(change.p, p, 0);
    assert_int_equal(mb_stats_change_point(other, 6, 1, 20000, 3, &change, NULL), MB_OK);
    near(change.p, 1.0 / 3, 0.045);
}

/* 400 series without a step: scipy.stats.binom.ppf([0.0005, 0.9995], 400, 0.05) = 7, 36 */
static void series_without_a_step_alarm_at_the_stated_rate(void **state)
{
    (void)state;
    struct mb_rng rng = {31};
    unsigned alarms = 0;
    for (uint64_t i = 0; i < 400; i++) {
        double y[30];
        for (size_t j = 0; j < 30; j++)
            y[j] = mb_rng_unit(&rng);
        struct mb_stats_change change;
        assert_int_equal(mb_stats_change_point(y, 30, 3, 199, i, &change, NULL), MB_OK);
        alarms += change.p <= 0.05;
    }
    assert_in_range(alarms, 7, 36);
}

static void a_series_that_cannot_have_a_step(void **state)
{
    (void)state;
    const double equal[] = {0.1, 0.1, 0.1, 0.1}, bad[] = {1, 2, (double)NAN, 4}, endless[] = {1, (double)INFINITY};
    struct mb_stats_change change;
    assert_int_equal(mb_stats_change_point(equal, 4, 1, 99, 1, &change, NULL), MB_OK);
    assert_int_equal(change.first_after, 4);
    near(change.p, 1, 0);
    near(change.mean_after, 0.1, 0);
    struct mb_error err = {0};
    assert_int_equal(mb_stats_change_point(bad, 4, 1, 99, 1, &change, &err), MB_EINVAL);
    assert_true(isnan(change.p) && change.first_after == 4 && err.text[0]);
    assert_int_equal(mb_stats_change_point(endless, 2, 1, 99, 1, &change, NULL), MB_EINVAL);
    assert_int_equal(mb_stats_change_point(equal, 0, 1, 99, 1, &change, NULL), MB_EINVAL);
    assert_int_equal(mb_stats_change_point(equal, 1, 1, 99, 1, &change, NULL), MB_EINVAL);
    assert_int_equal(mb_stats_change_point(equal, 4, 0, 99, 1, &change, NULL), MB_EINVAL);
    assert_int_equal(mb_stats_change_point(equal, 4, 3, 99, 1, &change, NULL), MB_EINVAL);
    assert_int_equal(mb_stats_change_point(equal, 4, SIZE_MAX, 99, 1, &change, NULL), MB_EINVAL);
    assert_int_equal(mb_stats_change_point(equal, 4, 1, SIZE_MAX, 1, &change, NULL), MB_EINVAL);
}

/* t = numpy.arange(40.); s = 100 + 20 * numpy.exp(-t / 5); the first f with abs(linregress(t[f:f+10], s[f:f+10]).slope / s[f:f+10].mean()) < .001
 * = 15, the mean 100.4749743500319, the quotient -0.0008873099774924111 */
static void a_fading_curve_comes_to_rest(void **state)
{
    (void)state;
    double t[40], s[40];
    for (int i = 0; i < 40; i++) {
        t[i] = i;
        s[i] = 100 + 20 * exp(-i / 5.0);
    }
    struct mb_stats_steady steady = mb_stats_steady(t, s, 40, 10, 0.001);
    assert_true(steady.reached);
    assert_int_equal(steady.first, 15);
    assert_int_equal(steady.end, 25);
    near(steady.mean, 100.4749743500319, 1e-14);
    near(steady.relative_slope, -0.0008873099774924111, 1e-10);
    steady = mb_stats_steady(t, s, 24, 10, 0.001); /* the window would end one value later */
    assert_false(steady.reached);
    assert_int_equal(steady.first, 24);
    assert_true(isnan(steady.mean));
    s[17] = (double)NAN; /* windows that hold it are passed over */
    assert_int_equal(mb_stats_steady(t, s, 40, 10, 0.001).first, 18);
}

static void what_is_never_steady(void **state)
{
    (void)state;
    const double t[] = {0, 1, 2, 3}, zero[] = {0, 0, 0, 0}, still[] = {5, 5, 5, 5};
    assert_true(mb_stats_steady(t, still, 4, 4, 1e-9).reached);
    assert_false(mb_stats_steady(t, zero, 4, 4, 0.1).reached);
    assert_false(mb_stats_steady(still, still, 4, 4, 0.1).reached); /* x not spread */
    assert_false(mb_stats_steady(t, still, 4, 5, 0.1).reached);
    assert_false(mb_stats_steady(t, still, 4, 2, 0.1).reached);
    assert_false(mb_stats_steady(t, still, 0, 3, 0.1).reached);
    assert_false(mb_stats_steady(t, still, 4, 4, 0).reached);
    assert_false(mb_stats_steady(t, still, 4, 4, (double)NAN).reached);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_with_the_error_of_its_slope),
        cmocka_unit_test(a_line_through_too_little),
        cmocka_unit_test(a_step_is_where_two_means_leave_least),
        cmocka_unit_test(p_is_the_share_of_orders_with_as_great_a_step),
        cmocka_unit_test(series_without_a_step_alarm_at_the_stated_rate),
        cmocka_unit_test(a_series_that_cannot_have_a_step),
        cmocka_unit_test(a_fading_curve_comes_to_rest),
        cmocka_unit_test(what_is_never_steady),
    };
    return cmocka_run_group_tests_name("stats_series", tests, NULL, NULL);
}
