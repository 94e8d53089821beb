/*
 * recur_body.h - the kernels of recur_kernel.h, once, on the primitives of kernels/simd/ (included before this file). The including
 * file defines RECUR_TILE (states kept in registers while tokens pass; at most RECUR_MAX_TILE), RECUR_NAME, RECUR_TABLE and, where there are
 * instructions for it, RECUR_ROUND(x) to the nearest whole number and RECUR_SCALE(p, n) = p 2^n for any whole n.
 */
#include "kernels/body/exp.h"
#include "run/recur_kernel.h"

#define RECUR_MAX_TILE 8

/* ---- 16 lanes, or the first n of them ---- */

ENG_INLINE vf16 load_lanes(const float *p, size_t n)
{
    if (n >= ENG_RECUR_LANES)
        return vf_load(p);
    float all[ENG_RECUR_LANES] = {0};
    memcpy(all, p, n * sizeof(*p));
    return vf_load(all);
}

ENG_INLINE void store_lanes(float *p, vf16 v, size_t n)
{
    float all[ENG_RECUR_LANES];
    if (n >= ENG_RECUR_LANES) {
        vf_store(p, v);
        return;
    }
    vf_store(all, v);
    memcpy(p, all, n * sizeof(*p));
}

ENG_INLINE vf16 rows_load(struct eng_rows r, size_t t, uint32_t lanes)
{
    return load_lanes(r.p + t * r.ld, lanes);
}

/* Rows of a batch lie a page or more apart, which no hardware prefetcher follows: ask for the row that is @rows further on, the next
 * chunk's. Asking beyond the last row is harmless, but must not be pointer arithmetic. */
ENG_INLINE void row_ahead(const float *p, size_t ld, size_t rows)
{
    __builtin_prefetch((const void *)((uintptr_t)p + rows * ld * sizeof(*p)));
}

/* ---- functions ---- */

ENG_INLINE vf16 zero16(void)
{
    return vf_set1(0.0f);
}

/* 2^r for |r| <= 1/2, p(0) = 1 exactly: a decay near 1 must not drift over thousands of tokens. Fitted here (weighted least squares on
 * Chebyshev nodes), relative error 2e-9 before rounding. */
ENG_INLINE vf16 exp2_fraction(vf16 r)
{
    vf16 p = vf_set1(0x1.41fbbap-13f);
    p = vf_fma(p, r, vf_set1(0x1.5f3e54p-10f));
    p = vf_fma(p, r, vf_set1(0x1.3b2d4cp-7f));
    p = vf_fma(p, r, vf_set1(0x1.c6aee8p-5f));
    p = vf_fma(p, r, vf_set1(0x1.ebfbdcp-3f));
    p = vf_fma(p, r, vf_set1(0x1.62e430p-1f));
    return vf_fma(p, r, vf_set1(1.0f));
}

/* 2^x; below 2^-126 something smaller. NaN stays. */
#if defined(RECUR_SCALE)
ENG_INLINE vf16 exp2_16(vf16 x)
{
    const vf16 whole = RECUR_ROUND(x);
    return RECUR_SCALE(exp2_fraction(vf_sub(x, whole)), whole);
}
#else
ENG_INLINE vf16 exp2_16(vf16 x)
{
    x = vf_min(vf_set1(127.0f), vf_max(vf_set1(-126.0f), x));
    const vi16 whole = vi_round(x);
    return vf_mul(exp2_fraction(vf_sub(x, vf_from_int(whole))), vf_exp2_int(whole));
}
#endif

ENG_INLINE vf16 sigmoid16(vf16 x)
{
    const vf16 one = vf_set1(1.0f);
    return vf_div(one, vf_add(one, exp16(vf_sub(zero16(), x))));
}

/* ln(1 + e^x) = max(x, 0) + ln(1 + u), u = e^-|x|; ln(1 + u) = 2 artanh(s), s = u / (2 + u) <= 1/3, by its series: the first term
 * left out is s^15 / 15, below 1e-8 of the sum. */
