/* test_session.c - a plan of scripted cells, end to end: what is stored for cells that work, fail, die and are refused. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "campaign.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))
#define MEASURED "SELECT repetition || ' ' || status || coalesce(' ' || reason, '') FROM trial WHERE kind = 'measured' ORDER BY cell_id, repetition"

static void known_latencies_are_stored_as_scripted(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:load_us=30000,prefill_us=5000,token_us=2000", 8, 5, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, MEASURED), "0 ok\n1 ok\n2 ok\n3 ok\n4 ok");
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM trial WHERE kind = 'cold'"), 1);
    /* Due times count from the request's begin and no event is early; the upper bounds only tell units apart. */
    static const char since[] = "SELECT min(b.t_ns - a.t_ns) FROM event a JOIN event b USING (trial_id) JOIN trial t ON t.id = trial_id "
                                "WHERE t.kind = 'measured' AND a.kind = 'request_begin' AND b.kind = '%s' AND b.i_token = %d";
    static const struct { const char *kind; int index; long ns; } due[] = {
        {"prefill_end", 0, 5000000}, {"token", 0, 7000000}, {"token", 3, 13000000}, {"token", 7, 21000000}, {"request_end", 0, 21000000}};
    char sql[400];
    for (size_t i = 0; i < N_OF(due); i++) {
        snprintf(sql, sizeof(sql), since, due[i].kind, due[i].index);
        assert_in_range(campaign_number(&c, sql), due[i].ns, 20 * due[i].ns);
    }
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM event e JOIN trial t ON t.id = trial_id WHERE e.kind = 'token' AND t.kind = 'measured'"), 40);
    assert_in_range(campaign_number(&c, "SELECT max(e.t_ns) FROM event e JOIN trial t ON t.id = trial_id WHERE e.kind = 'load_end' AND t.kind = 'cold'"),
                    30000000, 600000000);
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM event e JOIN trial t ON t.id = trial_id WHERE e.kind = 'load_begin' AND t.kind <> 'cold'"), 0);
    assert_int_equal(campaign_number(&c, "SELECT min(duration_ns >= 21000000) FROM trial WHERE kind = 'measured'"), 1);
    assert_int_equal(campaign_number(&c, "SELECT count(DISTINCT value) FROM metric WHERE name = 'output_hash'"), 1);
    assert_int_equal(campaign_number(&c, "SELECT sum(value) FROM metric JOIN trial t ON t.id = trial_id WHERE name = 'n_gen' AND t.kind = 'measured'"), 40);
    assert_string_equal(campaign_query(&c, "SELECT state FROM run"), "finished");
    campaign_close(&c);
}

static void every_way_of_dying_is_a_row_with_its_reason(void **state)
{
    (void)state;
    static const struct { const char *script, *reason; } cases[] = {
        {"null:token_us=100,fail=crash@3", "killed by SIGSEGV in decode of request 0, after token 0"},
        {"null:token_us=100,fail=abort@3,fail_token=3", "killed by SIGABRT in decode of request 0, after token 2"},
        {"null:token_us=100,fail=kill@3,fail_token=-1", "killed by SIGKILL, not by meltbench (the kernel's out-of-memory killer, or somebody else) in prefill of request 0"},
        {"null:token_us=100,fail=exit@3,fail_token=0", "worker ended by itself with exit code 3 in decode of request 0, before its first token"},
        {"null:token_us=100,fail=oom@3", "request 0 micro/pp16+tg4: out of memory: no room for 1048576 more bytes after"},
        {"null:token_us=100,fail=nan@3", "request 0 micro/pp16+tg4: NaN in the logits (scripted)"},
        {"null:token_us=100,fail=error@3", "request 0 micro/pp16+tg4: scripted error"},
        {"null:token_us=100,fail=wrong@3", "wrong output: the same requests gave other tokens than before (output_hash "},
    };
    struct campaign_cell cells[N_OF(cases)];
    for (size_t i = 0; i < N_OF(cases); i++)
        cells[i] = (struct campaign_cell){cases[i].script, 4, 5, NULL};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    assert_int_equal(campaign_run(&c), 1);
    for (size_t i = 0; i < N_OF(cases); i++) {
        char sql[300];
        snprintf(sql, sizeof(sql), "SELECT t.status FROM trial t JOIN cell ON cell.id = cell_id WHERE t.kind = 'measured' AND i_cell = %zu ORDER BY repetition", i);
        assert_string_equal(campaign_query(&c, sql), "ok\nok\nfailed\nok\nok"); /* the third after opening; a fresh worker does the rest */
        snprintf(sql, sizeof(sql), "SELECT reason FROM trial JOIN cell ON cell.id = cell_id WHERE status = 'failed' AND i_cell = %zu", i);
        const char *reason = campaign_query(&c, sql);
        if (strncmp(reason, cases[i].reason, strlen(cases[i].reason)) != 0)
            fail_msg("%s: '%s' does not begin with '%s'", cases[i].script, reason, cases[i].reason);
    }
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM trial WHERE kind = 'cold'"), N_OF(cases)); /* not twice for the second worker */
    assert_string_equal(campaign_query(&c, "SELECT state FROM run"), "finished");
    campaign_close(&c);
}

