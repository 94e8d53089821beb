/** scratch.h - a temporary folder with files, and a cell for a workload: what the tests of workloads/ start from. */
#ifndef MB_TESTS_SCRATCH_H
#define MB_TESTS_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "workloads/workload.h"

struct scratch {
    char dir[256];
};

void scratch_make(struct scratch *s); /* under $TMPDIR or /tmp */
/** scratch_write() - @dir/name with these bytes; the path stays valid until the next call. */
const char *scratch_write(struct scratch *s, const char *name, const void *bytes, size_t n_bytes);
const char *scratch_text(struct scratch *s, const char *name, const char *text);
void scratch_remove(struct scratch *s); /* the folder and the files in it */

/** cell_make() - @options: JSON text; "" = none, all defaults. Shipped data; no data folder unless set afterwards. */
void cell_make(struct mb_cell *cell, const char *workload, const char *options);
void cell_release(struct mb_cell *cell);

/** assert_close() - |value - expected| <= tolerance; NaN is never close. */
void assert_close(double value, double expected, double tolerance);

/** golden_dir() - folder of the real data sets (MELTBENCH_TEST_DATA, else ../shared/data), or NULL. */
const char *golden_dir(void);

#endif
