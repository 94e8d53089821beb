/* store.c - provenance, runs and cells: small rows, one statement each. Repetitions are in store_trial.c. See store.h. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "db/connection.h"

/* Step a prepared statement that returns one integer; finalizes it. @none is returned when there is no row. */
static int one_id(struct mb_db *db, sqlite3_stmt *s, int64_t *id, const char *what, int none, struct mb_error *err)
{
    int rc = MB_OK;
    const int step = sqlite3_step(s);
    if (step == SQLITE_ROW) {
        *id = sqlite3_column_int64(s, 0);
        if (sqlite3_step(s) != SQLITE_DONE) /* an INSERT ... RETURNING is complete only then */
            rc = mb_db_fail(db, what, err);
    } else {
        rc = step == SQLITE_DONE ? none : mb_db_fail(db, what, err);
    }
    sqlite3_finalize(s);
    return rc;
}

static int prepare(struct mb_db *db, const char *sql, sqlite3_stmt **s, const char *what, struct mb_error *err)
{
    return sqlite3_prepare_v2(db->handle, sql, -1, s, NULL) == SQLITE_OK ? MB_OK : mb_db_fail(db, what, err);
}

/* "DO UPDATE SET x = x" rather than "DO NOTHING": only then does RETURNING give the id of the row that was there. */

int mb_db_put_device(struct mb_db *db, const struct mb_db_device *row, int64_t *id, struct mb_error *err)
{
    struct mb_strbuf all = {0};
    mb_strbuf_printf(&all, "%s\n%s\n%s\n%lld\n%lld\n%s", row->name, row->cpu, row->kernel ? row->kernel : "", (long long)row->n_cores,
                     (long long)row->memory_bytes, row->facts_json);
    char fingerprint[MB_DIGEST_HEX];
    int rc = all.failed ? mb_fail(err, MB_ENOMEM, "no memory for the device row")
                        : mb_digest_bytes(mb_strbuf_text(&all), all.n_bytes, fingerprint, err);
    mb_strbuf_release(&all);
    sqlite3_stmt *s = NULL;
    if (!rc)
        rc = prepare(db, "INSERT INTO device (fingerprint, name, cpu, n_cores, memory_bytes, kernel, facts) VALUES (?, ?, ?, ?, ?, ?, ?) "
                     "ON CONFLICT (fingerprint) DO UPDATE SET name = name RETURNING id", &s, "device", err);
    if (rc)
        return rc;
    mb_db_bind_text(s, 1, fingerprint);
    mb_db_bind_text(s, 2, row->name);
    mb_db_bind_text(s, 3, row->cpu);
    mb_db_bind_count(s, 4, row->n_cores);
    mb_db_bind_count(s, 5, row->memory_bytes);
    mb_db_bind_text(s, 6, row->kernel);
    mb_db_bind_text(s, 7, row->facts_json);
    return one_id(db, s, id, "device", MB_EFAILED, err);
}

int mb_db_put_build(struct mb_db *db, const struct mb_db_build *row, int64_t *id, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    const int rc = prepare(db, "INSERT INTO build (version, commit_id, compiler, flags, type, sanitizer, binary_sha256) "
                           "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (binary_sha256) DO UPDATE SET version = version RETURNING id", &s,
                           "build", err);
    if (rc)
        return rc;
    const char *const columns[] = {row->version, row->commit, row->compiler, row->flags, row->type, row->sanitizer, row->binary_sha256};
    for (int i = 0; i < 7; i++)
        mb_db_bind_text(s, i + 1, columns[i]);
    return one_id(db, s, id, "build", MB_EFAILED, err);
}

/* Rows of an older format have names and types only: the rest is filled in when the model is opened again. */
static int put_tensors(struct mb_db *db, int64_t model_id, const char *json, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    const int rc = prepare(db, "INSERT INTO model_tensor (model_id, i_tensor, name, n_rows, n_cols, type, n_bytes, stored_type, stored_bytes)"
                           " SELECT ?1, key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6"
                           " FROM json_each(?2) WHERE true ON CONFLICT (model_id, name) DO UPDATE SET i_tensor = excluded.i_tensor,"
                           " n_rows = excluded.n_rows, n_cols = excluded.n_cols, type = excluded.type, n_bytes = excluded.n_bytes,"
                           " stored_type = excluded.stored_type, stored_bytes = excluded.stored_bytes WHERE n_bytes IS NULL", &s, "model_tensor",
                           err);
    if (rc)
        return rc;
    sqlite3_bind_int64(s, 1, model_id);
    mb_db_bind_text(s, 2, json);
    const int done = sqlite3_step(s) == SQLITE_DONE ? MB_OK : mb_db_fail(db, "model_tensor", err);
    sqlite3_finalize(s);
    return done;
}

