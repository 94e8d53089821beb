/* Help and manual page come from the rows: every command and option is in both, and help fits a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/options.h"

enum { WIDTH = 100 };

static char *help_of(const struct mb_command *command)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (command)
        mb_opt_print_help(command, f);
    else
        mb_help_commands(f);
    fclose(f);
    return text;
}

static char *man_page(void)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    mb_help_man(f);
    fclose(f);
    char *copy = strdup(text); /* gcc 12 takes the stream's pointer for one to this frame */
    free(text);
    return copy;
}

/* Longest line, in bytes; texts of ours are ASCII. */
static size_t widest(const char *text)
{
    size_t most = 0;
    for (const char *p = text; *p;) {
        const size_t n = strcspn(p, "\n");
        most = n > most ? n : most;
        p += n + (p[n] == '\n');
    }
    return most;
}

/* Without the backslashes that keep troff from reading '-' as a hyphen. */
static void strip_roff(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++)
        if (!(*from == '\\' && from[1] == '-'))
            *to++ = *from;
    *to = '\0';
}

static void every_option_is_in_help_and_manual(void **state)
{
    (void)state;
    size_t n;
    const struct mb_command *const *commands = mb_commands(&n);
    char *man = man_page(), *table = help_of(NULL);
    strip_roff(man);
    assert_true(n >= 7);
    for (size_t i = 0; i < n; i++) {
        char *help = help_of(commands[i]), name[64], heading[96];
        struct mb_opt_view view;
        size_t n_options = 0;
        snprintf(heading, sizeof(heading), ".SS %s", commands[i]->name);
        assert_non_null(strstr(man, heading));
        snprintf(heading, sizeof(heading), "\n  %s ", commands[i]->name);
        assert_true(strlen(commands[i]->summary) > 10 && strstr(table, heading));
        for (; mb_opt_view_at(commands[i], n_options, &view, name); n_options++) {
            assert_true(view.help && strlen(view.help) > 3);
            assert_true(view.kind == MB_OPT_FLAG || view.value_name);
            if (!strstr(help, view.name) || !strstr(man, view.name) || (view.alias && !strstr(help, view.alias)))
                fail_msg("%s %s is missing", commands[i]->name, view.name);
        }
        assert_true(n_options >= 1); /* --help itself */
        free(help);
    }
    free(table);
    free(man);
}

static void help_fits_the_width(void **state)
{
    (void)state;
    size_t n;
    const struct mb_command *const *commands = mb_commands(&n);
    for (size_t i = 0; i <= n; i++) {
        char *help = help_of(i < n ? commands[i] : NULL);
        if (widest(help) > WIDTH)
            fail_msg("help of %s has a line of %zu columns", i < n ? commands[i]->name : "all", widest(help));
        free(help);
    }
}

static void options_of_a_command_do_not_collide(void **state)
{
    (void)state;
    size_t n;
    const struct mb_command *const *commands = mb_commands(&n);
    for (size_t i = 0; i < n; i++) {
        struct mb_opt_view a, b;
        char name_a[64], name_b[64];
        for (size_t j = 0; mb_opt_view_at(commands[i], j, &a, name_a); j++) {
            for (size_t k = 0; k < j && mb_opt_view_at(commands[i], k, &b, name_b); k++) {
                if (strcmp(a.name, b.name) == 0 || (a.alias && b.alias && strcmp(a.alias, b.alias) == 0))
                    fail_msg("%s: %s and %s share a name", commands[i]->name, a.name, b.name);
            }
        }
    }
}

static void the_manual_has_its_sections(void **state)
{
    (void)state;
    static const char *const sections[] = {".TH MELTBENCH 1", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION", ".SH COMMANDS", ".SH EXIT STATUS",
                                           ".SH ENVIRONMENT", "MELTBENCH_DATA", "XDG_CACHE_HOME", "130"};
    char *man = man_page();
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
        assert_non_null(strstr(man, sections[i]));
    free(man);
}

static char *read_file(const char *path)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = fopen(path, "r"), *m = open_memstream(&text, &n);
    assert_non_null(f);
    for (int c; (c = fgetc(f)) != EOF;)
        fputc(c, m);
    fclose(f);
    fclose(m);
    return text;
}

/* The page written by hand must not fall behind the rows. */
static void the_written_manual_keeps_up(void **state)
{
    (void)state;
    size_t n;
    const struct mb_command *const *commands = mb_commands(&n);
    char *manual = read_file(MB_SOURCE_DIR "/docs/manual.md"), *man = man_page(), word[96];
    for (int i = 1; i < MB_AXIS_N; i++) {
        snprintf(word, sizeof(word), "`%s`", mb_axis_rows[i].key);
        assert_non_null(strstr(manual, word));
    }
    for (size_t i = 0; i < n; i++) {
        snprintf(word, sizeof(word), "| `%s", commands[i]->name);
        if (!commands[i]->hidden && !strstr(manual, word))
            fail_msg("docs/manual.md has no row for %s", commands[i]->name);
    }
    for (const char *p = strstr(man, ".SH ENVIRONMENT"); (p = strstr(p, "\n.B ")); p += 4) {
        snprintf(word, sizeof(word), "| `%.*s`", (int)strcspn(p + 4, "\n"), p + 4);
        if (!strstr(manual, word))
            fail_msg("docs/manual.md has no row for %s", word);
    }
    free(manual);
    free(man);
}

static void unknown_commands_name_the_nearest(void **state)
{
    (void)state;
    struct mb_error err = {0};
    assert_non_null(mb_command_find("list", &err));
    assert_null(mb_command_find("lits", &err));
    assert_string_equal(err.text, "unknown command 'lits'; did you mean 'list'?");
    assert_null(mb_command_find("qqqqqq", &err));
    assert_string_equal(err.text, "unknown command 'qqqqqq'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_is_in_help_and_manual),
        cmocka_unit_test(help_fits_the_width),
        cmocka_unit_test(options_of_a_command_do_not_collide),
        cmocka_unit_test(the_manual_has_its_sections),
        cmocka_unit_test(the_written_manual_keeps_up),
        cmocka_unit_test(unknown_commands_name_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
