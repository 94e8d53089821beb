/* Older files come up to date in one step or not at all, keeping their rows. The layouts here are synthetic, but for
 * format_1.sql: the tables as the first release made them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/connection.h"
#include "known_run.h"

struct place { char folder[256], file[300]; };

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    known_folder_make(p->folder, sizeof(p->folder));
    snprintf(p->file, sizeof(p->file), "%s/t.db", p->folder);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    known_folder_remove(p->folder);
    free(p);
    return 0;
}

static const struct mb_db_migration steps[] = {
    {2, "ALTER TABLE thing ADD COLUMN size_bytes INTEGER;"},
    {3, "CREATE TABLE thing_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL, size_bytes INTEGER NOT NULL) STRICT;"
        "INSERT INTO thing_new SELECT id, upper(name), coalesce(size_bytes, 0) FROM thing; DROP TABLE thing;"
        "ALTER TABLE thing_new RENAME TO thing;"}};
static const struct mb_db_layout layout_3 = {
    .version = 3, .schema = "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL, size_bytes INTEGER NOT NULL) STRICT;",
    .views = "-- new\nCREATE VIEW v_thing AS SELECT name, size_bytes FROM thing;\n", .migrations = steps, .n_migrations = 2};

static struct mb_db *older_file(const struct place *p, int version)
{
    struct mb_db *db = calloc(1, sizeof(*db));
    db->path = strdup(p->file);
    assert_int_equal(sqlite3_open(p->file, &db->handle), SQLITE_OK);
    char sql[600];
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d; CREATE TABLE thing (id INTEGER PRIMARY KEY, "
             "name TEXT NOT NULL) STRICT; CREATE TABLE part (thing_id INTEGER REFERENCES thing(id)) STRICT;"
             "INSERT INTO thing VALUES (1, 'first'), (2, 'second'); INSERT INTO part VALUES (2); CREATE VIEW v_thing AS SELECT name FROM thing;"
             "CREATE VIEW v_gone AS SELECT 1;", MB_DB_APPLICATION_ID, version);
    assert_int_equal(sqlite3_exec(db->handle, sql, NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void text_is(struct mb_db *db, const char *sql, const char *expected)
{
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(s, 0), expected);
    sqlite3_finalize(s);
}

static void an_old_file_comes_up_to_date(void **state)
{
    struct mb_db *db = older_file(*state, 1);
    struct mb_error err = {0};
    assert_int_equal(mb_db_migrate(db, &layout_3, &err), MB_OK);
    text_is(db, "PRAGMA user_version", "3");
    text_is(db, "SELECT group_concat(name || size_bytes) FROM v_thing", "FIRST0,SECOND0");
    text_is(db, "SELECT group_concat(name) FROM sqlite_schema WHERE type = 'view'", "v_thing");
    text_is(db, "PRAGMA integrity_check", "ok");
    mb_db_close(db);
}

static void a_step_is_not_taken_twice(void **state)
{
    struct mb_db *db = older_file(*state, 2); /* has what step 2 brings */
    struct mb_error err = {0};
    assert_int_equal(sqlite3_exec(db->handle, "ALTER TABLE thing ADD COLUMN size_bytes INTEGER DEFAULT 5", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(mb_db_migrate(db, &layout_3, &err), MB_OK);
    text_is(db, "SELECT group_concat(size_bytes) FROM v_thing", "5,5");
    const int changes = sqlite3_total_changes(db->handle);
    assert_int_equal(mb_db_migrate(db, &layout_3, &err), MB_OK); /* and a current file is left alone */
    assert_int_equal(sqlite3_total_changes(db->handle), changes);
    mb_db_close(db);
}

static void a_failing_step_leaves_the_file_as_it_was(void **state)
{
    static const struct mb_db_migration broken[] = {{2, "ALTER TABLE thing ADD COLUMN size_bytes INTEGER;"}, {3, "DROP TABLE missing;"}};
    static const struct mb_db_migration orphans[] = {{2, "DELETE FROM thing;"}, {3, "SELECT 1;"}};
    struct mb_db_layout layout = layout_3;
    struct mb_db *db = older_file(*state, 1);
    struct mb_error err = {0};
    layout.migrations = broken;
    assert_int_not_equal(mb_db_migrate(db, &layout, &err), MB_OK);
    assert_non_null(strstr(err.text, "format 3"));
    text_is(db, "PRAGMA user_version", "1");
    text_is(db, "SELECT sql FROM sqlite_schema WHERE name = 'thing'", "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT");
    layout.migrations = orphans; /* a part would refer to a thing that is gone */
    layout.views = "\nCREATE VIEW v_thing AS SELECT name FROM thing;\n";
    assert_int_equal(mb_db_migrate(db, &layout, &err), MB_EFORMAT);
    text_is(db, "SELECT count(*) FROM thing", "2");
    text_is(db, "PRAGMA user_version", "1");
    mb_db_close(db);
}

static void a_newer_file_is_refused(void **state)
{
    struct mb_db *db = older_file(*state, 4);
    struct mb_error err = {0};
    assert_int_equal(mb_db_migrate(db, &layout_3, &err), MB_EFORMAT);
    assert_non_null(strstr(err.text, "newer meltbench (format 4, this one knows 3)"));
    assert_int_equal(mb_db_check_version(db, &layout_3, &err), MB_EFORMAT);
    text_is(db, "SELECT count(*) FROM v_gone", "1");
    mb_db_close(db);
}

static void a_reader_is_told_to_bring_an_old_file_up_to_date(void **state)
{
    struct mb_db *db = older_file(*state, 1);
    struct mb_error err = {0};
    assert_int_equal(mb_db_check_version(db, &layout_3, &err), MB_EFORMAT);
    assert_non_null(strstr(err.text, "older meltbench (format 1, now 3)"));
    /* Its views are replaced in front, not in the file. */
    struct mb_db_layout layout = layout_3;
    layout.views = "-- new\nCREATE VIEW v_thing AS SELECT name || '!' AS name FROM thing;\n";
    assert_int_equal(mb_db_shadow_views(db, &layout, &err), MB_OK);
    text_is(db, "SELECT group_concat(name) FROM v_thing", "first!,second!");
    text_is(db, "SELECT group_concat(name) FROM main.v_thing", "first,second");
    mb_db_close(db);
}

/* Format 0: our mark, no table yet (the process was killed between the two). It is made current by opening it. */
static void a_file_of_format_0_is_completed(void **state)
{
    const struct place *p = *state;
    sqlite3 *raw;
    char sql[100];
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", MB_DB_APPLICATION_ID);
    assert_int_equal(sqlite3_open(p->file, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
    struct mb_db *db;
    struct mb_error err = {0};
    assert_int_equal(mb_db_open(&db, p->file, MB_DB_READ, &err), MB_EFORMAT);
    assert_int_equal(mb_db_open(&db, p->file, MB_DB_WRITE, &err), MB_OK);
    char version[16];
    snprintf(version, sizeof(version), "%d", mb_db_layout.version);
    text_is(db, "PRAGMA user_version", version);
    text_is(db, "PRAGMA journal_mode", "wal");
    text_is(db, "PRAGMA foreign_keys", "1");
    text_is(db, "SELECT count(*) FROM v_cell", "0");
    mb_db_close(db);
}

static char *read_source(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t cap = 0;
    assert_non_null(f);
    assert_true(getdelim(&text, &cap, '\0', f) > 0);
    fclose(f);
    return text;
}

/* Tables and their columns, in an order that does not depend on history. */
#define SHAPE "SELECT group_concat(x, ' ') FROM (SELECT m.name || '.' || c.name || ':' || c.type || c.hidden AS x FROM sqlite_schema m, " \
              "pragma_table_xinfo(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.name)"

static char *one_text(struct mb_db *db, const char *sql)
{
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    char *text = strdup((const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return text;
}

/* A file of the first release: opened for writing it has the tables of a new file, and its rows. */
static void a_file_of_format_1_becomes_like_a_new_one(void **state)
{
    const struct place *p = *state;
    char *schema = read_source(MB_SOURCE_DIR "/tests/db/format_1.sql"), fresh_path[320];
    sqlite3 *raw;
    assert_int_equal(sqlite3_open(p->file, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, schema, NULL, NULL, NULL), SQLITE_OK);
    char sql[1200];
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = 1; INSERT INTO device VALUES (1, 'f', 'd', 'c', 2, NULL, NULL, '{}');"
             "INSERT INTO build VALUES (1, '0', 'c', 'g', '', 'Release', '', 'b'); INSERT INTO plan VALUES (1, 'h', 'n', 't');"
             "INSERT INTO run VALUES (1, 1, 1, 1, 'now', NULL, 'running', NULL);"
             "INSERT INTO cell (id, run_id, i_cell, hash, config, repetitions) VALUES (1, 1, 0, 'h', '{\"axes\":{\"model\":\"m\"}}', 1);"
             "INSERT INTO model VALUES (1, 's', 'q4_0', 'm.gguf', 'llama', 16, 10, 9, 4.5, '[{\"type\":\"q8_0\",\"tensors\":1,\"names\":[\"e\"]},"
             "{\"type\":\"q4_0\",\"tensors\":2,\"names\":[\"a\",\"b\"]}]'), (2, 't', 'file', 'n.gguf', NULL, NULL, 10, NULL, NULL, NULL)",
             MB_DB_APPLICATION_ID);
    assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
    free(schema);
    snprintf(fresh_path, sizeof(fresh_path), "%s/fresh.db", p->folder);
    struct mb_db *db, *fresh;
    struct mb_error err = {0};
    assert_int_equal(mb_db_open(&db, p->file, MB_DB_WRITE, &err), MB_OK);
    assert_int_equal(mb_db_open(&fresh, fresh_path, MB_DB_CREATE, &err), MB_OK);
    char *old_shape = one_text(db, SHAPE), *new_shape = one_text(fresh, SHAPE);
    assert_string_equal(old_shape, new_shape);
    assert_non_null(strstr(new_shape, "calibration_sample.value:REAL0"));
    text_is(db, "SELECT model || cpu_mask FROM cell", "mall");
    text_is(db, "SELECT group_concat(name || arch || n_params || file_bytes || weight_bytes || bits_per_weight) FROM v_model", "m.ggufllama161094.5");
    text_is(db, "SELECT tensor_types FROM model WHERE id = 1", "[{\"type\":\"q8_0\",\"tensors\":1},{\"type\":\"q4_0\",\"tensors\":2}]");
    text_is(db, "SELECT group_concat(name || type) || count(n_bytes) FROM model_tensor WHERE model_id = 1", "aq4_0,bq4_0,eq8_00");
    text_is(db, "SELECT count(*) FROM model_tensor WHERE model_id <> 1", "0");
    free(old_shape);
    free(new_shape);
    mb_db_close(db);
    mb_db_close(fresh);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(an_old_file_comes_up_to_date), T(a_step_is_not_taken_twice), T(a_failing_step_leaves_the_file_as_it_was),
        T(a_newer_file_is_refused), T(a_reader_is_told_to_bring_an_old_file_up_to_date), T(a_file_of_format_0_is_completed),
        T(a_file_of_format_1_becomes_like_a_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
