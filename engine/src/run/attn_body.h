/*
 * attn_body.h - the algorithm of attn_kernel.h, once. The including file brings the primitives of kernels/simd/ and further
 * vf_load_bytes(p), 16 int8 as floats, vf_load_low(p) and vf_load_high(p), the nibbles of 16 bytes minus 8, vf_set1_half(p),
 * vf_times_exp2(p, whole, n, x, limit), p 2^n and 0 where x < limit, and
 * ATTN_GROUP: rows that share registers, ATTN_COLUMNS(rows): registers of 16 lanes that each row keeps in flight, ATTN_NAME, ATTN_TABLE.
 * Loops over constant bounds unroll, so that the sums stay in registers; many sums in flight hide the latency of the FMA.
 */
#include <math.h>

#include "kernels/body/exp.h"
#include "run/attn_kernel.h"

#define PAGE ENG_ATTN_PAGE
#define LANES ENG_ATTN_LANES
#define BLOCK 32 /* dimensions that share a scale */
#define AHEAD 4096
#define MOST_ROWS 6
#define FLAT _Pragma("GCC unroll 8")

ENG_INLINE vf16 load_kv(const void *base, size_t i, enum eng_kv kv)
{
    return kv == ENG_KV_F16 ? vf_load_half((const uint16_t *)base + i) : vf_load((const float *)base + i);
}

/* Pages in half precision come from memory while few rows are computed: ask for what is AHEAD bytes further on, often the next page. */
ENG_INLINE void look_ahead(const void *p, size_t n)
{
    for (size_t i = 0; i < n; i += 64)
        __builtin_prefetch((const char *)p + AHEAD + i);
}

static uint32_t whole_lanes(uint32_t n)
{
    return (n + LANES - 1) / LANES * LANES;
}

/* ---- scores: R rows x C columns of 16 tokens at a time ---- */

ENG_INLINE void scores_block(const float *const *q, float *s, const void *page, size_t token, uint32_t d_k, const int R, const int C,
                             enum eng_kv kv)
{
    vf16 sum[MOST_ROWS][4];
    FLAT
    for (int r = 0; r < R; r++)
        FLAT
        for (int c = 0; c < C; c++)
            sum[r][c] = vf_set1(0.0f);
    for (size_t d = 0; d < d_k; d++) {
        vf16 k[4];
        FLAT
        for (int c = 0; c < C; c++)
            k[c] = load_kv(page, d * PAGE + token + (size_t)c * LANES, kv);
        if (kv == ENG_KV_F16)
            look_ahead((const uint16_t *)page + d * PAGE, sizeof(uint16_t) * PAGE);
        FLAT
        for (int r = 0; r < R; r++) {
            const vf16 qd = vf_set1(q[r][d]);
            FLAT
            for (int c = 0; c < C; c++)
                sum[r][c] = vf_fma(qd, k[c], sum[r][c]);
        }
    }
    FLAT
    for (int r = 0; r < R; r++)
        FLAT
        for (int c = 0; c < C; c++)
            vf_store(s + (size_t)r * ENG_ATTN_CHUNK + token + (size_t)c * LANES, sum[r][c]);
}

ENG_INLINE void scores_rows(const float *const *q, float *s, const void *page, uint32_t n, uint32_t d_k, const int R, enum eng_kv kv)
{
    const uint32_t step = ATTN_COLUMNS(R) * LANES;
    uint32_t token = 0;
    for (; token + step <= n; token += step)
        scores_block(q, s, page, token, d_k, R, ATTN_COLUMNS(R), kv);
    for (; token < n; token += LANES)
        scores_block(q, s, page, token, d_k, R, 1, kv);
}

/* Rows left, in groups of nearly equal size: a group of one costs almost as much as one of three. */
static uint32_t group_size(uint32_t n_rows)
{
    const uint32_t n_groups = (n_rows + ATTN_GROUP - 1) / ATTN_GROUP;
    return (n_rows + n_groups - 1) / n_groups;
}

ENG_INLINE void scores_any(const float *const *q, float *s, uint32_t n_rows, const void *page, uint32_t n_tokens, uint32_t d_k, enum eng_kv kv)
{
    const uint32_t n = whole_lanes(n_tokens);
    for (uint32_t m; n_rows > 0; n_rows -= m, q += m, s += m * ENG_ATTN_CHUNK) {
        m = group_size(n_rows);
        switch (ATTN_GROUP == 1 ? 1 : m) {
        case 1: scores_rows(q, s, page, n, d_k, 1, kv); break;
        case 2: scores_rows(q, s, page, n, d_k, 2, kv); break;
        case 3: scores_rows(q, s, page, n, d_k, 3, kv); break;
        case 4: scores_rows(q, s, page, n, d_k, 4, kv); break;
        case 5: scores_rows(q, s, page, n, d_k, 5, kv); break;
        default: scores_rows(q, s, page, n, d_k, 6, kv); break;
        }
    }
}

