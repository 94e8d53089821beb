/**
 * body/matmul_f32.h - weights of any type times f32 activations; written once on the primitives of simd/.
 *
 * Formula  y[t][r] = sum_c w[r,c] x[t,c] with w = code d + m rounded once to f32: the value that the type's decoder gives.
 * Per (row, token) the columns are added in order, in CHAINS_F32 sums that meet at the end: the bits do not depend on tiles or tasks.
 * Cost     per column of 16 rows: one or two loads or three integer operations and an FMA, then an FMA per token.
 */
#ifndef ENG_KERNELS_BODY_MATMUL_F32_H
#define ENG_KERNELS_BODY_MATMUL_F32_H

#include "kernels/body/panels.h"

struct sums { vf16 chain[CHAINS_F32][TILE_F32]; }; /* column c goes to chain c % CHAINS_F32 */

ENG_INLINE void sums_begin(struct sums *s, size_t n_tokens)
{
    ENG_UNROLL
    for (size_t t = 0; t < n_tokens; t++)
        for (int i = 0; i < CHAINS_F32; i++)
            s->chain[i][t] = vf_set1(0.0f);
}

ENG_INLINE void sums_end(const struct sums *s, size_t n_tokens, const struct eng_matmul_job *job, size_t row, size_t token)
{
    ENG_UNROLL
    for (size_t t = 0; t < n_tokens; t++)
        store_rows(job, row, token + t, CHAINS_F32 == 2 ? vf_add(s->chain[0][t], s->chain[1][t]) : s->chain[0][t]);
}

ENG_INLINE void add_column(vf16 sum[TILE_F32], size_t n_tokens, vf16 w, const float *x, size_t ldx)
{
    ENG_UNROLL
    for (size_t t = 0; t < n_tokens; t++)
        sum[t] = vf_fma(w, vf_set1(x[t * ldx]), sum[t]);
}

ENG_INLINE void add_group(struct sums *s, size_t n_tokens, vi16 codes, vf16 d, vf16 m, const float *x, size_t ldx)
{
    ENG_UNROLL
    for (int j = 0; j < 4; j++)
        add_column(s->chain[j % CHAINS_F32], n_tokens, vf_fma(vf_from_int(vi_byte(codes, j)), d, m), x + j, ldx);
}

ENG_INLINE void tile_f32_blocks(enum eng_type type, size_t n_tokens, const struct eng_matmul_job *job, const uint8_t *panel, size_t row,
                                size_t token)
{
    const size_t ldx = job->ldx;
    const float *x = job->x + token * ldx;
    struct sums s;
    sums_begin(&s, n_tokens);
    for (size_t b = 0; b < job->shape.n_blocks; b++, panel += block_bytes(type), x += ENG_BLOCK) {
        vf16 d, m;
        load_scales(type, panel + code_bytes(type), &d, &m);
        if (type == ENG_TYPE_Q8_0) {
            for (int g = 0; g < 8; g++)
                add_group(&s, n_tokens, vi_load(panel + 64 * g), d, m, x + 4 * g, ldx);
            continue;
        }
        for (int g = 0; g < 4; g++)
            add_group(&s, n_tokens, vi_low_nibbles(vi_load(panel + 64 * g)), d, m, x + 4 * g, ldx);
        for (int g = 0; g < 4; g++)
            add_group(&s, n_tokens, vi_high_nibbles(vi_load(panel + 64 * g)), d, m, x + 16 + 4 * g, ldx);
    }
    sums_end(&s, n_tokens, job, row, token);
}

ENG_INLINE vf16 load_column(enum eng_type type, const uint8_t *panel, size_t column)
{
    return type == ENG_TYPE_F32 ? vf_load((const float *)(const void *)panel + column * ENG_PANEL_ROWS)
                                : vf_load_half(panel + column * 2 * ENG_PANEL_ROWS);
}

ENG_INLINE void tile_f32_plain(enum eng_type type, size_t n_tokens, const struct eng_matmul_job *job, const uint8_t *panel, size_t row,
                               size_t token)
{
    const size_t n_cols = job->w->n_cols, ldx = job->ldx;
    const float *x = job->x + token * ldx;
    struct sums s;
    sums_begin(&s, n_tokens);
    size_t c = 0;
    for (; c + 2 <= n_cols; c += 2) {
        add_column(s.chain[0], n_tokens, load_column(type, panel, c), x + c, ldx);
        add_column(s.chain[1 % CHAINS_F32], n_tokens, load_column(type, panel, c + 1), x + c + 1, ldx);
    }
    if (c < n_cols)
        add_column(s.chain[0], n_tokens, load_column(type, panel, c), x + c, ldx);
    sums_end(&s, n_tokens, job, row, token);
}

ENG_INLINE void tile_f32(enum eng_type type, size_t n_tokens, const struct eng_matmul_job *job, const uint8_t *panel, size_t row,
                         size_t token)
{
    if (type == ENG_TYPE_F32 || type == ENG_TYPE_F16)
        tile_f32_plain(type, n_tokens, job, panel, row, token);
    else
        tile_f32_blocks(type, n_tokens, job, panel, row, token);
}

ENG_INLINE void tiles_f32(enum eng_type type, size_t n_tokens, const struct eng_matmul_job *job, struct eng_span row, size_t token)
{
    const uint8_t *panel = (const uint8_t *)job->w->packed + row.begin / ENG_PANEL_ROWS * job->shape.stride_bytes;
    for (size_t r = row.begin; r < row.end; r += ENG_PANEL_ROWS, panel += job->shape.stride_bytes)
        tile_f32(type, n_tokens, job, panel, r, token);
}

/* Few panels for all tokens, then the next few: the panels stay in L1 while the tiles of activations stream by from L2. */
ENG_INLINE void matmul_f32(enum eng_type type, const struct eng_matmul_job *job, struct eng_span row, struct eng_span token)
{
    const size_t n_rows = rows_in_l1(job, token.end - token.begin);
    for (size_t begin = row.begin; begin < row.end; begin += n_rows) {
        const struct eng_span part = {begin, begin + n_rows < row.end ? begin + n_rows : row.end};
        for (size_t t = token.begin, n; t < token.end; t += n) {
            n = tile_at(t, token.end, TILE_F32);
            if (n == 8 && TILE_F32 >= 8)
                tiles_f32(type, TILE_F32, job, part, t);
            else if (n == 4)
                tiles_f32(type, 4, job, part, t);
            else if (n == 2)
                tiles_f32(type, 2, job, part, t);
            else
                tiles_f32(type, 1, job, part, t);
        }
    }
}

#endif
