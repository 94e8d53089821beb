/* test_compare_rule.c - the verdicts of `compare` on values that are known, without a database. How often they are right: test_compare_rates.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/compare_rule.h"
#include "near.h"

enum { N = 10 };
static const struct mb_compare_rule usual = {.confidence = 0.95, .min_effect = 0.01};
static const double before[N] = {500.1, 498.3, 503.9, 501.2, 497.7, 499.5, 502.8, 500.9, 496.1, 504.4};
static const double after[N] = {485.2, 487.9, 483.3, 486.0, 489.7, 484.1, 481.8, 488.5, 490.2, 482.6};

/* One row of a metric, judged alone. */
static struct mb_compare_row alone(size_t metric, const double *a, size_t n_a, const double *b, size_t n_b, const struct mb_compare_rule *rule)
{
    double x[64], y[64];
    struct mb_compare_row row = {.metric = metric};
    memcpy(x, a, n_a * sizeof(*a));
    memcpy(y, b, n_b * sizeof(*b));
    mb_compare_samples(&row, x, n_a, y, n_b, rule);
    assert_int_equal(mb_compare_judge(&row, 1, rule, NULL), MB_OK);
    return row;
}

static void says(const struct mb_compare_row *row, const char *part)
{
    if (!strstr(row->reason, part))
        fail_msg("'%s' is not in '%s'", part, row->reason);
}

/* scipy.stats.mannwhitneyu(b, a, method='exact').pvalue; d = sorted(log(v) - log(u) for u in a for v in b): expm1 of np.median(d), d[23], d[76], 24
 * being the largest rank with coverage >= 0.95: 0.95674 by counting all orders of 10 + 10 */
static void figures_of_a_row_as_scipy_has_them(void **state)
{
    (void)state;
    const struct mb_compare_row row = alone(MB_COMPARE_METRIC_DECODE_TPS, before, N, after, N, &usual);
    near(row.p, 1.082508822446903e-05, 1e-12);
    near(row.change, -0.029038320251291893, 1e-10);
    near(row.lo, -0.0351367538430828, 1e-10);
    near(row.hi, -0.023195360927814327, 1e-10);
    near(row.coverage, 0.9567429474550218, 1e-12);
    near(row.effect, -1, 0);
    near(row.median_a, 500.5, 1e-12);
    assert_int_equal(row.verdict, MB_COMPARE_WORSE);
}

static void direction_is_the_metrics(void **state)
{
    (void)state;
    assert_int_equal(alone(MB_COMPARE_METRIC_DECODE_TPS, after, N, before, N, &usual).verdict, MB_COMPARE_BETTER);
    assert_int_equal(alone(MB_COMPARE_METRIC_TTFT, before, N, after, N, &usual).verdict, MB_COMPARE_BETTER);
    assert_int_equal(alone(MB_COMPARE_METRIC_TTFT, after, N, before, N, &usual).verdict, MB_COMPARE_WORSE);
    for (size_t i = 0; i < MB_COMPARE_METRIC_N; i++) {
        const struct mb_compare_metric_row row = mb_compare_metric(i);
        assert_true(row.better == MB_BETTER_HIGHER || row.better == MB_BETTER_LOWER);
        if (mb_metric_find(row.name) >= 0) /* one table has the direction: the other only refers to it */
            assert_int_equal(row.better, mb_metric_rows[mb_metric_find(row.name)].better);
    }
}