ENG_INLINE vf16 softplus16(vf16 x)
{
    const vf16 negative = vf_sub(zero16(), x), u = exp16(vf_min(negative, x));
    const vf16 s = vf_div(u, vf_add(vf_set1(2.0f), u)), q = vf_mul(s, s);
    vf16 p = vf_set1(1.0f / 13.0f);
    p = vf_fma(p, q, vf_set1(1.0f / 11.0f));
    p = vf_fma(p, q, vf_set1(1.0f / 9.0f));
    p = vf_fma(p, q, vf_set1(1.0f / 7.0f));
    p = vf_fma(p, q, vf_set1(1.0f / 5.0f));
    p = vf_fma(p, q, vf_set1(1.0f / 3.0f));
    p = vf_fma(p, q, vf_set1(1.0f));
    return vf_fma(vf_add(s, s), p, vf_max(zero16(), x));
}

/* ---- convolution ---- */

#define CONV_AHEAD 8 /* tokens */

ENG_INLINE void conv_taps(const struct eng_conv_block *b, const uint32_t taps, const uint32_t lanes)
{
    vf16 u[ENG_RECUR_MAX_TAPS], w[ENG_RECUR_MAX_TAPS];
    const vf16 bias = b->bias ? load_lanes(b->bias, lanes) : zero16();
    for (uint32_t j = 0; j < taps; j++)
        w[j] = load_lanes(b->w + j * b->w_ld, lanes);
    for (uint32_t j = 0; j + 1 < taps; j++)
        u[j] = load_lanes(b->state + j * b->state_ld, lanes);
    for (uint32_t t = 0; t < b->n; t++) {
        vf16 now = rows_load(b->x, t, lanes), sum = bias;
        if (b->gate_in.p)
            now = vf_mul(now, rows_load(b->gate_in, t, lanes));
        u[taps - 1] = now;
        row_ahead(b->x.p, b->x.ld, t + CONV_AHEAD);
        row_ahead(b->y.p, b->y.ld, t + CONV_AHEAD);
        for (uint32_t j = 0; j < taps; j++)
            sum = vf_fma(u[j], w[j], sum);
        for (uint32_t j = 0; j + 1 < taps; j++)
            u[j] = u[j + 1];
        if (b->silu)
            sum = vf_mul(sum, sigmoid16(sum));
        if (b->gate_out.p)
            sum = vf_mul(sum, rows_load(b->gate_out, t, lanes));
        store_lanes(b->y.p + t * b->y.ld, sum, lanes);
    }
    for (uint32_t j = 0; j + 1 < taps; j++)
        store_lanes(b->state + j * b->state_ld, u[j], lanes);
}

static void conv(const struct eng_conv_block *b)
{
    if (b->taps == 4 && b->lanes == ENG_RECUR_LANES) /* Mamba's */
        conv_taps(b, 4, ENG_RECUR_LANES);
    else if (b->taps == 3 && b->lanes == ENG_RECUR_LANES) /* LFM2's */
        conv_taps(b, 3, ENG_RECUR_LANES);
    else
        conv_taps(b, b->taps, b->lanes);
}

/* ---- Mamba ---- */

/* States i .. i + tile - 1 while all tokens pass; y[t] gathers their part. */
ENG_INLINE void scan1_tile(const struct eng_scan1_block *b, uint32_t i, const uint32_t tile, const float *step, const float *step_x, float *y)
{
    vf16 h[RECUR_MAX_TILE], a2[RECUR_MAX_TILE];
    float *state = b->state + (size_t)i * ENG_RECUR_LANES;
    ENG_UNROLL
    for (uint32_t k = 0; k < tile; k++) {
        h[k] = vf_load(state + k * ENG_RECUR_LANES);
        a2[k] = vf_load(b->a2 + (size_t)(i + k) * ENG_RECUR_LANES);
    }
    for (size_t t = 0; t < b->n; t++) {
        const float *bt = b->b.p + t * b->b.ld + i, *ct = b->c.p + t * b->c.ld + i;
        const vf16 s = vf_load(step + t * ENG_RECUR_LANES), sx = vf_load(step_x + t * ENG_RECUR_LANES);
        vf16 sum = vf_load(y + t * ENG_RECUR_LANES);
        ENG_UNROLL
        for (uint32_t k = 0; k < tile; k++) {
            h[k] = vf_fma(h[k], exp2_16(vf_mul(s, a2[k])), vf_mul(sx, vf_set1(bt[k])));
            sum = vf_fma(h[k], vf_set1(ct[k]), sum);
        }
        vf_store(y + t * ENG_RECUR_LANES, sum);
    }
    ENG_UNROLL
    for (uint32_t k = 0; k < tile; k++)
        vf_store(state + k * ENG_RECUR_LANES, h[k]);
}

