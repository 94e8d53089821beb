/**
 * attn_kernel.h - the arithmetic of attention over pages of the cache, one table per instruction set (attn_<set>.c, all made from
 * attn_body.h).
 *
 * A page holds 64 tokens of one (layer, KV head). Both products run over contiguous lanes without horizontal sums:
 *     K  [d_k][64]       tokens side by side:  score[token] = sum over d of q[d] * k[d][token]
 *     V  [64][v_pad]     v_pad = d_v rounded up to 16, padding zero
 * Elements by type:
 *     f32, f16           as they are (half: bits in uint16_t)
 *     q8_0               int8 codes, then scales in half: K [d_k / 32][64], V [64][v_pad / 32]; x = scale code
 *     q4_0               two codes a byte, x = scale (code - 8), scales as q8_0.
 *                        K [d_k / 2][64]: dimension 2 i in the low nibble, 2 i + 1 in the high one
 *                        V [64][v_pad / 2]: of each 32 dimensions, i in the low nibble of byte i, i + 16 in the high one
 *
 * Every row of every call sums in the same order (d ascending; tokens ascending), whatever else is computed with it, and a page that
 * was expanded to f32 gives the bits of one that was not: so batches of queries have the bits of single ones.
 */
#ifndef ENG_RUN_ATTN_KERNEL_H
#define ENG_RUN_ATTN_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENG_ATTN_LANES 16
#define ENG_ATTN_PAGE 64   /* tokens of a page */
#define ENG_ATTN_CHUNK 256 /* tokens of a softmax block: four pages */

enum eng_kv { ENG_KV_F32, ENG_KV_F16, ENG_KV_Q8_0, ENG_KV_Q4_0, ENG_KV_N };

struct eng_attn_curve {    /* from a product to a logit: x = cap(scale q.k) + slope (token - position) */
    float scale, softcap;  /* cap(x) = softcap tanh(x / softcap); 0: x itself */
    float slope;           /* ALiBi; 0: none */
};

struct eng_attn_ops {
    const char *name;
    /** Columns [0, n_tokens) of a K page as f32 [d_k][64]; rounded up to whole lanes. */
    void (*expand_k[ENG_KV_N])(float *to, const void *page, uint32_t n_tokens, uint32_t d_k);
    /** Rows [first, first + n) of a V page as f32 [n][v_pad]. */
    void (*expand_v[ENG_KV_N])(float *to, const void *page, uint32_t first, uint32_t n, uint32_t v_pad);
    /** s[r * ENG_ATTN_CHUNK + token] = sum_d q[r][d] k[d][token] for the tokens [0, n_tokens) of a page, rounded up to whole lanes.
     *  NULL for types that must be expanded first. */
    void (*scores[ENG_KV_N])(const float *const *q, float *s, uint32_t n_rows, const void *page, uint32_t n_tokens, uint32_t d_k);
    /** One row: logits of s[begin, end) by the curve, *top = their maximum / ln 2, s = 2^(logit / ln 2 - top) there and 0
     *  in the rest of [0, n); *sum of them. @distance: token of s[0] minus the query's position. begin < end <= n <= ENG_ATTN_CHUNK,
     *  n a multiple of 16. */
    void (*weigh)(float *s, uint32_t begin, uint32_t end, uint32_t n, const struct eng_attn_curve *curve, float distance, float *top, float *sum);
    /** acc[r * pitch + d] += sum_j p[r * ENG_ATTN_CHUNK + j] v[first + j][d], j in [0, n). NULL as for scores. */
    void (*mix[ENG_KV_N])(const float *p, float *acc, size_t pitch, uint32_t n_rows, const void *page, uint32_t first, uint32_t n, uint32_t v_pad);
    /** Two parts of one row's softmax become one: (acc, top, sum) takes in the part. Start with acc 0, top -INFINITY, sum 0. */
    void (*merge)(float *acc, float *top, float *sum, const float *part, float part_top, float part_sum, uint32_t v_pad);
    /** out[d] = acc[d] / sum. */
    void (*finish)(float *out, const float *acc, float sum, uint32_t d_v);
};

/** eng_attn_ops() - the table that goes with the kernel set eng_kernels_name(). */
const struct eng_attn_ops *eng_attn_ops(void);

#endif
