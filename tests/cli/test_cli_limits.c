/* `meltbench calibrate` and `profile`: what is printed is what was measured, and it is stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "cli_scene.h"

#define CALIBRATE "\"$MB\" calibrate -q --size 16 "

static double number_in_db(const char *file, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    const double value = sqlite3_column_double(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return value;
}

static void limits_are_printed_and_stored(void **state)
{
    (void)state;
    json_t *rows = sh_json(CALIBRATE "-t 1,2 -r 3 -o json --db limits.db"), *row;
    size_t i, n_read = 0, n_ref = 0;
    assert_true(json_array_size(rows) >= 12); /* 2 ways to read, 2 peaks of the plain set and of at least one more, each with 1 and 2 threads */
    json_array_foreach(rows, i, row) {
        const char *limit = json_string_value(json_object_get(row, "limit"));
        const double median = json_number_value(json_object_get(row, "median"));
        assert_true(median > 1e6);
        assert_true(json_number_value(json_object_get(row, "lo")) <= median && median <= json_number_value(json_object_get(row, "hi")));
        assert_int_equal(json_array_size(json_object_get(row, "values")), 3);
        n_read += strcmp(limit, "read") == 0 && json_integer_value(json_object_get(row, "pass_bytes")) == 16 << 20;
        n_ref += strcmp(json_string_value(json_object_get(row, "isa")), "ref") == 0;
    }
    assert_int_equal(n_read, 2);
    assert_int_equal(n_ref, 4);
    assert_true(number_in_db("limits.db", "SELECT count(*) FROM calibration_sample") == 3.0 * (double)json_array_size(rows));
    assert_true(number_in_db("limits.db", "SELECT count(*) FROM v_limit WHERE lo <= median AND median <= hi") == (double)json_array_size(rows));
    json_decref(rows);
}

static void only_the_limits_asked_for(void **state)
{
    (void)state;
    json_t *rows = sh_json(CALIBRATE "-t 1,2 -r 1 -o json --limits read");
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 1), "limit")), "read");
    json_decref(rows);
    rows = sh_json(CALIBRATE "-t 1 -r 1 -o json --limits read_matrices,read");
    assert_int_equal(json_array_size(rows), 2);
    json_decref(rows);
}

static void the_table_has_a_row_a_limit(void **state)
{
    (void)state;
    char *text = sh_text(CALIBRATE "-t 1 -r 1 2>err; grep -q 'last-level cache' err || test ! -s err");
    assert_non_null(strstr(text, "| read | "));
    assert_non_null(strstr(text, "| int8 | ref | 1 |"));
    assert_non_null(strstr(text, "GOP/s"));
    free(text);
}

/* Under a sanitizer, or beside other tests, an instrument may be outside its bound: then it is said and the exit code is 1. */
static void the_instruments_of_the_machine_are_printed_and_stored(void **state)
{
    (void)state;
    struct cli c = sh(CALIBRATE "machine -t 1 -r 1 --limits f32 -o json --db machine.db");
    json_t *page = json_loads(c.out, 0, NULL), *row;
    const json_t *rows = json_object_get(page, "validation");
    size_t i, n_broken = 0, n_sections = 0;
    const char *section = "";
    assert_true(json_array_size(json_object_get(page, "limits")) >= 1);
    json_array_foreach(rows, i, row) {
        const char *verdict = json_string_value(json_object_get(row, "verdict"));
        n_broken += strcmp(verdict, "broken") == 0;
        n_sections += strcmp(section, json_string_value(json_object_get(row, "section"))) != 0;
        section = json_string_value(json_object_get(row, "section"));
        if (json_is_null(json_object_get(row, "value"))) { /* never without a reason */
            assert_string_equal(verdict, "absent");
            assert_true(strlen(json_string_value(json_object_get(row, "note"))) > 5);
        }
    }
    assert_int_equal(n_sections, 4);
    assert_int_equal(c.code, n_broken > 0);
    assert_true(number_in_db("machine.db", "SELECT count(*) FROM calibration_check") == (double)json_array_size(rows));
    assert_true(number_in_db("machine.db", "SELECT count(*) FROM calibration_check WHERE value IS NULL AND verdict <> 'absent'") == 0);
    json_decref(page);
    cli_free(&c);
}

static void wrong_flags_are_named(void **state)
{
    (void)state;
    sh_fails(2, "machines|machine", CALIBRATE "machines");
    sh_fails(2, "--threads|0", CALIBRATE "-t 0");
    sh_fails(2, "--threads|4096", CALIBRATE "-t 4096");
    sh_fails(2, "--output|xml", CALIBRATE "-o xml");
    sh_fails(2, "--repetitions", CALIBRATE "-r 0");
    sh_fails(2, "--limits|flops|int8", CALIBRATE "--limits read,flops");
    sh_fails(2, "empty item", CALIBRATE "--limits ''");
}

