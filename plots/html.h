/** html.h - text into HTML and SVG, safely. */
#ifndef MB_PLOTS_HTML_H
#define MB_PLOTS_HTML_H

#include "base/strbuf.h"

/** mb_html_text() - with & < > " ' as references: fit for text and for quoted attributes. */
void mb_html_text(struct mb_strbuf *out, const char *text);

/** mb_svg_file() - gnuplot's SVG as a file of its own: right encoding line, white ground, @title and @description inside. */
void mb_svg_file(struct mb_strbuf *out, const char *svg, const char *title, const char *description);

/** mb_svg_inline() - the same for inside a page: no prolog, every id made unique by @name, black becomes the page's text colour. */
void mb_svg_inline(struct mb_strbuf *out, const char *svg, const char *name, const char *title, const char *description);

#endif
