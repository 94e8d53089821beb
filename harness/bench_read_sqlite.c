/*
 * bench_read_sqlite.c - the file that `llama-bench -o sql | sqlite3 FILE` makes. A stranger's database: opened from memory (nothing beside it is touched),
 * schema untrusted, defensive, only reading allowed, llama_bench has to be a table, and the work is limited.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/bench_import.h"

enum { STEPS_MOST = 20000, STEP_OPS = 10000 }; /* virtual machine instructions: 200 million, some seconds */

static int allow_reading(void *user, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)user, (void)a, (void)b, (void)c, (void)d;
    return action == SQLITE_SELECT || action == SQLITE_READ ? SQLITE_OK : SQLITE_DENY;
}

static int count_steps(void *user)
{
    return ++*(int *)user > STEPS_MOST;
}

static json_t *value_of(sqlite3_stmt *s, int i)
{
    switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(s, i));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(s, i));
    case SQLITE_TEXT:
        return json_stringn((const char *)sqlite3_column_text(s, i), (size_t)sqlite3_column_bytes(s, i));
    default:
        return json_null();
    }
}

static json_t *record_of(sqlite3_stmt *s)
{
    json_t *record = json_object();
    for (int i = 1; record && i < sqlite3_column_count(s); i++)
        if (json_object_set_new(record, sqlite3_column_name(s, i), value_of(s, i))) {
            json_decref(record);
            record = json_integer(0); /* not UTF-8: "not an object of columns" */
        }
    return record;
}

static int read_rows(struct mb_bench_import *in, sqlite3 *db, const char *path, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int n_steps = 0, step = SQLITE_DONE;
    bool is_table = sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_schema WHERE name = 'llama_bench' AND type = 'table'", -1, &s, NULL) == SQLITE_OK;
    is_table = is_table && sqlite3_step(s) == SQLITE_ROW;
    const bool damaged = sqlite3_errcode(db) == SQLITE_CORRUPT || sqlite3_errcode(db) == SQLITE_NOTADB;
    char why[160];
    snprintf(why, sizeof(why), "%s", sqlite3_errmsg(db));
    sqlite3_finalize(s);
    s = NULL;
    if (!is_table)
        return mb_fail(err, MB_EFORMAT, damaged ? "%s cannot be read as a database of llama-bench: %s" : "%s is a database without a table llama_bench", path, why);
    sqlite3_set_authorizer(db, allow_reading, NULL); /* from here on: above, the schema was parsed, which asks it too */
    sqlite3_progress_handler(db, STEP_OPS, count_steps, &n_steps);
    if (sqlite3_prepare_v2(db, "SELECT rowid, * FROM llama_bench ORDER BY rowid", -1, &s, NULL) != SQLITE_OK)
        return mb_fail(err, MB_EFORMAT, "%s: table llama_bench: %s", path, sqlite3_errmsg(db));
    while ((step = sqlite3_step(s)) == SQLITE_ROW)
        mb_bench_import_add(in, record_of(s), sqlite3_column_int64(s, 0));
    if (step != SQLITE_DONE)
        mb_bench_import_fault(in, (int64_t)in->n + 1, "%s", sqlite3_errmsg(db));
    sqlite3_finalize(s);
    return MB_OK;
}

/* Rows that are only in the journal beside the file would be missing without a word. */
static bool has_journal(const char *path)
{
    struct stat st;
    char beside[4200];
    snprintf(beside, sizeof(beside), "%s-wal", path);
    return stat(beside, &st) == 0 && st.st_size > 0;
}

int mb_bench_read_sqlite(struct mb_bench_import *in, const char *path, unsigned char *bytes, size_t n, struct mb_error *err)
{
    sqlite3 *db = NULL;
    int rc = MB_OK;
    if (has_journal(path))
        return mb_fail(err, MB_EBUSY, "%s is in use (%s-wal): end that program, or sqlite3 FILE 'PRAGMA journal_mode=delete'", path, path);
    if (n >= 20)
        bytes[18] = bytes[19] = 1; /* no write-ahead log: there is none in memory (sqlite.org/c3ref/deserialize.html) */
    if (sqlite3_open(":memory:", &db) != SQLITE_OK || sqlite3_deserialize(db, "main", bytes, (sqlite3_int64)n, (sqlite3_int64)n, SQLITE_DESERIALIZE_READONLY) != SQLITE_OK)
        rc = mb_fail(err, MB_EFORMAT, "%s cannot be read as a database: %s", path, db ? sqlite3_errmsg(db) : "no memory");
    if (!rc) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1 << 20);
        rc = read_rows(in, db, path, err);
    }
    sqlite3_close(db);
    return rc;
}
