/**
 * attn_kernel.h - the two products of attention over a span of cached tokens, one table per instruction set (attn_<set>.c, all made
 * from attn_body.h).
 *
 * Layout of the cache of one (layer, KV head), chosen so that both products run over contiguous lanes without horizontal sums:
 *     K  [n_slots / 16][d_head][16]   16 tokens side by side: score = sum over d of q[d] * k[d][lane]
 *     V  [n_slots][d_pad]             d_pad = d_head rounded up to 16, padding zero
 * Elements are f32 or IEEE half (bits in uint16_t).
 *
 * Every row of every call sums in the same order (d ascending; tokens ascending), so a result depends neither on how many rows are
 * computed together nor on threads: batches of queries are bit-identical to single ones.
 */
#ifndef ENG_RUN_ATTN_KERNEL_H
#define ENG_RUN_ATTN_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENG_ATTN_LANES 16
#define ENG_ATTN_ROWS 4 /* most rows of one call */

struct eng_attn_ops {
    const char *name;
    /** s[r][16 t + lane] = scale * sum_d q[r][d] * k[t][d][lane] for n_rows <= ENG_ATTN_ROWS rows and n_tiles tiles. */
    void (*scores_f32)(const float *const *q, float *const *s, uint32_t n_rows, const float *k, uint32_t n_tiles, uint32_t d_head, float scale);
    void (*scores_f16)(const float *const *q, float *const *s, uint32_t n_rows, const uint16_t *k, uint32_t n_tiles, uint32_t d_head, float scale);
    /** acc[r][d] += sum_j p[r][j] * v[j][d], j in [0, n), d in [0, d_pad); acc rows are 64-byte aligned. */
    void (*mix_f32)(const float *const *p, float *const *acc, uint32_t n_rows, const float *v, uint32_t n, uint32_t d_pad);
    void (*mix_f16)(const float *const *p, float *const *acc, uint32_t n_rows, const uint16_t *v, uint32_t n, uint32_t d_pad);
};

/** eng_attn_ops() - the table that goes with the kernel set eng_kernels_name(). */
const struct eng_attn_ops *eng_attn_ops(void);

#endif
