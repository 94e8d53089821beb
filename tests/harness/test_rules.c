/* test_rules.c - profiles of validity over scripted runs: each rule broken and kept, on the machine as it is and on fake ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../collectors/fake_tree.h"
#include "campaign.h"
#include "db/store.h"
#include "harness/rules.h"
#include "plan_file.h"

static struct plan_files files;

static int begin(void **state)
{
    (void)state;
    plan_files_begin(&files);
    return 0;
}

static int end(void **state)
{
    (void)state;
    plan_files_end(&files);
    return 0;
}

struct run { struct mb_plan *plan; struct mb_db *db; struct mb_session_result result; json_t *verdict; };

static void judge(struct run *r)
{
    struct mb_error err = {0};
    json_decref(r->verdict);
    if (mb_rules_judge(r->db, r->result.run_id, r->plan, &r->verdict, &err))
        fail_msg("%s", err.text);
}

/* A plan of its own database, run here and judged. */
static struct run run_plan(const char *text)
{
    static unsigned n;
    char path[300];
    struct mb_error err = {0};
    struct run r = {.plan = plan_load_text(&files, text, &err)};
    if (!r.plan)
        fail_msg("%s", err.text);
    snprintf(path, sizeof(path), "%s/%u.db", files.dir, n++);
    assert_int_equal(mb_db_open(&r.db, path, MB_DB_CREATE, &err), MB_OK);
    const struct mb_session_options options = {.db = r.db, .quiet = true};
    if (mb_session_run(r.plan, &options, &r.result, &err))
        fail_msg("%s", err.text);
    judge(&r);
    return r;
}

static void release(struct run *r)
{
    json_decref(r->verdict);
    mb_db_close(r->db);
    mb_plan_free(r->plan);
}

/* The sentence of a rule in a list of the verdict, NULL when it is not there. */
static const char *text_of(const struct run *r, const char *list, const char *rule)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(r->verdict, list), i, row)
        if (strcmp(json_string_value(json_object_get(row, "rule")), rule) == 0)
            return json_string_value(json_object_get(row, "text"));
    return NULL;
}

static void expect_broken(const struct run *r, const char *rule, const char *words)
{
    const char *text = text_of(r, "broken", rule);
    if (!text || !strstr(text, words))
        fail_msg("rule %s: '%s' has no '%s'", rule, text ? text : "not broken", words);
    assert_true(json_is_false(json_object_get(r->verdict, "valid")));
}

static void expect_kept(const struct run *r, const char *rule)
{
    if (text_of(r, "broken", rule) || text_of(r, "unchecked", rule))
        fail_msg("rule %s: '%s', unchecked '%s'", rule, text_of(r, "broken", rule), text_of(r, "unchecked", rule));
}

#define ONE(protocol) "models: [\"null:token_us=300\"]\naxes: {threads: 1}\nworkloads: [micro: {prompt: 8, gen: 4}]\ncollect: []\nprotocol: {cooldown: 0, " protocol "}\n"

static void quick_wants_no_failure_and_stops_nobody(void **state)
{
    (void)state;
    struct run r = run_plan(ONE("rules: quick, repetitions: 2"));
    expect_kept(&r, "complete");
    assert_null(text_of(&r, "unchecked", "governor")); /* not asked */
    release(&r);
    r = run_plan("models: [\"null:token_us=300,fail=nan@2\"]\nworkloads: [micro: {prompt: 8, gen: 4}]\nprotocol: {cooldown: 0, rules: quick, warmup: 1, repetitions: 3}\n");
    expect_broken(&r, "complete", "1 of 1 cells, as micro: 2 of 3 ok, 1 failed, 0 skipped, 0 invalid");
    assert_int_equal(mb_rules_exit(r.verdict), 0);
    release(&r);
}

static void strict_presets_and_the_plan_may_fall_short(void **state)
{
    (void)state;
    struct run r = run_plan(ONE("rules: strict, repetitions: 9"));
    assert_int_equal(r.plan->cells[0].stopping.most, 0); /* the plan's own number */
    expect_broken(&r, "repetitions", "at least 10; 1 of 1 cells, as micro: 9");
    assert_int_equal(mb_rules_exit(r.verdict), 4);
    release(&r);
    r = run_plan(ONE("rules: strict, repetitions: 3"));
    expect_broken(&r, "interval", "no interval from 3 repetitions");
    release(&r);
    struct mb_error err = {0};
    struct mb_plan *plan = plan_load_text(&files, ONE("rules: strict"), &err);
    assert_non_null(plan);
    assert_int_equal(plan->cells[0].repetitions, 10);
    assert_int_equal(plan->cells[0].stopping.budget_s, 600);
    assert_true(plan->cells[0].stopping.target == 0.02);
    assert_non_null(strstr(plan->text, "\"rules\":\"strict\""));
    mb_plan_free(plan);
}

