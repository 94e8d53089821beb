/* test_meter_file.c - recordings of meters: headings, damage, energy between two times, and into the repetitions of a run. The files are made
 * here after the published headings; none was recorded by a real meter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/meter_import.h"

struct scene { char folder[64], path[96], db_path[96]; };

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    snprintf(s->folder, sizeof(s->folder), "/tmp/mb-meter-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->path, sizeof(s->path), "%s/r.csv", s->folder);
    snprintf(s->db_path, sizeof(s->db_path), "%s/t.db", s->folder);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    char command[160];
    snprintf(command, sizeof(command), "rm -rf %s", s->folder);
    assert_int_equal(system(command), 0);
    free(s);
    return 0;
}

static void put(const struct scene *s, const char *text)
{
    FILE *f = fopen(s->path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void open_file(struct mb_meter_file *m, const struct scene *s, const char *columns)
{
    struct mb_error err = {0};
    if (mb_meter_file_open(m, s->path, columns, &err))
        fail_msg("%s", err.text);
}

static void reads(const struct scene *s, const char *columns, const char *text, double t_s, double watts)
{
    struct mb_meter_file m;
    struct mb_meter_reading r;
    put(s, text);
    open_file(&m, s, columns);
    assert_int_equal(mb_meter_file_next(&m, &r, NULL), 1);
    if (fabs(r.t_s - t_s) > 1e-9 || fabs(r.watts - watts) > 1e-9)
        fail_msg("%s: %g s, %g W instead of %g, %g", text, r.t_s, r.watts, t_s, watts);
    assert_int_equal(mb_meter_file_next(&m, &r, NULL), 0);
    assert_int_equal(m.n_faults, 0);
    mb_meter_file_close(&m);
}

static void headings_tell_the_columns(void **state)
{
    const struct scene *s = *state;
    /* Monsoon: the main channel, not USB or aux */
    reads(s, NULL, "Time(ms),Main(mA),USB(mA),Aux(mA),Main Voltage(V),USB Voltage(V)\n200.0,1500,7,7,4.0,5.0\n", 0.2, 6);
    reads(s, NULL, "#time,current,voltage,power\r\n0.5,2,3,6.5\r\n", 0.5, 6.5);
    reads(s, NULL, "made by X 1.2\n\nTime [s];Power [mW]\n# remark\n1; 2500 \n", 1, 2.5);
    reads(s, NULL, "\"Timestamp\",\"Voltage (V)\",\"Current (uA)\"\n3,5,1e6\n", 3, 5);
    reads(s, "ms/-/A/V", "10,text,2,3\n", 0.01, 6);
    reads(s, "us/uW", "10\t2000000\n", 1e-5, 2);
}

static void fails(const struct scene *s, const char *columns, const char *text, int rc, const char *part)
{
    struct mb_meter_file m;
    struct mb_error err = {0};
    put(s, text);
    assert_int_equal(mb_meter_file_open(&m, s->path, columns, &err), rc);
    if (!strstr(err.text, part))
        fail_msg("'%s' lacks '%s'", err.text, part);
}

static void what_has_no_power_is_refused(void **state)
{
    const struct scene *s = *state;
    fails(s, NULL, "", MB_EFORMAT, "no heading with a time");
    fails(s, NULL, "Time(s),Main(mA)\n1,2\n", MB_EFORMAT, "name the columns, --columns");
    fails(s, NULL, "1,2,3\n4,5,6\n", MB_EFORMAT, "in the first 2 lines");
    fails(s, "s/V", "1,2\n", MB_EINVAL, "a time is needed, and W or both V and A");
    fails(s, "s/kW", "1,2\n", MB_EINVAL, "separated by /");
    struct mb_meter_file m;
    struct mb_error err = {0};
    assert_int_equal(mb_meter_file_open(&m, "/nowhere/x.csv", NULL, &err), MB_ENOENT);
}

static void damaged_lines_are_named_and_left_out(void **state)
{
    const struct scene *s = *state;
    struct mb_meter_file m;
    struct mb_meter_reading r;
    put(s, "Time(s),Power(W)\n1,10\n2\n3,ten\n2,nan\n1,10\n4,10x\n5,10\n\xff\xfe\x01\n6,1");
    open_file(&m, s, NULL);
    int n = 0;
    while (mb_meter_file_next(&m, &r, NULL) == 1)
        n++;
    assert_int_equal(n, 3);
    assert_int_equal(m.n_faults, 6);
    static const struct { int line; const char *what; } faults[] = {
        {3, "too few columns"}, {4, "not a number"}, {5, "not a number"}, {6, "the time does not rise"}, {7, "not a number"}, {9, "not a number"}};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(m.faults[i].line, faults[i].line);
        assert_string_equal(m.faults[i].what, faults[i].what);
    }
    mb_meter_file_close(&m);
}

