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

ENG_INLINE vf16 relu2_16(vf16 x)
{
    const vf16 up = vf_max(zero16(), x);
    return vf_mul(up, up);
}

static void tanh_row(float *y, const float *x, size_t n)
{
    map_row(y, x, NULL, n, tanh16);
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

static void relu2_row(float *y, const float *x, size_t n)
{
    map_row(y, x, NULL, n, relu2_16);
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
        store_lanes(y + i, vf_fma(way, add_bias(load_lanes(mu + i, n - i), more, i, n - i), from), n - i);
    }
}

/* ---- sums ---- */

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

/* Sum of (x - minus)^power, power 1 or 2. Lanes beyond n hold @minus, which adds nothing. */
ENG_INLINE double sum_row(const float *x, size_t n, float minus, const int power)
{
    double all = 0.0;
    for (size_t at = 0; at < n; at += SUM_PIECE) {
        const size_t end = n - at < SUM_PIECE ? n : at + SUM_PIECE;
        vf16 sum = zero16();
        size_t i = at;
        for (; i + ENG_RECUR_LANES <= end; i += ENG_RECUR_LANES) {
            const vf16 d = vf_sub(vf_load(x + i), vf_set1(minus));
            sum = power == 1 ? vf_add(sum, d) : vf_fma(d, d, sum);
        }
        if (i < end) {
            float rest[ENG_RECUR_LANES];
            vf_store(rest, vf_set1(minus));
            memcpy(rest, x + i, (end - i) * sizeof(*x));
            const vf16 d = vf_sub(vf_load(rest), vf_set1(minus));
            sum = power == 1 ? vf_add(sum, d) : vf_fma(d, d, sum);
        }
        all += (double)vf_sum(sum);
    }
    return all;
}

static void group_norm(float *y, const float *x, const float *w, const float *bias, size_t n, float eps)
{
    const float mean = (float)(sum_row(x, n, 0.0f, 1) / (double)n);
    const double var = sum_row(x, n, mean, 2) / (double)n;
    const vf16 m = vf_set1(mean), scale = vf_set1((float)(1.0 / sqrt(var + (double)eps)));
    for (size_t i = 0; i < n; i += ENG_RECUR_LANES) {
        const vf16 unit = vf_mul(vf_sub(load_lanes(x + i, n - i), m), scale);
        store_lanes(y + i, vf_fma(unit, load_lanes(w + i, n - i), load_lanes(bias + i, n - i)), n - i);
    }
}

static void keys7(float *k, float *a_out, float *b_out, const float *rate, const float *k_k, const float *k_a, size_t n)
{
    const vf16 one = vf_set1(1.0f);
    for (size_t i = 0; i < n; i += ENG_RECUR_LANES)
        store_lanes(a_out + i, vf_mul(load_lanes(k + i, n - i), load_lanes(k_k + i, n - i)), n - i);
    const double norm = sqrt(sum_row(a_out, n, 0.0f, 2));
    const vf16 scale = vf_set1(norm > 1e-12 ? (float)(1.0 / norm) : norm <= 1e-12 ? 1e12f : (float)norm);
    for (size_t i = 0; i < n; i += ENG_RECUR_LANES) {
        const vf16 u = vf_mul(load_lanes(a_out + i, n - i), scale), eta = load_lanes(rate + i, n - i), key = load_lanes(k + i, n - i);
        store_lanes(a_out + i, vf_sub(zero16(), u), n - i);
        store_lanes(b_out + i, vf_mul(u, eta), n - i);
        store_lanes(k + i, vf_mul(key, vf_fma(vf_sub(eta, one), load_lanes(k_a + i, n - i), one)), n - i);
    }
}

#endif
