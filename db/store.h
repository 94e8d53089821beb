/**
 * store.h - the database: open and migrate, write, and the few reads that a resume needs. SQLite, WAL, synchronous=NORMAL,
 * foreign keys on. One transaction per repetition: a kill at any moment loses the repetition under way and nothing else.
 *
 * A file whose user_version is newer than ours is refused and left untouched; an older one is migrated in one transaction; a file
 * that is not ours (no schema, other application_id, tables present) is refused. Locked: waits 5 s, then MB_EBUSY. Full disk: MB_EIO.
 * Thread: one connection, one thread.
 */
#ifndef MB_DB_STORE_H
#define MB_DB_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/record.h"

struct mb_db;
struct sqlite3;

enum mb_db_mode { MB_DB_CREATE /* read-write, made when missing */, MB_DB_WRITE /* must exist */, MB_DB_READ /* must exist; never written */ };

int mb_db_open(struct mb_db **out, const char *path, enum mb_db_mode mode, struct mb_error *err) MB_MUST_CHECK;
void mb_db_close(struct mb_db *db); /* accepts NULL */
struct sqlite3 *mb_db_handle(struct mb_db *db); /* for queries of views; borrowed */

/** mb_db_only_run() - from now on this reader's queries and views see cells, repetitions, events, metrics and answers of one run only: a view
 *  then costs what the run costs, not what years of runs do. For connections opened with MB_DB_READ; not undone, and called once. */
int mb_db_only_run(struct mb_db *db, int64_t run_id, struct mb_error *err) MB_MUST_CHECK;

/* --- provenance: each returns the id of the row that holds these facts, made when it is new --- */

struct mb_db_device { const char *name, *cpu, *kernel, *facts_json; int64_t n_cores, memory_bytes /* <0 unknown */; };
struct mb_db_build { const char *version, *commit, *compiler, *flags, *type, *sanitizer, *binary_sha256; };
struct mb_db_model { const char *sha256, *quant, *name, *arch; int64_t n_params, file_bytes, weight_bytes;
                     const char *tensor_types_json, *tensors_json; /* as in runners/runner.h; NULL: not known */ };
struct mb_db_plan { const char *hash, *name, *text; };

int mb_db_put_device(struct mb_db *db, const struct mb_db_device *row, int64_t *id, struct mb_error *err) MB_MUST_CHECK;
int mb_db_put_build(struct mb_db *db, const struct mb_db_build *row, int64_t *id, struct mb_error *err) MB_MUST_CHECK;
int mb_db_put_model(struct mb_db *db, const struct mb_db_model *row, int64_t *id, struct mb_error *err) MB_MUST_CHECK;
int mb_db_put_plan(struct mb_db *db, const struct mb_db_plan *row, int64_t *id, struct mb_error *err) MB_MUST_CHECK;

/* --- runs --- */

struct mb_db_run { int64_t id; bool finished; char started_utc[32]; };

/** mb_db_last_run() - the newest run of this plan, build and device; MB_ENOENT when there is none (err untouched). */
int mb_db_last_run(struct mb_db *db, int64_t plan_id, int64_t build_id, int64_t device_id, struct mb_db_run *run, struct mb_error *err) MB_MUST_CHECK;
int mb_db_begin_run(struct mb_db *db, int64_t plan_id, int64_t build_id, int64_t device_id, const char *conditions_json, int64_t *id,
                    struct mb_error *err) MB_MUST_CHECK;
/** mb_db_condition() - one key of the run's conditions as JSON text, freed by the caller; NULL where there is none. */
int mb_db_condition(struct mb_db *db, int64_t run_id, const char *key, char **json, struct mb_error *err) MB_MUST_CHECK;
/** mb_db_set_condition() - write one key; @json is valid JSON. */
int mb_db_set_condition(struct mb_db *db, int64_t run_id, const char *key, const char *json, struct mb_error *err) MB_MUST_CHECK;
int mb_db_finish_run(struct mb_db *db, int64_t run_id, struct mb_error *err) MB_MUST_CHECK;

/** mb_db_put_run_session() - one start of the run (or resume) and how the machine was meanwhile: an object at the end of `sessions` in its
 *  conditions; @again: in place of the last one. */
int mb_db_put_run_session(struct mb_db *db, int64_t run_id, const char *session_json, bool again, struct mb_error *err) MB_MUST_CHECK;

/* --- cells --- */

struct mb_db_cell { int64_t i_cell; const char *hash, *config_json, *refused; int64_t repetitions; };

/** mb_db_put_cells() - all cells of a run in one transaction; rows that exist are left. ids[n] receives their ids. */
int mb_db_put_cells(struct mb_db *db, int64_t run_id, const struct mb_db_cell *cells, size_t n, int64_t *ids, struct mb_error *err) MB_MUST_CHECK;
int mb_db_set_cell_model(struct mb_db *db, int64_t cell_id, int64_t model_id, struct mb_error *err) MB_MUST_CHECK;

/* --- trials --- */

/** mb_db_put_trial() - a repetition with its events, streams, samples, metrics and answers, in one transaction.
 *  A (cell, kind, repetition) that is there already is MB_EINVAL: nothing is counted twice. */
int mb_db_put_trial(struct mb_db *db, int64_t cell_id, const struct mb_record *record, int64_t *trial_id, struct mb_error *err) MB_MUST_CHECK;

/* --- imports --- */

struct mb_db_import { const char *sha256, *name, *format; };
struct mb_db_import_row { int64_t line; const char *identity, *record_json, *flaw /* NULL: none */; };

/** mb_db_put_import() - results of a file, in one transaction. A row whose identity is there already is left out; without a new row
 *  nothing is written. *n_new receives how many were. */
int mb_db_put_import(struct mb_db *db, const struct mb_db_import *file, const struct mb_db_import_row *rows, size_t n, size_t *n_new,
                     struct mb_error *err) MB_MUST_CHECK;

#endif
