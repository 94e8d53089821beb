/*
 * `meltbench compare` as a user runs it: verdicts, exit codes, selectors, formats, bad input. Runs are made by the binary over the null runner with simulated
 * times ("virtual"), so the numbers are the same on every machine; $MELTBENCH_NULL makes a run slower without changing its configuration.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_cli.h"

#define SCRIPT "null:virtual=1,prompt_token_us=50,token_us=1000,trial_sd=0.005,token_sd=0.02"

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void make_run(const char *plan, const char *db, const char *noise)
{
    setenv("MELTBENCH_NULL", noise, 1);
    struct cli c = cli_run("run", plan, "--db", db, "--again", "-q", "--noise", "0", NULL);
    unsetenv("MELTBENCH_NULL");
    if (c.code)
        fail_msg("run %s: %d %s", plan, c.code, c.err);
    cli_free(&c);
}

static void sql(const char *db, const char *text)
{
    sqlite3 *handle;
    char *why = NULL;
    assert_int_equal(sqlite3_open(db, &handle), SQLITE_OK);
    if (sqlite3_exec(handle, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
    sqlite3_close(handle);
}

/* speed.db: 1 and 2 are equal, 3 is 10 % slower, 4 is of a plan that shares one of two cells, 5 to 8 are nights, 9 is 10 % slower again.
 * scores.db: two equal runs of an accuracy cell. */
static int set_up(void **state)
{
    static char folder[] = "/tmp/mb-compare-XXXXXX";
    static const char protocol[] = "protocol: {repetitions: 10, warmup: 1, order: listed, seed: 42, timeout_s: 60, cooldown: 0}\ncollect: [latency]\n";
    char text[2000];
    (void)state;
    if (!mkdtemp(folder) || chdir(folder))
        return -1;
    snprintf(text, sizeof(text), "name: speed\nmodels: [\"%s\"]\naxes:\n  threads: [1, 2]\nworkloads:\n  - micro: {prompt: 64, gen: 16}\n%s", SCRIPT, protocol);
    write_text("speed.yaml", text);
    snprintf(text, sizeof(text), "name: other\nmodels: [\"%s\"]\naxes:\n  threads: [2, 3]\nworkloads:\n  - micro: {prompt: 64, gen: 16}\n%s", SCRIPT, protocol);
    write_text("other.yaml", text);
    snprintf(text, sizeof(text), "name: night\nmodels: [\"%s,process_sd=0.004\"]\naxes:\n  threads: [1]\nworkloads:\n  - micro: {prompt: 32, gen: 16}\n%s", SCRIPT,
             protocol);
    write_text("night.yaml", text);
    write_text("scores.yaml", "name: scores\nmodels: [\"null:virtual=1,score_us=10\"]\nworkloads:\n  - accuracy: {tasks: [mini], limit: 60, repetitions: 1}\n"
                              "protocol: {repetitions: 1, seed: 42, timeout_s: 60, cooldown: 0}\ncollect: [latency]\n");
    make_run("speed.yaml", "speed.db", "draw=1");
    make_run("speed.yaml", "speed.db", "draw=2");
    make_run("speed.yaml", "speed.db", "draw=3,slow=1.1");
    make_run("other.yaml", "speed.db", "draw=4");
    for (int i = 5; i <= 8; i++) {
        snprintf(text, sizeof(text), "draw=%d", i);
        make_run("night.yaml", "speed.db", text);
    }
    make_run("night.yaml", "speed.db", "draw=9,slow=1.1");
    make_run("scores.yaml", "scores.db", "draw=1");
    make_run("scores.yaml", "scores.db", "draw=2");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return system("rm -rf \"$PWD\"");
}

static void ends(struct cli *c, int code, const char *part)
{
    if (c->code != code)
        fail_msg("exit %d, not %d: %s%s", c->code, code, c->out, c->err);
    if (!strstr(code == 0 || code == 3 || code == 5 ? c->out : c->err, part))
        fail_msg("no '%s' in\n%s%s", part, c->out, c->err);
    cli_free(c);
}

#define EXPECT(code, part, ...) \
    do { \
        struct cli c_ = cli_run("compare", __VA_ARGS__, NULL); \
        ends(&c_, code, part); \
    } while (0)

static void equal_runs_raise_no_alarm(void **state)
{
    (void)state;
    EXPECT(0, "# meltbench compare: 0 worse, 0 better, ", "1", "2", "--db", "speed.db");
    EXPECT(0, "simulated times", "1", "2", "--db", "speed.db");
    EXPECT(0, "# meltbench compare: 0 worse, 0 better, 6 same, 0 cannot tell", "1", "1", "--db", "speed.db");
}

