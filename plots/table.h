/** table.h - the answer of a query, held as text: what a figure draws, a CSV keeps and the page prints. */
#ifndef MB_PLOTS_TABLE_H
#define MB_PLOTS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

struct sqlite3;

struct mb_table_cell { char *text; /* NULL: SQL NULL */ bool is_number; };

struct mb_table {
    char **names;                 /* [n_columns] */
    struct mb_table_cell *cells;  /* [n_rows * n_columns], row by row */
    size_t n_columns, n_rows, cap_rows;
};

/** mb_table_query() - @what names the query in errors; :run in the SQL is bound to @run_id. */
int mb_table_query(struct mb_table *t, struct sqlite3 *db, const char *what, const char *sql, int64_t run_id, struct mb_error *err) MB_MUST_CHECK;
void mb_table_release(struct mb_table *t);

/** mb_table_column() - its index, or -1. */
int mb_table_column(const struct mb_table *t, const char *name);
/** mb_table_text() - "" for NULL. */
const char *mb_table_text(const struct mb_table *t, size_t row, int column);
/** mb_table_number() - NaN for NULL, text, or column -1. */
double mb_table_number(const struct mb_table *t, size_t row, int column);

/** mb_table_csv() - RFC 4180: CRLF, a header line, quotes where needed; NULL is an empty field, an empty text is "". */
void mb_table_csv(const struct mb_table *t, struct mb_strbuf *out);

#endif
