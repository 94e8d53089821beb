/** gnuplot.h - gnuplot as a child process: script in, SVG out. No shell, no temporary names, its own settings file ignored. */
#ifndef MB_PLOTS_GNUPLOT_H
#define MB_PLOTS_GNUPLOT_H

#include "base/error.h"
#include "base/strbuf.h"
#include "plots/table.h"

/** mb_gnuplot_run() - @svg receives what gnuplot wrote. MB_ENOTSUP: gnuplot is not installed; MB_EFAILED: its first complaint, or it was
 *  ended after 60 s; MB_EFORMAT: it wrote no complete SVG. */
int mb_gnuplot_run(const char *script, struct mb_strbuf *svg, struct mb_error *err) MB_MUST_CHECK;

/** mb_gnuplot_string() - @text between double quotes, safe in a script and in a data block: a quote becomes ', a backslash /, a control
 *  character a space; more than @max_chars characters lose their middle. */
void mb_gnuplot_string(struct mb_strbuf *out, const char *text, size_t max_chars);

/** mb_gnuplot_data() - the table as data block $data (tab-separated, NULL is ?), the numbers mb_rows and mb_label_chars (longest text of
 *  the first column), and the array mb_series of the distinct texts of the column "series" (or the first one) in order. */
void mb_gnuplot_data(struct mb_strbuf *out, const struct mb_table *t);

#endif
