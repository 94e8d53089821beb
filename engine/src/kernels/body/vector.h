/**
 * body/vector.h - the vector operations; written once on the primitives of simd/.
 * Ends of vectors are copied into a padded register's worth, so any length and alignment goes and nothing is read beyond the end.
 * Sums run in 4 registers of 16 lanes over pieces of 512 elements; pieces are added in double.
 */
#ifndef ENG_KERNELS_BODY_VECTOR_H
#define ENG_KERNELS_BODY_VECTOR_H

#include <math.h>

#include "kernels/body/exp.h"
#include "kernels/kernel.h"

#define LANES 16
#define PIECE 512

/* ---- loads and stores of n <= 16 elements ---- */

ENG_INLINE vf16 load_some(const float *p, size_t n, float fill)
{
    float all[LANES];
    vf_store(all, vf_set1(fill));
    memcpy(all, p, n * sizeof(*p));
    return vf_load(all);
}

ENG_INLINE void store_some(float *p, vf16 v, size_t n)
{
    float all[LANES];
    vf_store(all, v);
    memcpy(p, all, n * sizeof(*p));
}

ENG_INLINE vf16 load_some_half(const uint16_t *p, size_t n)
{
    uint16_t all[LANES] = {0};
    memcpy(all, p, n * sizeof(*p));
    return vf_load_half(all);
}

/* ---- sums ---- */

/* sum a[i] b[i] over n <= PIECE; @half: a is IEEE half. */
ENG_INLINE float dot_piece(const void *a, bool half, const float *b, size_t n)
{
    vf16 sum[4] = {vf_set1(0.0f), vf_set1(0.0f), vf_set1(0.0f), vf_set1(0.0f)};
    const float *f = a;
    const uint16_t *h = a;
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        ENG_UNROLL
        for (size_t k = 0; k < 4; k++) {
            const size_t at = i + k * LANES;
            sum[k] = vf_fma(half ? vf_load_half(h + at) : vf_load(f + at), vf_load(b + at), sum[k]);
        }
    }
    for (; i + LANES <= n; i += LANES)
        sum[0] = vf_fma(half ? vf_load_half(h + i) : vf_load(f + i), vf_load(b + i), sum[0]);
    if (i < n)
        sum[1] = vf_fma(half ? load_some_half(h + i, n - i) : load_some(f + i, n - i, 0.0f), load_some(b + i, n - i, 0.0f), sum[1]);
    return vf_sum(vf_add(vf_add(sum[0], sum[1]), vf_add(sum[2], sum[3])));
}

static float dot_f32(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (; n > PIECE; n -= PIECE, a += PIECE, b += PIECE)
        sum += (double)dot_piece(a, false, b, PIECE);
    return (float)(sum + (double)dot_piece(a, false, b, n));
}

static float dot_f16(const uint16_t *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (; n > PIECE; n -= PIECE, a += PIECE, b += PIECE)
        sum += (double)dot_piece(a, true, b, PIECE);
    return (float)(sum + (double)dot_piece(a, true, b, n));
}

/* ---- element by element ---- */

static void axpy_f32(float *y, float s, const float *x, size_t n)
{
    const vf16 scale = vf_set1(s);
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES)
        vf_store(y, vf_fma(scale, vf_load(x), vf_load(y)));
    if (n > 0)
        store_some(y, vf_fma(scale, load_some(x, n, 0.0f), load_some(y, n, 0.0f)), n);
}

static void axpy_f16(float *y, float s, const uint16_t *x, size_t n)
{
    const vf16 scale = vf_set1(s);
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES)
        vf_store(y, vf_fma(scale, vf_load_half(x), vf_load(y)));
    if (n > 0)
        store_some(y, vf_fma(scale, load_some_half(x, n), load_some(y, n, 0.0f)), n);
}

static void to_f16(uint16_t *y, const float *x, size_t n)
{
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES)
        vf_store_half(y, vf_load(x));
    if (n > 0) {
        uint16_t all[LANES];
        vf_store_half(all, load_some(x, n, 0.0f));
        memcpy(y, all, n * sizeof(*y));
    }
}

static void add(float *y, const float *x, size_t n)
{
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES)
        vf_store(y, vf_add(vf_load(y), vf_load(x)));
    if (n > 0)
        store_some(y, vf_add(load_some(y, n, 0.0f), load_some(x, n, 0.0f)), n);
}

