/* `meltbench run --rules`: what is printed where, and the exit code. The rules themselves: tests/harness/test_rules.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_cli.h"

static char dir[32], plan[64], db[64];

static int begin(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/mb-cli-run-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    snprintf(plan, sizeof(plan), "%s/p.yaml", dir);
    snprintf(db, sizeof(db), "%s/r.db", dir);
    return 0;
}

static int end(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

static struct cli run(const char *protocol, const char *rules)
{
    FILE *f = fopen(plan, "w");
    assert_non_null(f);
    fprintf(f, "models: [\"null:token_us=200\"]\nworkloads: [micro: {prompt: 8, gen: 4}]\ncollect: []\nprotocol: {cooldown: 0, %s}\n", protocol);
    fclose(f);
    return rules ? cli_run("run", plan, "--db", db, "--noise", "0", "--quiet", "--rules", rules, NULL) : cli_run("run", plan, "--db", db, "--noise", "0", "--quiet", NULL);
}

static void without_rules_nothing_is_judged(void **state)
{
    (void)state;
    struct cli c = run("repetitions: 2", NULL);
    assert_int_equal(c.code, 0);
    assert_string_equal(c.out, "");
    assert_string_equal(c.err, "");
    cli_free(&c);
}

static void invalid_is_said_on_stdout_with_exit_4_every_time(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* the second time the run is finished */
        struct cli c = run("repetitions: 2", "strict");
        assert_int_equal(c.code, 4);
        assert_int_equal(strncmp(c.out, "INVALID by strict\n- broken ", 27), 0);
        assert_non_null(strstr(c.out, "- broken repetitions: ok repetitions of each timed cell, at least 10; 1 of 1 cells, as micro: 2 [benchstat"));
        assert_string_equal(c.err, "");
        cli_free(&c);
    }
    struct cli c = run("repetitions: 2, rules: mlperf-edge", NULL); /* the plan names it */
    assert_int_equal(c.code, 4);
    assert_int_equal(strncmp(c.out, "INVALID by mlperf-edge\n", 23), 0);
    cli_free(&c);
    c = run("repetitions: 2, rules: mlperf-edge", "quick"); /* the command line wins; quick never fails a run */
    assert_int_equal(c.code, 0);
    assert_non_null(strstr(c.out, "VALID by quick\n"));
    cli_free(&c);
}

static void a_profile_that_is_not_there_is_wrong_usage(void **state)
{
    (void)state;
    struct cli c = run("repetitions: 2", "lax");
    assert_int_equal(c.code, 2);
    assert_string_equal(c.out, "");
    assert_non_null(strstr(c.err, "rules: no profile 'lax'; there are quick, strict, mlperf-edge"));
    cli_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules_nothing_is_judged),
        cmocka_unit_test(invalid_is_said_on_stdout_with_exit_4_every_time),
        cmocka_unit_test(a_profile_that_is_not_there_is_wrong_usage),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
