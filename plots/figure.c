/* figure.c - see figure.h. */
#include "plots/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plots/gnuplot.h"
#include "plots_texts.h"

static const struct mb_figure_row rows[] = {
#define FIGURE(name, title, view, n_of, caption, absent) \
    {#name, title, view, n_of, caption, absent, mb_text_##name##_sql, mb_text_##name##_gp},
#define TABLE(name, title, view, caption, absent) {#name, title, view, NULL, caption, absent, mb_text_##name##_sql, NULL},
#include "plots/figures.def"
#undef FIGURE
#undef TABLE
};

const struct mb_figure_row *mb_figure_rows(size_t *n)
{
    *n = sizeof(rows) / sizeof(rows[0]);
    return rows;
}

void mb_figure_release(struct mb_figure *f)
{
    mb_table_release(&f->table);
    mb_strbuf_release(&f->svg);
    mb_strbuf_release(&f->foot);
    mb_strbuf_release(&f->notes);
    mb_strbuf_release(&f->missing);
}

/* "N = 5" or "N = 3 to 5", from the column n. */
static void put_n(struct mb_strbuf *out, const struct mb_table *t, const char *n_of)
{
    const int column = mb_table_column(t, "n");
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < t->n_rows; i++) {
        const double n = mb_table_number(t, i, column);
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    if (most < 0)
        return;
    mb_strbuf_printf(out, least < most ? "N = %.0f to %.0f" : "N = %.0f", least, most);
    mb_strbuf_printf(out, " %s \xc2\xb7 ", n_of);
}

/* "87.5 to 93.8 % intervals", from the column ci_coverage where there is one. */
static void put_coverage(struct mb_strbuf *out, const struct mb_table *t)
{
    const int column = mb_table_column(t, "ci_coverage");
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < t->n_rows; i++) {
        const double c = mb_table_number(t, i, column);
        least = c < least ? c : least;
        most = c > most ? c : most;
    }
    if (most > 0 && least < most)
        mb_strbuf_printf(out, "whiskers cover %.1f to %.1f %% \xc2\xb7 ", 100 * least, 100 * most);
    else if (most > 0)
        mb_strbuf_printf(out, "whiskers cover %.1f %% \xc2\xb7 ", 100 * most);
}

/* Where the numbers come from: the distinct texts of the column origin; a figure without one draws measured numbers. */
static void put_origin(struct mb_strbuf *out, const struct mb_table *t)
{
    static const char *const names[] = {"measured", "estimated", "simulated"};
    const int column = mb_table_column(t, "origin");
    bool any = false;
    for (size_t k = 0; k < 3; k++) {
        bool has = column < 0 && k == 0;
        for (size_t i = 0; !has && i < t->n_rows; i++)
            has = strcmp(mb_table_text(t, i, column), names[k]) == 0;
        if (has)
            mb_strbuf_printf(out, "%s%s", any ? " and " : "", names[k]);
        any = any || has;
    }
    mb_strbuf_puts(out, " \xc2\xb7 ");
}

static void put_notes(struct mb_strbuf *out, const struct mb_table *t)
{
    for (size_t i = 0; i < t->n_rows; i++)
        if (strcmp(mb_table_text(t, i, 0), "note") == 0)
            mb_strbuf_printf(out, "%s%s", out->n_bytes ? "; " : "", mb_table_text(t, i, 1));
    if (out->n_bytes)
        mb_strbuf_puts(out, ".");
}

static int say_why_empty(struct mb_figure *f, const struct mb_figure_row *row, struct sqlite3 *db, int64_t run_id, struct mb_error *err)
{
    struct mb_table why;
    if (!row->gp) {
        mb_strbuf_puts(&f->missing, row->absent);
        return MB_OK;
    }
    const int rc = mb_table_query(&why, db, row->name, row->absent, run_id, err);
    if (rc)
        return rc;
    mb_strbuf_puts(&f->missing, why.n_rows ? mb_table_text(&why, 0, 0) : "no data");
    mb_table_release(&why);
    return MB_OK;
}

static int draw(struct mb_figure *f, const struct mb_figure_row *row, struct mb_error *err)
{
    struct mb_strbuf script = {0};
    mb_gnuplot_data(&script, &f->table);
    mb_strbuf_puts(&script, "mb_foot = ");
    mb_gnuplot_string(&script, mb_strbuf_text(&f->foot), 150);
    mb_strbuf_printf(&script, "\n%s\n%s\n", mb_text_style_gp, row->gp);
    int rc = script.failed ? mb_fail(err, MB_ENOMEM, "figure %s: no memory", row->name) : mb_gnuplot_run(script.text, &f->svg, err);
    mb_strbuf_release(&script);
    if (rc == MB_ENOTSUP) { /* tables and CSV are worth having without pictures */
        mb_strbuf_clear(&f->svg);
        mb_strbuf_puts(&f->missing, err->text);
        return MB_OK;
    }
    return rc ? mb_fail_context(err, "figure %s", row->name) : MB_OK;
}

int mb_figure_make(struct mb_figure *f, const struct mb_figure_row *row, struct sqlite3 *db, int64_t run_id, const struct mb_provenance *from,
                   struct mb_error *err)
{
    *f = (struct mb_figure){0};
    int rc = mb_table_query(&f->table, db, row->name, row->sql, run_id, err);
    if (!rc && f->table.n_rows == 0) {
        rc = say_why_empty(f, row, db, run_id, err);
    } else if (!rc) {
        if (row->gp) {
            put_n(&f->foot, &f->table, row->n_of);
            put_coverage(&f->foot, &f->table);
            put_origin(&f->foot, &f->table);
        }
        mb_strbuf_printf(&f->foot, "view %s \xc2\xb7 %s \xc2\xb7 %s", row->view, from->device, from->build);
        put_notes(&f->notes, &f->table);
        if (row->gp)
            rc = draw(f, row, err);
    }
    if (rc)
        mb_figure_release(f);
    return rc;
}