/* What the first worker said is known after a kill, too. */
static void output_is_held_against_what_was_stored_before(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=100", 4, 3, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    assert_int_equal(campaign_run(&c), 0);
    campaign_query(&c, "DELETE FROM metric WHERE trial_id IN (SELECT id FROM trial WHERE kind = 'measured' AND repetition > 0)");
    campaign_query(&c, "DELETE FROM event WHERE trial_id IN (SELECT id FROM trial WHERE kind = 'measured' AND repetition > 0)");
    campaign_query(&c, "DELETE FROM trial WHERE kind = 'measured' AND repetition > 0");
    campaign_query(&c, "UPDATE run SET state = 'running', finished_utc = NULL");
    campaign_query(&c, "UPDATE metric SET value = value + 1 WHERE name = 'output_hash'");
    assert_int_equal(campaign_run(&c), 1);
    assert_string_equal(campaign_query(&c, "SELECT status FROM trial WHERE kind = 'measured' ORDER BY repetition"), "ok\nfailed\nfailed");
    assert_non_null(strstr(campaign_query(&c, "SELECT reason FROM trial WHERE status = 'failed'"), "wrong output"));
    campaign_close(&c);
}

static void a_hanging_worker_is_killed_in_time(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=100,fail=hang@2,fail_token=2", 4, 2, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    c.plan.protocol.timeout_s = 1;
    assert_int_equal(campaign_run(&c), 1);
    assert_string_equal(campaign_query(&c, MEASURED), "0 ok\n1 failed timed out after 1 s in decode of request 0, after token 1");
    assert_in_range(campaign_number(&c, "SELECT duration_ns FROM trial WHERE status = 'failed'"), 1000000000, 9000000000);
    campaign_close(&c);
}

static void after_two_failures_in_a_row_the_rest_is_skipped(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:fail=crash@open", 4, 5, NULL},
                                                 {"null:token_us=100,fail=nan@0", 4, 4, NULL},
                                                 {"null:no_such_key=1", 4, 2, NULL},
                                                 {"null:token_us=100", 4, 1, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    assert_int_equal(campaign_run(&c), 1);
    assert_string_equal(campaign_query(&c, MEASURED),
                        "0 failed killed by SIGSEGV while the model was loaded\n"
                        "1 failed killed by SIGSEGV while the model was loaded\n"
                        "2 skipped not tried after 2 failures in a row, the last: killed by SIGSEGV while the model was loaded\n"
                        "3 skipped not tried after 2 failures in a row, the last: killed by SIGSEGV while the model was loaded\n"
                        "4 skipped not tried after 2 failures in a row, the last: killed by SIGSEGV while the model was loaded\n"
                        "0 failed while warming up: request 0 micro/pp16+tg4: NaN in the logits (scripted)\n"
                        "1 failed while warming up: request 0 micro/pp16+tg4: NaN in the logits (scripted)\n"
                        "2 skipped not tried after 2 failures in a row, the last: while warming up: request 0 micro/pp16+tg4: NaN in the logits (scripted)\n"
                        "3 skipped not tried after 2 failures in a row, the last: while warming up: request 0 micro/pp16+tg4: NaN in the logits (scripted)\n"
                        "0 failed null script: no key 'no_such_key'; runners/README.md has the list\n"
                        "1 failed null script: no key 'no_such_key'; runners/README.md has the list\n"
                        "0 ok");
    campaign_close(&c);
}

static void refused_cells_are_one_skipped_row_and_no_failure(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=100", 4, 2, "opencl is not built in"}, {"null:token_us=101", 4, 2, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    c.cells[1].cell.runner = "nobody";
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, MEASURED), "0 skipped opencl is not built in\n0 skipped this build has no runner 'nobody'\n"
                                                      "1 skipped this build has no runner 'nobody'");
    assert_int_equal(campaign_run(&c), 3); /* and it is complete */
    campaign_close(&c);
}

