/* test_protocol.c - what a protocol may ask beyond a number of repetitions, over scripted cells: when repetitions end, and that a run
 * which was stopped and goes on ends as one that was not. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../collectors/fake_tree.h"
#include "campaign.h"
#include "harness/cell_run.h"

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

#define STATUS "SELECT status || coalesce(' ' || reason, '') FROM trial WHERE kind = 'measured' ORDER BY repetition"

/* A machine whose processor is slowed (a cooling device at @state), for the campaign and its workers. */
static void open_throttled(struct campaign *c, struct fake_tree *tree, const char *state, uint32_t replace)
{
    static char thermal[] = "thermal";
    const struct campaign_cell cell = {"null:token_us=100", 4, 3, NULL};
    campaign_open(c, &cell, 1);
    c->plan.collect = thermal;
    c->plan.protocol.mark_throttled = true;
    c->cells[0].replace_invalid = replace;
    fake_tree_make(tree);
    fake_tree_put(tree, "/sys/class/thermal/cooling_device0/type", "thermal-cpufreq-0");
    fake_tree_put(tree, "/sys/class/thermal/cooling_device0/cur_state", state);
    fake_tree_put(tree, "/sys/class/thermal/cooling_device1/type", "pwm-fan");
    fake_tree_put(tree, "/sys/class/thermal/cooling_device1/cur_state", "4"); /* a fan slows nothing */
    assert_int_equal(setenv("MELTBENCH_SYSROOT", tree->root, 1), 0);
}

static void close_with_tree(struct campaign *c, struct fake_tree *tree)
{
    assert_int_equal(unsetenv("MELTBENCH_SYSROOT"), 0);
    fake_tree_remove(tree);
    campaign_close(c);
}

static void what_heat_slowed_is_kept_as_invalid_and_made_up_for_up_to_a_limit(void **state)
{
    (void)state;
    struct campaign c;
    struct fake_tree tree;
    open_throttled(&c, &tree, "2", 2);
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, STATUS),
                        "invalid throttled: thermal-cpufreq-0 at state 2\ninvalid throttled: thermal-cpufreq-0 at state 2\n"
                        "invalid throttled: thermal-cpufreq-0 at state 2\ninvalid throttled: thermal-cpufreq-0 at state 2\n"
                        "invalid throttled: thermal-cpufreq-0 at state 2");
    assert_string_equal(campaign_query(&c, "SELECT status FROM trial WHERE kind = 'cold'"), "invalid");
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM v_cell_value"), 0); /* in no figure */
    assert_true(campaign_said(&c, "one more is measured instead"));
    assert_true(campaign_said(&c, "no more are measured instead"));
    close_with_tree(&c, &tree);
}

/* What a database holds decides: so a run that goes on ends as one that was not stopped. */
static void a_cell_is_complete_by_what_is_stored(void **state)
{
    (void)state;
    const struct mb_plan_cell cell = {.repetitions = 3, .replace_invalid = 2};
    const struct { uint32_t n_ok, n_invalid; bool complete; } cases[] = {{2, 0, false}, {3, 0, true},  {2, 1, false}, {3, 1, true},
                                                                         {2, 2, false}, {2, 3, true}, {0, 4, false}, {0, 5, true}};
    for (size_t i = 0; i < N_OF(cases); i++) {
        const struct mb_cell_done done = {.n_measured = cases[i].n_ok + cases[i].n_invalid,
                                          .n_by_status = {[MB_TRIAL_OK] = cases[i].n_ok, [MB_TRIAL_INVALID] = cases[i].n_invalid}};
        assert_int_equal(mb_cell_complete(&cell, &done), cases[i].complete);
    }
}