int mb_db_put_model(struct mb_db *db, const struct mb_db_model *row, int64_t *id, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    /* What was unknown the first time is filled in; what is known stays. */
    const int rc = prepare(db, "INSERT INTO model (sha256, quant, name, arch, n_params, file_bytes, weight_bytes, tensor_types)"
                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (sha256, quant) DO UPDATE SET"
                           " arch = coalesce(arch, excluded.arch), n_params = coalesce(n_params, excluded.n_params),"
                           " weight_bytes = coalesce(weight_bytes, excluded.weight_bytes),"
                           " tensor_types = coalesce(tensor_types, excluded.tensor_types) RETURNING id", &s, "model", err);
    if (rc)
        return rc;
    mb_db_bind_text(s, 1, row->sha256);
    mb_db_bind_text(s, 2, row->quant);
    mb_db_bind_text(s, 3, row->name);
    mb_db_bind_text(s, 4, row->arch);
    mb_db_bind_count(s, 5, row->n_params > 0 ? row->n_params : -1);
    mb_db_bind_count(s, 6, row->file_bytes);
    mb_db_bind_count(s, 7, row->weight_bytes > 0 ? row->weight_bytes : -1);
    mb_db_bind_text(s, 8, row->tensor_types_json);
    const int made = one_id(db, s, id, "model", MB_EFAILED, err);
    return made || !row->tensors_json ? made : put_tensors(db, *id, row->tensors_json, err);
}

int mb_db_put_plan(struct mb_db *db, const struct mb_db_plan *row, int64_t *id, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    const int rc = prepare(db, "INSERT INTO plan (hash, name, text) VALUES (?, ?, ?) ON CONFLICT (hash) DO UPDATE SET name = name "
                           "RETURNING id", &s, "plan", err);
    if (rc)
        return rc;
    mb_db_bind_text(s, 1, row->hash);
    mb_db_bind_text(s, 2, row->name);
    mb_db_bind_text(s, 3, row->text);
    return one_id(db, s, id, "plan", MB_EFAILED, err);
}

int mb_db_last_run(struct mb_db *db, int64_t plan_id, int64_t build_id, int64_t device_id, struct mb_db_run *run, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = prepare(db, "SELECT id, state = 'finished', started_utc FROM run WHERE plan_id = ? AND build_id = ? AND device_id = ? "
                     "ORDER BY id DESC LIMIT 1", &s, "run", err);
    if (rc)
        return rc;
    sqlite3_bind_int64(s, 1, plan_id);
    sqlite3_bind_int64(s, 2, build_id);
    sqlite3_bind_int64(s, 3, device_id);
    const int step = sqlite3_step(s);
    if (step == SQLITE_ROW) {
        run->id = sqlite3_column_int64(s, 0);
        run->finished = sqlite3_column_int(s, 1) != 0;
        snprintf(run->started_utc, sizeof(run->started_utc), "%s", (const char *)sqlite3_column_text(s, 2));
    } else {
        rc = step == SQLITE_DONE ? MB_ENOENT : mb_db_fail(db, "run", err);
    }
    sqlite3_finalize(s);
    return rc;
}

int mb_db_begin_run(struct mb_db *db, int64_t plan_id, int64_t build_id, int64_t device_id, const char *conditions_json, int64_t *id,
                    struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    const int rc = prepare(db, "INSERT INTO run (plan_id, build_id, device_id, started_utc, state, conditions) "
                           "VALUES (?, ?, ?, ?, 'running', ?) RETURNING id", &s, "run", err);
    if (rc)
        return rc;
    char utc[32];
    mb_clock_utc(utc, sizeof(utc));
    sqlite3_bind_int64(s, 1, plan_id);
    sqlite3_bind_int64(s, 2, build_id);
    sqlite3_bind_int64(s, 3, device_id);
    mb_db_bind_text(s, 4, utc);
    mb_db_bind_text(s, 5, conditions_json);
    return one_id(db, s, id, "run", MB_EFAILED, err);
}

int mb_db_condition(struct mb_db *db, int64_t run_id, const char *key, char **json, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    *json = NULL;
    int rc = prepare(db, "SELECT conditions -> ('$.' || ?2) FROM run WHERE id = ?1", &s, "conditions", err);
    if (rc)
        return rc;
    sqlite3_bind_int64(s, 1, run_id);
    mb_db_bind_text(s, 2, key);
    const int step = sqlite3_step(s);
    const char *text = step == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        rc = mb_db_fail(db, "conditions", err);
    else if (text && !(*json = strdup(text)))
        rc = mb_fail(err, MB_ENOMEM, "no memory for the conditions of a run");
    sqlite3_finalize(s);
    return rc;
}

