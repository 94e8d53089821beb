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

static void the_table_has_a_row_a_limit(void **state)
{
    (void)state;
    char *text = sh_text(CALIBRATE "-t 1 -r 1 2>err; grep -q 'last-level cache' err || test ! -s err");
    assert_non_null(strstr(text, "| read | "));
    assert_non_null(strstr(text, "| int8 | ref | 1 |"));
    assert_non_null(strstr(text, "GOP/s"));
    free(text);
}

static void wrong_flags_are_named(void **state)
{
    (void)state;
    sh_fails(2, "--threads|0", CALIBRATE "-t 0");
    sh_fails(2, "--threads|4096", CALIBRATE "-t 4096");
    sh_fails(2, "--output|xml", CALIBRATE "-o xml");
    sh_fails(2, "--repetitions", CALIBRATE "-r 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_printed_and_stored),
        cmocka_unit_test(the_table_has_a_row_a_limit),
        cmocka_unit_test(wrong_flags_are_named),
    };
    return cmocka_run_group_tests(tests, scene_begin, scene_end);
}
