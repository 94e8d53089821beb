/* test_protocol.c - what a protocol may ask beyond a number of repetitions, over scripted cells: when repetitions end, and that a run
 * which was stopped and goes on ends as one that was not. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "campaign.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))
#define N_MEASURED "SELECT count(*) FROM trial WHERE kind = 'measured'"
#define STOPS "SELECT scope || ' ' || CAST(value AS INTEGER) || ' at ' || repetition FROM metric JOIN trial t ON t.id = trial_id WHERE name = 'repetitions_stop'"

static void open_adaptive(struct campaign *c, const char *script, uint32_t least, struct mb_stopping rule)
{
    const struct campaign_cell cell = {script, 8, least, NULL};
    campaign_open(c, &cell, 1);
    c->cells[0].stopping = rule;
}

static void repetitions_end_at_the_target(void **state)
{
    (void)state;
    struct campaign c;
    /* Within twice the median on any machine: six are the fewest that have an interval. */
    open_adaptive(&c, "null:token_us=2000", 3, (struct mb_stopping){.most = 40, .target = 1});
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, STOPS), "target 6 at 5");
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM metric WHERE name = 'rel_interval' AND value IS NULL"), 5);
    assert_int_equal(campaign_number(&c, "SELECT value <= 1 AND value > 0 FROM metric WHERE name = 'rel_interval' AND value IS NOT NULL"), 1);
    assert_int_equal(campaign_run(&c), 3); /* finished */
    campaign_close(&c);
}

static void repetitions_end_at_the_most_and_failures_count(void **state)
{
    (void)state;
    struct campaign c;
    open_adaptive(&c, "null:token_us=100,fail=nan@3", 2, (struct mb_stopping){.most = 9, .target = 1e-9});
    assert_int_equal(campaign_run(&c), 1);
    assert_string_equal(campaign_query(&c, STOPS), "most 9 at 8");
    campaign_close(&c);
}

static void repetitions_end_with_the_budget_also_in_two_goes(void **state)
{
    (void)state;
    struct campaign c;
    open_adaptive(&c, "null:token_us=30000", 2, (struct mb_stopping){.most = 40, .target = 1e-9, .budget_s = 1});
    const pid_t pid = campaign_start(&c, false);
    assert_true(campaign_wait_for(&c, N_MEASURED, 2));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(campaign_wait(pid), -SIGKILL);
    assert_int_equal(campaign_run(&c), 0);
    assert_int_equal(campaign_number(&c, "SELECT sum(duration_ns) >= 1000000000 FROM trial WHERE kind = 'measured'"), 1);
    assert_int_equal(campaign_number(&c, "SELECT sum(duration_ns) < 1000000000 FROM trial WHERE kind = 'measured' AND repetition < "
                                         "(SELECT max(repetition) FROM trial WHERE kind = 'measured')"), 1);
    assert_memory_equal(campaign_query(&c, STOPS), "budget ", 7);
    campaign_close(&c);
}

static void a_cell_that_keeps_failing_is_given_up(void **state)
{
    (void)state;
    struct campaign c;
    open_adaptive(&c, "null:token_us=100,fail=nan@0", 3, (struct mb_stopping){.most = 9, .target = 0.5});
    assert_int_equal(campaign_run(&c), 1);
    assert_string_equal(campaign_query(&c, "SELECT status FROM trial WHERE kind = 'measured'"), "failed\nfailed\nskipped");
    assert_string_equal(campaign_query(&c, "SELECT state FROM run"), "finished");
    campaign_close(&c);
}

static void a_killed_run_goes_on_to_the_same_end(void **state)
{
    (void)state;
    struct campaign c;
    open_adaptive(&c, "null:token_us=10000", 2, (struct mb_stopping){.most = 12, .target = 1e-9});
    static const long kill_at[] = {1, 4, 11};
    for (size_t i = 0; i < N_OF(kill_at); i++) {
        const pid_t pid = campaign_start(&c, false);
        assert_true(campaign_wait_for(&c, N_MEASURED, kill_at[i]));
        assert_int_equal(kill(pid, SIGKILL), 0);
        const int end = campaign_wait(pid);
        assert_true(end == -SIGKILL || end == 0); /* the last kill may come after the end */
    }
    const int end = campaign_run(&c);
    assert_true(end == 0 || end == 3);
    assert_string_equal(campaign_query(&c, STOPS), "most 12 at 11");
    assert_int_equal(campaign_number(&c, "SELECT count(DISTINCT repetition) FROM trial WHERE kind = 'measured'"), 12);
    campaign_close(&c);
}

int main(int argc, char **argv)
{
    const int worker = campaign_worker(argc, argv);
    if (worker >= 0)
        return worker;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repetitions_end_at_the_target),
        cmocka_unit_test(repetitions_end_at_the_most_and_failures_count),
        cmocka_unit_test(repetitions_end_with_the_budget_also_in_two_goes),
        cmocka_unit_test(a_cell_that_keeps_failing_is_given_up),
        cmocka_unit_test(a_killed_run_goes_on_to_the_same_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
