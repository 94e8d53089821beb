/* compare_select.c - see compare_select.h. */
#include "harness/compare_select.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "db/store.h"
#include "plots/table.h"

/* Is "KEY=" here, KEY an axis? Its index and the length of "KEY=", else -1. */
static int axis_at(const char *text, size_t *n_bytes)
{
    for (size_t i = 0; i < MB_AXIS_N; i++) {
        const char *key = mb_axis_rows[i].key;
        const size_t n = strlen(key);
        size_t k = 0;
        while (k < n && (text[k] == key[k] || (key[k] == '_' && text[k] == '-')))
            k++;
        if (k == n && text[n] == '=') {
            *n_bytes = n + 1;
            return (int)i;
        }
    }
    return -1;
}

static int add_filter(struct mb_cell_filter *filter, const char *text, struct mb_error *err)
{
    while (*text) {
        size_t n_key, n = 0, ignored;
        const int axis = axis_at(text, &n_key);
        if (axis < 0)
            return mb_fail(err, MB_EINVAL, "'%s' is not AXIS=VALUE; axes: model, threads, quant, ... (meltbench list)", text);
        const char *value = text + n_key;
        while (value[n] && !(value[n] == ',' && axis_at(value + n + 1, &ignored) >= 0))
            n++;
        if (filter->axis[axis] && (strlen(filter->axis[axis]) != n || strncmp(filter->axis[axis], value, n) != 0))
            return mb_fail(err, MB_EINVAL, "%s is given twice, as %s and as %.*s", mb_axis_rows[axis].key, filter->axis[axis], (int)n, value);
        free(filter->axis[axis]);
        if (!(filter->axis[axis] = strndup(value, n)))
            return mb_fail(err, MB_ENOMEM, "no memory for a filter");
        text = value + n + (value[n] == ',');
    }
    return MB_OK;
}

/* The first ':' that an axis follows, else the end. */
static const char *filter_of(const char *selector)
{
    size_t ignored;
    const char *p = selector;
    if (axis_at(p, &ignored) >= 0)
        return p;
    for (p = strchr(p, ':'); p; p = strchr(p + 1, ':'))
        if (axis_at(p + 1, &ignored) >= 0)
            return p;
    return selector + strlen(selector);
}

/* A query with one row and column of text; NULL: none, or an error. Freed by the caller. */
static char *one_text(struct mb_db *db, const char *sql, struct mb_error *err)
{
    struct mb_table t = {0};
    char *text = NULL;
    if (mb_table_query(&t, mb_db_handle(db), "runs", sql, 0, err) == MB_OK && t.n_rows > 0 && t.cells[0].text)
        text = strdup(t.cells[0].text);
    mb_table_release(&t);
    return text;
}

/* A text of the user as an SQL literal. */
static void put_literal(struct mb_strbuf *sql, const char *text, size_t n_bytes)
{
    mb_strbuf_puts(sql, "'");
    for (size_t i = 0; i < n_bytes; i++)
        mb_strbuf_add(sql, text[i] == '\'' ? "''" : text + i, text[i] == '\'' ? 2 : 1);
    mb_strbuf_puts(sql, "'");
}

struct wish { char kind; /* 'n' number, 'l' last, 'c' commit, 'p' plan */ const char *text; size_t n_text; long back; };

/* "12", "last~2", "@abc", "plan@last~1" */
static bool parse_run(const char *run, size_t n, struct wish *wish)
{
    *wish = (struct wish){.kind = 'l', .text = run, .n_text = n};
    const char *tilde = memrchr(run, '~', n);
    if (tilde) {
        char *end;
        wish->back = strtol(tilde + 1, &end, 10);
        if (!isdigit((unsigned char)tilde[1]) || end != run + n || wish->back > 1000000)
            return false;
        n = (size_t)(tilde - run);
    }
    wish->n_text = n;
    if (n == 0 || (n == 4 && strncmp(run, "last", 4) == 0))
        return n > 0 || !tilde; /* "": the newest; "~1" alone is nothing */
    if (run[0] == '@') {
        wish->kind = 'c';
        wish->text++;
        wish->n_text--;
        return wish->n_text > 0;
    }
    if (n > 5 && strncmp(run + n - 5, "@last", 5) == 0) {
        wish->kind = 'p';
        wish->n_text -= 5;
        return true;
    }
    wish->kind = 'n';
    for (size_t i = 0; i < n; i++)
        if (!isdigit((unsigned char)run[i]))
            return false;
    return n < 16 && !tilde;
}

static void put_condition(struct mb_strbuf *sql, const struct wish *w)
{
    if (w->kind == 'n')
        mb_strbuf_printf(sql, "run_id = %.*s", (int)w->n_text, w->text);
    else
        mb_strbuf_puts(sql, "state = 'finished'");
    if (w->kind == 'p') {
        mb_strbuf_puts(sql, " AND plan = ");
        put_literal(sql, w->text, w->n_text);
    } else if (w->kind == 'c') {
        mb_strbuf_printf(sql, " AND substr(commit_id, 1, %zu) = ", w->n_text);
        put_literal(sql, w->text, w->n_text);
    }
}

static char *ask(struct mb_db *db, const char *what, const struct wish *w, const char *tail, struct mb_error *err)
{
    struct mb_strbuf sql = {0};
    mb_strbuf_printf(&sql, "SELECT %s FROM v_run", what);
    if (w) {
        mb_strbuf_puts(&sql, " WHERE ");
        put_condition(&sql, w);
    }
    mb_strbuf_puts(&sql, tail);
    char *text = sql.failed ? NULL : one_text(db, mb_strbuf_text(&sql), err);
    mb_strbuf_release(&sql);
    return text;
}

