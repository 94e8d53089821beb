/**
 * body/matmul_q8.h - quantized weights times activations rounded to 8 bits; written once on the primitives of simd/.
 *
 * Formula  y[t][r] = sum_b  d_w[b,r] d_x[t,b] S  ( + m_w[b,r] s_x[t,b] for q4_1 ),  S = sum_i code[r, 32 b + i] q[t, 32 b + i] + bias.
 * S is an exact integer; per (row, token) the blocks are added in order into one f32: the bits do not depend on tiles or tasks.
 * Cost     per block of 16 rows and token: 8 dot instructions, a conversion, a multiplication, 1 or 2 FMA.
 */
#ifndef ENG_KERNELS_BODY_MATMUL_Q8_H
#define ENG_KERNELS_BODY_MATMUL_Q8_H

#include "kernels/body/panels.h"

#define PREFETCH_BYTES 2048 /* ahead of a stream that comes from memory; the hardware's own prefetch stops at 4 KiB pages */

ENG_INLINE void load_codes(enum eng_type type, const uint8_t *p, vi16 codes[8])
{
    if (type == ENG_TYPE_Q8_0) {
        ENG_UNROLL
        for (int g = 0; g < 8; g++)
            codes[g] = vi_for_dot(vi_load(p + 64 * g));
        return;
    }
    ENG_UNROLL
    for (int g = 0; g < 4; g++) {
        const vi16 both = vi_load(p + 64 * g);
        codes[g] = vi_low_nibbles(both);
        codes[g + 4] = vi_high_nibbles(both);
    }
}

ENG_INLINE void tile_q8(enum eng_type type, size_t n_tokens, const struct eng_matmul_job *job, const uint8_t *panel, size_t row, size_t token)
{
    const size_t n_cols = job->w->n_cols, n_blocks = job->shape.n_blocks;
    const size_t code_bytes = type == ENG_TYPE_Q8_0 ? 512 : 256, scale_bytes = type == ENG_TYPE_Q4_1 ? 64 : 32;
    const uint8_t *scales = panel + job->shape.scales_at;
    const int8_t *q = job->q + token * n_cols;
    const struct eng_q8_scale *qs = job->scale + token * n_blocks;
    vf16 sum[TILE_Q8];

    ENG_UNROLL
    for (size_t t = 0; t < n_tokens; t++)
        sum[t] = vf_set1(0.0f);
    for (size_t b = 0; b < n_blocks; b++) {
        vi16 codes[8];
        if (n_tokens == 1)
            for (size_t i = 0; i < code_bytes; i += 64)
                __builtin_prefetch(panel + b * code_bytes + i + PREFETCH_BYTES);
        load_codes(type, panel + b * code_bytes, codes);
        const vf16 d = vf_load_half(scales + b * scale_bytes);
        ENG_UNROLL
        for (size_t t = 0; t < n_tokens; t++) {
            const struct eng_q8_scale *s = qs + t * n_blocks + b;
            const int8_t *qt = q + t * n_cols + b * ENG_BLOCK;
            const vi16 dot = type == ENG_TYPE_Q8_0 ? dot_bytes(codes, qt, s->bias8)
                                                   : dot_nibbles(codes, qt, type == ENG_TYPE_Q4_0 ? s->bias4 : 0);
            sum[t] = vf_fma(vf_mul(vf_from_int(dot), d), vf_set1(s->d), sum[t]);
            if (type == ENG_TYPE_Q4_1)
                sum[t] = vf_fma(vf_load_half(scales + b * scale_bytes + 2 * ENG_PANEL_ROWS), vf_set1(s->sum), sum[t]);
        }
    }
    ENG_UNROLL
    for (size_t t = 0; t < n_tokens; t++)
        store_rows(job, row, token + t, sum[t]);
}

/* All panels of @row for each tile of tokens: a tile's activations stay in L1 while the weights stream by from L2. */
ENG_INLINE void matmul_q8(enum eng_type type, const struct eng_matmul_job *job, struct eng_span row, struct eng_span token)
{
    const uint8_t *panels = (const uint8_t *)job->w->packed + row.begin / ENG_PANEL_ROWS * job->shape.stride_bytes;
    size_t t = token.begin;
    for (; t + TILE_Q8 <= token.end; t += TILE_Q8)
        for (size_t r = row.begin, at = 0; r < row.end; r += ENG_PANEL_ROWS, at += job->shape.stride_bytes)
            tile_q8(type, TILE_Q8, job, panels + at, r, t);
    for (; t < token.end; t++)
        for (size_t r = row.begin, at = 0; r < row.end; r += ENG_PANEL_ROWS, at += job->shape.stride_bytes)
            tile_q8(type, 1, job, panels + at, r, t);
}

#endif