/* P(t) = 2 t W, every 100 ms from 0 to 10 s: the energy from a to b is b^2 - a^2, also between the readings. */
static void energy_is_cut_at_the_ends_of_a_window(void **state)
{
    const struct scene *s = *state;
    struct mb_meter_window w[] = {{.t0_s = -1, .t1_s = 5}, {.t0_s = 0, .t1_s = 10}, {.t0_s = 1.23, .t1_s = 4.56}, {.t0_s = 2.01, .t1_s = 2.02},
                                  {.t0_s = 9, .t1_s = 10.5}};
    struct mb_meter_file m;
    FILE *f = fopen(s->path, "w");
    fputs("Time(ms),Power(W)\n", f);
    for (int i = 0; i <= 100; i++)
        fprintf(f, "%d,%.1f\n", i * 100, i * 0.2);
    fclose(f);
    open_file(&m, s, NULL);
    assert_int_equal(mb_meter_file_integrate(&m, w, 5, NULL), 0);
    mb_meter_file_close(&m);
    assert_true(fabs(w[1].joules - 100) < 1e-9 && w[1].covered && w[1].n == 101);
    assert_true(fabs(w[2].joules - (4.56 * 4.56 - 1.23 * 1.23)) < 1e-9 && w[2].covered);
    assert_true(fabs(w[3].joules - (2.02 * 2.02 - 2.01 * 2.01)) < 1e-9 && w[3].n == 0);
    assert_false(w[0].covered);
    assert_false(w[4].covered);
    assert_true(fabs(w[2].gap_max_s - 0.1) < 1e-9);
}

/* --- into a run ------------------------------------------------------------------------------------------------ */