static void a_slow_down_is_a_regression(void **state)
{
    (void)state;
    EXPECT(3, "# meltbench compare: 6 worse, 0 better", "1", "3", "--db", "speed.db");
    EXPECT(0, "# meltbench compare: 0 worse, 6 better", "3", "1", "--db", "speed.db");
    EXPECT(3, "| **worse** ", "1", "3", "--db", "speed.db");
}

static void failures_can_be_limited(void **state)
{
    (void)state;
    EXPECT(3, "worse", "1", "3", "--db", "speed.db", "--fail-on", "decode:5%");
    EXPECT(0, "**worse** (allowed)", "1", "3", "--db", "speed.db", "--fail-on", "decode:15%");
    EXPECT(0, "worse", "1", "3", "--db", "speed.db", "--fail-on", "memory");
    EXPECT(3, "worse", "1", "3", "--db", "speed.db", "--fail-on=decode:15,prefill:5");
    EXPECT(0, " 6 same, ", "1", "3", "--db", "speed.db", "--min-effect", "20");
    EXPECT(3, "2 worse", "1", "3", "--db", "speed.db", "--metric", "decode");
}

static json_t *json_of(const char *a, const char *b, const char *more)
{
    struct cli c = cli_run("compare", a, b, "--db", "speed.db", "-o", "json", more, NULL);
    json_t *page = json_loads(c.out, 0, NULL);
    if (!page)
        fail_msg("not JSON: %s%s", c.out, c.err);
    cli_free(&c);
    return page;
}

static void expect_keys(const json_t *object, const char *keys)
{
    char text[400] = "";
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", key);
    assert_string_equal(text, keys);
}

static void json_keys_stay(void **state)
{
    (void)state;
    json_t *page = json_of("1", "3", NULL), *cell = json_array_get(json_object_get(page, "cells"), 0),
           *figure = json_array_get(json_object_get(cell, "figures"), 1);
    expect_keys(page, "format version a b rule differs cells summary ");
    expect_keys(json_object_get(page, "rule"), "confidence min_effect adjust tests baseline ");
    expect_keys(json_object_get(page, "summary"), "worse better same cannot tell only_a only_b exit ");
    expect_keys(cell, "cell a b figures ");
    expect_keys(json_object_get(cell, "a"), "cell_id label refused ok failed invalid skipped ");
    expect_keys(figure, "metric better verdict n_a n_b a b change lo hi coverage min_effect p p_adjusted effect fails reason ");
    assert_string_equal(json_string_value(json_object_get(figure, "metric")), "decode_tps");
    assert_string_equal(json_string_value(json_object_get(figure, "verdict")), "worse");
    const double lo = json_real_value(json_object_get(figure, "lo")), hi = json_real_value(json_object_get(figure, "hi"));
    assert_true(lo < 1 / 1.1 - 1 && 1 / 1.1 - 1 < hi); /* the truth: 10 % more time */
    assert_int_equal(json_integer_value(json_object_get(json_object_get(page, "summary"), "exit")), 3);
    json_decref(page);
}

static void cells_without_a_partner_are_listed(void **state)
{
    (void)state;
    EXPECT(0, "- only in A, not compared: 1t, micro 64+16", "2", "4", "--db", "speed.db");
    EXPECT(0, "- only in B, not compared: 3t, micro 64+16", "2", "4", "--db", "speed.db");
    EXPECT(0, "- **note** plan: ", "2", "4", "--db", "speed.db");
    EXPECT(1, "no cell is on both sides", "1", "5", "--db", "speed.db");
}

static void runs_are_named_in_many_ways(void **state)
{
    (void)state;
    EXPECT(3, "- A: run 1 of speed.db", "speed.db:1", "speed.db:3");
    EXPECT(3, "- B: run 9 of speed.db", "last~1", "speed.db", "--db", "speed.db");
    EXPECT(3, "- B: run 9 of ./speed.db", "night@last~1", "./speed.db:last", "--db", "speed.db");
    EXPECT(3, "- A: run 2 of speed.db", "speed@last~1", "speed@last", "--db", "speed.db");
    sql("speed.db", "UPDATE build SET commit_id = 'abc123'");
    EXPECT(3, "- B: run 9 of speed.db", "8", "@abc", "--db", "speed.db");
    EXPECT(3, "- B: run 9 of speed.db", "@abc123~1", "@abc123", "--db", "speed.db");
}