static void scores_f32(const float *const *q, float *s, uint32_t n_rows, const void *page, uint32_t n_tokens, uint32_t d_k)
{
    scores_any(q, s, n_rows, page, n_tokens, d_k, ENG_KV_F32);
}

static void scores_f16(const float *const *q, float *s, uint32_t n_rows, const void *page, uint32_t n_tokens, uint32_t d_k)
{
    scores_any(q, s, n_rows, page, n_tokens, d_k, ENG_KV_F16);
}

/* ---- mix: R rows x C columns of 16 dimensions at a time ---- */

ENG_INLINE void mix_block(const float *p, float *acc, size_t pitch, const void *v, uint32_t n, uint32_t v_pad, uint32_t d, const int R,
                          const int C, enum eng_kv kv)
{
    vf16 sum[MOST_ROWS][4];
    FLAT
    for (int r = 0; r < R; r++)
        FLAT
        for (int c = 0; c < C; c++)
            sum[r][c] = vf_load(acc + (size_t)r * pitch + d + (size_t)c * LANES);
    for (size_t j = 0; j < n; j++) {
        vf16 vj[4];
        FLAT
        for (int c = 0; c < C; c++)
            vj[c] = load_kv(v, j * v_pad + d + (size_t)c * LANES, kv);
        if (kv == ENG_KV_F16)
            look_ahead((const uint16_t *)v + j * v_pad + d, sizeof(uint16_t) * (size_t)C * LANES);
        FLAT
        for (int r = 0; r < R; r++) {
            const vf16 weight = vf_set1(p[(size_t)r * ENG_ATTN_CHUNK + j]);
            FLAT
            for (int c = 0; c < C; c++)
                sum[r][c] = vf_fma(weight, vj[c], sum[r][c]);
        }
    }
    FLAT
    for (int r = 0; r < R; r++)
        FLAT
        for (int c = 0; c < C; c++)
            vf_store(acc + (size_t)r * pitch + d + (size_t)c * LANES, sum[r][c]);
}

ENG_INLINE void mix_rows(const float *p, float *acc, size_t pitch, const void *v, uint32_t n, uint32_t v_pad, const int R, enum eng_kv kv)
{
    const uint32_t step = ATTN_COLUMNS(R) * LANES;
    uint32_t d = 0;
    for (; d + step <= v_pad; d += step)
        mix_block(p, acc, pitch, v, n, v_pad, d, R, ATTN_COLUMNS(R), kv);
    for (; d < v_pad; d += LANES)
        mix_block(p, acc, pitch, v, n, v_pad, d, R, 1, kv);
}

ENG_INLINE void mix_any(const float *p, float *acc, size_t pitch, uint32_t n_rows, const void *v, uint32_t n, uint32_t v_pad, enum eng_kv kv)
{
    for (uint32_t m; n_rows > 0; n_rows -= m, p += m * ENG_ATTN_CHUNK, acc += m * pitch) {
        m = group_size(n_rows);
        switch (ATTN_GROUP == 1 ? 1 : m) {
        case 1: mix_rows(p, acc, pitch, v, n, v_pad, 1, kv); break;
        case 2: mix_rows(p, acc, pitch, v, n, v_pad, 2, kv); break;
        case 3: mix_rows(p, acc, pitch, v, n, v_pad, 3, kv); break;
        case 4: mix_rows(p, acc, pitch, v, n, v_pad, 4, kv); break;
        case 5: mix_rows(p, acc, pitch, v, n, v_pad, 5, kv); break;
        default: mix_rows(p, acc, pitch, v, n, v_pad, 6, kv); break;
        }
    }
}

static void mix_f32(const float *p, float *acc, size_t pitch, uint32_t n_rows, const void *page, uint32_t first, uint32_t n, uint32_t v_pad)
{
    mix_any(p, acc, pitch, n_rows, (const float *)page + (size_t)first * v_pad, n, v_pad, ENG_KV_F32);
}

static void mix_f16(const float *p, float *acc, size_t pitch, uint32_t n_rows, const void *page, uint32_t first, uint32_t n, uint32_t v_pad)
{
    mix_any(p, acc, pitch, n_rows, (const uint16_t *)page + (size_t)first * v_pad, n, v_pad, ENG_KV_F16);
}

/* ---- pages to f32 ---- */

