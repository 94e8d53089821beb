/* test_stats_adjust.c - against statsmodels 0.14 and scipy 1.17.1. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/stats_adjust.h"
#include "near.h"

enum { N_P = 6 };
static const double p[N_P] = {0.01, 0.04, 0.03, 0.005, 0.5, 0.04};

/* statsmodels.stats.multitest.multipletests([0.01, 0.04, 0.03, 0.005, 0.5, 0.04], method='holm')[1] */
static void holm_as_statsmodels_has_it(void **state)
{
    (void)state;
    const double want[N_P] = {0.05, 0.12, 0.12, 0.03, 0.5, 0.12};
    double got[N_P];
    assert_int_equal(mb_stats_adjust_holm(p, N_P, got, NULL), MB_OK);
    for (size_t i = 0; i < N_P; i++)
        near(got[i], want[i], 1e-14);
}

/* scipy.stats.false_discovery_control([0.01, 0.04, 0.03, 0.005, 0.5, 0.04]), and method='fdr_bh' of statsmodels; in place */
static void benjamini_hochberg_as_scipy_has_it(void **state)
{
    (void)state;
    const double want[N_P] = {0.03, 0.048, 0.048, 0.03, 0.5, 0.048};
    double got[N_P];
    for (size_t i = 0; i < N_P; i++)
        got[i] = p[i];
    assert_int_equal(mb_stats_adjust_benjamini_hochberg(got, N_P, got, NULL), MB_OK);
    for (size_t i = 0; i < N_P; i++)
        near(got[i], want[i], 1e-14);
}

/* R: p.adjust(c(0.01, NA, 0.03), "holm") = 0.02 NA 0.03: two comparisons, not three */
static void no_comparison_does_not_count(void **state)
{
    (void)state;
    const double some[] = {0.01, (double)NAN, 0.03};
    double got[3];
    assert_int_equal(mb_stats_adjust_holm(some, 3, got, NULL), MB_OK);
    near(got[0], 0.02, 1e-14);
    assert_true(isnan(got[1]));
    near(got[2], 0.03, 1e-14);
    assert_int_equal(mb_stats_adjust_benjamini_hochberg(some, 3, got, NULL), MB_OK);
    near(got[0], 0.02, 1e-14);
    assert_true(isnan(got[1]));
    near(got[2], 0.03, 1e-14);
}

static void adjusted_values_end_at_one(void **state)
{
    (void)state;
    const double high[] = {0.9, 1, 0.8};
    double got[3];
    assert_int_equal(mb_stats_adjust_holm(high, 3, got, NULL), MB_OK);
    for (size_t i = 0; i < 3; i++)
        near(got[i], 1, 0);
    assert_int_equal(mb_stats_adjust_benjamini_hochberg(high, 3, got, NULL), MB_OK);
    for (size_t i = 0; i < 3; i++)
        near(got[i], 1, 0);
}

static void what_is_no_probability_is_refused(void **state)
{
    (void)state;
    const double bad[] = {0.1, 1.5, -0.1, (double)INFINITY};
    double got[4] = {7};
    struct mb_error err = {0};
    for (size_t i = 1; i < 4; i++) {
        assert_int_equal(mb_stats_adjust_holm(bad + i, 1, got, &err), MB_EINVAL);
        assert_int_equal(mb_stats_adjust_benjamini_hochberg(bad + i, 1, got, &err), MB_EINVAL);
    }
    near(got[0], 7, 0);
    assert_true(err.text[0] != 0);
    assert_int_equal(mb_stats_adjust_holm(bad, 0, got, &err), MB_OK);
    assert_int_equal(mb_stats_adjust_benjamini_hochberg(bad, 0, got, &err), MB_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holm_as_statsmodels_has_it),
        cmocka_unit_test(benjamini_hochberg_as_scipy_has_it),
        cmocka_unit_test(no_comparison_does_not_count),
        cmocka_unit_test(adjusted_values_end_at_one),
        cmocka_unit_test(what_is_no_probability_is_refused),
    };
    return cmocka_run_group_tests_name("stats_adjust", tests, NULL, NULL);
}
