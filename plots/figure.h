/** figure.h - the rows of figures.def: a query, its data as CSV, and for figures its drawing. Knows only views. */
#ifndef MB_PLOTS_FIGURE_H
#define MB_PLOTS_FIGURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "plots/table.h"

struct mb_figure_row {
    const char *name;    /* of NAME.csv, NAME.svg, and the anchor on the page */
    const char *title, *view, *n_of, *caption;
    const char *absent;  /* FIGURE: SQL that gives the reason for no data; TABLE: that text itself */
    const char *sql, *gp; /* gp NULL: a table */
};

/** mb_figure_rows() - figures.def in order; *n receives their number. */
const struct mb_figure_row *mb_figure_rows(size_t *n);

struct mb_provenance { /* what every figure says of where it comes from; texts owned */
    char *device, *build;
};

struct mb_figure {       /* one row, worked out; release with mb_figure_release() */
    struct mb_table table;
    struct mb_strbuf svg;     /* gnuplot's, empty when not drawn */
    struct mb_strbuf foot;    /* "N = 5 repetitions a bar · measured · view v_cell · device · build" */
    struct mb_strbuf notes;   /* sentences for the caption that the data themselves gave, or empty */
    struct mb_strbuf missing; /* why it is not drawn, or empty */
};

/** mb_figure_make() - query and draw. No data, or a gnuplot that is not there, is no error: `missing` says why. */
int mb_figure_make(struct mb_figure *f, const struct mb_figure_row *row, struct sqlite3 *db, int64_t run_id, const struct mb_provenance *from,
                   struct mb_error *err) MB_MUST_CHECK;
void mb_figure_release(struct mb_figure *f);

#endif