static void expand_k_f16(float *to, const void *page, uint32_t n_tokens, uint32_t d_k)
{
    const uint32_t n = whole_lanes(n_tokens);
    const uint16_t *k = page;
    for (uint32_t d = 0; d < d_k; d++, k += PAGE, to += PAGE)
        for (uint32_t t = 0; t < n; t += LANES)
            vf_store(to + t, vf_load_half(k + t));
}

static void expand_v_f16(float *to, const void *page, uint32_t first, uint32_t n, uint32_t v_pad)
{
    const uint16_t *v = (const uint16_t *)page + (size_t)first * v_pad;
    for (size_t i = 0; i < (size_t)n * v_pad; i += LANES)
        vf_store(to + i, vf_load_half(v + i));
}

static void expand_k_q8_0(float *to, const void *page, uint32_t n_tokens, uint32_t d_k)
{
    const int8_t *code = page;
    const uint16_t *scales = (const uint16_t *)(const void *)(code + (size_t)d_k * PAGE);
    for (uint32_t t = 0; t < n_tokens; t += LANES)
        for (size_t b = 0; b < d_k / BLOCK; b++) {
            const vf16 scale = vf_load_half(scales + b * PAGE + t);
            for (size_t d = b * BLOCK; d < (b + 1) * BLOCK; d++)
                vf_store(to + d * PAGE + t, vf_mul(scale, vf_load_bytes(code + d * PAGE + t)));
        }
}

static void expand_v_q8_0(float *to, const void *page, uint32_t first, uint32_t n, uint32_t v_pad)
{
    const int8_t *code = (const int8_t *)page + (size_t)first * v_pad;
    const uint16_t *scale = (const uint16_t *)(const void *)((const int8_t *)page + (size_t)PAGE * v_pad) + first * (v_pad / BLOCK);
    for (size_t i = 0; i < (size_t)n * v_pad; i += BLOCK, scale++) {
        const vf16 s = vf_set1_half(scale);
        vf_store(to + i, vf_mul(s, vf_load_bytes(code + i)));
        vf_store(to + i + LANES, vf_mul(s, vf_load_bytes(code + i + LANES)));
    }
}

static void expand_k_q4_0(float *to, const void *page, uint32_t n_tokens, uint32_t d_k)
{
    const uint8_t *code = page;
    const uint16_t *scales = (const uint16_t *)(const void *)(code + (size_t)d_k / 2 * PAGE);
    for (uint32_t t = 0; t < n_tokens; t += LANES)
        for (size_t b = 0; b < d_k / BLOCK; b++) {
            const vf16 scale = vf_load_half(scales + b * PAGE + t);
            for (size_t d = b * BLOCK; d < (b + 1) * BLOCK; d += 2) {
                const uint8_t *pair = code + d / 2 * PAGE + t;
                vf_store(to + d * PAGE + t, vf_mul(scale, vf_load_low(pair)));
                vf_store(to + (d + 1) * PAGE + t, vf_mul(scale, vf_load_high(pair)));
            }
        }
}

static void expand_v_q4_0(float *to, const void *page, uint32_t first, uint32_t n, uint32_t v_pad)
{
    const uint8_t *code = (const uint8_t *)page + (size_t)first * v_pad / 2;
    const uint16_t *scale = (const uint16_t *)(const void *)((const uint8_t *)page + (size_t)PAGE * v_pad / 2) + first * (v_pad / BLOCK);
    for (size_t i = 0; i < (size_t)n * v_pad; i += BLOCK, scale++) {
        const vf16 s = vf_set1_half(scale);
        vf_store(to + i, vf_mul(s, vf_load_low(code + i / 2)));
        vf_store(to + i + LANES, vf_mul(s, vf_load_high(code + i / 2)));
    }
}

/* ---- softmax of a chunk, and of chunks ---- */

#define LOG2_E 0x1.715476p+0f
#define SMALLEST -126.0f /* 2^this is the smallest normal float; weights below count as 0 */

/* 2^x for x <= 0, within 1e-7 relative; 0 below SMALLEST, NaN stays. x = n + f, |f| <= 1/2; 2^f by the polynomial of degree 6 with the
 * least relative error on that interval (2e-9 in exact arithmetic). */
ENG_INLINE vf16 weight16(vf16 x)
{
    const vi16 whole = vi_round(x);
    const vf16 n = vf_from_int(whole), f = vf_sub(x, n);
    vf16 p = vf_set1(0x1.41d330p-13f);
    p = vf_fma(p, f, vf_set1(0x1.5f456ap-10f));
    p = vf_fma(p, f, vf_set1(0x1.3b2dbcp-7f));
    p = vf_fma(p, f, vf_set1(0x1.c6aed4p-5f));
    p = vf_fma(p, f, vf_set1(0x1.ebfbdap-3f));
    p = vf_fma(p, f, vf_set1(0x1.62e430p-1f));
    p = vf_fma(p, f, vf_set1(1.0f));
    return vf_times_exp2(p, whole, n, x, SMALLEST);
}