static void rms_norm(float *y, const float *x, const float *w, size_t n, float eps)
{
    double squares = 0.0;
    for (size_t i = 0; i < n; i += PIECE)
        squares += (double)dot_piece(x + i, false, x + i, n - i < PIECE ? n - i : PIECE);
    const vf16 scale = vf_set1((float)(1.0 / sqrt(squares / (double)n + (double)eps)));
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES, w += LANES)
        vf_store(y, vf_mul(vf_mul(vf_load(x), scale), vf_load(w)));
    if (n > 0)
        store_some(y, vf_mul(vf_mul(load_some(x, n, 0.0f), scale), load_some(w, n, 0.0f)), n);
}

ENG_INLINE vf16 silu16(vf16 gate, vf16 up)
{
    const vf16 one = vf_set1(1.0f);
    return vf_mul(up, vf_div(gate, vf_add(one, exp16(vf_sub(vf_set1(0.0f), gate)))));
}

static void silu_mul(float *y, const float *gate, const float *up, size_t n)
{
    for (; n >= LANES; n -= LANES, y += LANES, gate += LANES, up += LANES)
        vf_store(y, silu16(vf_load(gate), vf_load(up)));
    if (n > 0)
        store_some(y, silu16(load_some(gate, n, 0.0f), load_some(up, n, 0.0f)), n);
}

/* 1 / (1 + exp(-x)); exp() is cut, so large |x| give 0 and 1. */
ENG_INLINE vf16 sigmoid16(vf16 x)
{
    const vf16 one = vf_set1(1.0f);
    return vf_div(one, vf_add(one, exp16(vf_sub(vf_set1(0.0f), x))));
}

/* (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u)), so GELU is x times a sigmoid. */
ENG_INLINE vf16 gelu16(vf16 x)
{
    const vf16 slope = vf_set1(1.5957691216f), cubic = vf_set1(1.5957691216f * 0.044715f); /* 2 sqrt(2 / pi) */
    return vf_mul(x, sigmoid16(vf_mul(x, vf_fma(cubic, vf_mul(x, x), slope))));
}

ENG_INLINE vf16 relu2_16(vf16 x)
{
    const vf16 positive = vf_max(vf_set1(0.0f), x); /* NaN is in the second place: kept */
    return vf_mul(positive, positive);
}

/* tanh(x) = (e - 1) / (e + 1) with e = exp(2 x) */
ENG_INLINE vf16 tanh16(vf16 x)
{
    const vf16 one = vf_set1(1.0f), e = exp16(vf_add(x, x));
    return vf_div(vf_sub(e, one), vf_add(e, one));
}

/* y = f(x), element by element */
#define ENG_MAP(name, f)                                         \
    static void name(float *y, const float *x, size_t n)         \
    {                                                            \
        for (; n >= LANES; n -= LANES, x += LANES, y += LANES)   \
            vf_store(y, f(vf_load(x)));                          \
        if (n > 0)                                               \
            store_some(y, f(load_some(x, n, 0.0f)), n);          \
    }

ENG_INLINE vf16 silu1_16(vf16 x)
{
    return silu16(x, vf_set1(1.0f));
}

ENG_MAP(silu, silu1_16)
ENG_MAP(gelu, gelu16)
ENG_MAP(relu2, relu2_16)
ENG_MAP(sigmoid, sigmoid16)

static void gelu_mul(float *y, const float *gate, const float *up, size_t n)
{
    for (; n >= LANES; n -= LANES, y += LANES, gate += LANES, up += LANES)
        vf_store(y, vf_mul(gelu16(vf_load(gate)), vf_load(up)));
    if (n > 0)
        store_some(y, vf_mul(gelu16(load_some(gate, n, 0.0f)), load_some(up, n, 0.0f)), n);
}

static void softcap(float *y, const float *x, float cap, size_t n)
{
    const vf16 top = vf_set1(cap), inverse = vf_set1(1.0f / cap);
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES)
        vf_store(y, vf_mul(top, tanh16(vf_mul(vf_load(x), inverse))));
    if (n > 0)
        store_some(y, vf_mul(top, tanh16(vf_mul(load_some(x, n, 0.0f), inverse))), n);
}

static void scale(float *y, float s, const float *x, size_t n)
{
    const vf16 factor = vf_set1(s);
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES)
        vf_store(y, vf_mul(factor, vf_load(x)));
    if (n > 0)
        store_some(y, vf_mul(factor, load_some(x, n, 0.0f)), n);
}

static void clamp(float *y, float limit, const float *x, size_t n)
{
    const vf16 low = vf_set1(-limit), high = vf_set1(limit);
    for (; n >= LANES; n -= LANES, x += LANES, y += LANES)
        vf_store(y, vf_min(high, vf_max(low, vf_load(x)))); /* NaN is in the second place: kept */
    if (n > 0)
        store_some(y, vf_min(high, vf_max(low, load_some(x, n, 0.0f))), n);
}