static void the_minimum_effect_parts_the_verdicts(void **state)
{
    (void)state;
    struct mb_compare_rule rule = usual;
    rule.min_effect = 0.025; /* within the interval of the change: 2.3 to 3.5 % */
    struct mb_compare_row row = alone(MB_COMPARE_METRIC_DECODE_TPS, before, N, after, N, &rule);
    assert_int_equal(row.verdict, MB_COMPARE_UNKNOWN);
    says(&row, "repetitions a side, if it stays so");
    rule.min_effect = 0.04; /* beyond it: significant, but too small to matter */
    assert_int_equal(alone(MB_COMPARE_METRIC_DECODE_TPS, before, N, after, N, &rule).verdict, MB_COMPARE_SAME);
    assert_int_equal(alone(MB_COMPARE_METRIC_DECODE_TPS, before, N, before, N, &usual).verdict, MB_COMPARE_SAME);
    rule.min_effect = 0.0001;
    assert_int_equal(alone(MB_COMPARE_METRIC_DECODE_TPS, before, N, before, N, &rule).verdict, MB_COMPARE_UNKNOWN);
}

static void too_few_values_are_said_with_the_least(void **state)
{
    (void)state;
    const double a[] = {100, 101, 102}, b[] = {200, 201, 202};
    struct mb_compare_row row = alone(MB_COMPARE_METRIC_DECODE_TPS, a, 3, b, 3, &usual);
    assert_int_equal(row.verdict, MB_COMPARE_UNKNOWN);
    assert_true(isnan(row.p)); /* no test, so that others are not adjusted for it */
    says(&row, "3 against 3 values cannot reach p < 0.05 among 1 comparisons: 4 each are the least");
    assert_int_equal(alone(MB_COMPARE_METRIC_DECODE_TPS, before, 4, after, 4, &usual).verdict, MB_COMPARE_WORSE);
    row = alone(MB_COMPARE_METRIC_DECODE_TPS, a, 3, b, 0, &usual);
    says(&row, "no usable repetition of B");
    assert_int_equal(row.verdict, MB_COMPARE_UNKNOWN);
    row = alone(MB_COMPARE_METRIC_DECODE_TPS, a, 1, b, 1, &usual);
    assert_int_equal(row.verdict, MB_COMPARE_UNKNOWN);
    /* next(n for n in range(2, 50) if 2 / comb(2 * n, n) * m < .05) for m in (1, 12, 24, 100) */
    static const size_t least[][2] = {{1, 4}, {12, 6}, {24, 7}, {100, 8}};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(mb_compare_least_n(0.05, least[i][0]), least[i][1]);
}

/* Ties within both sides: the normal approximation says 0.0476 for 3 against 3, which no order of 6 values can give. */
static void ties_do_not_undershoot_the_least_p(void **state)
{
    (void)state;
    const double a[] = {100, 100, 100, 100}, b[] = {110, 110, 110, 110};
    const struct mb_compare_row row = alone(MB_COMPARE_METRIC_RSS_PEAK, a, 4, b, 4, &usual);
    near(row.p, 2.0 / 70, 1e-12);
    assert_int_equal(alone(MB_COMPARE_METRIC_RSS_PEAK, a, 3, b, 3, &usual).verdict, MB_COMPARE_UNKNOWN);
}

static void many_comparisons_raise_the_bar(void **state)
{
    (void)state;
    enum { N_ROWS = 20 };
    struct mb_compare_row rows[N_ROWS] = {{0}};
    double a[5], b[5];
    for (size_t i = 0; i < N_ROWS; i++) { /* p = 2 / 252 alone, 20 x as much by Holm */
        memcpy(a, before, sizeof(a));
        memcpy(b, after, sizeof(b));
        rows[i].metric = MB_COMPARE_METRIC_DECODE_TPS;
        mb_compare_samples(&rows[i], a, 5, b, 5, &usual);
    }
    assert_int_equal(mb_compare_judge(rows, N_ROWS, &usual, NULL), MB_OK);
    near(rows[0].p_adjusted, 40.0 / 252, 1e-12);
    assert_int_equal(rows[0].verdict, MB_COMPARE_UNKNOWN);
    says(&rows[0], "among 20 comparisons: 6 each are the least");
    struct mb_compare_rule shares = usual;
    shares.by_discovery_rate = true;
    for (size_t i = 0; i < N_ROWS; i++)
        rows[i].reason[0] = '\0';
    assert_int_equal(mb_compare_judge(rows, N_ROWS, &shares, NULL), MB_OK);
    assert_int_equal(rows[0].verdict, MB_COMPARE_WORSE);
}

