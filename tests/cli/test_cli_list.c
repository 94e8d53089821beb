/* `meltbench list`: one thing a line, its id first, with its settings, and for what is missing the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "run_cli.h"

static const struct { const char *name; const char *ids[6]; } sections[] = {
    {"backends", {"cpu", "opencl", "npu-sim"}},
    {"devices", {"cpu"}},
    {"collectors", {"proc_mem", "rapl", "hwmon", "perf_event", "synthetic"}},
    {"workloads", {"micro", "chat", "accuracy", "perplexity", "idle"}},
    {"quant", {"file", "q8_0", "q4_0"}},
    {"early_exit", {"none", "verify"}},
    {"token_reduction", {"none", "streaming"}},
    {"act", {"q8", "f32"}},
    {"cache_type", {"f16", "f32", "q8_0", "q4_0"}},
    {"runners", {"engine", "null"}},
    {"models", {"smollm2-135m"}},
    {"metrics", {"energy_uj", "accuracy", "rss_peak_bytes"}},
    {"axes", {"model", "backend", "threads", "early_exit", "token_reduction"}},
};

enum { N_SECTIONS = sizeof(sections) / sizeof(sections[0]) };

/* The line that begins with this id and a space; NULL when there is none. */
static const char *line_of(const char *text, const char *id)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (strncmp(line, id, strlen(id)) == 0 && line[strlen(id)] == ' ')
            return line;
    return NULL;
}

static void every_section_lists_its_ids_line_by_line(void **state)
{
    (void)state;
    for (int i = 0; i < N_SECTIONS; i++) {
        struct cli c = cli_run("list", sections[i].name, NULL);
        assert_int_equal(c.code, 0);
        assert_string_equal(c.err, "");
        for (int j = 0; j < 6 && sections[i].ids[j]; j++)
            if (!line_of(c.out, sections[i].ids[j]))
                fail_msg("list %s has no line for %s:\n%s", sections[i].name, sections[i].ids[j], c.out);
        assert_true(c.out[0] != '\n' && c.out[0] != ' ');
        cli_free(&c);
    }
}

static void settings_have_default_and_range(void **state)
{
    (void)state;
    struct cli c = cli_run("list", "early_exit", NULL);
    const char *line = line_of(c.out, "verify");
    assert_non_null(line);
    assert_non_null(strstr(line, "layer=20 (1.."));
    assert_non_null(strstr(line, "draft=4 ("));
    cli_free(&c);
    c = cli_run("list", "workloads", NULL);
    assert_non_null(strstr(line_of(c.out, "micro"), "prompt=512 (0.."));
    cli_free(&c);
}

static void what_is_missing_has_a_reason(void **state)
{
    (void)state;
    static const char mark[] = "not available: ";
    struct cli c = cli_run("list", "backends", NULL);
    for (int i = 1; i < 3; i++) {
        const char *line = line_of(c.out, sections[0].ids[i]);
        const char *reason = line ? strstr(line, mark) : NULL;
        assert_true(reason && reason < strchr(line, '\n') && strlen(reason) > strlen(mark) + 5);
    }
    const char *cpu = line_of(c.out, "cpu");
    assert_true(cpu && (!strstr(cpu, mark) || strstr(cpu, mark) > strchr(cpu, '\n')));
    cli_free(&c);
}

static void without_a_section_all_have_headings(void **state)
{
    (void)state;
    struct cli c = cli_run("list", NULL);
    assert_int_equal(c.code, 0);
    for (int i = 0; i < N_SECTIONS; i++) {
        char heading[64] = "\n";
        strcat(strcat(heading, sections[i].name), ":\n");
        assert_non_null(strstr(c.out, i ? heading : heading + 1));
    }
    cli_free(&c);
}

static void unknown_sections_name_the_nearest(void **state)
{
    (void)state;
    struct cli c = cli_run("list", "backend", NULL);
    assert_int_equal(c.code, 2);
    assert_string_equal(c.err, "meltbench: list: unknown section 'backend'; did you mean 'backends'?\ntry: meltbench list --help\n");
    cli_free(&c);
    struct cli dash = cli_run("list", "early-exit", NULL), underscore = cli_run("list", "early_exit", NULL);
    assert_string_equal(dash.out, underscore.out);
    cli_free(&dash);
    cli_free(&underscore);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_section_lists_its_ids_line_by_line),
        cmocka_unit_test(settings_have_default_and_range),
        cmocka_unit_test(what_is_missing_has_a_reason),
        cmocka_unit_test(without_a_section_all_have_headings),
        cmocka_unit_test(unknown_sections_name_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