/* 1 - 2 / (exp(2 x) + 1): absolute error below 2e-7; NaN stays NaN. */
ENG_INLINE vf16 tanh16(vf16 x)
{
    const vf16 one = vf_set1(1.0f);
    return vf_sub(one, vf_div(vf_set1(2.0f), vf_add(exp16(vf_add(x, x)), one)));
}

/* Products to logits in s[from, to), where the curve is more than a factor. */
static void bend(float *s, uint32_t from, uint32_t to, const struct eng_attn_curve *curve, float distance)
{
    static const float lane[LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (uint32_t i = from; i < to; i += LANES) {
        vf16 x = vf_mul(vf_load(s + i), vf_set1(curve->scale));
        if (curve->softcap != 0.0f)
            x = vf_mul(vf_set1(curve->softcap), tanh16(vf_div(x, vf_set1(curve->softcap))));
        if (curve->slope != 0.0f)
            x = vf_fma(vf_set1(curve->slope), vf_add(vf_load(lane), vf_set1((float)i + distance)), x);
        vf_store(s + i, x);
    }
}

static void weigh(float *s, uint32_t begin, uint32_t end, uint32_t n, const struct eng_attn_curve *curve, float distance, float *top,
                  float *sum)
{
    const uint32_t from = begin / LANES * LANES, to = whole_lanes(end);
    const bool straight = curve->softcap == 0.0f && curve->slope == 0.0f && curve->scale > 0.0f;
    const float factor = straight ? curve->scale * LOG2_E : LOG2_E;
    vf16 most = vf_set1(-INFINITY), total = vf_set1(0.0f);
    if (!straight)
        bend(s, from, to, curve, distance);
    for (uint32_t i = from; i < begin; i++)
        s[i] = -INFINITY;
    for (uint32_t i = end; i < to; i++)
        s[i] = -INFINITY;
    for (uint32_t i = from; i < to; i += LANES)
        most = vf_max(vf_load(s + i), most);
    *top = vf_top(most) * factor;
    for (uint32_t i = from; i < to; i += LANES) {
        const vf16 w = weight16(vf_fma(vf_load(s + i), vf_set1(factor), vf_set1(-*top)));
        vf_store(s + i, w);
        total = vf_add(total, w);
    }
    *sum = vf_sum(total);
    for (uint32_t i = 0; i < from; i += LANES)
        vf_store(s + i, vf_set1(0.0f));
    for (uint32_t i = to; i < n; i += LANES)
        vf_store(s + i, vf_set1(0.0f));
}

static float weight_one(float x)
{
    float w[LANES];
    vf_store(w, weight16(vf_set1(x)));
    return w[0];
}

static void merge(float *acc, float *top, float *sum, const float *part, float part_top, float part_sum, uint32_t v_pad)
{
    const float most = *top > part_top ? *top : part_top;
    const float old = weight_one(*top - most), new = weight_one(part_top - most);
    for (uint32_t d = 0; d < v_pad; d += LANES)
        vf_store(acc + d, vf_fma(vf_set1(new), vf_load(part + d), vf_mul(vf_set1(old), vf_load(acc + d))));
    *sum = *sum * old + part_sum * new;
    *top = most;
}

static void finish(float *out, const float *acc, float sum, uint32_t d_v)
{
    const float scale = 1.0f / sum;
    uint32_t d = 0;
    for (; d + LANES <= d_v; d += LANES)
        vf_store(out + d, vf_mul(vf_load(acc + d), vf_set1(scale)));
    for (; d < d_v; d++)
        out[d] = acc[d] * scale;
}

const struct eng_attn_ops ATTN_TABLE = {
    .name = ATTN_NAME,
    .expand_k = {[ENG_KV_F16] = expand_k_f16, [ENG_KV_Q8_0] = expand_k_q8_0, [ENG_KV_Q4_0] = expand_k_q4_0},
    .expand_v = {[ENG_KV_F16] = expand_v_f16, [ENG_KV_Q8_0] = expand_v_q8_0, [ENG_KV_Q4_0] = expand_v_q4_0},
    .scores = {[ENG_KV_F32] = scores_f32, [ENG_KV_F16] = scores_f16},
    .weigh = weigh,
    .mix = {[ENG_KV_F32] = mix_f32, [ENG_KV_F16] = mix_f16},
    .merge = merge,
    .finish = finish,
};
