/** bench_column.h - the columns of llama-bench as a table (bench_column.def): for what prints its rows and what reads them. */
#ifndef MB_HARNESS_BENCH_COLUMN_H
#define MB_HARNESS_BENCH_COLUMN_H

#include <stddef.h>

enum mb_bench_kind { MB_BENCH_TEXT, MB_BENCH_INT, MB_BENCH_BOOL, MB_BENCH_REAL };
struct mb_bench_column { const char *name; enum mb_bench_kind kind; const char *untouched; /* JSON; NULL: always filled in */ };

/** mb_bench_columns() - all, in llama-bench's order; static storage. */
const struct mb_bench_column *mb_bench_columns(size_t *n);
/** mb_bench_column_find() - by name, or NULL. */
const struct mb_bench_column *mb_bench_column_find(const char *name);

#endif