static void cells_are_chosen_by_axis(void **state)
{
    (void)state;
    EXPECT(0, "0 worse, 0 better", "1:threads=1", "2:threads=1", "--db", "speed.db");
    EXPECT(3, "# meltbench compare: 3 worse", "1", "3", "--where", "threads=2", "--db", "speed.db");
    EXPECT(0, "| 1t -> 2t, micro 64+16 |", "1:threads=1", "1:threads=2", "--db", "speed.db");
    EXPECT(3, "| 1t -> 2t, micro 64+16 |", "speed.db:1:threads=1,quant=file", "speed.db:3:quant=file,threads=2");
    EXPECT(1, "none of its 2 cells has these values", "1:threads=2", "3:threads=7", "--db", "speed.db");
    EXPECT(2, "name one value of each axis that differs", "1", "3:threads=2", "--db", "speed.db");
    EXPECT(2, "threads is given twice", "1:threads=1,threads=2", "3", "--db", "speed.db");
    EXPECT(2, "'color=red' is not AXIS=VALUE", "1", "3", "--where", "color=red", "--db", "speed.db");
}

static void a_baseline_is_of_runs(void **state)
{
    (void)state;
    EXPECT(3, "3 worse", "--baseline-last", "4", "--db", "speed.db");
    EXPECT(3, "the medians of 4 earlier runs, the newest of them run 8", "--baseline-last", "30", "9", "--db", "speed.db");
    EXPECT(0, "0 worse", "--baseline-last", "3", "8", "--db", "speed.db");
    EXPECT(1, "speed.db has 2 finished runs of this plan and device before run 7; a baseline needs 3", "--baseline-last", "5", "7", "--db", "speed.db");
    EXPECT(2, "give B only", "--baseline-last", "5", "7", "8", "--db", "speed.db");
}

static void accuracy_has_its_own_exit_code(void **state)
{
    (void)state;
    EXPECT(0, "no answer changed", "1", "2", "--db", "scores.db");
    sql("scores.db", "UPDATE answer SET correct = 1 WHERE trial_id IN (SELECT t.id FROM trial t JOIN cell c ON c.id = t.cell_id WHERE c.run_id = 1)");
    EXPECT(5, " 0 won", "1", "2", "--db", "scores.db", "--metric", "acc");
    EXPECT(0, "1 better", "2", "1", "--db", "scores.db", "--metric", "acc");
    EXPECT(0, "(allowed)", "1", "2", "--db", "scores.db", "--metric", "acc", "--fail-on", "decode");
    sql("scores.db", "DELETE FROM answer WHERE item = (SELECT min(item) FROM answer) AND trial_id = (SELECT min(trial_id) FROM answer)"); /* A lacks one */
    sql("scores.db", "DELETE FROM answer WHERE item = (SELECT max(item) FROM answer) AND trial_id = (SELECT max(trial_id) FROM answer)"); /* B another */
    EXPECT(5, ": of 58 questions ", "1", "2", "--db", "scores.db", "--metric", "acc");
}

static void unusable_repetitions_are_counted(void **state)
{
    (void)state;
    assert_int_equal(system("cp speed.db marked.db"), 0);
    sql("marked.db", "UPDATE trial SET status = 'invalid', reason = 'throttled' WHERE kind = 'measured' AND repetition < 8 AND cell_id = "
                     "(SELECT id FROM cell WHERE run_id = 3 AND threads = 1)");
    EXPECT(3, "of B 2 repetitions are used; not used: 0 failed, 8 invalid, 0 skipped", "1", "3", "--db", "marked.db");
    EXPECT(3, "10 against 2 values cannot reach", "1", "3", "--db", "marked.db");
}

/* The grade is written into a copy: what a run with noise keeps in its conditions (v_run_noise). */
static void a_machine_in_use_gives_no_verdict_on_times(void **state)
{
    (void)state;
    assert_int_equal(system("cp speed.db loud.db"), 0);
    sql("loud.db", "UPDATE run SET conditions = json_set(conditions, '$.sessions', json('[{\"noise\": {\"grade\": \"E\"}}]')) WHERE id = 3");
    EXPECT(0, "# meltbench compare: 0 worse", "1", "3", "--db", "loud.db");
    EXPECT(0, "noise grade E: others used the machine", "1", "3", "--db", "loud.db");
    EXPECT(3, "6 worse", "1", "3", "--db", "loud.db", "--noisy");
    EXPECT(0, "0 worse, 0 better", "1", "2", "--db", "loud.db");
    sql("loud.db", "UPDATE run SET conditions = json_set(conditions, '$.sessions', json('[{\"noise\": {\"grade\": \"E\"}}]')) WHERE id = 9");
    EXPECT(3, "3 worse", "--baseline-last", "4", "--db", "loud.db");
    EXPECT(0, "noise grade E: others used the machine", "3:threads=1", "3:threads=2", "--db", "loud.db");
    sql("loud.db", "UPDATE plan SET text = json_set(text, '$.protocol.order', 'interleaved')"); /* repetitions took turns: no doubt */
    struct cli c = cli_run("compare", "3:threads=1", "3:threads=2", "--db", "loud.db", NULL);
    assert_int_equal(c.code, 0);
    assert_null(strstr(c.out, "others used the machine"));
    cli_free(&c);
}

