/* test_stats_bootstrap.c - against scipy.stats.bootstrap, and by how often the truth is covered. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "harness/stats.h"
#include "harness/stats_bootstrap.h"
#include "near.h"

static const struct mb_stats_bootstrap usual = {.level = 0.95, .resamples = 20000, .seed = 5};

/* X = [4.1, 2.2, 9.7, 3.3, 5.8, 2.2, 7.4, 6.1, 30.5, 4.9]; scipy.stats.bootstrap((X,), numpy.median, confidence_level=.95, n_resamples=200000,
 * method='percentile', rng=numpy.random.default_rng(1)).confidence_interval = 3.15, 7.9. A median of ten takes few values, so the ends
 * are the same for (nearly) every seed; the neighbours are 3.1 and 3.3, 7.75 and 7.9. */
static void median_as_scipy_has_it(void **state)
{
    (void)state;
    const double x[] = {2.2, 2.2, 3.3, 4.1, 4.9, 5.8, 6.1, 7.4, 9.7, 30.5};
    struct mb_stats_interval interval;
    assert_int_equal(mb_stats_bootstrap_median(x, 10, &usual, &interval, NULL), MB_OK);
    near(interval.estimate, 5.35, 1e-14);
    near(interval.lo, 3.15, 0.05);
    near(interval.hi, 7.9, 0.03);
}

/* A = [12.1, 11.4, 13.0, 12.7, 11.9], B = [13.3, 12.9, 14.1, 12.2, 15.0, 13.8]; scipy.stats.bootstrap((A, B), lambda a, b, axis:
 * numpy.median(b, axis=axis) / numpy.median(a, axis=axis), vectorized=True, the rest as above) = 1.00769, 1.22269; the ratio 1.11983471 */
static void ratio_as_scipy_has_it(void **state)
{
    (void)state;
    const double a[] = {11.4, 11.9, 12.1, 12.7, 13.0}, b[] = {12.2, 12.9, 13.3, 13.8, 14.1, 15.0};
    struct mb_stats_interval interval;
    assert_int_equal(mb_stats_bootstrap_ratio(a, 5, b, 6, &usual, &interval, NULL), MB_OK);
    near(interval.estimate, 1.1198347107438018, 1e-14);
    near(interval.lo, 1.0076923, 0.004);
    near(interval.hi, 1.2226891, 0.004);
}

static void a_seed_gives_the_same_interval_again(void **state)
{
    (void)state;
    double x[50];
    struct mb_rng rng = {11};
    for (size_t i = 0; i < 50; i++)
        x[i] = mb_rng_unit(&rng);
    mb_stats_sort(x, 50);
    struct mb_stats_interval one, again, other;
    const struct mb_stats_bootstrap how = {0.9, 200, 1}, other_seed = {0.9, 200, 2};
    assert_int_equal(mb_stats_bootstrap_median(x, 50, &how, &one, NULL), MB_OK);
    assert_int_equal(mb_stats_bootstrap_median(x, 50, &how, &again, NULL), MB_OK);
    assert_int_equal(mb_stats_bootstrap_median(x, 50, &other_seed, &other, NULL), MB_OK);
    near(again.lo, one.lo, 0);
    near(again.hi, one.hi, 0);
    assert_true(other.lo != one.lo || other.hi != one.hi);
}

/* exponential times with median log 2 x scale */
static void draw(struct mb_rng *rng, double *x, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++)
        x[i] = -log(1 - mb_rng_unit(rng)) * scale;
    mb_stats_sort(x, n);
}

/* 300 samples of 25 from a skewed distribution at a level of 0.9: scipy.stats.binom.ppf([0.0005, 0.9995], 300, 0.9) = 252, 286 */
static void the_truth_is_covered_at_about_the_level(void **state)
{
    (void)state;
    struct mb_rng rng = {21};
    unsigned median_covered = 0, ratio_covered = 0;
    for (uint64_t i = 0; i < 300; i++) {
        double a[25], b[25];
        draw(&rng, a, 25, 1);
        draw(&rng, b, 25, 3);
        const struct mb_stats_bootstrap how = {0.9, 1000, i};
        struct mb_stats_interval interval;
        assert_int_equal(mb_stats_bootstrap_median(a, 25, &how, &interval, NULL), MB_OK);
        median_covered += interval.lo <= log(2) && log(2) <= interval.hi;
        assert_int_equal(mb_stats_bootstrap_ratio(a, 25, b, 25, &how, &interval, NULL), MB_OK);
        ratio_covered += interval.lo <= 3 && 3 <= interval.hi;
    }
    print_message("of 300: median %u, ratio %u\n", median_covered, ratio_covered);
    assert_in_range(median_covered, 252, 286);
    assert_in_range(ratio_covered, 252, 286);
}

static void equal_values_have_no_width(void **state)
{
    (void)state;
    const double x[] = {4, 4, 4};
    struct mb_stats_interval interval;
    assert_int_equal(mb_stats_bootstrap_median(x, 3, &usual, &interval, NULL), MB_OK);
    near(interval.lo, 4, 0);
    near(interval.hi, 4, 0);
    assert_int_equal(mb_stats_bootstrap_ratio(x, 3, x, 2, &usual, &interval, NULL), MB_OK);
    near(interval.lo, 1, 0);
    near(interval.hi, 1, 0);
}

static void refused(const double *a, size_t n_a, const double *b, size_t n_b, struct mb_stats_bootstrap how)
{
    struct mb_stats_interval interval = {1, 2, 3};
    struct mb_error err = {0};
    assert_int_equal(mb_stats_bootstrap_ratio(a, n_a, b, n_b, &how, &interval, &err), MB_EINVAL);
    assert_true(isnan(interval.estimate) && isnan(interval.lo) && isnan(interval.hi) && err.text[0]);
}

static void what_cannot_be_resampled_is_refused(void **state)
{
    (void)state;
    const double good[] = {1, 2}, nan_last[] = {1, (double)NAN}, inf_last[] = {1, (double)INFINITY}, zero[] = {0, 1};
    refused(good, 1, good, 2, usual);
    refused(good, 2, good, 0, usual);
    refused(nan_last, 2, good, 2, usual);
    refused(good, 2, inf_last, 2, usual);
    refused(zero, 2, good, 2, usual);
    refused(good, 2, good, 2, (struct mb_stats_bootstrap){1, 1000, 1});
    refused(good, 2, good, 2, (struct mb_stats_bootstrap){(double)NAN, 1000, 1});
    refused(good, 2, good, 2, (struct mb_stats_bootstrap){0.95, 0, 1});
    refused(good, 2, good, 2, (struct mb_stats_bootstrap){0.95, SIZE_MAX, 1});
    struct mb_stats_interval interval;
    assert_int_equal(mb_stats_bootstrap_median(good, 1, &usual, &interval, NULL), MB_EINVAL);
    assert_int_equal(mb_stats_bootstrap_median(inf_last, 2, &usual, &interval, NULL), MB_EINVAL);
    assert_true(isnan(interval.lo));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(median_as_scipy_has_it),
        cmocka_unit_test(ratio_as_scipy_has_it),
        cmocka_unit_test(a_seed_gives_the_same_interval_again),
        cmocka_unit_test(the_truth_is_covered_at_about_the_level),
        cmocka_unit_test(equal_values_have_no_width),
        cmocka_unit_test(what_cannot_be_resampled_is_refused),
    };
    return cmocka_run_group_tests_name("stats_bootstrap", tests, NULL, NULL);
}