static void nothing_is_made_up_for_where_nothing_slows(void **state)
{
    (void)state;
    struct campaign c;
    struct fake_tree tree;
    open_throttled(&c, &tree, "0", 2);
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, STATUS), "ok\nok\nok");
    close_with_tree(&c, &tree);
    open_throttled(&c, &tree, "2", 2);
    c.plan.protocol.mark_throttled = false; /* throttled: keep */
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, STATUS), "ok\nok\nok");
    close_with_tree(&c, &tree);
}

static void once_it_is_cool_the_missing_ones_are_measured(void **state)
{
    (void)state;
    struct campaign c;
    struct fake_tree tree;
    open_throttled(&c, &tree, "2", 1000000);
    const pid_t pid = campaign_start(&c, false);
    assert_true(campaign_wait_for(&c, N_MEASURED, 2));
    fake_tree_put(&tree, "/sys/class/thermal/cooling_device0/cur_state", "0");
    assert_int_equal(campaign_wait(pid), 0);
    assert_int_equal(campaign_number(&c, N_MEASURED " AND status = 'ok'"), 3);
    assert_true(campaign_number(&c, N_MEASURED " AND status = 'invalid'") >= 2);
    assert_int_equal(campaign_number(&c, "SELECT n FROM v_cell_value WHERE name = 'decode_tps'"), 3);
    close_with_tree(&c, &tree);
}

/* The cells of the measured rows as they were stored, one a line. */
#define TURNS "SELECT i_cell FROM trial JOIN cell ON cell.id = cell_id WHERE trial.kind = 'measured' ORDER BY trial.id"

/* Rounds of @n turns: each cell once in each. The number of rounds that differ from the first in their order. */
static unsigned check_rounds(const char *turns, size_t n, size_t n_rounds)
{
    unsigned n_other = 0;
    assert_int_equal(strlen(turns), 2 * n * n_rounds - 1);
    for (size_t r = 0; r < n_rounds; r++) {
        unsigned seen = 0;
        for (size_t i = 0; i < n; i++)
            seen |= 1u << (turns[2 * (r * n + i)] - '0');
        assert_int_equal(seen, (1u << n) - 1);
        n_other += memcmp(turns + 2 * r * n, turns, 2 * n - 1) != 0;
    }
    return n_other;
}

static void interleaved_cells_take_turns_also_in_two_goes(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=6000", 4, 8, NULL}, {"null:token_us=6001", 4, 8, NULL}, {"null:token_us=6002", 4, 8, NULL}};
    struct campaign c;
    char first[200];
    campaign_open(&c, cells, N_OF(cells));
    c.plan.protocol.order = MB_ORDER_INTERLEAVED;
    assert_int_equal(campaign_run(&c), 0);
    snprintf(first, sizeof(first), "%s", campaign_query(&c, TURNS));
    assert_true(check_rounds(first, 3, 8) > 0); /* 8 equal orders of 6: no seed would do that */
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM trial WHERE kind = 'cold'"), 3);
    assert_int_equal(unlink(c.db), 0);
    const pid_t pid = campaign_start(&c, false);
    assert_true(campaign_wait_for(&c, N_MEASURED, 7));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(campaign_wait(pid), -SIGKILL);
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, TURNS), first); /* the same turns as undisturbed */
    campaign_close(&c);
}

static void interleaved_groups_are_cells_of_one_workload(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=100", 4, 3, NULL}, {"null:token_us=100", 5, 3, NULL}, {"null:token_us=101", 4, 3, NULL},
                                                 {"null:token_us=101", 5, 3, "not here"}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    c.plan.protocol.order = MB_ORDER_INTERLEAVED;
    assert_int_equal(campaign_run(&c), 0);
    const char *turns = campaign_query(&c, TURNS);
    const bool four_first = strcspn(turns, "02") < strcspn(turns, "13");
    for (int i = 0; i < 10; i++) /* six of cells 0 and 2, three of 1 and the one skipped row of 3: never mixed */
        assert_int_equal(strchr("02", turns[2 * i]) != NULL, four_first ? i < 6 : i >= 4);
    campaign_close(&c);
}

