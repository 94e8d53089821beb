/* `meltbench generate` while it runs: text comes as it is made, is the record's in the end, and stays when the rest fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_process.h"
#include "cli_scene.h"

#define GENERATE "\"$MB\" generate -m $TINY -t 1 "
#define SCRIPT "\"$MB\" generate -p x -n 5 -m null:token_us=1000,fail="

static void expect_stderr(const char *text)
{
    char *said = sh_text("cat process.err");
    assert_string_equal(said, text);
    free(said);
}

/* The script hangs before its fourth token: what has come by then has come before the end. */
static void text_comes_before_the_end(void **state)
{
    (void)state;
    struct cli_process p = process_start(SCRIPT "hang@0,fail_token=3");
    char text[8];
    process_read(&p, text, 6);
    assert_string_equal(text, "1 2 3 ");
    assert_true(process_is_running(&p));
    kill(-p.pid, SIGINT);
    process_read(&p, text, 1);
    assert_string_equal(text, "\n");
    assert_int_equal(read(p.out, text, 1), 0);
    assert_int_equal(process_wait(&p), 130);
    expect_stderr("meltbench: interrupted\n");
}

static void who_stops_reading_ends_it_and_its_worker(void **state)
{
    (void)state;
    static const struct { const char *trap, *said; int code; } cases[] = {
        {"exec ", "", 128 + SIGPIPE}, {"trap '' PIPE; exec ", "meltbench: cannot write to standard output: Broken pipe\n", 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char command[300], first[2];
        snprintf(command, sizeof(command), "sh -c \"%s\\\"$MB\\\" generate -m $TINY -t 1 -p hello -n 190000 --ignore-eos\"", cases[i].trap);
        struct cli_process p = process_start(command);
        process_read(&p, first, 1);
        const pid_t worker = process_worker(&p);
        process_close(&p);
        assert_int_equal(process_wait(&p), cases[i].code);
        assert_true(process_ends(worker));
        expect_stderr(cases[i].said);
    }
}

static void what_was_said_before_a_failure_stays(void **state)
{
    (void)state;
    static const struct { const char *script, *out, *err; } cases[] = {
        {"crash@0,fail_token=3", "1 2 3 \n", "SIGSEGV in decode of request 0, after token 2"}, {"error@0,fail_token=2", "1 2 \n", "scripted error"},
        {"exit@0,fail_token=1", "1 \n", "exit code 3"}, {"kill@0,fail_token=0", "", "SIGKILL"}, {"crash@open", "", "SIGSEGV"},
        {"mute@0,fail_token=2", "1 2 4 5 \n", "not the one of the record: they differ from byte 4 on"}, {"mute@0,fail_token=4", "1 2 3 4 \n", "byte 8"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cli c = sh(SCRIPT "%s", cases[i].script);
        assert_int_equal(c.code, 1);
        assert_string_equal(c.out, cases[i].out);
        if (cli_count_lines(c.err) != 1 || !strstr(c.err, cases[i].err))
            fail_msg("%s: %s", cases[i].script, c.err);
        cli_free(&c);
    }
}

/* The text that the database has of the only answer in it; freed by the caller. */
static char *stored_text(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT given FROM answer", -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    char *text = strdup((const char *)sqlite3_column_text(st, 0));
    assert_non_null(text);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return text;
}

/* A token is a byte here: random text is full of characters that are cut, and ends where a zero byte comes. */
static void what_is_shown_is_what_is_stored(void **state)
{
    (void)state;
    static const char *const how[] = {
        "", "--early-exit verify:layer=2,draft=4", "--temp 3 --seed 1", "--temp 3 --seed 2", "--temp 3 --seed 3", "--temp 3 --seed 4",
        "--temp 3 --seed 5 --token-reduction streaming:sink=4,window=16"};
    size_t n_longest = 0, n_replaced = 0, n_whole = 0;
    for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        char *shown = sh_text("rm -f s.db; " GENERATE "-p hello -n 300 --ignore-eos --db s.db %s", how[i]), *stored = stored_text("s.db");
        const size_t n = strlen(stored);
        if (strncmp(shown, stored, n) != 0 || strcmp(shown + n, "\n") != 0)
            fail_msg("%s: shown\n%s\nstored\n%s", how[i], shown, stored);
        n_longest = n > n_longest ? n : n_longest;
        for (const char *c = shown; *c; c++) {
            n_replaced += strncmp(c, "\xef\xbf\xbd", 3) == 0;
            n_whole += ((unsigned char)c[0] & 0xe0) == 0xc0; /* a character of two tokens */
        }
        free(shown);
        free(stored);
    }
    assert_true(n_longest > 100 && n_replaced > 0 && n_whole > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_before_the_end),
        cmocka_unit_test(who_stops_reading_ends_it_and_its_worker),
        cmocka_unit_test(what_was_said_before_a_failure_stays),
        cmocka_unit_test(what_is_shown_is_what_is_stored),
    };
    return cmocka_run_group_tests_name("stream", tests, scene_begin, scene_end);
}
