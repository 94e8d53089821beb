/* profile_store.c - see profile_store.h. */
#include "harness/profile_store.h"

#include <math.h>
#include <sqlite3.h>

#include "base/clock.h"

static int failed(struct mb_db *db, struct mb_error *err)
{
    return mb_fail(err, MB_EIO, "the profile cannot be stored: %s", sqlite3_errmsg(mb_db_handle(db)));
}

static int prepare(struct mb_db *db, const char *sql, sqlite3_stmt **s, struct mb_error *err)
{
    return sqlite3_prepare_v2(mb_db_handle(db), sql, -1, s, NULL) == SQLITE_OK ? MB_OK : failed(db, err);
}

static int put_head(struct mb_db *db, const struct mb_profile_head *head, int64_t *id, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    char utc[32];
    int rc = prepare(db, "INSERT INTO profile (device_id, build_id, calibration_id, model, config, started_utc) "
                     "VALUES (?, ?, nullif(?, 0), ?, ?, ?) RETURNING id", &s, err);
    if (rc)
        return rc;
    mb_clock_utc(utc, sizeof(utc));
    sqlite3_bind_int64(s, 1, head->device_id);
    sqlite3_bind_int64(s, 2, head->build_id);
    sqlite3_bind_int64(s, 3, head->calibration_id);
    sqlite3_bind_text(s, 4, head->model, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 5, head->config_json, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 6, utc, -1, SQLITE_STATIC);
    if (sqlite3_step(s) == SQLITE_ROW)
        *id = sqlite3_column_int64(s, 0);
    else
        rc = failed(db, err);
    sqlite3_finalize(s);
    return rc;
}

static int put_phases(const struct mb_profile *p, struct mb_db *db, int64_t id, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = prepare(db, "INSERT INTO profile_phase VALUES (?, ?, ?, ?, ?)", &s, err);
    for (int i = 0; !rc && i < MB_PROFILE_PHASES; i++) {
        if (p->n_tokens[i] == 0)
            continue;
        sqlite3_bind_int64(s, 1, id);
        sqlite3_bind_text(s, 2, mb_profile_phase_names[i], -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, (int64_t)p->n_tokens[i]);
        sqlite3_bind_int64(s, 4, (int64_t)p->wall_ns[i]);
        sqlite3_bind_int64(s, 5, (int64_t)mb_profile_traced_ns(p, (enum mb_profile_phase)i));
        if (sqlite3_step(s) != SQLITE_DONE)
            rc = failed(db, err);
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    return rc;
}

static void bind_row(sqlite3_stmt *s, int64_t id, size_t i, const struct mb_profile_row *row)
{
    const char *texts[] = {row->op, row->tensor, eng_type_name(row->w_type), eng_type_name(row->a_type)};
    const uint64_t numbers[] = {row->m, row->n, row->k, row->calls, row->total_ns};
    const double reals[] = {row->flop, row->n_bytes, row->bound_ns};
    sqlite3_bind_int64(s, 1, id);
    sqlite3_bind_text(s, 2, mb_profile_phase_names[row->phase], -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 3, (int64_t)i);
    for (int k = 0; k < 4; k++)
        sqlite3_bind_text(s, 4 + k, texts[k], -1, SQLITE_STATIC);
    for (int k = 0; k < 5; k++)
        sqlite3_bind_int64(s, 8 + k, (int64_t)numbers[k]);
    for (int k = 0; k < 3; k++) {
        if (isnan(reals[k]))
            sqlite3_bind_null(s, 13 + k);
        else
            sqlite3_bind_double(s, 13 + k, reals[k]);
    }
}

static int put_rows(const struct mb_profile *p, struct mb_db *db, int64_t id, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = prepare(db, "INSERT INTO profile_op VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &s, err);
    for (size_t i = 0; !rc && i < p->n_rows; i++) {
        bind_row(s, id, i, &p->rows[i]);
        if (sqlite3_step(s) != SQLITE_DONE)
            rc = failed(db, err);
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    return rc;
}

int mb_profile_store(const struct mb_profile *p, struct mb_db *db, const struct mb_profile_head *head, struct mb_error *err)
{
    int64_t id = 0;
    if (sqlite3_exec(mb_db_handle(db), "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return failed(db, err);
    int rc = put_head(db, head, &id, err);
    if (!rc)
        rc = put_phases(p, db, id, err);
    if (!rc)
        rc = put_rows(p, db, id, err);
    if (!rc && sqlite3_exec(mb_db_handle(db), "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        rc = failed(db, err);
    if (rc)
        sqlite3_exec(mb_db_handle(db), "ROLLBACK", NULL, NULL, NULL);
    return rc;
}
