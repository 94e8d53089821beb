/**
 * report.h - from the database's views to a folder: index.html (self-contained, no network), NAME.svg and NAME.csv per figure.
 * gnuplot draws, as a child process fed with a script and a data file of ours; without gnuplot the tables and CSVs are still
 * written and the page says what is missing. Knows only views.
 */
#ifndef MB_PLOTS_REPORT_H
#define MB_PLOTS_REPORT_H

#include <stdint.h>

#include "base/error.h"

struct sqlite3;

struct mb_report_options {
    const char *out_dir;      /* made when missing */
    int64_t run_id;           /* 0 = the newest run */
    const char *title;        /* or NULL: the plan's name */
};

struct mb_report_result {
    char index_path[4096];
    char findings[3][400];    /* the three most useful sentences, plain text, with numbers and intervals; "" when there are fewer */
    uint32_t n_figures, n_skipped; /* skipped: no data for it (said on the page) */
};

int mb_report_write(struct sqlite3 *db, const struct mb_report_options *options, struct mb_report_result *result, struct mb_error *err) MB_MUST_CHECK;

#endif