ENG_INLINE float sum_piece(const float *x, size_t n)
{
    vf16 sum[2] = {vf_set1(0.0f), vf_set1(0.0f)};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        sum[i / LANES % 2] = vf_add(sum[i / LANES % 2], vf_load(x + i));
    if (i < n)
        sum[0] = vf_add(sum[0], load_some(x + i, n - i, 0.0f));
    return vf_sum(vf_add(sum[0], sum[1]));
}

/* sum (x[i] - mean)^2 over n <= PIECE */
ENG_INLINE float spread_piece(const float *x, size_t n, float mean)
{
    const vf16 middle = vf_set1(mean);
    vf16 sum = vf_set1(0.0f);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vf16 d = vf_sub(vf_load(x + i), middle);
        sum = vf_fma(d, d, sum);
    }
    if (i < n) {
        const vf16 d = vf_sub(load_some(x + i, n - i, mean), middle);
        sum = vf_fma(d, d, sum);
    }
    return vf_sum(sum);
}

static void layer_norm(float *y, const float *x, const float *w, const float *b, size_t n, float eps)
{
    double sum = 0.0, spread = 0.0;
    for (size_t i = 0; i < n; i += PIECE)
        sum += (double)sum_piece(x + i, n - i < PIECE ? n - i : PIECE);
    const float mean = (float)(sum / (double)n);
    for (size_t i = 0; i < n; i += PIECE)
        spread += (double)spread_piece(x + i, n - i < PIECE ? n - i : PIECE, mean);
    const vf16 middle = vf_set1(mean), factor = vf_set1((float)(1.0 / sqrt(spread / (double)n + (double)eps)));
    for (size_t i = 0; i < n; i += LANES) {
        const size_t m = n - i < LANES ? n - i : LANES;
        vf16 v = m == LANES ? vf_load(x + i) : load_some(x + i, m, 0.0f);
        v = vf_mul(vf_sub(v, middle), factor);
        if (w)
            v = vf_mul(v, m == LANES ? vf_load(w + i) : load_some(w + i, m, 0.0f));
        if (b)
            v = vf_add(v, m == LANES ? vf_load(b + i) : load_some(b + i, m, 0.0f));
        if (m == LANES)
            vf_store(y + i, v);
        else
            store_some(y + i, v, m);
    }
}

static float top_of(const float *x, size_t n)
{
    vf16 top = vf_set1(-INFINITY);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        top = vf_max(vf_load(x + i), top);
    if (i < n)
        top = vf_max(load_some(x + i, n - i, -INFINITY), top);
    return vf_top(top);
}

/* x[i] = exp(x[i] - top) for n <= PIECE; returns the sum. */
ENG_INLINE float exp_piece(float *x, size_t n, vf16 top)
{
    vf16 sum = vf_set1(0.0f);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vf16 e = exp16(vf_sub(vf_load(x + i), top));
        vf_store(x + i, e);
        sum = vf_add(sum, e);
    }
    if (i < n) {
        const vf16 e = exp16(vf_sub(load_some(x + i, n - i, -INFINITY), top));
        store_some(x + i, e, n - i);
        sum = vf_add(sum, e);
    }
    return vf_sum(sum);
}

static void softmax(float *x, size_t n)
{
    float top = top_of(x, n);
    double sum = 0.0;
    if (top == -INFINITY)
        top = 0.0f; /* nothing allowed: all zeros below, not NaN */
    for (size_t i = 0; i < n; i += PIECE)
        sum += (double)exp_piece(x + i, n - i < PIECE ? n - i : PIECE, vf_set1(top));
    const float s = sum > 0.0 || sum != sum ? (float)(1.0 / sum) : 0.0f;
    const vf16 scale = vf_set1(s);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vf_store(x + i, vf_mul(vf_load(x + i), scale));
    for (; i < n; i++)
        x[i] *= s;
}

/* The table of a set: what is above, under its names. */
#define VECTOR_OPS(set)                                                                                                                  \
    {.name = set, .dot_f32 = dot_f32, .dot_f16 = dot_f16, .axpy_f32 = axpy_f32, .axpy_f16 = axpy_f16, .to_f16 = to_f16,                   \
     .rms_norm = rms_norm, .silu_mul = silu_mul, .softmax = softmax, .add = add, .layer_norm = layer_norm, .silu = silu, .gelu = gelu,    \
     .gelu_mul = gelu_mul, .relu2 = relu2, .sigmoid = sigmoid, .softcap = softcap, .scale = scale, .clamp = clamp}

#endif
