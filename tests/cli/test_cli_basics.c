/* What the binary answers before it measures anything: help, version, and faults on the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "run_cli.h"

static const char *const commands[] = {"run", "report", "generate", "bench", "eval", "plan", "list", "doctor"};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void without_a_command_the_table_is_printed(void **state)
{
    (void)state;
    struct cli alone = cli_run(NULL, NULL), help = cli_run("help", NULL), flag = cli_run("--help", NULL);
    assert_int_equal(alone.code, 0);
    assert_string_equal(alone.err, "");
    for (int i = 0; i < N_COMMANDS; i++) {
        char line[32] = "\n  ";
        strcat(line, commands[i]);
        assert_non_null(strstr(alone.out, line));
    }
    assert_string_equal(alone.out, help.out);
    assert_string_equal(alone.out, flag.out);
    cli_free(&alone);
    cli_free(&help);
    cli_free(&flag);
}

static void help_goes_to_stdout(void **state)
{
    (void)state;
    for (int i = 0; i < N_COMMANDS; i++) {
        struct cli by_flag = cli_run(commands[i], "--help", NULL), by_name = cli_run("help", commands[i], NULL);
        assert_int_equal(by_flag.code, 0);
        assert_string_equal(by_flag.err, "");
        assert_int_equal(strncmp(by_flag.out, "usage: meltbench ", 17), 0);
        assert_string_equal(by_flag.out, by_name.out);
        cli_free(&by_flag);
        cli_free(&by_name);
    }
}

static void the_version_says_what_this_binary_is(void **state)
{
    (void)state;
    struct cli c = cli_run("--version", NULL);
    static const char *const lines[] = {"meltbench ", "\ncommit ", "\ncompiler ", "\nbuild type ", "\nflags ", "\nsanitizer "};
    assert_int_equal(c.code, 0);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_non_null(strstr(c.out, lines[i]));
    assert_int_equal(cli_count_lines(c.out), 6);
    cli_free(&c);
}

/* A usage fault: one line and a hint on stderr, nothing on stdout, exit 2. */
static void assert_usage(struct cli c, const char *message)
{
    assert_int_equal(c.code, 2);
    assert_string_equal(c.out, "");
    assert_int_equal(cli_count_lines(c.err), 2);
    if (strncmp(c.err, "meltbench: ", 11) != 0 || !strstr(c.err, message) || !strstr(c.err, "\ntry: meltbench "))
        fail_msg("%s", c.err);
    cli_free(&c);
}

static void usage_faults_exit_2(void **state)
{
    (void)state;
    assert_usage(cli_run("rnu", NULL), "unknown command 'rnu'; did you mean 'run'?");
    assert_usage(cli_run("help", "lsit", NULL), "unknown command 'lsit'; did you mean 'list'?");
    assert_usage(cli_run("--verbose", NULL), "unknown command '--verbose'");
    assert_usage(cli_run("plan", NULL), "plan needs PLAN");
    assert_usage(cli_run("plan", "a", "b", NULL), "unexpected argument 'b'");
    assert_usage(cli_run("plan", "--jsno", "a", NULL), "unknown option --jsno; did you mean --json?");
    for (int i = 0; i < N_COMMANDS; i++) {
        struct cli c = cli_run(commands[i], "--no-such-option-at-all", NULL);
        assert_usage(c, "unknown option --no-such-option-at-all");
    }
}

static void terminal_codes_are_not_passed_on(void **state)
{
    (void)state;
    struct cli c = cli_run("\033[31mred\n\n\n\n\n", NULL);
    assert_int_equal(c.code, 2);
    assert_null(strchr(c.err, '\033'));
    assert_true(cli_count_lines(c.err) <= 3);
    cli_free(&c);
}

/* Output that cannot be written is a failure, not a success with nothing to show. */
static void a_full_disk_is_noticed(void **state)
{
    (void)state;
    struct stat st;
    if (stat("/dev/full", &st)) {
        print_message("no /dev/full here\n");
        skip();
    }
    const int status = system(MB_BINARY_DIR "/meltbench help > /dev/full 2> /dev/null");
    assert_int_equal(WEXITSTATUS(status), 1);
}

static void the_manual_page_is_troff(void **state)
{
    (void)state;
    struct cli c = cli_run("help", "--man", NULL);
    assert_int_equal(c.code, 0);
    assert_int_equal(strncmp(c.out, ".TH MELTBENCH 1", 15), 0);
    for (const char *line = c.out; (line = strchr(line, '\n')); line++)
        assert_true(line[1] != '\''); /* a quote at the start of a line would be a command */
    cli_free(&c);
    struct stat st;
    assert_int_equal(stat(MB_BINARY_DIR "/meltbench.1", &st), 0);
    assert_true(st.st_size > 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_command_the_table_is_printed),
        cmocka_unit_test(help_goes_to_stdout),
        cmocka_unit_test(the_version_says_what_this_binary_is),
        cmocka_unit_test(usage_faults_exit_2),
        cmocka_unit_test(terminal_codes_are_not_passed_on),
        cmocka_unit_test(a_full_disk_is_noticed),
        cmocka_unit_test(the_manual_page_is_troff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