static void a_finished_run_is_left_alone_and_again_starts_another(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=100,fail=nan@1", 4, 2, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    assert_int_equal(campaign_run(&c), 1);
    assert_int_equal(campaign_run(&c), 3);
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM trial WHERE kind = 'measured'"), 2);
    assert_int_equal(campaign_wait(campaign_start(&c, true)), 1);
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM run WHERE state = 'finished'"), 2);
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM trial WHERE kind = 'measured'"), 4);
    memset(c.plan.hash, 'b', 64); /* another plan is another run */
    assert_int_equal(campaign_run(&c), 1);
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM run"), 3);
    campaign_close(&c);
}

static void warmup_rows_are_kept_apart(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=3000,cold=3", 6, 2, NULL}};
    static const char kinds[] = "SELECT kind || repetition FROM trial ORDER BY id";
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    c.plan.protocol.warmup = 3;
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, kinds), "cold0\nwarmup0\nwarmup1\nmeasured0\nmeasured1");
    c.plan.protocol.warmup = 0;
    assert_int_equal(unlink(c.db), 0);
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, kinds), "measured0\nmeasured1");
    /* Without warm-up the model was loaded before the first measured repetition began. */
    assert_string_equal(campaign_query(&c, "SELECT t.repetition || e.kind FROM event e JOIN trial t ON t.id = trial_id WHERE e.t_ns < 0"),
                        "0load_begin\n0load_end");
    c.plan.protocol.warmup = -1;
    assert_int_equal(unlink(c.db), 0);
    assert_int_equal(campaign_run(&c), 0);
    /* The cold one takes three times as long: three equal ones need at least three more. */
    assert_true(campaign_number(&c, "SELECT count(*) FROM trial WHERE kind = 'warmup'") >= 3);
    assert_string_equal(campaign_query(&c, "SELECT kind || repetition FROM trial WHERE kind = 'measured'"), "measured0\nmeasured1");
    campaign_close(&c);
}

static void a_score_needs_no_warmup_and_keeps_its_answers(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:prefill_us=100,score_us=100", 0, 1, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    json_decref(c.options[0]);
    c.options[0] = json_pack("{s:[s], s:i, s:i}", "tasks", "mini", "limit", 5, "repetitions", 0);
    c.cells[0].cell.options = c.options[0];
    c.cells[0].cell.workload = "accuracy";
    c.plan.protocol.warmup = 3;
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, "SELECT kind || repetition || status FROM trial"), "measured0ok");
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM answer WHERE correct IS NOT NULL"), 5);
    assert_int_equal(campaign_number(&c, "SELECT value FROM metric WHERE name = 'n_questions' AND scope = ''"), 5);
    campaign_close(&c);
}

static void order_is_shuffled_by_the_seed_and_positions_are_kept(void **state)
{
    (void)state;
    struct campaign_cell cells[8];
    char scripts[8][40], first[400];
    for (size_t i = 0; i < 8; i++) {
        snprintf(scripts[i], sizeof(scripts[i]), "null:token_us=%zu", 50 + i);
        cells[i] = (struct campaign_cell){scripts[i], 1, 1, NULL};
    }
    static const char order[] = "SELECT i_cell FROM trial JOIN cell ON cell.id = cell_id WHERE kind = 'measured' ORDER BY trial.id";
    struct campaign c;
    campaign_open(&c, cells, 8);
    c.plan.protocol.order = MB_ORDER_SHUFFLED;
    c.plan.protocol.warmup = 0;
    assert_int_equal(campaign_run(&c), 0);
    snprintf(first, sizeof(first), "%s", campaign_query(&c, order));
    assert_string_not_equal(first, "0\n1\n2\n3\n4\n5\n6\n7");
    assert_int_equal(strlen(first), 15);
    assert_int_equal(unlink(c.db), 0);
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, order), first);
    campaign_close(&c);
}

static void what_a_worker_prints_disturbs_nobody_and_is_its_last_words(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=100,noise=300000,fail=crash@2", 4, 3, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    assert_int_equal(campaign_run(&c), 1);
    assert_string_equal(campaign_query(&c, "SELECT status FROM trial WHERE kind = 'measured'"), "ok\nfailed\nok");
    assert_non_null(strstr(campaign_query(&c, "SELECT reason FROM trial WHERE status = 'failed'"), "; its last words: "));
    assert_non_null(strstr(campaign_query(&c, "SELECT reason FROM trial WHERE status = 'failed'"), "null: 32 bytes to standard "));
    campaign_close(&c);
}

