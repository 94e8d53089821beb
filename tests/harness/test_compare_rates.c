/*
 * test_compare_rates.c - the rates that docs/statistics.md states for `compare`, counted over 200 comparisons with simulated noise. Bounds are of the binomial
 * distribution: were the stated rate just true, each would be broken with a chance below 1e-4 (and the draws are seeded: what passes once passes always).
 *   from scipy.stats import binom: next(k for k in range(200) if binom.sf(k, 200, .05) <= 1e-4) = 23; .5 -> 74, .85 -> 150 by
 *   next(k for k in range(200, -1, -1) if binom.cdf(k - 1, 200, rate) <= 1e-4)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compare_sim.h"

enum { N_COMPARISONS = 200, MOST_ALARMS = 23, LEAST_OF_50 = 74, LEAST_OF_85 = 150 };

static struct compare_sim two_runs(const char *scatter, size_t n, double slow, double min_effect)
{
    return (struct compare_sim){.scatter = scatter, .slow = slow, .n = n, .rule = {.confidence = 0.95, .min_effect = min_effect}, .first_draw = 1};
}

static struct compare_sim_count count(struct compare_sim how)
{
    return compare_sim(&how, N_COMPARISONS, mb_compare_judge);
}

static void at_most(size_t n, size_t most)
{
    if (n > most)
        fail_msg("%zu of %d, at most %zu are possible at the stated rate", n, N_COMPARISONS, most);
}

static void at_least(size_t n, size_t least)
{
    if (n < least)
        fail_msg("%zu of %d, at least %zu are possible at the stated power", n, N_COMPARISONS, least);
}

/* Holm's p alone has to keep the rate: the minimum effect is 0. */
static void equal_runs_raise_no_more_alarms_than_stated(void **state)
{
    (void)state;
    at_most(count(two_runs(COMPARE_SIM_SCATTER, 10, 1, 0)).n_alarms, MOST_ALARMS);
    at_most(count(two_runs(COMPARE_SIM_SCATTER, 21, 1, 0)).n_alarms, MOST_ALARMS); /* beyond the exact distribution */
}

/* Processes differ by 0.3 %, which p takes for a difference: the minimum effect has to keep the rate. */
static void different_processes_raise_no_more_alarms_than_stated(void **state)
{
    (void)state;
    at_most(count(two_runs(COMPARE_SIM_PROCESS, 10, 1, 0.01)).n_alarms, MOST_ALARMS);
    at_most(count(two_runs(COMPARE_SIM_PROCESS, 40, 1, 0.01)).n_alarms, MOST_ALARMS);
}

/* Nights differ by 1 %: a baseline of runs has to keep the rate. */
static void a_baseline_raises_no_more_alarms_than_stated(void **state)
{
    (void)state;
    struct compare_sim how = two_runs(COMPARE_SIM_SCATTER ",process_sd=0.01", 5, 1, 0);
    how.n_runs = 7;
    at_most(count(how).n_alarms, MOST_ALARMS);
}

static void planted_slow_downs_are_found_at_the_stated_power(void **state)
{
    (void)state;
    const struct compare_sim_count three = count(two_runs(COMPARE_SIM_PROCESS, 20, 1.03, 0.01)), few = count(two_runs(COMPARE_SIM_PROCESS, 10, 1.03, 0.01)),
                                   five = count(two_runs(COMPARE_SIM_PROCESS, 10, 1.05, 0.01));
    at_least(three.n_worse, LEAST_OF_85);
    at_least(few.n_worse, LEAST_OF_50);
    at_least(five.n_worse, LEAST_OF_85);
    assert_int_equal(three.n_wrong + few.n_wrong + five.n_wrong, 0);
    at_most(three.n_alarms, MOST_ALARMS); /* in the cells that are equal */
}

/* The interval of the change holds the truth, with processes that are alike. */
static void intervals_hold_the_truth_as_often_as_stated(void **state)
{
    (void)state;
    at_most(count(two_runs(COMPARE_SIM_SCATTER, 10, 1.03, 0.01)).n_changed, MOST_ALARMS);
}

/* A rule without an adjustment for the number of rows, and one that takes any p for an alarm whatever the interval. */
static int judge_each_alone(struct mb_compare_row *rows, size_t n, const struct mb_compare_rule *rule, struct mb_error *err)
{
    int rc = MB_OK;
    for (size_t i = 0; i < n && !rc; i++)
        rc = mb_compare_judge(&rows[i], 1, rule, err);
    return rc;
}

static int judge_by_p_alone(struct mb_compare_row *rows, size_t n, const struct mb_compare_rule *rule, struct mb_error *err)
{
    const struct mb_compare_rule no_effect = {.confidence = rule->confidence};
    return mb_compare_judge(rows, n, &no_effect, err);
}

static void broken_rules_would_be_noticed(void **state)
{
    (void)state;
    const struct compare_sim alike = two_runs(COMPARE_SIM_SCATTER, 10, 1, 0), different = two_runs(COMPARE_SIM_PROCESS, 40, 1, 0.01);
    assert_true(compare_sim(&alike, N_COMPARISONS, judge_each_alone).n_alarms > MOST_ALARMS);
    assert_true(compare_sim(&different, N_COMPARISONS, judge_by_p_alone).n_alarms > MOST_ALARMS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_runs_raise_no_more_alarms_than_stated),
        cmocka_unit_test(different_processes_raise_no_more_alarms_than_stated),
        cmocka_unit_test(a_baseline_raises_no_more_alarms_than_stated),
        cmocka_unit_test(planted_slow_downs_are_found_at_the_stated_power),
        cmocka_unit_test(intervals_hold_the_truth_as_often_as_stated),
        cmocka_unit_test(broken_rules_would_be_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