/* The grammar of golang.org/design/14313-benchmark-format: "key: value", "Unit ...", or a name of no space, a count, and pairs of value and unit. */
static void benchstat_can_read_it(void **state)
{
    (void)state;
    struct cli c = cli_run("compare", "1", "3", "--db", "speed.db", "-o", "benchstat", NULL);
    assert_int_equal(c.code, 3);
    size_t n_values = 0, n_sides = 0;
    for (char *rest = NULL, *line = strtok_r(c.out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[200], unit[60], more[2];
        double value;
        if (sscanf(line, "Benchmark%199s 1 %lf %59s%1s", name, &value, unit, more) == 3) {
            assert_true(value > 0 && (name[0] < 'a' || name[0] > 'z'));
            n_values++;
        } else if (strncmp(line, "Unit ", 5) == 0) {
            assert_non_null(strstr(line, " better="));
        } else if (line[0] != '#') {
            assert_true(line[0] >= 'a' && line[0] <= 'z' && strstr(line, ": "));
            n_sides += strncmp(line, "side: ", 6) == 0;
        }
    }
    assert_int_equal(n_values, 2 * 2 * 3 * 10);
    assert_int_equal(n_sides, 2);
    cli_free(&c);
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    EXPECT(2, "compare needs two runs", "--db", "speed.db");
    EXPECT(2, "compare needs two runs", "1", "--db", "speed.db");
    EXPECT(1, "no run '99' in speed.db; runs: 1, 2, 3", "99", "1", "--db", "speed.db");
    EXPECT(1, "no run 'nightly@last' in speed.db; plans with a finished run: speed,other,night", "nightly@last", "1", "--db", "speed.db");
    EXPECT(1, "no run '@0000' in speed.db; commits: ", "@0000", "1", "--db", "speed.db");
    EXPECT(1, "no run 'last~50'", "last~50", "1", "--db", "speed.db");
    EXPECT(2, "names no run", "last~x", "1", "--db", "speed.db");
    EXPECT(2, "names no run", "'; DROP TABLE run; --", "1", "--db", "speed.db");
    EXPECT(1, "no run ''';@last'", "'';@last", "1", "--db", "speed.db");
    EXPECT(1, "no database 1:", "1:", "1", "--db", "speed.db");
    EXPECT(1, "no database missing.db", "missing.db", "1", "--db", "speed.db");
    write_text("garbage.db", "this is not a database, whatever its name says");
    EXPECT(1, "garbage.db", "garbage.db", "1", "--db", "speed.db");
    assert_int_equal(system("head -c 20000 speed.db > cut.db"), 0);
    EXPECT(1, "cut.db", "cut.db:1", "1", "--db", "speed.db");
    EXPECT(2, "did you mean 'decode'?", "1", "2", "--db", "speed.db", "--metric", "decod");
    EXPECT(2, "is not METRIC:PCT", "1", "2", "--db", "speed.db", "--fail-on", "decode:x");
    EXPECT(2, "is not METRIC:PCT", "1", "2", "--db", "speed.db", "--fail-on", "decode:-3");
    EXPECT(2, "neither holm nor bh", "1", "2", "--db", "speed.db", "--adjust", "none");
    EXPECT(2, "none of md, json, benchstat", "1", "2", "--db", "speed.db", "-o", "csv");
    EXPECT(2, "--confidence", "1", "2", "--db", "speed.db", "--confidence", "95");
    EXPECT(2, "--baseline-last", "--db", "speed.db", "--baseline-last", "2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_runs_raise_no_alarm),
        cmocka_unit_test(a_slow_down_is_a_regression),
        cmocka_unit_test(failures_can_be_limited),
        cmocka_unit_test(json_keys_stay),
        cmocka_unit_test(cells_without_a_partner_are_listed),
        cmocka_unit_test(runs_are_named_in_many_ways),
        cmocka_unit_test(cells_are_chosen_by_axis),
        cmocka_unit_test(a_baseline_is_of_runs),
        cmocka_unit_test(accuracy_has_its_own_exit_code),
        cmocka_unit_test(unusable_repetitions_are_counted),
        cmocka_unit_test(a_machine_in_use_gives_no_verdict_on_times),
        cmocka_unit_test(benchstat_can_read_it),
        cmocka_unit_test(bad_input_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