static void a_locked_database_is_said_and_nothing_is_lost(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=200000", 4, 3, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    const pid_t pid = campaign_start(&c, false);
    assert_true(campaign_wait_for(&c, "SELECT count(*) FROM trial WHERE kind = 'measured'", 1));
    sqlite3 *db;
    assert_int_equal(sqlite3_open(c.db, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(campaign_wait(pid), 50);
    sqlite3_close(db);
    assert_true(campaign_said(&c, "locked") || campaign_said(&c, "in use") || campaign_said(&c, "busy"));
    const long n = campaign_number(&c, "SELECT count(*) FROM trial WHERE kind = 'measured'");
    assert_in_range(n, 1, 2);
    assert_string_equal(campaign_query(&c, "PRAGMA integrity_check"), "ok");
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, MEASURED), "0 ok\n1 ok\n2 ok");
    campaign_close(&c);
}

static void a_full_disk_is_said_and_nothing_is_half_written(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=10", 400, 200, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    struct rlimit was, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    low = was;
    low.rlim_cur = 600 * 1024;
    signal(SIGXFSZ, SIG_IGN); /* then writing fails with EFBIG, as a full disk does with ENOSPC */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    const int code = campaign_run(&c);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(code, 50);
    assert_true(campaign_said(&c, "full") || campaign_said(&c, "I/O"));
    const long n = campaign_number(&c, "SELECT count(*) FROM trial WHERE kind = 'measured'");
    assert_in_range(n, 1, 199);
    assert_string_equal(campaign_query(&c, "PRAGMA integrity_check"), "ok");
    /* Every stored repetition is whole. */
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM (SELECT count(*) AS n FROM event WHERE kind = 'token' GROUP BY trial_id) WHERE n <> 400"), 0);
    assert_int_equal(campaign_run(&c), 0);
    assert_int_equal(campaign_number(&c, "SELECT count(*) FROM trial WHERE kind = 'measured' AND status = 'ok'"), 200);
    campaign_close(&c);
}

struct heard { unsigned n_measured, n_unmeasured, n_refused; };

static void hear(void *user, const struct mb_plan_cell *cell, const struct mb_record *record)
{
    struct heard *h = user;
    h->n_refused += cell->refused != NULL;
    h->n_measured += record->kind == MB_TRIAL_MEASURED && record->status == MB_TRIAL_OK;
    h->n_unmeasured += record->kind != MB_TRIAL_MEASURED;
}

static void without_a_database_the_callback_sees_every_repetition(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=100", 4, 3, NULL}, {"null:token_us=101", 4, 3, "not here"}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    struct heard heard = {0};
    struct mb_session_result result;
    struct mb_error err = {0};
    const struct mb_session_options options = {.quiet = true, .on_trial = hear, .user = &heard};
    assert_int_equal(mb_session_run(&c.plan, &options, &result, &err), MB_OK);
    assert_int_equal(heard.n_measured, 3);
    assert_int_equal(heard.n_unmeasured, 1);
    assert_int_equal(heard.n_refused, 1);
    assert_int_equal(result.n_ok, 3);
    assert_int_equal(result.n_skipped, 1);
    assert_int_equal(access(c.db, F_OK), -1);
    campaign_close(&c);
}

int main(int argc, char **argv)
{
    const int worker = campaign_worker(argc, argv);
    if (worker >= 0)
        return worker;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_latencies_are_stored_as_scripted),
        cmocka_unit_test(every_way_of_dying_is_a_row_with_its_reason),
        cmocka_unit_test(output_is_held_against_what_was_stored_before),
        cmocka_unit_test(a_hanging_worker_is_killed_in_time),
        cmocka_unit_test(after_two_failures_in_a_row_the_rest_is_skipped),
        cmocka_unit_test(refused_cells_are_one_skipped_row_and_no_failure),
        cmocka_unit_test(a_finished_run_is_left_alone_and_again_starts_another),
        cmocka_unit_test(warmup_rows_are_kept_apart),
        cmocka_unit_test(a_score_needs_no_warmup_and_keeps_its_answers),
        cmocka_unit_test(order_is_shuffled_by_the_seed_and_positions_are_kept),
        cmocka_unit_test(what_a_worker_prints_disturbs_nobody_and_is_its_last_words),
        cmocka_unit_test(a_locked_database_is_said_and_nothing_is_lost),
        cmocka_unit_test(a_full_disk_is_said_and_nothing_is_half_written),
        cmocka_unit_test(without_a_database_the_callback_sees_every_repetition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