static void computed_figures_need_no_test(void **state)
{
    (void)state;
    const double a[] = {1000, 1000}, more[] = {1100, 1100}, mixed[] = {1100, 1101};
    struct mb_compare_row row = alone(MB_COMPARE_METRIC_KV, a, 1, more, 1, &usual);
    assert_int_equal(row.verdict, MB_COMPARE_WORSE);
    assert_true(row.exact && isnan(row.p));
    assert_int_equal(alone(MB_COMPARE_METRIC_KV, a, 2, a, 2, &usual).verdict, MB_COMPARE_SAME);
    assert_int_equal(alone(MB_COMPARE_METRIC_KV, a, 2, mixed, 2, &usual).verdict, MB_COMPARE_UNKNOWN); /* not equal after all: a sample */
    assert_int_equal(alone(MB_COMPARE_METRIC_DECODE_TPS, a, 2, more, 2, &usual).verdict, MB_COMPARE_UNKNOWN); /* measured, not computed */
}

/* Of the peak of a small process some 0.2 MiB are chance, however often one process repeats them. */
static void memory_below_a_mebibyte_does_not_matter(void **state)
{
    (void)state;
    const double mib = 1048576, a[] = {6.6 * mib, 6.6 * mib, 6.6 * mib, 6.6 * mib}, b[] = {6.9 * mib, 6.9 * mib, 6.9 * mib, 6.9 * mib},
                 c[] = {8 * mib, 8 * mib, 8 * mib, 8 * mib};
    assert_int_equal(alone(MB_COMPARE_METRIC_RSS_PEAK, a, 4, b, 4, &usual).verdict, MB_COMPARE_SAME);
    assert_int_equal(alone(MB_COMPARE_METRIC_RSS_PEAK, a, 4, c, 4, &usual).verdict, MB_COMPARE_WORSE);
}

static void values_without_a_ratio_are_said(void **state)
{
    (void)state;
    const double a[] = {1, 2, 3, 4}, zero[] = {0, 2, 3, 4}, odd[] = {1, 2, 3, (double)NAN}, endless[] = {1, 2, 3, (double)INFINITY};
    const double *const rows[] = {zero, odd, endless};
    for (size_t i = 0; i < 3; i++) {
        const struct mb_compare_row row = alone(MB_COMPARE_METRIC_TOKEN_ENERGY, a, 4, rows[i], 4, &usual);
        assert_int_equal(row.verdict, MB_COMPARE_UNKNOWN);
        says(&row, "not above 0");
    }
}

static struct mb_compare_row items(size_t n, size_t right, size_t lost, size_t won)
{
    struct mb_compare_row row = {.metric = MB_COMPARE_METRIC_ACCURACY};
    mb_compare_items(&row, n, right, lost, won, &usual);
    assert_int_equal(mb_compare_judge(&row, 1, &usual, NULL), MB_OK);
    return row;
}

static void accuracy_is_paired_by_question(void **state)
{
    (void)state;
    struct mb_compare_row row = items(400, 200, 60, 14); /* 46 fewer: -11.5 points */
    assert_int_equal(row.verdict, MB_COMPARE_WORSE);
    near(row.median_a, 0.5, 1e-14);
    near(row.median_b, 0.385, 1e-14);
    assert_int_equal(items(400, 200, 14, 60).verdict, MB_COMPARE_BETTER);
    assert_int_equal(items(400, 200, 0, 0).verdict, MB_COMPARE_SAME);
    row = items(100, 50, 5, 0); /* p = 0.0625: five flips can never tell */
    assert_int_equal(row.verdict, MB_COMPARE_UNKNOWN);
    assert_true(isnan(row.p));
    says(&row, "5 of 100 answers changed");
    row = items(0, 0, 0, 0);
    assert_int_equal(row.verdict, MB_COMPARE_UNKNOWN);
    says(&row, "no question was answered by both");
}

