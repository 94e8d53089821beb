/** body/panels.h - what both matrix bodies share: the scales of a block, storing a panel's 16 results. */
#ifndef ENG_KERNELS_BODY_PANELS_H
#define ENG_KERNELS_BODY_PANELS_H

#include "kernels/kernel.h"

/* Bytes of codes in a block; its scales follow. */
ENG_INLINE size_t code_bytes(enum eng_type type)
{
    return type == ENG_TYPE_Q8_0 ? 512 : 256;
}

ENG_INLINE size_t block_bytes(enum eng_type type)
{
    return code_bytes(type) + (type == ENG_TYPE_Q4_1 ? 64 : 32);
}

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

#define L1_WEIGHT_BYTES 24576 /* of 32 or 48 KiB; the rest is for activations */

/* How many rows' panels to keep in L1: all of them for a single token, which uses each panel once. */
ENG_INLINE size_t rows_in_l1(const struct eng_matmul_job *job, size_t n_tokens)
{
    const size_t n_panels = n_tokens == 1 ? job->shape.n_panels : L1_WEIGHT_BYTES / job->shape.stride_bytes;
    return (n_panels > 0 ? n_panels : 1) * ENG_PANEL_ROWS;
}

/* Tokens of the next tile: the most of 8, 4, 2, 1 that stay below @end, @most and the next multiple of themselves. A few tokens,
 * such as a draft to verify, share the weights as well. */
ENG_INLINE size_t tile_at(size_t token, size_t end, size_t most)
{
    size_t n = most;
    while (token % n != 0 || token + n > end)
        n /= 2;
    return n;
}

#endif
