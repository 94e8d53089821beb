/*
 * attn_body.h - the algorithm of attn_kernel.h, once. The including file defines the type `vec` of 16 float lanes and
 * vec_zero(), vec_load(p), vec_load_half(p), vec_store(p, v), vec_scale(v, s), vec_fma(acc, s, v) = acc + s * v, the constants
 * SCORE_TILES_WIDE / SCORE_TILES_NARROW (tiles in flight with <= 2 / more rows) and MIX_CHUNKS (16-lane chunks of V in flight), and ATTN_NAME.
 * Loops over constant bounds unroll, so that the sums stay in registers; several sums in flight hide the latency of the FMA.
 */
#include "run/attn_kernel.h"

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS vec load_any(const void *base, size_t i, bool half)
{
    return half ? vec_load_half((const uint16_t *)base + i) : vec_load((const float *)base + i);
}

/* ---- scores: R rows x T tiles at a time ---- */

ALWAYS void scores_block(const float *const *q, float *const *s, const void *k, size_t i_tile, uint32_t d_head, float scale, const int R,
                         const int T, bool half)
{
    vec acc[ENG_ATTN_ROWS][4];
    const size_t tile = (size_t)d_head * ENG_ATTN_LANES, base = i_tile * tile;
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int t = 0; t < T; t++)
            acc[r][t] = vec_zero();
    for (size_t d = 0; d < d_head; d++) {
        vec kd[4];
#pragma GCC unroll 4
        for (int t = 0; t < T; t++)
            kd[t] = load_any(k, base + (size_t)t * tile + d * ENG_ATTN_LANES, half);
#pragma GCC unroll 4
        for (int r = 0; r < R; r++)
#pragma GCC unroll 4
            for (int t = 0; t < T; t++)
                acc[r][t] = vec_fma(acc[r][t], q[r][d], kd[t]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int t = 0; t < T; t++)
            vec_store(s[r] + (i_tile + (size_t)t) * ENG_ATTN_LANES, vec_scale(acc[r][t], scale));
}

ALWAYS void scores_rows(const float *const *q, float *const *s, const void *k, uint32_t n_tiles, uint32_t d_head, float scale, const int R,
                        const int T, bool half)
{
    uint32_t t = 0;
    for (; t + (uint32_t)T <= n_tiles; t += (uint32_t)T)
        scores_block(q, s, k, t, d_head, scale, R, T, half);
    for (; t < n_tiles; t++)
        scores_block(q, s, k, t, d_head, scale, R, 1, half);
}

ALWAYS void scores_any(const float *const *q, float *const *s, uint32_t n_rows, const void *k, uint32_t n_tiles, uint32_t d_head,
                       float scale, bool half)
{
    switch (n_rows) {
    case 1: scores_rows(q, s, k, n_tiles, d_head, scale, 1, SCORE_TILES_WIDE, half); break;
    case 2: scores_rows(q, s, k, n_tiles, d_head, scale, 2, SCORE_TILES_WIDE, half); break;
    case 3: scores_rows(q, s, k, n_tiles, d_head, scale, 3, SCORE_TILES_NARROW, half); break;
    case 4: scores_rows(q, s, k, n_tiles, d_head, scale, 4, SCORE_TILES_NARROW, half); break;
    default: break;
    }
}

/* ---- mix: R rows x C chunks of 16 dimensions at a time ---- */

ALWAYS void mix_block(const float *const *p, float *const *acc, const void *v, uint32_t n, uint32_t d_pad, uint32_t d, const int R,
                      const int C, bool half)
{
    vec a[ENG_ATTN_ROWS][4];
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int c = 0; c < C; c++)
            a[r][c] = vec_load(acc[r] + d + c * ENG_ATTN_LANES);
    for (size_t j = 0; j < n; j++) {
        vec vj[4];
#pragma GCC unroll 4
        for (int c = 0; c < C; c++)
            vj[c] = load_any(v, j * d_pad + d + (size_t)c * ENG_ATTN_LANES, half);
#pragma GCC unroll 4
        for (int r = 0; r < R; r++)
#pragma GCC unroll 4
            for (int c = 0; c < C; c++)
                a[r][c] = vec_fma(a[r][c], p[r][j], vj[c]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int c = 0; c < C; c++)
            vec_store(acc[r] + d + c * ENG_ATTN_LANES, a[r][c]);
}

ALWAYS void mix_rows(const float *const *p, float *const *acc, const void *v, uint32_t n, uint32_t d_pad, const int R, bool half)
{
    uint32_t d = 0;
    for (; d + MIX_CHUNKS * ENG_ATTN_LANES <= d_pad; d += MIX_CHUNKS * ENG_ATTN_LANES)
        mix_block(p, acc, v, n, d_pad, d, R, MIX_CHUNKS, half);
    for (; d < d_pad; d += ENG_ATTN_LANES)
        mix_block(p, acc, v, n, d_pad, d, R, 1, half);
}

ALWAYS void mix_any(const float *const *p, float *const *acc, uint32_t n_rows, const void *v, uint32_t n, uint32_t d_pad, bool half)
{
    switch (n_rows) {
    case 1: mix_rows(p, acc, v, n, d_pad, 1, half); break;
    case 2: mix_rows(p, acc, v, n, d_pad, 2, half); break;
    case 3: mix_rows(p, acc, v, n, d_pad, 3, half); break;
    case 4: mix_rows(p, acc, v, n, d_pad, 4, half); break;
    default: break;
    }
}

/* ---- the table ---- */

static void scores_f32(const float *const *q, float *const *s, uint32_t n_rows, const float *k, uint32_t n_tiles, uint32_t d_head, float scale)
{
    scores_any(q, s, n_rows, k, n_tiles, d_head, scale, false);
}

static void scores_f16(const float *const *q, float *const *s, uint32_t n_rows, const uint16_t *k, uint32_t n_tiles, uint32_t d_head,
                       float scale)
{
    scores_any(q, s, n_rows, k, n_tiles, d_head, scale, true);
}

static void mix_f32(const float *const *p, float *const *acc, uint32_t n_rows, const float *v, uint32_t n, uint32_t d_pad)
{
    mix_any(p, acc, n_rows, v, n, d_pad, false);
}

static void mix_f16(const float *const *p, float *const *acc, uint32_t n_rows, const uint16_t *v, uint32_t n, uint32_t d_pad)
{
    mix_any(p, acc, n_rows, v, n, d_pad, true);
}

const struct eng_attn_ops ATTN_TABLE = {
    .name = ATTN_NAME,
    .scores_f32 = scores_f32,
    .scores_f16 = scores_f16,
    .mix_f32 = mix_f32,
    .mix_f16 = mix_f16,
};
