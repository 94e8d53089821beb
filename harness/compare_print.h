/** compare_print.h - a comparison as Markdown, JSON (compare_json.c) or Go benchmark text (compare_benchstat.c), appended to *out. */
#ifndef MB_HARNESS_COMPARE_PRINT_H
#define MB_HARNESS_COMPARE_PRINT_H

#include "base/strbuf.h"
#include "harness/compare.h"

/** mb_compare_print_md() - what differs, a table of rows aligned for a terminal, reasons for "cannot tell", cells without a partner, the sum. */
void mb_compare_print_md(const struct mb_compare *c, struct mb_strbuf *out);

/** mb_compare_print_json() - everything: format 1, keys in docs/manual.md. MB_ENOMEM. */
int mb_compare_print_json(const struct mb_compare *c, struct mb_strbuf *out, struct mb_error *err) MB_MUST_CHECK;

/** mb_compare_print_benchstat() - every value of the paired cells in the Go benchmark format (golang.org/design/14313-benchmark-format), a line a repetition, under the
 *  file configuration "side: A" and "side: B": `benchstat -col side FILE`. Unit lines say which way is better. Of a baseline, the newest run. */
void mb_compare_print_benchstat(const struct mb_compare *c, struct mb_strbuf *out);

/** mb_compare_cell_name() - label and shape; both labels where they differ. */
void mb_compare_cell_name(const struct mb_compare_pair *pair, struct mb_strbuf *out);

#endif