static int say_what_there_is(struct mb_db *db, const char *path, const struct wish *w, const char *run, size_t n, struct mb_error *err)
{
    char *there;
    const char *kind = "";
    if (w->kind == 'p') {
        there = ask(db, "group_concat(DISTINCT plan)", NULL, " WHERE state = 'finished'", NULL);
        kind = "plans with a finished run: ";
    } else if (w->kind == 'c') {
        there = ask(db, "group_concat(DISTINCT substr(commit_id, 1, 12))", NULL, " WHERE state = 'finished'", NULL);
        kind = "commits: ";
    } else {
        there = ask(db, "group_concat(run_id || CASE state WHEN 'finished' THEN '' ELSE ' (unfinished)' END, ', ')", NULL, "", NULL);
        kind = "runs: ";
    }
    mb_fail(err, MB_ENOENT, "no run '%.*s' in %s; %s%.300s", (int)n, run, path, kind, there ? there : "none");
    free(there);
    return err->code;
}

static int check_commit(struct mb_db *db, const struct wish *w, struct mb_error *err)
{
    char *several = ask(db, "CASE WHEN count(DISTINCT commit_id) > 1 THEN group_concat(DISTINCT substr(commit_id, 1, 12)) END", w, "", err);
    const int rc = several ? mb_fail(err, MB_EINVAL, "@%.*s is ambiguous: %.200s", (int)w->n_text, w->text, several) : MB_OK;
    free(several);
    return rc;
}

static int find_run(struct mb_compare_choice *choice, const char *run, size_t n, struct mb_error *err)
{
    struct wish w;
    struct mb_db *db = NULL;
    char tail[64];
    if (!parse_run(run, n, &w))
        return mb_fail(err, MB_EINVAL, "'%.*s' names no run: a number, last, last~1, @COMMIT, PLAN@last, or a database file, with :AXIS=VALUE", (int)n,
                       run);
    int rc = mb_db_open(&db, choice->path, MB_DB_READ, err);
    if (rc)
        return rc;
    if (w.kind == 'c')
        rc = check_commit(db, &w, err);
    if (!rc) {
        struct mb_error why = {0};
        snprintf(tail, sizeof(tail), " ORDER BY run_id DESC LIMIT 1 OFFSET %ld", w.back);
        char *id = ask(db, "run_id", &w, tail, &why);
        if (id)
            choice->run_id = strtoll(id, NULL, 10);
        else if (why.code)
            *err = why;
        rc = id ? MB_OK : why.code ? why.code : say_what_there_is(db, choice->path, &w, n ? run : "last", n ? n : 4, err);
        free(id);
    }
    mb_db_close(db);
    return rc;
}

/* "FILE:RUN" or "RUN" or "FILE": what exists is a file, what cannot be a run is meant as one. */
static int take_path(struct mb_compare_choice *choice, char *text, const char *default_db, char **run, struct mb_error *err)
{
    const size_t n = strlen(text);
    char *colon = strrchr(text, ':');
    struct wish ignored;
    *run = text;
    if (parse_run(text, n, &ignored)) {
        *run = text;
    } else if (colon && access(text, F_OK) != 0 && parse_run(colon + 1, strlen(colon + 1), &ignored)) {
        *colon = '\0';
        *run = colon + 1;
    } else if (access(text, F_OK) == 0 || strchr(text, '/') || (n > 3 && strcmp(text + n - 3, ".db") == 0)) {
        *run = text + n;
    }
    choice->path = strdup(*run == text ? default_db : text);
    return choice->path ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for a file name");
}

int mb_compare_select(struct mb_compare_choice *choice, const char *selector, const char *default_db, const char *where, struct mb_error *err)
{
    *choice = (struct mb_compare_choice){0};
    const char *filter = filter_of(selector);
    char *text = strndup(selector, (size_t)(filter - selector)), *run = NULL;
    int rc = text ? take_path(choice, text, default_db, &run, err) : mb_fail(err, MB_ENOMEM, "no memory for a selector");
    if (!rc)
        rc = add_filter(&choice->filter, filter + (*filter == ':'), err);
    if (!rc && where)
        rc = add_filter(&choice->filter, where, err);
    if (!rc)
        rc = find_run(choice, run, strlen(run), err);
    free(text);
    if (rc)
        mb_compare_choice_release(choice);
    return rc;
}

void mb_compare_choice_release(struct mb_compare_choice *choice)
{
    for (size_t i = 0; i < MB_AXIS_N; i++)
        free(choice->filter.axis[i]);
    free(choice->path);
    *choice = (struct mb_compare_choice){0};
}

int mb_compare_earlier_runs(const struct mb_compare_choice *choice, size_t n, int64_t *ids, size_t *found, struct mb_error *err)
{
    static const char sql[] = "SELECT e.run_id FROM v_run e JOIN v_run b ON b.run_id = :run WHERE e.state = 'finished' AND e.run_id < b.run_id"
                              " AND e.plan_hash = b.plan_hash AND e.fingerprint = b.fingerprint ORDER BY e.run_id DESC";
    struct mb_db *db = NULL;
    struct mb_table t = {0};
    *found = 0;
    int rc = mb_db_open(&db, choice->path, MB_DB_READ, err);
    if (!rc)
        rc = mb_table_query(&t, mb_db_handle(db), "earlier runs", sql, choice->run_id, err);
    for (size_t i = 0; i < t.n_rows && i < n && !rc; i++)
        ids[(*found)++] = (int64_t)mb_table_number(&t, i, 0);
    mb_table_release(&t);
    mb_db_close(db);
    return rc;
}
