/* metric.c - see metric.h. */
#include "base/metric.h"

#include <string.h>

const struct mb_metric_row mb_metric_rows[MB_METRIC_N] = {
#define METRIC(id, name, unit, better, formula) {name, unit, formula, MB_BETTER_##better},
#include "base/metric.def"
#undef METRIC
};

int mb_metric_find(const char *name)
{
    for (int i = 0; i < MB_METRIC_N; i++)
        if (strcmp(mb_metric_rows[i].name, name) == 0)
            return i;
    return -1;
}
