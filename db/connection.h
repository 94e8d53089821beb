/**
 * connection.h - what the files of db/ share: the connection, its prepared statements, transactions and error sentences.
 * Private to db/ and its tests.
 */
#ifndef MB_DB_CONNECTION_H
#define MB_DB_CONNECTION_H

#include <sqlite3.h>
#include <stdbool.h>

#include "db/store.h"

#define MB_DB_APPLICATION_ID 0x4d4c5442 /* "MLTB" in the file's header: file(1) and we tell it from other SQLite files */

/* Statements that run often are prepared once per connection. */
enum mb_db_statement { MB_DB_INSERT_TRIAL, MB_DB_INSERT_EVENT, MB_DB_INSERT_STREAM, MB_DB_INSERT_SAMPLE, MB_DB_INSERT_SAMPLES,
                       MB_DB_INSERT_METRIC, MB_DB_INSERT_ANSWER, MB_DB_STATEMENT_N };

struct mb_db {
    sqlite3 *handle;
    char *path;
    sqlite3_stmt *prepared[MB_DB_STATEMENT_N]; /* NULL until first used */
};

/** mb_db_fail() - the sentence for the SQLite failure that just happened; @what was not written or read ("run", "trial"). */
int mb_db_fail(struct mb_db *db, const char *what, struct mb_error *err);

/** mb_db_exec() - statements without rows. */
int mb_db_exec(struct mb_db *db, const char *sql, const char *what, struct mb_error *err) MB_MUST_CHECK;

int mb_db_begin(struct mb_db *db, const char *what, struct mb_error *err) MB_MUST_CHECK; /* BEGIN IMMEDIATE */
/** mb_db_end() - COMMIT when rc is MB_OK, else (or when the commit fails) ROLLBACK; returns the final status. */
int mb_db_end(struct mb_db *db, int rc, const char *what, struct mb_error *err) MB_MUST_CHECK;

/* Binding by number from 1; NULL text is SQL NULL. Text is borrowed until the statement is reset. */
void mb_db_bind_text(sqlite3_stmt *statement, int i, const char *text);
void mb_db_bind_count(sqlite3_stmt *statement, int i, int64_t value); /* < 0: NULL */
void mb_db_bind_real(sqlite3_stmt *statement, int i, double value);   /* NaN: NULL */

/* --- migrate.c --- */

struct mb_db_migration { int version; const char *sql; }; /* makes a file of version - 1 one of version */
struct mb_db_layout {
    int version;              /* user_version of a current file */
    const char *schema;       /* makes an empty file current */
    const char *views;        /* CREATE VIEW statements, each beginning at a line's start */
    const struct mb_db_migration *migrations; /* ascending */
    size_t n_migrations;
};

extern const struct mb_db_layout mb_db_layout;

/** mb_db_check_header() - refuse from the first 100 bytes what is not ours or newer, before SQLite touches the file. */
int mb_db_check_header(const char *path, int version, bool *empty, struct mb_error *err) MB_MUST_CHECK;
/** mb_db_check_size() - refuse a file that is shorter than its header says. Only for one without a -wal, which may hold the rest. */
int mb_db_check_size(const char *path, struct mb_error *err) MB_MUST_CHECK;
/** mb_db_migrate() - make or bring up to date, in one transaction. Newer: MB_EFORMAT, nothing changed. */
int mb_db_migrate(struct mb_db *db, const struct mb_db_layout *layout, struct mb_error *err) MB_MUST_CHECK;
/** mb_db_check_version() - for reading: the file is of this version, or why not. Changes nothing. */
int mb_db_check_version(struct mb_db *db, const struct mb_db_layout *layout, struct mb_error *err) MB_MUST_CHECK;
/** mb_db_shadow_views() - this binary's views as TEMP views in front of the file's: a reader never uses another version's formulas. */
int mb_db_shadow_views(struct mb_db *db, const struct mb_db_layout *layout, struct mb_error *err) MB_MUST_CHECK;

#endif