static void put_cpufreq(const struct fake_tree *tree, const char *governor)
{
    fake_tree_put(tree, "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor", governor);
    fake_tree_put(tree, "/sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "2000000");
}

static void strict_looks_at_the_machine_and_says_what_it_cannot_see(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_make(&tree);
    put_cpufreq(&tree, "powersave");
    assert_int_equal(setenv("MELTBENCH_SYSROOT", tree.root, 1), 0);
    struct run r = run_plan(ONE("rules: strict, repetitions: 2"));
    expect_broken(&r, "governor", "powersave");
    assert_non_null(strstr(text_of(&r, "unchecked", "power"), "unknown: "));
    assert_null(text_of(&r, "broken", "power"));
    assert_non_null(strstr(text_of(&r, "unchecked", "unthrottled"), "no throttle count"));
    /* A later start on a mended machine does not undo it: the worst of all starts counts. */
    struct mb_error err = {0};
    put_cpufreq(&tree, "performance");
    assert_int_equal(mb_rules_note_machine(r.db, r.result.run_id, tree.root, &err), MB_OK);
    judge(&r);
    expect_broken(&r, "governor", "powersave");
    release(&r);
    r = run_plan(ONE("rules: strict, repetitions: 2"));
    expect_kept(&r, "governor");
    put_cpufreq(&tree, "powersave");
    assert_int_equal(mb_rules_note_machine(r.db, r.result.run_id, tree.root, &err), MB_OK);
    judge(&r);
    expect_broken(&r, "governor", "powersave");
    release(&r);
    assert_int_equal(unsetenv("MELTBENCH_SYSROOT"), 0);
    fake_tree_remove(&tree);
}

static void strict_wants_cool_samples_and_the_energy_that_was_asked_for(void **state)
{
    (void)state;
    static const char text[] = "models: [\"null:token_us=300\"]\nworkloads: [micro: {prompt: 8, gen: 4}]\n%s"
                               "protocol: {cooldown: 0, rules: strict, repetitions: 2, throttled: %s}\n";
    char plan[600];
    struct fake_tree tree;
    fake_tree_make(&tree);
    fake_tree_put(&tree, "/sys/class/thermal/cooling_device0/type", "thermal-cpufreq-0");
    fake_tree_put(&tree, "/sys/class/thermal/cooling_device0/cur_state", "1");
    assert_int_equal(setenv("MELTBENCH_SYSROOT", tree.root, 1), 0);
    snprintf(plan, sizeof(plan), text, "collect: [thermal, energy]\n", "keep");
    struct run r = run_plan(plan);
    expect_broken(&r, "unthrottled", "as micro: 2");
    expect_broken(&r, "cooling", "thermal-cpufreq-0 at 1");
    expect_broken(&r, "energy", "as micro: 0.00");
    release(&r);
    fake_tree_put(&tree, "/sys/class/thermal/cooling_device0/cur_state", "0");
    snprintf(plan, sizeof(plan), text, "collect: [thermal]\n", "keep");
    r = run_plan(plan);
    expect_kept(&r, "unthrottled");
    expect_kept(&r, "energy");
    release(&r);
    snprintf(plan, sizeof(plan), text, "", "keep"); /* collects energy where there is any, but did not ask for it */
    r = run_plan(plan);
    expect_kept(&r, "energy");
    release(&r);
    assert_int_equal(unsetenv("MELTBENCH_SYSROOT"), 0);
    fake_tree_remove(&tree);
}

static void edge_wants_queries_time_and_a_score(void **state)
{
    (void)state;
    struct run r = run_plan(ONE("rules: mlperf-edge, repetitions: 63"));
    expect_broken(&r, "queries", "at least 1024; 1 of 1 cells, as micro: 63");
    expect_broken(&r, "duration", "at least 600; 1 of 1 cells");
    expect_broken(&r, "p90", "as micro: 63 of 64");
    expect_broken(&r, "accuracy", "as micro: 0");
    assert_int_equal(json_array_size(json_object_get(r.verdict, "figures")), 0); /* no p90 from too few */
    assert_int_equal(mb_rules_exit(r.verdict), 4);
    release(&r);
    r = run_plan("models: [\"null:token_us=300\"]\nworkloads: [micro: {prompt: 8, gen: 4, repetitions: 64}, perplexity: {chunks: 1}]\ncollect: []\n"
                 "protocol: {cooldown: 0, rules: mlperf-edge}\n");
    expect_kept(&r, "p90");
    expect_kept(&r, "accuracy");
    expect_kept(&r, "complete");
    const json_t *figure = json_array_get(json_object_get(r.verdict, "figures"), 0);
    assert_int_equal(json_integer_value(json_object_get(figure, "n")), 64);
    assert_true(json_number_value(json_object_get(figure, "tpot_p90_ns")) >= 300000);
    release(&r);
    struct mb_error err = {0};
    struct mb_plan *plan = plan_load_text(&files, ONE("rules: mlperf-edge"), &err);
    assert_non_null(plan);
    assert_int_equal(plan->cells[0].repetitions, 1024);
    assert_int_equal(plan->cells[0].stopping.least_s, 600);
    mb_plan_free(plan);
}

/* The null runner's answers are of the asked length; here one cell's are cut in the database, as an early end of text would do. */
static void edge_compares_lengths_with_the_plain_cell(void **state)
{
    (void)state;
    struct run r = run_plan("models: [\"null:token_us=100\"]\naxes: {quant: [file, q8_0, q4_0]}\nworkloads: [micro: {prompt: 8, gen: 20}]\n"
                            "collect: []\nprotocol: {cooldown: 0, rules: mlperf-edge, repetitions: 1}\n");
    expect_kept(&r, "length");
    static const char cut[] = "UPDATE event SET value = %d WHERE kind = 'request_end' AND trial_id IN (SELECT t.id FROM trial t JOIN cell c ON c.id = t.cell_id WHERE c.quant = '%s')";
    char sql[300];
    snprintf(sql, sizeof(sql), cut, 18, "q8_0"); /* 0.9: still within */
    assert_int_equal(sqlite3_exec(mb_db_handle(r.db), sql, NULL, NULL, NULL), SQLITE_OK);
    judge(&r);
    expect_kept(&r, "length");
    snprintf(sql, sizeof(sql), cut, 17, "q4_0");
    assert_int_equal(sqlite3_exec(mb_db_handle(r.db), sql, NULL, NULL, NULL), SQLITE_OK);
    judge(&r);
    expect_broken(&r, "length", "1 of 3 cells, as quant=q4_0 micro: 0.850 of the plain");
    release(&r);
    r = run_plan("models: [\"null:token_us=100\"]\naxes: {quant: [q8_0]}\nworkloads: [micro: {prompt: 8, gen: 20}]\n"
                 "collect: []\nprotocol: {cooldown: 0, rules: mlperf-edge, repetitions: 1}\n");
    assert_non_null(strstr(text_of(&r, "unchecked", "length"), "no plain cell"));
    release(&r);
}

static void strict_wants_a_quiet_machine(void **state)
{
    (void)state;
    struct mb_error err = {0};
    struct run r = run_plan(ONE("rules: strict, repetitions: 2"));
    assert_string_equal(text_of(&r, "unchecked", "noise"), "no grade: not measured, or not long enough (--noise)");
    assert_int_equal(mb_db_put_run_session(r.db, r.result.run_id, "{\"noise\":{\"grade\":\"C\"}}", false, &err), MB_OK);
    judge(&r);
    expect_kept(&r, "noise");
    assert_int_equal(mb_db_put_run_session(r.db, r.result.run_id, "{\"noise\":{\"grade\":\"D\"}}", false, &err), MB_OK);
    assert_int_equal(mb_db_put_run_session(r.db, r.result.run_id, "{\"noise\":{\"grade\":\"A\"}}", false, &err), MB_OK);
    judge(&r);
    expect_broken(&r, "noise", "noise grade D, at most C");
    release(&r);
}

static void the_verdict_stays_with_the_run(void **state)
{
    (void)state;
    struct run r = run_plan(ONE("rules: strict, repetitions: 2"));
    struct mb_error err = {0};
    char *text = NULL;
    assert_int_equal(mb_db_condition(r.db, r.result.run_id, "rules", &text, &err), MB_OK);
    json_t *kept = json_loads(text, 0, NULL);
    assert_true(json_equal(kept, r.verdict));
    json_decref(kept);
    free(text);
    assert_int_equal(mb_db_condition(r.db, r.result.run_id, "nothing", &text, &err), MB_OK);
    assert_null(text);
    assert_int_equal(mb_db_set_condition(r.db, 99, "x", "1", &err), MB_ENOENT);
    release(&r);
}

int main(int argc, char **argv)
{
    const int worker = campaign_worker(argc, argv);
    if (worker >= 0)
        return worker;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quick_wants_no_failure_and_stops_nobody),
        cmocka_unit_test(strict_presets_and_the_plan_may_fall_short),
        cmocka_unit_test(strict_looks_at_the_machine_and_says_what_it_cannot_see),
        cmocka_unit_test(strict_wants_cool_samples_and_the_energy_that_was_asked_for),
        cmocka_unit_test(edge_wants_queries_time_and_a_score),
        cmocka_unit_test(edge_compares_lengths_with_the_plain_cell),
        cmocka_unit_test(strict_wants_a_quiet_machine),
        cmocka_unit_test(the_verdict_stays_with_the_run),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
