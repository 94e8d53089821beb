/* `meltbench doctor`: the page, the JSON and what it says to bad input. What is found where: tests/harness/test_doctor.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run_cli.h"

static json_t *parse(const struct cli *c)
{
    json_t *page = json_loads(c->out, 0, NULL);
    if (!page)
        fail_msg("not JSON: %s", c->out);
    return page;
}

static void expect_keys(const json_t *object, const char *const *keys, size_t n)
{
    assert_int_equal(json_object_size(object), n);
    for (size_t i = 0; i < n; i++)
        if (!json_object_get(object, keys[i]))
            fail_msg("no key %s", keys[i]);
}

static void the_page_has_findings_and_a_grade(void **state)
{
    (void)state;
    struct cli c = cli_run("doctor", "--seconds", "0.3", NULL);
    assert_int_equal(c.code, 0);
    assert_string_equal(c.err, "");
    assert_int_equal(strncmp(c.out, "# meltbench doctor: ", 20), 0);
    static const char *const parts[] = {"** build: ", "** governor", "** clock: ", "smallest step seen", "\nNoise", "lost in gaps"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (!strstr(c.out, parts[i]))
            fail_msg("no '%s' in\n%s", parts[i], c.out);
    cli_free(&c);
}

static void json_keys_stay(void **state)
{
    (void)state;
    static const char *const page_keys[] = {"format", "version", "utc", "summary", "findings", "noise"};
    static const char *const finding_keys[] = {"check", "subject", "verdict", "known", "finding", "why", "do"};
    static const char *const noise_keys[] = {"grade", "seconds", "threads", "samples", "median_ns", "p99_over_median", "slowest_over_fastest",
                                             "gap_share", "longest_gap_ns", "steal_ticks", "steal_share", "throttle_events"};
    static const char *const verdicts[] = {"ok", "note", "warn", "bad"};
    struct cli c = cli_run("doctor", "-s", "0.3", "-o", "json", NULL);
    assert_int_equal(c.code, 0);
    assert_string_equal(c.err, "");
    json_t *page = parse(&c), *findings = json_object_get(page, "findings"), *row;
    expect_keys(page, page_keys, 6);
    expect_keys(json_object_get(page, "noise"), noise_keys, 12);
    size_t i, n_in_summary = 0;
    json_array_foreach(findings, i, row)
        expect_keys(row, finding_keys, 7);
    for (int v = 0; v < 4; v++)
        n_in_summary += (size_t)json_integer_value(json_object_get(json_object_get(page, "summary"), verdicts[v]));
    assert_int_equal(n_in_summary, json_array_size(findings));
    json_decref(page);
    cli_free(&c);
}

static void an_empty_machine_still_works(void **state)
{
    (void)state;
    setenv("MELTBENCH_SYSROOT", "/nonexistent", 1);
    struct cli c = cli_run("doctor", "--seconds=0", NULL), as_json = cli_run("doctor", "--seconds", "0", "-o", "json", NULL);
    unsetenv("MELTBENCH_SYSROOT");
    assert_int_equal(c.code, 0);
    assert_non_null(strstr(c.out, "\n- **note** boost: unknown: neither intel_pstate/no_turbo nor cpufreq/boost\n"));
    assert_non_null(strstr(c.out, " collectors: found: "));
    assert_non_null(strstr(c.out, "\n- **note** collectors rapl: missing: "));
    assert_non_null(strstr(c.out, "\nNoise: not measured (--seconds 0)\n"));
    json_t *page = parse(&as_json);
    assert_true(json_is_null(json_object_get(page, "noise")));
    json_decref(page);
    cli_free(&c);
    cli_free(&as_json);
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"--seconds", "-1"}, {"--seconds", "x"}, {"--seconds", "nan"}, {"--seconds", "601"}, {"-o", "xml"},
                                          {"extra", NULL}, {"--tuned", NULL}, {"--tune", "--restore"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cli c = cli_run("doctor", rows[i][0], rows[i][1], NULL);
        assert_int_equal(c.code, 2);
        assert_string_equal(c.out, "");
        assert_int_equal(strncmp(c.err, "meltbench: ", 11), 0);
        assert_non_null(strstr(c.err, "\ntry: meltbench doctor --help\n"));
        cli_free(&c);
    }
    struct cli c = cli_run("doctor", "-o", "xml", NULL);
    assert_non_null(strstr(c.err, "--output: 'xml' is neither md nor json"));
    cli_free(&c);
}

/* On a machine made of files; how it ends otherwise: tests/harness/test_tune.c. */
static void tune_changes_and_puts_back(void **state)
{
    (void)state;
    char dir[] = "/tmp/mb-tune-XXXXXX", script[900];
    assert_non_null(mkdtemp(dir));
    snprintf(script, sizeof(script), "mkdir -p %s/proc/sys/vm && echo 60 >%s/proc/sys/vm/swappiness", dir, dir);
    assert_int_equal(system(script), 0);
    setenv("MELTBENCH_SYSROOT", dir, 1);
    setenv("XDG_STATE_HOME", dir, 1);
    snprintf(script, sizeof(script), "echo in: $(cat %s/proc/sys/vm/swappiness); exit 4", dir);
    struct cli c = cli_run("doctor", "--tune", "--", "sh", "-c", script, NULL);
    assert_int_equal(c.code, 4);
    assert_string_equal(c.out, "in: 0\n");
    assert_non_null(strstr(c.err, "meltbench: swappiness: 60 -> 0: "));
    assert_non_null(strstr(c.err, "meltbench: governor: not changed: "));
    assert_non_null(strstr(c.err, "meltbench: aslr: "));
    cli_free(&c);
    c = cli_run("doctor", "--restore", NULL);
    assert_int_equal(c.code, 0);
    assert_string_equal(c.out, "nothing to put back\n");
    cli_free(&c);
    c = cli_run("doctor", "--tune", "--", "/", NULL);
    assert_int_equal(c.code, 126);
    cli_free(&c);
    snprintf(script, sizeof(script), "test $(cat %s/proc/sys/vm/swappiness) = 60 && rm -r %s", dir, dir);
    assert_int_equal(system(script), 0);
    unsetenv("MELTBENCH_SYSROOT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_findings_and_a_grade),
        cmocka_unit_test(json_keys_stay),
        cmocka_unit_test(an_empty_machine_still_works),
        cmocka_unit_test(tune_changes_and_puts_back),
        cmocka_unit_test(bad_input_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
