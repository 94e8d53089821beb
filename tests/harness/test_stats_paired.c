/* test_stats_paired.c - tails, McNemar and the prediction interval against scipy 1.17.1 and statsmodels 0.15.0: the lines stand beside. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/stats_paired.h"
#include "harness/stats_tail.h"
#include "near.h"

/* 2 * scipy.stats.t.sf(abs(t), df) */
static void student_p_as_scipy_has_it(void **state)
{
    (void)state;
    static const struct { double t; size_t df; double p; } rows[] = {
        {1.5, 1, 0.3743340836219977}, {2.0, 2, 0.18350341907227397}, {-2.5, 3, 0.08770664700806555}, {3.1, 4, 0.03622111103743915},
        {2.2, 9, 0.05534057279861165}, {1.96, 100, 0.05277890136622966}, {0.3, 30, 0.7662461052843528}, {0, 7, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        near(mb_stats_student_p(rows[i].t, rows[i].df), rows[i].p, 1e-12);
    assert_true(isnan(mb_stats_student_p(1, 0)));
    assert_true(isnan(mb_stats_student_p((double)NAN, 3)));
    near(mb_stats_student_p(1e300, 3) + 1, 1, 0);
}

/* scipy.stats.t.ppf((1 + level) / 2, df); scipy.stats.norm.ppf((1 + level) / 2) */
static void widths_as_scipy_has_them(void **state)
{
    (void)state;
    static const struct { double level; size_t df; double t; } rows[] = {
        {0.95, 1, 12.706204736174694}, {0.95, 2, 4.302652729749462}, {0.95, 4, 2.7764451051977934}, {0.99, 9, 3.249835541592126},
        {0.9, 30, 1.697260886593957}, {0.95, 364, 1.966502568799364}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        near(mb_stats_student_width(rows[i].level, rows[i].df), rows[i].t, 1e-11);
    near(mb_stats_normal_width(0.5), 0.6744897501960817, 1e-12);
    near(mb_stats_normal_width(0.95), 1.959963984540054, 1e-12);
    near(mb_stats_normal_width(0.999), 3.2905267314919255, 1e-12);
    assert_true(isnan(mb_stats_student_width(0.95, 0)));
}

/* statsmodels.stats.contingency_tables.mcnemar([[10, lost], [won, 10]], exact=True).pvalue, and scipy.stats.binomtest(min, lost + won) */
static void mcnemar_as_statsmodels_has_it(void **state)
{
    (void)state;
    static const struct { size_t lost, won; double p; } rows[] = {{0, 0, 1}, {0, 5, 0.0625}, {0, 6, 0.03125}, {2, 9, 0.0654296875},
                                                                  {9, 2, 0.0654296875}, {30, 14, 0.022628841205914796}, {400, 450, 0.09276544997048893}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        near(mb_stats_mcnemar(rows[i].lost, rows[i].won, 2000, 0.95).p, rows[i].p, 1e-10);
}

/* N = n + 2; b, c = won + .5, lost + .5; d = (b - c) / N; se = sqrt((b + c) - (b - c)**2 / N) / N; d -+ norm.ppf((1 + level) / 2) * se */
static void the_paired_interval_is_agresti_and_mins(void **state)
{
    (void)state;
    struct mb_stats_mcnemar m = mb_stats_mcnemar(2, 9, 100, 0.95);
    near(m.difference, 0.07, 1e-14);
    near(m.lo, 0.0034095575639392084, 1e-10);
    near(m.hi, 0.13384534439684512, 1e-10);
    m = mb_stats_mcnemar(30, 14, 400, 0.95);
    near(m.lo, -0.07227481603111738, 1e-10);
    near(m.hi, -0.007327174018633864, 1e-10);
    m = mb_stats_mcnemar(0, 0, 50, 0.9);
    near(m.lo, -0.031631800518297545, 1e-10);
    near(m.hi, 0.031631800518297545, 1e-10);
    assert_true(isnan(mb_stats_mcnemar(3, 3, 5, 0.95).p));
    assert_true(isnan(mb_stats_mcnemar(0, 0, 0, 0.95).lo));
    assert_true(isnan(mb_stats_mcnemar(0, 0, 5, 1).lo));
}

/* x = [100, 101.5, 99.2, 100.7, 98.9]; s = np.std(x, ddof=1) * sqrt(1 + 1 / 5); d = 104 - mean; d -+ t.ppf(.975, 4) * s; 2 * t.sf(d / s, 4) */
static void a_new_value_against_earlier_ones(void **state)
{
    (void)state;
    const double x[] = {100.0, 101.5, 99.2, 100.7, 98.9}, same[] = {3, 3, 3};
    struct mb_stats_prediction at = mb_stats_predict(x, 5, 104, 0.95);
    near(at.difference, 3.94, 1e-12);
    near(at.lo, 0.6883572145363863, 1e-10);
    near(at.hi, 7.191642785463637, 1e-10);
    near(at.p, 0.02819468785323983, 1e-10);
    assert_true(mb_stats_predict(same, 3, 3, 0.95).p == 1);
    assert_true(mb_stats_predict(same, 3, 4, 0.95).p == 0);
    assert_true(isnan(mb_stats_predict(x, 1, 104, 0.95).p));
    assert_true(isnan(mb_stats_predict(x, 5, (double)INFINITY, 0.95).p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(student_p_as_scipy_has_it),
        cmocka_unit_test(widths_as_scipy_has_them),
        cmocka_unit_test(mcnemar_as_statsmodels_has_it),
        cmocka_unit_test(the_paired_interval_is_agresti_and_mins),
        cmocka_unit_test(a_new_value_against_earlier_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
