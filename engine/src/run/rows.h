/**
 * rows.h - the same work on every row of a batch, a few rows a task.
 */
#ifndef ENG_RUN_ROWS_H
#define ENG_RUN_ROWS_H

#include "base/pool.h"

/** eng_rows_run() - row(arg, i) once for each i in [0, n), in parallel. Few rows stay on the caller. */
void eng_rows_run(struct eng_pool *pool, uint32_t n, void (*row)(const void *arg, uint32_t i), const void *arg);

#endif