int mb_db_set_condition(struct mb_db *db, int64_t run_id, const char *key, const char *json, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    const int rc = prepare(db, "UPDATE run SET conditions = json_set(coalesce(conditions, '{}'), '$.' || ?2, json(?3)) WHERE id = ?1 RETURNING id",
                           &s, "conditions", err);
    if (rc)
        return rc;
    sqlite3_bind_int64(s, 1, run_id);
    mb_db_bind_text(s, 2, key);
    mb_db_bind_text(s, 3, json);
    int64_t id;
    const int found = one_id(db, s, &id, "conditions", MB_ENOENT, err);
    return found == MB_ENOENT ? mb_fail(err, MB_ENOENT, "database %s has no run %lld", db->path, (long long)run_id) : found;
}

int mb_db_finish_run(struct mb_db *db, int64_t run_id, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    const int rc = prepare(db, "UPDATE run SET state = 'finished', finished_utc = ? WHERE id = ? RETURNING id", &s, "run", err);
    if (rc)
        return rc;
    char utc[32];
    mb_clock_utc(utc, sizeof(utc));
    mb_db_bind_text(s, 1, utc);
    sqlite3_bind_int64(s, 2, run_id);
    int64_t id;
    const int found = one_id(db, s, &id, "end of the run", MB_ENOENT, err);
    return found == MB_ENOENT ? mb_fail(err, MB_ENOENT, "database %s has no run %lld", db->path, (long long)run_id) : found;
}

int mb_db_put_run_session(struct mb_db *db, int64_t run_id, const char *session_json, bool again, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    const int rc = prepare(db, again ? "UPDATE run SET conditions = json_set(conditions, '$.sessions[#-1]', json(?)) WHERE id = ? RETURNING id"
                                     : "UPDATE run SET conditions = json_set(coalesce(conditions, '{}'), '$.sessions',"
                                       " json_insert(coalesce(conditions -> '$.sessions', '[]'), '$[#]', json(?))) WHERE id = ? RETURNING id",
                           &s, "conditions of the run", err);
    if (rc)
        return rc;
    mb_db_bind_text(s, 1, session_json);
    sqlite3_bind_int64(s, 2, run_id);
    int64_t id;
    const int found = one_id(db, s, &id, "conditions of the run", MB_ENOENT, err);
    return found == MB_ENOENT ? mb_fail(err, MB_ENOENT, "database %s has no run %lld", db->path, (long long)run_id) : found;
}

static int put_cell(struct mb_db *db, sqlite3_stmt *s, int64_t run_id, const struct mb_db_cell *cell, int64_t *id, struct mb_error *err)
{
    sqlite3_bind_int64(s, 1, run_id);
    sqlite3_bind_int64(s, 2, cell->i_cell);
    mb_db_bind_text(s, 3, cell->hash);
    mb_db_bind_text(s, 4, cell->config_json);
    sqlite3_bind_int64(s, 5, cell->repetitions);
    mb_db_bind_text(s, 6, cell->refused);
    int rc = MB_OK;
    if (sqlite3_step(s) == SQLITE_ROW)
        *id = sqlite3_column_int64(s, 0);
    else
        rc = mb_db_fail(db, "cells", err);
    if (sqlite3_reset(s) != SQLITE_OK && !rc)
        rc = mb_db_fail(db, "cells", err);
    return rc;
}

int mb_db_put_cells(struct mb_db *db, int64_t run_id, const struct mb_db_cell *cells, size_t n, int64_t *ids, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = prepare(db, "INSERT INTO cell (run_id, i_cell, hash, config, repetitions, refused) VALUES (?, ?, ?, ?, ?, ?) "
                     "ON CONFLICT (run_id, hash) DO UPDATE SET hash = hash RETURNING id", &s, "cells", err);
    if (!rc)
        rc = mb_db_begin(db, "cells", err);
    if (!rc) {
        for (size_t i = 0; !rc && i < n; i++)
            rc = put_cell(db, s, run_id, &cells[i], &ids[i], err);
        rc = mb_db_end(db, rc, "cells", err);
    }
    sqlite3_finalize(s);
    return rc;
}

int mb_db_set_cell_model(struct mb_db *db, int64_t cell_id, int64_t model_id, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    const int rc = prepare(db, "UPDATE cell SET model_id = ? WHERE id = ? RETURNING id", &s, "cell", err);
    if (rc)
        return rc;
    sqlite3_bind_int64(s, 1, model_id);
    sqlite3_bind_int64(s, 2, cell_id);
    int64_t id;
    const int found = one_id(db, s, &id, "cell's model", MB_ENOENT, err);
    return found == MB_ENOENT ? mb_fail(err, MB_ENOENT, "database %s has no cell %lld", db->path, (long long)cell_id) : found;
}
