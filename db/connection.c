/* connection.c - opening a database safely, transactions, error sentences. See connection.h and store.h. */
#include "db/connection.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"

enum { BUSY_TIMEOUT_MS = 5000 };

int mb_db_fail(struct mb_db *db, const char *what, struct mb_error *err)
{
    const int rc = sqlite3_errcode(db->handle) & 0xff;
    const int system_error = sqlite3_system_errno(db->handle);
    switch (rc) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return mb_fail(err, MB_EBUSY, "database %s is locked by another process (waited %d s); nothing of the %s was written: "
                       "end that process, or name another file with --db", db->path, BUSY_TIMEOUT_MS / 1000, what);
    case SQLITE_FULL:
        return mb_fail(err, MB_EIO, "database %s: no space left; nothing of the %s was written, what was there before is kept",
                       db->path, what);
    case SQLITE_IOERR:
        return mb_fail(err, MB_EIO, "database %s: reading or writing failed (%s); nothing of the %s was written", db->path,
                       system_error ? strerror(system_error) : sqlite3_errmsg(db->handle), what);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return mb_fail(err, MB_EIO, "database %s cannot be written (%s)", db->path, sqlite3_errmsg(db->handle));
    case SQLITE_CANTOPEN:
        return mb_fail(err, MB_EIO, "database %s cannot be opened (%s): is its folder there and writable?", db->path,
                       system_error ? strerror(system_error) : sqlite3_errmsg(db->handle));
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return mb_fail(err, MB_EFORMAT, "database %s is damaged (%s): use a copy, or sqlite3 FILE .recover", db->path,
                       sqlite3_errmsg(db->handle));
    case SQLITE_NOMEM:
        return mb_fail(err, MB_ENOMEM, "database %s: no memory for the %s", db->path, what);
    case SQLITE_CONSTRAINT:
        return mb_fail(err, MB_EINVAL, "database %s refused the %s (%s)", db->path, what, sqlite3_errmsg(db->handle));
    default:
        return mb_fail(err, MB_EFAILED, "database %s, %s: %s", db->path, what, sqlite3_errmsg(db->handle));
    }
}

int mb_db_exec(struct mb_db *db, const char *sql, const char *what, struct mb_error *err)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? MB_OK : mb_db_fail(db, what, err);
}

int mb_db_begin(struct mb_db *db, const char *what, struct mb_error *err)
{
    return mb_db_exec(db, "BEGIN IMMEDIATE", what, err);
}

int mb_db_end(struct mb_db *db, int rc, const char *what, struct mb_error *err)
{
    if (rc == MB_OK)
        rc = mb_db_exec(db, "COMMIT", what, err);
    if (rc != MB_OK && !sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL); /* SQLite may have rolled back already */
    return rc;
}

void mb_db_bind_text(sqlite3_stmt *statement, int i, const char *text)
{
    sqlite3_bind_text(statement, i, text, -1, SQLITE_STATIC);
}

void mb_db_bind_count(sqlite3_stmt *statement, int i, int64_t value)
{
    if (value < 0)
        sqlite3_bind_null(statement, i);
    else
        sqlite3_bind_int64(statement, i, value);
}

void mb_db_bind_real(sqlite3_stmt *statement, int i, double value)
{
    sqlite3_bind_double(statement, i, value); /* NaN becomes NULL (sqlite.org/c3ref/bind_blob.html) */
}

/* What stat() can say better than SQLite. */
static int check_path(const char *path, enum mb_db_mode mode, struct mb_error *err)
{
    struct stat st;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return mb_fail(err, MB_EIO, "database %s is a directory: name a file", path);
        if (mode != MB_DB_CREATE && st.st_size == 0)
            return mb_fail(err, MB_EFORMAT, "database %s is empty: no run is stored in it", path);
        if (mode != MB_DB_READ && access(path, W_OK))
            return mb_fail_errno(err, MB_EIO, "database %s cannot be written", path);
        return MB_OK;
    }
    if (errno != ENOENT)
        return mb_fail_errno(err, MB_EIO, "database %s", path);
    if (mode != MB_DB_CREATE)
        return mb_fail(err, MB_ENOENT, "no database %s: 'meltbench run PLAN --db FILE' makes one", path);
    return MB_OK;
}