/* y[t] = (sum[t] + d x[t]) silu(z[t]) */
ENG_INLINE void gate_rows(struct eng_rows_out y, const float *sum, struct eng_rows x, struct eng_rows z, vf16 d, uint32_t n, uint32_t lanes)
{
    for (size_t t = 0; t < n; t++) {
        const vf16 gate = rows_load(z, t, lanes), all = vf_fma(d, rows_load(x, t, lanes), vf_load(sum + t * ENG_RECUR_LANES));
        store_lanes(y.p + t * y.ld, vf_mul(all, vf_mul(gate, sigmoid16(gate))), lanes);
    }
}

static void scan1(const struct eng_scan1_block *b)
{
    float step[ENG_RECUR_CHUNK * ENG_RECUR_LANES], step_x[ENG_RECUR_CHUNK * ENG_RECUR_LANES], y[ENG_RECUR_CHUNK * ENG_RECUR_LANES];
    const vf16 bias = load_lanes(b->dt_bias, b->lanes);
    for (size_t t = 0; t < b->n; t++) {
        const vf16 s = softplus16(vf_add(rows_load(b->dt, t, b->lanes), bias));
        row_ahead(b->dt.p, b->dt.ld, t + ENG_RECUR_CHUNK);
        row_ahead(b->x.p, b->x.ld, t + ENG_RECUR_CHUNK);
        row_ahead(b->z.p, b->z.ld, t + ENG_RECUR_CHUNK);
        vf_store(step + t * ENG_RECUR_LANES, s);
        vf_store(step_x + t * ENG_RECUR_LANES, vf_mul(s, rows_load(b->x, t, b->lanes)));
        vf_store(y + t * ENG_RECUR_LANES, zero16());
    }
    uint32_t i = 0;
    for (; i + RECUR_TILE <= b->n_state; i += RECUR_TILE)
        scan1_tile(b, i, RECUR_TILE, step, step_x, y);
    for (; i < b->n_state; i++)
        scan1_tile(b, i, 1, step, step_x, y);
    gate_rows(b->y, y, b->x, b->z, load_lanes(b->d, b->lanes), b->n, b->lanes);
}

/* ---- Mamba-2 ---- */

ENG_INLINE void scan2_tile(const struct eng_scan2_block *b, uint32_t i, const uint32_t tile, const float *step_x, float *y)
{
    vf16 h[RECUR_MAX_TILE];
    float *state = b->state + (size_t)i * ENG_RECUR_LANES;
    ENG_UNROLL
    for (uint32_t k = 0; k < tile; k++)
        h[k] = vf_load(state + k * ENG_RECUR_LANES);
    for (size_t t = 0; t < b->n; t++) {
        const float *bt = b->b.p + t * b->b.ld + i, *ct = b->c.p + t * b->c.ld + i;
        const vf16 decay = vf_set1(b->decay[t]), sx = vf_load(step_x + t * ENG_RECUR_LANES);
        vf16 sum = vf_load(y + t * ENG_RECUR_LANES);
        ENG_UNROLL
        for (uint32_t k = 0; k < tile; k++) {
            h[k] = vf_fma(h[k], decay, vf_mul(sx, vf_set1(bt[k])));
            sum = vf_fma(h[k], vf_set1(ct[k]), sum);
        }
        vf_store(y + t * ENG_RECUR_LANES, sum);
    }
    ENG_UNROLL
    for (uint32_t k = 0; k < tile; k++)
        vf_store(state + k * ENG_RECUR_LANES, h[k]);
}

