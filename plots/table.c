/* table.c - see table.h. */
#include "plots/table.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

void mb_table_release(struct mb_table *t)
{
    for (size_t i = 0; t->names && i < t->n_columns; i++)
        free(t->names[i]);
    for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
        free(t->cells[i].text);
    free(t->names);
    free(t->cells);
    *t = (struct mb_table){0};
}

static int start(struct mb_table *t, sqlite3_stmt *s)
{
    t->n_columns = (size_t)sqlite3_column_count(s);
    t->names = calloc(t->n_columns + 1, sizeof(*t->names));
    for (size_t i = 0; t->names && i < t->n_columns; i++)
        if (!(t->names[i] = strdup(sqlite3_column_name(s, (int)i))))
            return MB_ENOMEM;
    return t->names ? MB_OK : MB_ENOMEM;
}

static int add_row(struct mb_table *t, sqlite3_stmt *s)
{
    if (t->n_rows == t->cap_rows) {
        const size_t cap = t->cap_rows ? 2 * t->cap_rows : 32;
        struct mb_table_cell *grown = reallocarray(t->cells, cap * t->n_columns, sizeof(*grown));
        if (!grown)
            return MB_ENOMEM;
        t->cells = grown;
        t->cap_rows = cap;
    }
    struct mb_table_cell *row = t->cells + t->n_rows * t->n_columns;
    memset(row, 0, t->n_columns * sizeof(*row));
    t->n_rows++;
    for (size_t i = 0; i < t->n_columns; i++) {
        const int type = sqlite3_column_type(s, (int)i);
        if (type == SQLITE_NULL)
            continue;
        row[i].is_number = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
        const char *text = (const char *)sqlite3_column_text(s, (int)i);
        if (!text || !(row[i].text = strdup(text)))
            return MB_ENOMEM;
    }
    return MB_OK;
}

int mb_table_query(struct mb_table *t, sqlite3 *db, const char *what, const char *sql, int64_t run_id, struct mb_error *err)
{
    *t = (struct mb_table){0};
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
        return mb_fail(err, MB_EFAILED, "query %s: %s", what, sqlite3_errmsg(db));
    const int i_run = sqlite3_bind_parameter_index(s, ":run");
    if (i_run)
        sqlite3_bind_int64(s, i_run, run_id);
    int rc = start(t, s), step = SQLITE_ROW;
    while (!rc && (step = sqlite3_step(s)) == SQLITE_ROW)
        rc = add_row(t, s);
    if (rc)
        mb_fail(err, rc, "query %s: no memory", what);
    else if (step != SQLITE_DONE)
        rc = mb_fail(err, MB_EFAILED, "query %s: %s", what, sqlite3_errmsg(db));
    sqlite3_finalize(s);
    if (rc)
        mb_table_release(t);
    return rc;
}

int mb_table_column(const struct mb_table *t, const char *name)
{
    for (size_t i = 0; i < t->n_columns; i++)
        if (strcmp(t->names[i], name) == 0)
            return (int)i;
    return -1;
}

const char *mb_table_text(const struct mb_table *t, size_t row, int column)
{
    const char *text = column < 0 ? NULL : t->cells[row * t->n_columns + (size_t)column].text;
    return text ? text : "";
}

double mb_table_number(const struct mb_table *t, size_t row, int column)
{
    if (column < 0)
        return (double)NAN;
    const struct mb_table_cell *cell = &t->cells[row * t->n_columns + (size_t)column];
    return cell->text && cell->is_number ? strtod(cell->text, NULL) : (double)NAN;
}

static void csv_field(struct mb_strbuf *out, const char *text)
{
    if (text[0] && !strpbrk(text, ",\"\r\n")) {
        mb_strbuf_puts(out, text);
        return;
    }
    mb_strbuf_puts(out, "\"");
    for (const char *p = text; *p; p++)
        mb_strbuf_add(out, *p == '"' ? "\"\"" : p, *p == '"' ? 2 : 1);
    mb_strbuf_puts(out, "\"");
}

void mb_table_csv(const struct mb_table *t, struct mb_strbuf *out)
{
    for (size_t c = 0; c < t->n_columns; c++) {
        mb_strbuf_puts(out, c ? "," : "");
        csv_field(out, t->names[c]);
    }
    mb_strbuf_puts(out, "\r\n");
    for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
        mb_strbuf_puts(out, i % t->n_columns ? "," : "");
        if (t->cells[i].text)
            csv_field(out, t->cells[i].text);
        if ((i + 1) % t->n_columns == 0)
            mb_strbuf_puts(out, "\r\n");
    }
}
