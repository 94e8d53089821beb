/** metric.h - the metrics that a collector, runner or workload may report, from metric.def. */
#ifndef MB_BASE_METRIC_H
#define MB_BASE_METRIC_H

enum mb_metric {
#define METRIC(id, name, unit, better, formula) MB_METRIC_##id,
#include "base/metric.def"
#undef METRIC
    MB_METRIC_N
};
#define MB_METRIC_END MB_METRIC_N /* ends a collector's list */

enum mb_better { MB_BETTER_NONE, MB_BETTER_HIGHER, MB_BETTER_LOWER };

struct mb_metric_row {
    const char *name, *unit, *formula;
    enum mb_better better;
};

extern const struct mb_metric_row mb_metric_rows[MB_METRIC_N];

/** mb_metric_find() - index of the row with this name, or -1. */
int mb_metric_find(const char *name);

#endif