static struct mb_db *make_run(const struct scene *s)
{
    struct mb_db *db;
    struct mb_error err = {0};
    char *message = NULL;
    if (mb_db_open(&db, s->db_path, MB_DB_CREATE, &err))
        fail_msg("%s", err.text);
    /* repetition 0: 4 s from second 10 of the recording, prefill 1 and 0.5 s, decoding 2 and 0.5 s; repetition 1: an hour later; 2: failed */
    if (sqlite3_exec(mb_db_handle(db),
                     "INSERT INTO device VALUES (1, 'f', 'n', 'c', 1, NULL, NULL, '{}');"
                     "INSERT INTO build VALUES (1, 'v', 'c', 'c', 'f', 't', '', 'b'); INSERT INTO plan VALUES (1, 'h', 'p', '{}');"
                     "INSERT INTO run (id, plan_id, build_id, device_id, started_utc, state) VALUES (1, 1, 1, 1, '2026-01-02T03:00:00.000Z', 'finished');"
                     "INSERT INTO cell (id, run_id, i_cell, hash, config, repetitions) VALUES (1, 1, 0, 'h', '{\"workload\":\"micro\",\"axes\":{}}', 2);"
                     "INSERT INTO trial VALUES (1, 1, 'measured', 0, 'ok', NULL, '2026-01-02T03:04:10.500Z', 5, 4000000000),"
                     " (2, 1, 'measured', 1, 'ok', NULL, '2026-01-02T04:04:10.500Z', 5, 4000000000),"
                     " (3, 1, 'measured', 2, 'failed', 'x', '2026-01-02T03:04:20.500Z', 5, 4000000000);"
                     "INSERT INTO event VALUES (1, 0, 'request_begin', 0, 0, 0, 0), (1, 1, 'prefill_begin', 0, 0, 0, 8),"
                     " (1, 2, 'prefill_end', 0, 0, 1000000000, 8), (1, 3, 'token', 0, 0, 1000000000, 1), (1, 4, 'request_end', 0, 0, 3000000000, 1),"
                     " (1, 5, 'prefill_begin', 1, 0, 3000000000, 8), (1, 6, 'prefill_end', 1, 0, 3500000000, 8), (1, 7, 'token', 1, 0, 3500000000, 1),"
                     " (1, 8, 'request_end', 1, 0, 4000000000, 1)",
                     NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    return db;
}

/* 5 W, from second 10 to 11 20 W, from 11 to 14 10 W; a reading a millisecond; ends at 20 s. */
static void record(const struct scene *s)
{
    FILE *f = fopen(s->path, "w");
    fputs("Time(ms),Main(mA),USB(mA),Aux(mA),Main Voltage(V),USB Voltage(V)\n", f);
    for (int ms = 0; ms <= 20000; ms++)
        fprintf(f, "%d,%g,0,0,5.0,0\n", ms, ms < 10000 ? 1000.0 : ms < 11000 ? 4000.0 : ms < 14000 ? 2000.0 : 1000.0);
    fclose(f);
}

static double number(struct mb_db *db, const char *sql)
{
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_prepare_v2(mb_db_handle(db), sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    const double v = sqlite3_column_type(q, 0) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(q, 0);
    sqlite3_finalize(q);
    return v;
}

static void import(struct mb_db *db, const struct scene *s, struct mb_meter_import *in)
{
    struct mb_meter_file m;
    struct mb_error err = {0};
    open_file(&m, s, NULL);
    if (mb_meter_import(in, &m, db, &err))
        fail_msg("%s", err.text);
    mb_meter_file_close(&m);
}

#define ENERGY "SELECT value FROM metric WHERE source = 'meter_file' AND name = 'energy_uj' AND trial_id = "

static void a_recording_becomes_energy_of_the_repetitions(void **state)
{
    const struct scene *s = *state;
    struct mb_db *db = make_run(s);
    struct mb_meter_import in = {.run_id = 1, .clock_error_s = 0.005, .target = 0.02};
    record(s);
    assert_int_equal(mb_utc_parse("2026-01-02T03:04:00.500Z", &in.zero_s, NULL), 0);
    for (int again = 0; again < 2; again++) { /* the second replaces the first */
        import(db, s, &in);
        assert_int_equal(in.n_known, 3);
        assert_int_equal(in.n_unknown, 1);
        assert_true(fabs(number(db, ENERGY "1 AND scope = ''") - 50e6) < 0.05e6);
        assert_true(fabs(number(db, ENERGY "1 AND scope = 'prefill'") - 25e6) < 0.05e6);
        assert_true(fabs(number(db, ENERGY "1 AND scope = 'decode'") - 25e6) < 0.05e6);
        assert_true(isnan(number(db, ENERGY "2")));
        assert_int_equal(number(db, "SELECT count(*) FROM metric WHERE trial_id = 3"), 0);
    }
    /* (max - min) * (interval + clock error) = 15 W * 6 ms, and 2 * 5 W / sqrt(4001) * 4 s at most */
    const double error = number(db, "SELECT value FROM metric WHERE name = 'energy_error_uj' AND trial_id = 1 AND scope = ''");
    assert_true(error > 0.09e6 && error < 0.09e6 + 0.7e6);
    assert_true(number(db, "SELECT basis = 'meter_file' FROM v_trial_energy WHERE trial_id = 1") == 1);
    assert_int_equal(number(db, "SELECT count(*) FROM metric WHERE trial_id = 2 AND reason = 'the recording does not cover it'"), 3);
    mb_db_close(db);
}

static void clocks_that_may_be_apart_cost_the_figures(void **state)
{
    const struct scene *s = *state;
    struct mb_db *db = make_run(s);
    struct mb_error err = {0};
    struct mb_meter_import in = {.run_id = 1, .clock_error_s = 0.02, .target = 0.01};
    record(s);
    assert_int_equal(mb_utc_parse("2026-01-02T03:04:00.500Z", &in.zero_s, NULL), 0);
    import(db, s, &in);
    assert_false(isnan(number(db, ENERGY "1 AND scope = ''")));
    assert_true(isnan(number(db, ENERGY "1 AND scope = 'prefill'"))); /* 21 ms of 1 s */
    assert_int_equal(number(db, "SELECT count(*) FROM metric WHERE scope = 'prefill' AND reason LIKE '%laid on the recording to within 21 ms%'"), 3);
    struct mb_meter_file m;
    open_file(&m, s, NULL);
    in.run_id = 7;
    assert_int_equal(mb_meter_import(&in, &m, db, &err), MB_ENOENT);
    mb_meter_file_close(&m);
    mb_db_close(db);
}

static void utc_is_read_and_nothing_else(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "now", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05.5+01:00", "2026-13-02T03:04:05Z",
                                      "2026-01-02T03:04:05Zx"};
    double seconds;
    assert_int_equal(mb_utc_parse("2026-01-02T03:04:05.250Z", &seconds, NULL), 0);
    assert_true(seconds == 1767323045.25); /* date -u -d 2026-01-02T03:04:05 +%s */
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(mb_utc_parse(bad[i], &seconds, NULL), MB_EINVAL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(headings_tell_the_columns), T(what_has_no_power_is_refused), T(damaged_lines_are_named_and_left_out),
        T(energy_is_cut_at_the_ends_of_a_window), T(a_recording_becomes_energy_of_the_repetitions), T(clocks_that_may_be_apart_cost_the_figures),
        T(utc_is_read_and_nothing_else),
    };
    return cmocka_run_group_tests_name("meter_file", tests, NULL, NULL);
}