/* fail=nan@3: the fourth repetition after opening. A worker that is kept comes to it, one that is opened for each turn never does. */
static void interleaved_workers_are_kept_where_memory_allows(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=100,fail=nan@3", 4, 4, NULL}, {"null:token_us=101,fail=nan@3", 4, 4, NULL}};
    static const struct { const char *available; int code; long n_failed; } cases[] = {{"8000000", 1, 2}, {"1000", 0, 0}};
    for (size_t i = 0; i < N_OF(cases); i++) {
        struct fake_tree tree;
        struct campaign c;
        char meminfo[80];
        fake_tree_make(&tree);
        snprintf(meminfo, sizeof(meminfo), "MemTotal: 16000000 kB\nMemAvailable: %s kB\n", cases[i].available);
        fake_tree_put(&tree, "/proc/meminfo", meminfo);
        assert_int_equal(setenv("MELTBENCH_SYSROOT", tree.root, 1), 0);
        campaign_open(&c, cells, N_OF(cells));
        c.plan.protocol.order = MB_ORDER_INTERLEAVED;
        assert_int_equal(campaign_run(&c), cases[i].code);
        assert_int_equal(campaign_number(&c, N_MEASURED " AND status = 'failed'"), cases[i].n_failed);
        assert_int_equal(campaign_number(&c, N_MEASURED), 8);
        check_rounds(campaign_query(&c, TURNS), 2, 4);
        assert_int_equal(campaign_number(&c, "SELECT count(*) FROM trial WHERE kind = 'cold'"), 2); /* stored once */
        close_with_tree(&c, &tree);
    }
}

static void a_gate_is_waited_for_before_each_cell_and_its_end_is_kept(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=100", 4, 2, NULL}, {"null:token_us=101", 4, 2, NULL}};
    static const char outcome[] = "SELECT i_cell || t.kind || t.repetition || ' ' || scope FROM metric JOIN trial t ON t.id = trial_id "
                                  "JOIN cell ON cell.id = cell_id WHERE name = 'cooldown_ns' ORDER BY t.id";
    struct campaign c;
    struct fake_tree tree;
    fake_tree_make(&tree);
    fake_tree_put(&tree, "/sys/class/thermal/thermal_zone0/temp", "60000");
    assert_int_equal(setenv("MELTBENCH_SYSROOT", tree.root, 1), 0);
    campaign_open(&c, cells, N_OF(cells));
    c.plan.protocol.cooldown = (struct mb_cooldown){.timeout_s = 1, .below_milli_c = 50000};
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, outcome), "0cold0 timeout\n1cold0 timeout"); /* also before the first: the machine may be hot already */
    assert_true(campaign_said(&c, "still too hot after 1 s: going on"));
    assert_int_equal(campaign_number(&c, "SELECT min(value) FROM metric WHERE name = 'temp_start_milli_c'"), 60000);
    assert_int_equal(unlink(c.db), 0);
    c.plan.protocol.cooldown.below_milli_c = 60000;
    c.plan.protocol.order = MB_ORDER_INTERLEAVED;
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(strchr(campaign_query(&c, outcome), 'c'), "cold0 cool"); /* once for the group */
    close_with_tree(&c, &tree);
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
        cmocka_unit_test(what_heat_slowed_is_kept_as_invalid_and_made_up_for_up_to_a_limit),
        cmocka_unit_test(a_cell_is_complete_by_what_is_stored),
        cmocka_unit_test(nothing_is_made_up_for_where_nothing_slows),
        cmocka_unit_test(a_gate_is_waited_for_before_each_cell_and_its_end_is_kept),
        cmocka_unit_test(interleaved_cells_take_turns_also_in_two_goes),
        cmocka_unit_test(interleaved_groups_are_cells_of_one_workload),
        cmocka_unit_test(interleaved_workers_are_kept_where_memory_allows),
        cmocka_unit_test(once_it_is_cool_the_missing_ones_are_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
