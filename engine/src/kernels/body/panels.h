/** body/panels.h - what both matrix bodies share: the scales of a block, storing a panel's 16 results. */
#ifndef ENG_KERNELS_BODY_PANELS_H
#define ENG_KERNELS_BODY_PANELS_H

#include "kernels/kernel.h"

/* The scale half-rows of one block of a panel as "w = code x d + m"; @type is a constant where this is inlined. */
ENG_INLINE void load_scales(enum eng_type type, const uint8_t *scales, vf16 *d, vf16 *m)
{
    *d = vf_load_half(scales);
    if (type == ENG_TYPE_Q4_1)
        *m = vf_load_half(scales + 2 * ENG_PANEL_ROWS);
    else /* exact: d has 11 bits */
        *m = vf_mul(*d, vf_set1(type == ENG_TYPE_Q8_0 ? -128.0f : -8.0f));
}

/* Results of rows [row, row + 16) for one token; rows that the matrix does not have are dropped. */
ENG_INLINE void store_rows(const struct eng_matmul_job *job, size_t row, size_t token, vf16 v)
{
    float *y = job->y + token * job->ldy + row;
    const size_t left = job->w->n_rows - row;
    if (left >= ENG_PANEL_ROWS) {
        vf_store(y, v);
        return;
    }
    float all[ENG_PANEL_ROWS];
    vf_store(all, v);
    memcpy(y, all, left * sizeof(*y));
}

#endif
