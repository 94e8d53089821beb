/** demo_run.h - runs with plausible but made-up figures, to look at the report and to test it. Nothing here was measured. */
#ifndef MB_TESTS_PLOTS_DEMO_RUN_H
#define MB_TESTS_PLOTS_DEMO_RUN_H

#include "db/store.h"

enum demo_style {
    DEMO_FULL,  /* formats x threads x early exit x token reduction, chat, accuracy, power, frequency; failures and refusals */
    DEMO_ONE,   /* one cell, one repetition, nothing sampled */
    DEMO_FORTY, /* forty cells with long names */
    DEMO_FAILED /* no cell gave a number */
};

/** demo_fill() - one run, finished; returns its id. */
int64_t demo_fill(struct mb_db *db, enum demo_style style);

#endif
