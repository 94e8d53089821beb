/**
 * cell.h - one configuration to measure: a value for every axis, and a workload with its options.
 * Strings are borrowed from whoever made the cell (the plan, or the worker's parsed message) and outlive its use.
 */
#ifndef MB_BASE_CELL_H
#define MB_BASE_CELL_H

#include <jansson.h>
#include <stdint.h>

#include "base/axis.h"

struct mb_cell {
    const char *axis[MB_AXIS_N]; /* canonical text, never NULL, never "auto" */
    const char *model_path;      /* resolved file; "" for runners without a model */
    const char *runner;          /* name of the runner: "engine" unless the plan says otherwise */
    const char *workload;        /* name of the workload */
    const json_t *options;       /* object: the workload's options with defaults filled in; borrowed */
    const char *data_dir;        /* folder of real data sets, or NULL: only the shipped sets */
    const char *share_dir;       /* folder with the shipped workloads/data */
    uint64_t seed;               /* sampling and choice of items */
};

#endif
