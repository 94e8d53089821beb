/* recur_rows.h - the row functions of recur_kernel.h: the second half of recur_body.h, which includes it. Sums run in one register of
 * 16 lanes, pieces of SUM_PIECE are added in double. */
#ifndef ENG_RUN_RECUR_ROWS_H
#define ENG_RUN_RECUR_ROWS_H

#include <math.h>

#define SUM_PIECE 512

ENG_INLINE vf16 add_bias(vf16 x, const float *bias, size_t at, size_t n)
{
    return bias ? vf_add(x, load_lanes(bias + at, n)) : x;
}

/* y = f(x + bias) */
ENG_INLINE void map_row(float *y, const float *x, const float *bias, size_t n, vf16 (*f)(vf16))
{
    for (size_t i = 0; i < n; i += ENG_RECUR_LANES)
        store_lanes(y + i, f(add_bias(load_lanes(x + i, n - i), bias, i, n - i)), n - i);
}

ENG_INLINE vf16 tanh16(vf16 x) /* (1 - u) / (1 + u), u = e^-2x; u is cut at e^88 */
{
    const vf16 one = vf_set1(1.0f), u = exp16(vf_mul(vf_set1(-2.0f), x));
    return vf_div(vf_sub(one, u), vf_add(one, u));
}

ENG_INLINE vf16 decay6_16(vf16 x)
{
    return exp16(vf_sub(zero16(), exp16(x)));
}

ENG_INLINE vf16 decay7_16(vf16 x)
{
    return exp16(vf_mul(vf_set1(-0.60653066f), sigmoid16(x)));
}

static void tanh_row(float *y, const float *x, const float *bias, size_t n)
{
    map_row(y, x, bias, n, tanh16);
}

static void sigmoid_row(float *y, const float *x, const float *bias, size_t n)
{
    map_row(y, x, bias, n, sigmoid16);
}

static void decay6_row(float *y, const float *x, const float *bias, size_t n)
{
    map_row(y, x, bias, n, decay6_16);
}

static void decay7_row(float *y, const float *x, const float *bias, size_t n)
{
    map_row(y, x, bias, n, decay7_16);
}

static void mul_row(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += ENG_RECUR_LANES)
        store_lanes(y + i, vf_mul(load_lanes(y + i, n - i), load_lanes(x + i, n - i)), n - i);
}

static void axpy_row(float *y, float s, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i += ENG_RECUR_LANES)
        store_lanes(y + i, vf_fma(vf_set1(s), load_lanes(x + i, n - i), load_lanes(y + i, n - i)), n - i);
}

static void lerp_row(float *y, const float *x, const float *to, const float *mu, const float *more, size_t n)
{
    for (size_t i = 0; i < n; i += ENG_RECUR_LANES) {
        const vf16 from = load_lanes(x + i, n - i), way = vf_sub(load_lanes(to + i, n - i), from);
        const vf16 share = add_bias(mu ? load_lanes(mu + i, n - i) : zero16(), more, i, n - i);
        store_lanes(y + i, vf_fma(way, share, from), n - i);
    }
}

/* ---- sums ---- */

static double squares(const float *a, size_t n)
{
    double all = 0.0;
    for (size_t at = 0; at < n; at += SUM_PIECE) {
        const size_t end = n - at < SUM_PIECE ? n : at + SUM_PIECE;
        vf16 sum = zero16();
        for (size_t i = at; i < end; i += ENG_RECUR_LANES) {
            const vf16 x = load_lanes(a + i, end - i);
            sum = vf_fma(x, x, sum);
        }
        all += (double)vf_sum(sum);
    }
    return all;
}

static float dot3(const float *a, const float *b, const float *c, size_t n)
{
    double all = 0.0;
    for (size_t at = 0; at < n; at += SUM_PIECE) {
        const size_t end = n - at < SUM_PIECE ? n : at + SUM_PIECE;
        vf16 sum = zero16();
        for (size_t i = at; i < end; i += ENG_RECUR_LANES)
            sum = vf_fma(vf_mul(load_lanes(a + i, end - i), load_lanes(b + i, end - i)), load_lanes(c + i, end - i), sum);
        all += (double)vf_sum(sum);
    }
    return (float)all;
}

static void keys7(float *k, float *a_out, float *b_out, const float *rate, const float *k_k, const float *k_a, size_t n)
{
    const vf16 one = vf_set1(1.0f);
    for (size_t i = 0; i < n; i += ENG_RECUR_LANES)
        store_lanes(a_out + i, vf_mul(load_lanes(k + i, n - i), load_lanes(k_k + i, n - i)), n - i);
    const double norm = sqrt(squares(a_out, n));
    const vf16 scale = vf_set1(norm > 1e-12 ? (float)(1.0 / norm) : norm <= 1e-12 ? 1e12f : (float)norm);
    for (size_t i = 0; i < n; i += ENG_RECUR_LANES) {
        const vf16 u = vf_mul(load_lanes(a_out + i, n - i), scale), eta = load_lanes(rate + i, n - i), key = load_lanes(k + i, n - i);
        store_lanes(a_out + i, vf_sub(zero16(), u), n - i);
        store_lanes(b_out + i, vf_mul(u, eta), n - i);
        store_lanes(k + i, vf_mul(key, vf_fma(vf_sub(eta, one), load_lanes(k_a + i, n - i), one)), n - i);
    }
}

#endif