/* "file:" URI with ?immutable=1: the only way to read a WAL database whose folder cannot be written. */
static int open_immutable(sqlite3 **handle, const char *path)
{
    struct mb_strbuf uri = {0};
    mb_strbuf_puts(&uri, "file:");
    for (const char *p = path; *p; p++)
        if (strchr("%?# ", *p))
            mb_strbuf_printf(&uri, "%%%02X", (unsigned char)*p);
        else
            mb_strbuf_add(&uri, p, 1);
    mb_strbuf_puts(&uri, "?immutable=1");
    const int rc = uri.failed ? SQLITE_NOMEM : sqlite3_open_v2(uri.text, handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    mb_strbuf_release(&uri);
    return rc;
}

static bool folder_writable(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    const bool writable = folder && access(folder, W_OK) == 0;
    free(folder);
    return writable;
}

/*
 * Readers open read-write where they may, then forbid themselves to write (query_only): a read-only connection to a WAL database
 * would leave its -wal and -shm files behind.
 */
static int open_handle(struct mb_db *db, enum mb_db_mode mode, struct mb_error *err)
{
    int rc;
    if (mode == MB_DB_READ && (access(db->path, W_OK) || !folder_writable(db->path)))
        rc = open_immutable(&db->handle, db->path);
    else
        rc = sqlite3_open_v2(db->path, &db->handle, SQLITE_OPEN_READWRITE | (mode == MB_DB_CREATE ? SQLITE_OPEN_CREATE : 0), NULL);
    if (!db->handle)
        return mb_fail(err, MB_ENOMEM, "database %s: no memory", db->path);
    if (rc != SQLITE_OK)
        return mb_db_fail(db, "database", err);
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
    /* Until the version is known to be ours, closing must not move the WAL of a newer program into its file. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return MB_OK;
}

static int set_up(struct mb_db *db, enum mb_db_mode mode, struct mb_error *err)
{
    int rc;
    if (mode == MB_DB_READ) {
        rc = mb_db_check_version(db, &mb_db_layout, err);
        if (!rc)
            rc = mb_db_shadow_views(db, &mb_db_layout, err);
        if (!rc)
            rc = mb_db_exec(db, "PRAGMA query_only = ON", "settings", err);
    } else {
        rc = mb_db_migrate(db, &mb_db_layout, err);
        if (!rc) /* a WAL grows with the largest repetition; do not keep it that large */
            rc = mb_db_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"
                            "PRAGMA journal_size_limit = 4194304; PRAGMA cache_size = -8192", "settings", err);
    }
    if (!rc)
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return rc;
}

/* TEMP views with the names of the tables: the TEMP views of a reader find them first (name resolution: lang_naming.html). */
int mb_db_only_run(struct mb_db *db, int64_t run_id, struct mb_error *err)
{
    static const char *const parts[] = {"event", "metric", "answer", "stream"};
    struct mb_strbuf sql = {0};
    mb_strbuf_printf(&sql, "PRAGMA query_only = OFF; CREATE TEMP VIEW cell AS SELECT * FROM main.cell WHERE run_id = %lld;"
                     "CREATE TEMP VIEW trial AS SELECT * FROM main.trial WHERE cell_id IN (SELECT id FROM main.cell WHERE run_id = %lld);",
                     (long long)run_id, (long long)run_id);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        mb_strbuf_printf(&sql, "CREATE TEMP VIEW %s AS SELECT * FROM main.%s WHERE trial_id IN (SELECT t.id FROM main.trial t JOIN main.cell c "
                         "ON c.id = t.cell_id WHERE c.run_id = %lld);", parts[i], parts[i], (long long)run_id);
    mb_strbuf_puts(&sql, "PRAGMA query_only = ON");
    const int rc = sql.failed ? mb_fail(err, MB_ENOMEM, "no memory for views of a run") : mb_db_exec(db, sql.text, "views of a run", err);
    mb_strbuf_release(&sql);
    return rc;
}

/* Whoever wrote last did not close it: killed, or the power went. (Or is at it now.) */
static bool left_open(const char *path)
{
    char wal[PATH_MAX];
    struct stat st;
    return (size_t)snprintf(wal, sizeof(wal), "%s-wal", path) < sizeof(wal) && stat(wal, &st) == 0 && st.st_size > 0;
}

/* Before anything is added to a file that was not closed: all its pages, 0.2 s for 100 MB. */
static int check_pages(struct mb_db *db, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = MB_OK;
    if (sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK || sqlite3_step(s) != SQLITE_ROW)
        rc = mb_db_fail(db, "pages", err);
    else if (strcmp((const char *)sqlite3_column_text(s, 0), "ok") != 0)
        rc = mb_fail(err, MB_EFORMAT, "database %s is damaged (%.200s); nothing was added to it: use a copy, or sqlite3 FILE .recover", db->path,
                     (const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return rc;
}

int mb_db_open(struct mb_db **out, const char *path, enum mb_db_mode mode, struct mb_error *err)
{
    bool empty;
    *out = NULL;
    int rc = check_path(path, mode, err);
    if (!rc)
        rc = mb_db_check_header(path, mb_db_layout.version, &empty, err);
    if (!rc && !empty && !left_open(path))
        rc = mb_db_check_size(path, err);
    if (rc)
        return rc;
    struct mb_db *db = calloc(1, sizeof(*db));
    if (!db || !(db->path = strdup(path))) {
        free(db);
        return mb_fail(err, MB_ENOMEM, "database %s: no memory", path);
    }
    const bool unclean = mode != MB_DB_READ && !empty && left_open(path);
    rc = open_handle(db, mode, err);
    if (!rc && unclean)
        rc = check_pages(db, err);
    if (!rc)
        rc = set_up(db, mode, err);
    if (rc) {
        mb_db_close(db);
        return rc;
    }
    *out = db;
    return MB_OK;
}

void mb_db_close(struct mb_db *db)
{
    if (!db)
        return;
    for (int i = 0; i < MB_DB_STATEMENT_N; i++)
        sqlite3_finalize(db->prepared[i]);
    sqlite3_close(db->handle);
    free(db->path);
    free(db);
}

sqlite3 *mb_db_handle(struct mb_db *db)
{
    return db->handle;
}
