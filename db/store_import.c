/* store_import.c - results of other people's runs, a file in one transaction. See store.h. */
#include "base/clock.h"
#include "db/connection.h"

static int put_file(struct mb_db *db, const struct mb_db_import *file, int64_t *id, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    char utc[32];
    int rc = MB_OK;
    if (sqlite3_prepare_v2(db->handle, "INSERT INTO import_file (sha256, name, format, imported_utc) VALUES (?, ?, ?, ?)"
                           " ON CONFLICT (sha256) DO UPDATE SET name = name RETURNING id", -1, &s, NULL) != SQLITE_OK)
        return mb_db_fail(db, "imported file", err);
    mb_clock_utc(utc, sizeof(utc));
    mb_db_bind_text(s, 1, file->sha256);
    mb_db_bind_text(s, 2, file->name);
    mb_db_bind_text(s, 3, file->format);
    mb_db_bind_text(s, 4, utc);
    if (sqlite3_step(s) == SQLITE_ROW)
        *id = sqlite3_column_int64(s, 0);
    else
        rc = mb_db_fail(db, "imported file", err);
    sqlite3_finalize(s);
    return rc;
}

static int put_rows(struct mb_db *db, int64_t file_id, const struct mb_db_import_row *rows, size_t n, size_t *n_new, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = MB_OK;
    if (sqlite3_prepare_v2(db->handle, "INSERT INTO import_row (import_file_id, line, identity, record, flaw) VALUES (?, ?, ?, ?, ?)"
                           " ON CONFLICT (identity) DO NOTHING", -1, &s, NULL) != SQLITE_OK)
        return mb_db_fail(db, "imported rows", err);
    for (size_t i = 0; !rc && i < n; i++) {
        sqlite3_bind_int64(s, 1, file_id);
        sqlite3_bind_int64(s, 2, rows[i].line);
        mb_db_bind_text(s, 3, rows[i].identity);
        mb_db_bind_text(s, 4, rows[i].record_json);
        mb_db_bind_text(s, 5, rows[i].flaw);
        if (sqlite3_step(s) != SQLITE_DONE)
            rc = mb_db_fail(db, "imported rows", err);
        *n_new += sqlite3_changes(db->handle) > 0;
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    return rc;
}

int mb_db_put_import(struct mb_db *db, const struct mb_db_import *file, const struct mb_db_import_row *rows, size_t n, size_t *n_new,
                     struct mb_error *err)
{
    int64_t file_id = 0;
    *n_new = 0;
    int rc = mb_db_begin(db, "imported file", err);
    if (rc)
        return rc;
    rc = put_file(db, file, &file_id, err);
    if (!rc)
        rc = put_rows(db, file_id, rows, n, n_new, err);
    if (!rc && *n_new == 0) {
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
        return MB_OK;
    }
    return mb_db_end(db, rc, "imported file", err);
}
