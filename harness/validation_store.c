/* validation_store.c - the rows into calibration_check (db/schema.sql). */
#include <math.h>
#include <sqlite3.h>

#include "db/store.h"
#include "harness/validation.h"

static void bind_number(sqlite3_stmt *s, int i, double value)
{
    isnan(value) ? sqlite3_bind_null(s, i) : sqlite3_bind_double(s, i, value);
}

static int insert_row(sqlite3_stmt *s, int64_t calibration_id, size_t i, const struct mb_validation_row *r)
{
    const char *const text[] = {r->section, r->subject, r->what, r->unit};
    sqlite3_bind_int64(s, 1, calibration_id);
    sqlite3_bind_int64(s, 2, (int64_t)i);
    for (int k = 0; k < 4; k++)
        sqlite3_bind_text(s, 3 + k, text[k], -1, SQLITE_STATIC);
    bind_number(s, 7, r->value);
    bind_number(s, 8, r->expected);
    bind_number(s, 9, r->bound);
    sqlite3_bind_text(s, 10, mb_validation_verdict_name(r->verdict), -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 11, r->note, -1, SQLITE_STATIC);
    const int rc = sqlite3_step(s);
    sqlite3_reset(s);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int mb_validation_store(const struct mb_validation *v, struct mb_db *db, int64_t calibration_id, struct mb_error *err)
{
    sqlite3 *handle = mb_db_handle(db);
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_exec(handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(handle, "INSERT INTO calibration_check VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", -1, &s, NULL);
    for (size_t i = 0; i < v->n && rc == SQLITE_OK; i++)
        rc = insert_row(s, calibration_id, i, &v->rows[i]);
    sqlite3_finalize(s);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(handle, "COMMIT", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return MB_OK;
    mb_fail(err, MB_EIO, "the checks of the collectors cannot be stored: %s", sqlite3_errmsg(handle));
    sqlite3_exec(handle, "ROLLBACK", NULL, NULL, NULL);
    return MB_EIO;
}
