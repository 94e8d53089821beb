/* migrate.c - from any older layout of the file to the current one, and never from a newer one. See connection.h. */
#include "db/connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "db_sql.h"

/* A change of schema.sql adds a row here and its file in migrations/ (README.md). */
static const struct mb_db_migration steps[] = {
    {2, mb_text_0002_sql},
    {3, mb_text_0003_sql},
    {4, mb_text_0004_sql},
};

enum { N_STEPS = sizeof(steps) / sizeof(steps[0]), VERSION = N_STEPS + 1 }; /* version 1 was the first */

const struct mb_db_layout mb_db_layout = {
    .version = VERSION, .schema = mb_text_schema_sql, .views = mb_text_views_sql, .migrations = steps, .n_migrations = N_STEPS};

static int refuse_newer(const char *path, int64_t found, int version, struct mb_error *err)
{
    return mb_fail(err, MB_EFORMAT, "database %s was made by a newer meltbench (format %lld, this one knows %d): it was left as it is; "
                   "use that version, or another file", path, (long long)found, version);
}

static uint32_t big_endian(const unsigned char *b)
{
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

int mb_db_check_header(const char *path, int version, bool *empty, struct mb_error *err)
{
    unsigned char h[100]; /* sqlite.org/fileformat.html 1.3: user version at 60, application id at 68 */
    *empty = true;
    FILE *f = fopen(path, "rb");
    if (!f)
        return errno == ENOENT ? MB_OK : mb_fail_errno(err, MB_EIO, "database %s", path);
    const size_t n = fread(h, 1, sizeof(h), f);
    const bool unreadable = ferror(f) != 0;
    fclose(f);
    if (unreadable)
        return mb_fail(err, MB_EIO, "database %s cannot be read", path);
    if (n == 0)
        return MB_OK;
    *empty = false;
    if (n < sizeof(h) || memcmp(h, "SQLite format 3", 16) != 0)
        return mb_fail(err, MB_EFORMAT, "%s is not a database: it was left as it is", path);
    const uint32_t id = big_endian(h + 68);
    if (id != MB_DB_APPLICATION_ID && id != 0)
        return mb_fail(err, MB_EFORMAT, "%s is the database of another program (application id 0x%08x): it was left as it is", path, id);
    if (id && big_endian(h + 60) > (uint32_t)version)
        return refuse_newer(path, big_endian(h + 60), version, err);
    return MB_OK;
}

int mb_db_check_size(const char *path, struct mb_error *err)
{
    unsigned char h[100]; /* page size at 16 (1 = 65536), size in pages at 28, valid when 24 and 92 are alike */
    struct stat st;
    FILE *f = fopen(path, "rb");
    const bool read = f && fread(h, 1, sizeof(h), f) == sizeof(h) && fstat(fileno(f), &st) == 0;
    if (f)
        fclose(f);
    if (!read)
        return mb_fail(err, MB_EIO, "database %s cannot be read", path);
    const uint64_t page = h[16] == 0 && h[17] == 1 ? 65536 : (uint64_t)h[16] << 8 | h[17], n_bytes = page * big_endian(h + 28);
    if (memcmp(h + 24, h + 92, 4) == 0 && (uint64_t)st.st_size < n_bytes)
        return mb_fail(err, MB_EFORMAT, "database %s is cut off: it has %lld of %llu bytes; use a copy, or sqlite3 FILE .recover", path,
                       (long long)st.st_size, (unsigned long long)n_bytes);
    return MB_OK;
}

static int read_number(struct mb_db *db, const char *sql, int64_t *value, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = MB_OK;
    if (sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        *value = sqlite3_column_int64(s, 0);
    else
        rc = mb_db_fail(db, "header", err);
    sqlite3_finalize(s);
    return rc;
}

static int read_facts(struct mb_db *db, int64_t *version, int64_t *id, int64_t *n_tables, struct mb_error *err)
{
    int rc = read_number(db, "PRAGMA user_version", version, err);
    if (!rc)
        rc = read_number(db, "PRAGMA application_id", id, err);
    if (!rc)
        rc = read_number(db, "SELECT count(*) FROM sqlite_schema", n_tables, err);
    if (!rc && *id != MB_DB_APPLICATION_ID && (*id != 0 || *n_tables > 0 || *version != 0))
        rc = mb_fail(err, MB_EFORMAT, "%s is the database of another program: it was left as it is", db->path);
    return rc;
}

int mb_db_check_version(struct mb_db *db, const struct mb_db_layout *layout, struct mb_error *err)
{
    int64_t version = 0, id = 0, n_tables = 0;
    const int rc = read_facts(db, &version, &id, &n_tables, err);
    if (rc)
        return rc;
    if (version > layout->version)
        return refuse_newer(db->path, version, layout->version, err);
    if (n_tables == 0)
        return mb_fail(err, MB_EFORMAT, "database %s is empty: no run is stored in it", db->path);
    if (version < layout->version)
        return mb_fail(err, MB_EFORMAT, "database %s was made by an older meltbench (format %lld, now %d): 'meltbench run' with it once "
                       "brings it up to date", db->path, (long long)version, layout->version);
    return MB_OK;
}

/* Before the tables change: renaming a table under a view that uses it is an error. */
static int drop_views(struct mb_db *db, struct mb_error *err)
{
    struct mb_strbuf drops = {0};
    sqlite3_stmt *s = NULL;
    int rc = MB_OK;
    if (sqlite3_prepare_v2(db->handle, "SELECT name FROM sqlite_schema WHERE type = 'view'", -1, &s, NULL) != SQLITE_OK)
        rc = mb_db_fail(db, "views", err);
    while (!rc && sqlite3_step(s) == SQLITE_ROW) {
        char *drop = sqlite3_mprintf("DROP VIEW \"%w\";", sqlite3_column_text(s, 0));
        mb_strbuf_puts(&drops, drop ? drop : "");
        sqlite3_free(drop);
    }
    sqlite3_finalize(s);
    if (!rc)
        rc = mb_db_exec(db, mb_strbuf_text(&drops), "views", err);
    mb_strbuf_release(&drops);
    return rc;
}

/* Inside the transaction: @version is what the file has now. */
static int upgrade(struct mb_db *db, const struct mb_db_layout *layout, int64_t version, int64_t n_tables, struct mb_error *err)
{
    int rc = MB_OK;
    if (n_tables == 0) {
        rc = mb_db_exec(db, layout->schema, "schema", err);
    } else {
        for (size_t i = 0; !rc && i < layout->n_migrations; i++) {
            if (layout->migrations[i].version <= version)
                continue;
            rc = mb_db_exec(db, layout->migrations[i].sql, "migration", err);
            if (rc)
                mb_fail_context(err, "bringing it to format %d", layout->migrations[i].version);
        }
    }
    char pragmas[96];
    snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %d", MB_DB_APPLICATION_ID, layout->version);
    if (!rc)
        rc = mb_db_exec(db, pragmas, "version", err);
    return rc;
}

/* True when the file has exactly our views already: opening for writing then writes nothing. */
static bool views_current(struct mb_db *db, const struct mb_db_layout *layout)
{
    sqlite3_stmt *s = NULL;
    bool current = false;
    const char *sql = "SELECT count(*), sum(instr(?1, sql) > 0) FROM sqlite_schema WHERE type = 'view'";
    if (sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL) == SQLITE_OK) {
        mb_db_bind_text(s, 1, layout->views);
        size_t n = 0;
        for (const char *p = layout->views; p; p = strstr(p + 1, "\nCREATE VIEW "))
            n += strncmp(p, "\nCREATE VIEW ", 13) == 0;
        current = sqlite3_step(s) == SQLITE_ROW && (size_t)sqlite3_column_int64(s, 0) == n && (size_t)sqlite3_column_int64(s, 1) == n;
    }
    sqlite3_finalize(s);
    return current;
}

int mb_db_migrate(struct mb_db *db, const struct mb_db_layout *layout, struct mb_error *err)
{
    int64_t version = 0, id = 0, n_tables = 0;
    int rc = read_facts(db, &version, &id, &n_tables, err);
    if (rc)
        return rc;
    if (version > layout->version)
        return refuse_newer(db->path, version, layout->version, err);
    if (version == layout->version && views_current(db, layout))
        return MB_OK;
    /* Tables may be rebuilt by a migration: foreign keys are checked at the end instead (sqlite.org/lang_altertable.html, section 7). */
    rc = mb_db_exec(db, "PRAGMA foreign_keys = OFF", "settings", err);
    if (!rc)
        rc = mb_db_begin(db, "upgrade", err);
    if (rc)
        return rc;
    rc = read_facts(db, &version, &id, &n_tables, err); /* another process may have been faster */
    if (!rc && version > layout->version)
        rc = refuse_newer(db->path, version, layout->version, err);
    if (!rc)
        rc = drop_views(db, err);
    const bool old = !rc && version < layout->version;
    if (old)
        rc = upgrade(db, layout, version, n_tables, err);
    if (!rc)
        rc = mb_db_exec(db, layout->views, "views", err);
    int64_t n_broken = 0;
    if (!rc && old)
        rc = read_number(db, "SELECT count(*) FROM pragma_foreign_key_check", &n_broken, err);
    if (!rc && n_broken)
        rc = mb_fail(err, MB_EFORMAT, "database %s: %lld rows refer to rows that do not exist; it was left as it is", db->path,
                     (long long)n_broken);
    return mb_db_end(db, rc, "upgrade", err);
}

int mb_db_shadow_views(struct mb_db *db, const struct mb_db_layout *layout, struct mb_error *err)
{
    struct mb_strbuf sql = {0};
    const char *from = layout->views;
    for (const char *at; (at = strstr(from, "\nCREATE VIEW ")) != NULL; from = at + 8) {
        mb_strbuf_add(&sql, from, (size_t)(at - from) + 8);
        mb_strbuf_puts(&sql, "TEMP ");
    }
    mb_strbuf_puts(&sql, from);
    const int rc = sql.failed ? mb_fail(err, MB_ENOMEM, "no memory for the views") : mb_db_exec(db, sql.text, "views", err);
    mb_strbuf_release(&sql);
    return rc;
}
