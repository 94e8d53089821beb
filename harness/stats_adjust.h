/**
 * stats_adjust.h - p-values of many comparisons made at once.
 *
 * Of 200 comparisons of equal things ten have p < 0.05. An adjusted p is compared with the same alpha as a single one:
 *   Holm                 at most alpha chance of even one false alarm, whatever the comparisons have to do with one another
 *   Benjamini-Hochberg   at most alpha of the alarms are false on average; for independent or positively dependent comparisons
 * p[n] in any order; adjusted[n] in the same order, may be p itself. A NaN is no comparison: it stays NaN and does not count (as R's p.adjust).
 * Returns MB_OK, MB_EINVAL (a p outside [0, 1]; adjusted is untouched) or MB_ENOMEM. n == 0 is fine. Reentrant.
 */
#ifndef MB_HARNESS_STATS_ADJUST_H
#define MB_HARNESS_STATS_ADJUST_H

#include <stddef.h>

#include "base/error.h"

/** mb_stats_adjust_holm() - with p(1) <= ... <= p(m): max over j <= i of min(1, (m - j + 1) p(j)). Holm 1979, Scand. J. Statistics 6(2). */
int mb_stats_adjust_holm(const double *p, size_t n, double *adjusted, struct mb_error *err) MB_MUST_CHECK;

/** mb_stats_adjust_benjamini_hochberg() - min over j >= i of min(1, m p(j) / j). Benjamini and Hochberg 1995, J. Royal Stat. Soc. B 57(1). */
int mb_stats_adjust_benjamini_hochberg(const double *p, size_t n, double *adjusted, struct mb_error *err) MB_MUST_CHECK;

#endif
