/** page.h - index.html, piece by piece. Self-contained: style and figures inside, nothing is fetched. */
#ifndef MB_PLOTS_PAGE_H
#define MB_PLOTS_PAGE_H

#include "plots/figure.h"
#include "plots/report.h"

/** mb_page_begin() - head, title, what was run where, findings, table of contents. @run is one row of v_run. */
void mb_page_begin(struct mb_strbuf *page, const char *title, const struct mb_table *run, const struct mb_report_result *result);
void mb_page_figure(struct mb_strbuf *page, const struct mb_figure_row *row, const struct mb_figure *figure);
/** mb_page_end() - @stamp: when the page was made, UTC. */
void mb_page_end(struct mb_strbuf *page, const char *stamp);

#endif
