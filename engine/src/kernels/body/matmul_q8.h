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

#define PREFETCH_BYTES 4096 /* ahead in the one stream that decoding reads; the hardware's own prefetch stops at page ends */

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

/* What the integer sum of a block starts at, to undo the offset of unsigned codes. */
ENG_INLINE int32_t start_of(enum eng_type type, const struct eng_q8_group *group, size_t slot)
{
    if (type == ENG_TYPE_Q8_0)
        return DOT_BYTES_OFFSET ? group->bias8[slot] : 0;
    return type == ENG_TYPE_Q4_0 ? group->bias4[slot] : 0;
}

/* sum[t] += one block, for tokens slot .. slot + n - 1 of the group. */
ENG_INLINE void add_block(enum eng_type type, size_t n, const uint8_t *block, const struct eng_q8_group *group, size_t slot, vf16 sum[])
{
    const uint8_t *scales = block + code_bytes(type);
    vi16 code[8], dot[TILE_Q8];
    load_codes(type, block, code);
    ENG_UNROLL
    for (size_t t = 0; t < n; t++)
        dot[t] = vi_set1(start_of(type, group, slot + t));
    if (type == ENG_TYPE_Q8_0)
        dots_bytes(n, code, group->q + slot, dot);
    else
        dots_nibbles(n, code, group->q + slot, dot);
    const vf16 d = vf_load_half(scales);
    ENG_UNROLL
    for (size_t t = 0; t < n; t++) {
        sum[t] = vf_fma(vf_mul(vf_from_int(dot[t]), d), vf_set1(group->d[slot + t]), sum[t]);
        if (type == ENG_TYPE_Q4_1)
            sum[t] = vf_fma(vf_load_half(scales + 2 * ENG_PANEL_ROWS), vf_set1(group->sum[slot + t]), sum[t]);
    }
}

ENG_INLINE void tile_q8(enum eng_type type, size_t n_tokens, const struct eng_matmul_job *job, const uint8_t *panel, size_t row,
                        size_t token)
{
    const size_t n_blocks = job->shape.n_blocks;
    const struct eng_q8_group *group = job->q8 + token / ENG_Q8_TOKENS * n_blocks;
    vf16 sum[TILE_Q8];
    ENG_UNROLL
    for (size_t t = 0; t < n_tokens; t++)
        sum[t] = vf_set1(0.0f);
    for (size_t b = 0; b < n_blocks; b++, panel += block_bytes(type), group++) {
        if (n_tokens == 1)
            for (size_t i = 0; i < block_bytes(type); i += 64)
                __builtin_prefetch(panel + i + PREFETCH_BYTES);
        add_block(type, n_tokens, panel, group, token % ENG_Q8_TOKENS, sum);
    }
    ENG_UNROLL
    for (size_t t = 0; t < n_tokens; t++)
        store_rows(job, row, token + t, sum[t]);
}

ENG_INLINE void tiles_q8(enum eng_type type, size_t n_tokens, const struct eng_matmul_job *job, struct eng_span row, size_t token)
{
    const uint8_t *panel = (const uint8_t *)job->w->packed + row.begin / ENG_PANEL_ROWS * job->shape.stride_bytes;
    for (size_t r = row.begin; r < row.end; r += ENG_PANEL_ROWS, panel += job->shape.stride_bytes)
        tile_q8(type, n_tokens, job, panel, r, token);
}

/* Few panels for all tokens, then the next few: the panels stay in L1 while the tiles of activations stream by from L2. */
ENG_INLINE void matmul_q8(enum eng_type type, const struct eng_matmul_job *job, struct eng_span row, struct eng_span token)
{
    const size_t n_rows = rows_in_l1(job, token.end - token.begin);
    for (size_t begin = row.begin; begin < row.end; begin += n_rows) {
        const struct eng_span part = {begin, begin + n_rows < row.end ? begin + n_rows : row.end};
        for (size_t t = token.begin, n; t < token.end; t += n) {
            n = tile_at(t, token.end, TILE_Q8);
            if (n == 8 && TILE_Q8 >= 8)
                tiles_q8(type, TILE_Q8, job, part, t);
            else if (n == 4)
                tiles_q8(type, 4, job, part, t);
            else if (n == 2)
                tiles_q8(type, 2, job, part, t);
            else
                tiles_q8(type, 1, job, part, t);
        }
    }
}

#endif