static void scan2(const struct eng_scan2_block *b)
{
    float step_x[ENG_RECUR_CHUNK * ENG_RECUR_LANES], y[ENG_RECUR_CHUNK * ENG_RECUR_LANES];
    for (size_t t = 0; t < b->n; t++) {
        vf_store(step_x + t * ENG_RECUR_LANES, vf_mul(vf_set1(b->dt[t]), rows_load(b->x, t, b->lanes)));
        row_ahead(b->x.p, b->x.ld, t + ENG_RECUR_CHUNK);
        row_ahead(b->z.p, b->z.ld, t + ENG_RECUR_CHUNK);
        row_ahead(b->y.p, b->y.ld, t + ENG_RECUR_CHUNK);
        vf_store(y + t * ENG_RECUR_LANES, zero16());
    }
    uint32_t i = 0;
    for (; i + RECUR_TILE <= b->n_state; i += RECUR_TILE)
        scan2_tile(b, i, RECUR_TILE, step_x, y);
    for (; i < b->n_state; i++)
        scan2_tile(b, i, 1, step_x, y);
    gate_rows(b->y, y, b->x, b->z, vf_set1(b->d), b->n, b->lanes);
}

static void steps2(const float *in, size_t ld, uint32_t n, float bias, float a2, float *dt, float *decay)
{
    for (uint32_t t = 0; t < n; t += ENG_RECUR_LANES) {
        float some[ENG_RECUR_LANES] = {0};
        const uint32_t lanes = n - t < ENG_RECUR_LANES ? n - t : ENG_RECUR_LANES;
        for (uint32_t k = 0; k < lanes; k++)
            some[k] = in[(t + k) * ld];
        const vf16 s = softplus16(vf_add(vf_load(some), vf_set1(bias)));
        store_lanes(dt + t, s, lanes);
        store_lanes(decay + t, exp2_16(vf_mul(s, vf_set1(a2))), lanes);
    }
}

/* ---- RWKV ---- */

ENG_INLINE void wkv6_tile(const struct eng_wkv6_block *b, uint32_t i, const uint32_t tile, float *y)
{
    vf16 h[RECUR_MAX_TILE];
    float *state = b->state + (size_t)i * ENG_RECUR_LANES;
    ENG_UNROLL
    for (uint32_t k = 0; k < tile; k++)
        h[k] = vf_load(state + k * ENG_RECUR_LANES);
    for (size_t t = 0; t < b->n; t++) {
        const float *rt = b->r.p + t * b->r.ld + i, *wt = b->w.p + t * b->w.ld + i, *kt = b->k.p + t * b->k.ld + i;
        const vf16 v = rows_load(b->v, t, b->lanes);
        vf16 sum = vf_load(y + t * ENG_RECUR_LANES);
        ENG_UNROLL
        for (uint32_t k = 0; k < tile; k++) {
            sum = vf_fma(h[k], vf_set1(rt[k]), sum);
            h[k] = vf_fma(h[k], vf_set1(wt[k]), vf_mul(v, vf_set1(kt[k])));
        }
        vf_store(y + t * ENG_RECUR_LANES, sum);
    }
    ENG_UNROLL
    for (uint32_t k = 0; k < tile; k++)
        vf_store(state + k * ENG_RECUR_LANES, h[k]);
}

static void wkv6(const struct eng_wkv6_block *b)
{
    float y[ENG_RECUR_CHUNK * ENG_RECUR_LANES];
    for (size_t t = 0; t < b->n; t++) {
        vf_store(y + t * ENG_RECUR_LANES, vf_mul(vf_set1(b->bonus[t]), rows_load(b->v, t, b->lanes)));
        row_ahead(b->v.p, b->v.ld, t + ENG_RECUR_CHUNK);
        row_ahead(b->r.p + b->first, b->r.ld, t + ENG_RECUR_CHUNK);
        row_ahead(b->w.p + b->first, b->w.ld, t + ENG_RECUR_CHUNK);
        row_ahead(b->k.p + b->first, b->k.ld, t + ENG_RECUR_CHUNK);
    }
    uint32_t i = 0;
    for (; i + RECUR_TILE <= b->n_state; i += RECUR_TILE)
        wkv6_tile(b, i, RECUR_TILE, y);
    for (; i < b->n_state; i++)
        wkv6_tile(b, i, 1, y);
    for (size_t t = 0; t < b->n; t++)
        store_lanes(b->y.p + t * b->y.ld, vf_load(y + t * ENG_RECUR_LANES), b->lanes);
}