#define PROFILE "\"$MB\" profile -m \"$TINY\" -t 1 --no-limits -p 24 -n 5 "

static json_int_t calls_of(const json_t *phase, const char *op, const char *tensor)
{
    const json_t *rows = json_object_get(phase, "operators");
    json_int_t n = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (strcmp(json_string_value(json_object_get(row, "op")), op) == 0 && strcmp(json_string_value(json_object_get(row, "tensor")), tensor) == 0)
            n += json_integer_value(json_object_get(row, "calls"));
    }
    return n;
}

/* Four layers: an operator of a layer has four calls a token; the sums stay within the wall time; file and database say the same. */
static void operators_add_up(void **state)
{
    (void)state;
    json_t *root = sh_json(PROFILE "-d 8 -o json --trace t.json --db p.db"), *phases = json_object_get(root, "phases");
    const char *const names[] = {"prefill", "decode"};
    const json_int_t tokens[] = {24, 5}, n_calls[] = {4, 20};
    size_t n_rows = 0;
    for (int i = 0; i < 2; i++) {
        const json_t *phase = json_object_get(phases, names[i]), *rows = json_object_get(phase, "operators");
        json_int_t sum = 0;
        assert_int_equal(json_integer_value(json_object_get(phase, "tokens")), tokens[i]);
        assert_int_equal(calls_of(phase, "matmul", "ffn_down"), n_calls[i]);
        for (size_t r = 0; r < json_array_size(rows); r++)
            sum += json_integer_value(json_object_get(json_array_get(rows, r), "total_ns"));
        assert_int_equal(sum, json_integer_value(json_object_get(phase, "traced_ns")));
        assert_true(sum > 0 && sum <= json_integer_value(json_object_get(phase, "wall_ns")));
        n_rows += json_array_size(rows);
    }
    assert_true(json_is_null(json_object_get(root, "limits")));
    json_decref(root);
    assert_true(number_in_db("p.db", "SELECT count(*) FROM profile_op") == (double)n_rows);
    assert_true(number_in_db("p.db", "SELECT min(abs(s - 1) < 1e-9) FROM (SELECT sum(share) AS s FROM v_profile GROUP BY phase)") == 1);
    json_t *trace = sh_json("cat t.json");
    size_t n_calls_written = 0, n_ops = 0;
    for (size_t i = 0; i < json_array_size(trace); i++) {
        const char *cat = json_string_value(json_object_get(json_array_get(trace, i), "cat"));
        n_calls_written += cat && strcmp(cat, "call") == 0;
        n_ops += cat && strcmp(cat, "op") == 0;
    }
    assert_int_equal(n_calls_written, 1 + 5);
    assert_true((double)n_ops == number_in_db("p.db", "SELECT sum(calls) FROM profile_op"));
    json_decref(trace);
}

/* Limits of the database are taken when there are some for this number of threads, else measured and stored. */
static void distances_are_from_stored_limits(void **state)
{
    (void)state;
    char *text = sh_text("\"$MB\" calibrate -q --size 16 -t 2 -r 1 --db q.db >/dev/null 2>&1; \"$MB\" profile -m \"$TINY\" -t 2 -p 8 -n 2 --db q.db");
    assert_non_null(strstr(text, "calibrated before"));
    assert_non_null(strstr(text, "| unaccounted |"));
    assert_non_null(strstr(text, "decode: 2 tokens"));
    free(text);
    assert_true(number_in_db("q.db", "SELECT count(*) FROM calibration") == 1);
    assert_true(number_in_db("q.db", "SELECT count(*) FROM profile_op WHERE bound_ns IS NULL OR bound_ns <= 0") == 0);
    assert_true(number_in_db("q.db", "SELECT calibration_id FROM profile") == 1);
}

static void what_cannot_be_profiled_is_said(void **state)
{
    (void)state;
    sh_fails(2, "which model", "\"$MB\" profile");
    sh_fails(2, "nothing to profile", PROFILE "-p 0 -n 0");
    sh_fails(2, "one configuration", PROFILE "--act q8,f32");
    sh_fails(2, "null", "\"$MB\" profile -m null:token_us=1");
    sh_fails(1, "/nowhere/t.json", PROFILE "--trace /nowhere/t.json");
    sh_fails(1, "truncated", "\"$MB\" profile -m \"$CUT\" --no-limits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_printed_and_stored),
        cmocka_unit_test(only_the_limits_asked_for),
        cmocka_unit_test(the_table_has_a_row_a_limit),
        cmocka_unit_test(the_instruments_of_the_machine_are_printed_and_stored),
        cmocka_unit_test(wrong_flags_are_named),
        cmocka_unit_test(operators_add_up),
        cmocka_unit_test(distances_are_from_stored_limits),
        cmocka_unit_test(what_cannot_be_profiled_is_said),
    };
    return cmocka_run_group_tests(tests, scene_begin, scene_end);
}
