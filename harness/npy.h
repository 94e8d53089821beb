/**
 * npy.h - a float32 matrix as NumPy's .npy, format 1.0, row by row; the file appears whole or not at all.
 * Format: numpy/lib/format.py. Magic, version, length of the header, the header as a Python dict padded with spaces to a multiple of 64
 * and ended by a newline, then the numbers, little-endian, row after row.
 */
#ifndef MB_HARNESS_NPY_H
#define MB_HARNESS_NPY_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct mb_npy {
    FILE *file;        /* the draft "<path>.<process id>.tmp"; NULL: not open */
    char *path, *draft;
};

/** mb_npy_open() - begin [n_rows][n_cols]. The caller writes exactly n_rows * n_cols floats, then ends with commit or abort. */
int mb_npy_open(struct mb_npy *npy, const char *path, uint64_t n_rows, uint64_t n_cols, struct mb_error *err) MB_MUST_CHECK;
int mb_npy_write(struct mb_npy *npy, const float *values, size_t n, struct mb_error *err) MB_MUST_CHECK;
/** mb_npy_commit() - sync, rename, sync the folder; after a failure the draft is gone. */
int mb_npy_commit(struct mb_npy *npy, struct mb_error *err) MB_MUST_CHECK;
void mb_npy_abort(struct mb_npy *npy); /* safe on zeroed and after commit */

#endif
