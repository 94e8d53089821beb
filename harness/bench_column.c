/* bench_column.c - see bench_column.h. */
#include "harness/bench_column.h"

#include <string.h>

static const struct mb_bench_column columns[] = {
#define BENCH_COLUMN(name, kind, untouched) {#name, MB_BENCH_##kind, untouched},
#include "harness/bench_column.def"
#undef BENCH_COLUMN
};

const struct mb_bench_column *mb_bench_columns(size_t *n)
{
    *n = sizeof(columns) / sizeof(columns[0]);
    return columns;
}

const struct mb_bench_column *mb_bench_column_find(const char *name)
{
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        if (strcmp(columns[i].name, name) == 0)
            return &columns[i];
    return NULL;
}