/* sum_i a[i] h[i], in two chains as wkv7_token() sums it for the token that follows. */
ENG_INLINE vf16 wkv7_removed(const struct eng_wkv7_block *b, const float *a)
{
    vf16 sum[2] = {zero16(), zero16()};
    for (size_t i = 0; i < b->n_state; i++)
        sum[i % 2] = vf_fma(vf_load(b->state + i * ENG_RECUR_LANES), vf_set1(a[i]), sum[i % 2]);
    return vf_add(sum[0], sum[1]);
}

struct wkv7_now { /* one token's rows of a head; a belongs to the token after it */
    const float *r, *w, *k, *b, *a;
};

ENG_INLINE void wkv7_state(float *state, const struct wkv7_now *now, size_t i, vf16 v, vf16 removed, const bool more, vf16 *y, vf16 *next)
{
    vf16 h = vf_load(state + i * ENG_RECUR_LANES);
    h = vf_fma(h, vf_set1(now->w[i]), vf_fma(v, vf_set1(now->k[i]), vf_mul(removed, vf_set1(now->b[i]))));
    vf_store(state + i * ENG_RECUR_LANES, h);
    *y = vf_fma(h, vf_set1(now->r[i]), *y);
    if (more)
        *next = vf_fma(h, vf_set1(now->a[i]), *next);
}

/* One token for the whole block; returns what the next one removes, so that the state is read once a token. */
ENG_INLINE vf16 wkv7_token(const struct eng_wkv7_block *b, size_t t, const bool more, vf16 removed)
{
    const struct wkv7_now now = {b->r.p + t * b->r.ld, b->w.p + t * b->w.ld, b->k.p + t * b->k.ld, b->b.p + t * b->b.ld,
                                 more ? b->a.p + (t + 1) * b->a.ld : NULL};
    const vf16 v = rows_load(b->v, t, b->lanes);
    const struct eng_rows *const shared[] = {&b->r, &b->w, &b->k, &b->a, &b->b};
    vf16 y[2] = {zero16(), zero16()}, next[2] = {zero16(), zero16()};
    ENG_UNROLL
    for (int k = 0; k < 5; k++)
        row_ahead(shared[k]->p + b->first, shared[k]->ld, t + ENG_RECUR_CHUNK);
    row_ahead(b->v.p, b->v.ld, t + ENG_RECUR_CHUNK);
    row_ahead(b->y.p, b->y.ld, t + ENG_RECUR_CHUNK);
    size_t i = 0;
    for (; i + 2 <= b->n_state; i += 2) {
        wkv7_state(b->state, &now, i, v, removed, more, &y[0], &next[0]);
        wkv7_state(b->state, &now, i + 1, v, removed, more, &y[1], &next[1]);
    }
    if (i < b->n_state)
        wkv7_state(b->state, &now, i, v, removed, more, &y[0], &next[0]);
    store_lanes(b->y.p + t * b->y.ld, vf_add(y[0], y[1]), b->lanes);
    return vf_add(next[0], next[1]);
}

static void wkv7(const struct eng_wkv7_block *b)
{
    vf16 removed = wkv7_removed(b, b->a.p);
    for (size_t t = 0; t + 1 < b->n; t++)
        removed = wkv7_token(b, t, true, removed);
    wkv7_token(b, b->n - 1, false, removed);
}

#include "run/recur_rows.h"

const struct eng_recur_ops RECUR_TABLE = {
    .name = RECUR_NAME,
    .conv = conv,
    .scan1 = scan1,
    .scan2 = scan2,
    .wkv6 = wkv6,
    .wkv7 = wkv7,
    .steps2 = steps2,
    .dot3 = dot3,
    .mul = mul_row,
    .lerp = lerp_row,
    .tanh = tanh_row,
    .sigmoid = sigmoid_row,
    .decay6 = decay6_row,
    .decay7 = decay7_row,
    .keys7 = keys7,
    .axpy = axpy_row,
};