static struct mb_compare_row baseline(const double *medians, size_t n, double value)
{
    double x[16];
    struct mb_compare_row row = {.metric = MB_COMPARE_METRIC_DECODE_TPS};
    memcpy(x, medians, n * sizeof(*x));
    mb_compare_baseline(&row, x, n, value, 5, &usual);
    assert_int_equal(mb_compare_judge(&row, 1, &usual, NULL), MB_OK);
    return row;
}

/* x = np.log([500, 510, 490, 505, 495]); s = np.std(x, ddof=1) * sqrt(1 + 1 / 5); d = log(450) - x.mean(); expm1(d -+ t.ppf(.975, 4) * s); 2 * t.sf(-d / s, 4) */
static void a_baseline_counts_runs_not_repetitions(void **state)
{
    (void)state;
    const double nights[] = {500, 510, 490, 505, 495};
    struct mb_compare_row row = baseline(nights, 5, 450);
    assert_int_equal(row.verdict, MB_COMPARE_WORSE);
    near(row.p, 0.003706364839917274, 1e-9);
    near(row.lo, -0.1421759168251485, 1e-9);
    near(row.hi, -0.05556155435137546, 1e-9);
    row = baseline(nights, 5, 480); /* 4 % less, but nights differ by as much */
    assert_int_equal(row.verdict, MB_COMPARE_UNKNOWN);
    says(&row, "within what the 5 earlier runs scatter");
    row = baseline(nights, 2, 450);
    assert_int_equal(row.verdict, MB_COMPARE_UNKNOWN);
    says(&row, "a baseline needs 3");
}

static void limits_of_a_failure(void **state)
{
    (void)state;
    const struct mb_compare_row row = alone(MB_COMPARE_METRIC_DECODE_TPS, before, N, after, N, &usual); /* 2.3 to 3.5 % */
    assert_true(mb_compare_is_beyond(&row, 0.02));
    assert_false(mb_compare_is_beyond(&row, 0.03));
    const struct mb_compare_row better = alone(MB_COMPARE_METRIC_DECODE_TPS, after, N, before, N, &usual);
    assert_false(mb_compare_is_beyond(&better, 0));
}

static void metrics_are_found_by_either_name(void **state)
{
    (void)state;
    struct mb_error err = {0};
    assert_int_equal(mb_compare_metric_find("decode", 6, &err), MB_COMPARE_METRIC_DECODE_TPS);
    assert_int_equal(mb_compare_metric_find("decode_tps", 10, &err), MB_COMPARE_METRIC_DECODE_TPS);
    assert_int_equal(mb_compare_metric_find("itl-p99", 7, &err), MB_COMPARE_METRIC_ITL_P99);
    assert_int_equal(mb_compare_metric_find("decod", 5, &err), -1);
    assert_non_null(strstr(err.text, "did you mean 'decode'?"));
    assert_int_equal(mb_compare_metric_find("", 0, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_a_row_as_scipy_has_them),
        cmocka_unit_test(direction_is_the_metrics),
        cmocka_unit_test(the_minimum_effect_parts_the_verdicts),
        cmocka_unit_test(too_few_values_are_said_with_the_least),
        cmocka_unit_test(ties_do_not_undershoot_the_least_p),
        cmocka_unit_test(many_comparisons_raise_the_bar),
        cmocka_unit_test(computed_figures_need_no_test),
        cmocka_unit_test(memory_below_a_mebibyte_does_not_matter),
        cmocka_unit_test(values_without_a_ratio_are_said),
        cmocka_unit_test(accuracy_is_paired_by_question),
        cmocka_unit_test(a_baseline_counts_runs_not_repetitions),
        cmocka_unit_test(limits_of_a_failure),
        cmocka_unit_test(metrics_are_found_by_either_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
