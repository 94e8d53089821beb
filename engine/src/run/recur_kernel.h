/**
 * recur_kernel.h - the inner loops of recurrent layers, one table per instruction set (recur_<set>.c, all made from recur_body.h and
 * the primitives of kernels/simd/).
 *
 * A recurrence kernel walks the tokens of one sequence strictly in order for a block of up to 16 channels, which are the lanes of a
 * register: state in, state out. What is computed for a (token, channel) is the same sequence of operations however many tokens one
 * call has, so a batch gives the bits of single tokens, and blocks may run in parallel.
 *
 * A block's state is [n_state][16] floats: lane = channel, lanes beyond @lanes stay 0. Rows of tokens are pointers with a stride;
 * x[t][i] below means x.p[t * x.ld + i].
 *
 * Sources: selective scan of Mamba (Gu, Dao 2023, section 3 and appendix D) and Mamba-2 (Dao, Gu 2024, section 7); RWKV-6 (Peng et
 * al. 2024, "Eagle and Finch", section 4) and RWKV-7 (Peng et al. 2025, "Goose", section 4).
 */
#ifndef ENG_RUN_RECUR_KERNEL_H
#define ENG_RUN_RECUR_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENG_RECUR_LANES 16
#define ENG_RECUR_CHUNK 16    /* most tokens of one call, but of conv(), which takes any number: what a head's blocks share stays in the first cache */
#define ENG_RECUR_MAX_TAPS 16 /* of a convolution */

struct eng_rows {
    const float *p;
    size_t ld; /* floats from a row to the next */
};

struct eng_rows_out {
    float *p;
    size_t ld;
};

/* y[t][c] = act(bias[c] + sum_j w[j][c] u[t - taps + 1 + j][c]), u[t][c] = x[t][c] gate_in[t][c]; then y *= gate_out. */
struct eng_conv_block {
    uint32_t n, lanes, taps;
    struct eng_rows x;
    struct eng_rows gate_in, gate_out; /* p NULL: none */
    const float *w;     /* [taps], w_ld apart, [lanes] each: the last tap belongs to the token itself */
    const float *bias;  /* [lanes] or NULL */
    size_t w_ld;
    bool silu;          /* act = silu, else none */
    struct eng_rows_out y; /* may not be x */
    float *state;       /* [taps - 1], state_ld apart, [lanes] each: u of the tokens before, oldest first */
    size_t state_ld;
};

/* Mamba: s = softplus(dt[t][c] + dt_bias[c]); h[i][c] = h[i][c] 2^(s a2[i][c]) + s x[t][c] b[t][i];
 * y[t][c] = (sum_i h[i][c] c[t][i] + d[c] x[t][c]) silu(z[t][c]). */
struct eng_scan1_block {
    uint32_t n, lanes, n_state;
    struct eng_rows x, dt, b, c, z;
    const float *dt_bias, *d; /* [lanes] */
    const float *a2;          /* [n_state][16]: A log2 e */
    struct eng_rows_out y;    /* may be x */
    float *state;
};

/* Mamba-2, within one head: h[i][c] = h[i][c] decay[t] + dt[t] x[t][c] b[t][i]; y[t][c] = (sum_i h[i][c] c[t][i] + d x[t][c]) silu(z[t][c]). */
struct eng_scan2_block {
    uint32_t n, lanes, n_state;
    struct eng_rows x, b, c, z;
    const float *dt, *decay;  /* [n], of eng_recur_ops.steps2() */
    float d;
    struct eng_rows_out y;    /* may be x */
    float *state;
};

/* RWKV-6, within one head: y[t][c] = bonus[t] v[t][c] + sum_i r[t][i] h[i][c]; then h[i][c] = h[i][c] w[t][i] + k[t][i] v[t][c]. */
struct eng_wkv6_block {
    uint32_t n, lanes, n_state;
    uint32_t first;           /* of the block's channels in the head */
    struct eng_rows r, w, k, v;
    const float *bonus;       /* [n]: sum_i r u k, of eng_recur_ops.dot3() */
    struct eng_rows_out y;    /* may be v */
    float *state;
};

/* RWKV-7, within one head: e[c] = sum_i a[t][i] h[i][c]; h[i][c] = h[i][c] w[t][i] + v[t][c] k[t][i] + e[c] b[t][i];
 * y[t][c] = sum_i h[i][c] r[t][i]. */
struct eng_wkv7_block {
    uint32_t n, lanes, n_state;
    uint32_t first;                   /* of the block's channels in the head */
    struct eng_rows r, w, k, a, b, v;
    struct eng_rows_out y;    /* may be v */
    float *state;
};

struct eng_recur_ops {
    const char *name;
    void (*conv)(const struct eng_conv_block *b);
    void (*scan1)(const struct eng_scan1_block *b);
    void (*scan2)(const struct eng_scan2_block *b);
    void (*wkv6)(const struct eng_wkv6_block *b);
    void (*wkv7)(const struct eng_wkv7_block *b);

    /** dt[t] = softplus(in[t * ld] + bias), decay[t] = 2^(dt[t] a2) for t < n <= ENG_RECUR_CHUNK. */
    void (*steps2)(const float *in, size_t ld, uint32_t n, float bias, float a2, float *dt, float *decay);
    float (*dot3)(const float *a, const float *b, const float *c, size_t n); /* sum a b c */

    /* Rows of n floats, element by element; y may be any of the inputs. A bias of NULL is 0. */
    void (*mul)(float *y, const float *x, size_t n);                            /* y *= x */
    void (*lerp)(float *y, const float *x, const float *to, const float *mu, const float *more, size_t n); /* x + (to - x)(mu + more); NULL: 0 */
    void (*tanh)(float *y, const float *x, const float *bias, size_t n);        /* tanh(x + bias) within 2e-7 */
    void (*sigmoid)(float *y, const float *x, const float *bias, size_t n);     /* sigmoid(x + bias) */
    void (*decay6)(float *y, const float *x, const float *bias, size_t n);      /* exp(-exp(x + bias)): Eagle and Finch, eq. 17 */
    void (*decay7)(float *y, const float *x, const float *bias, size_t n);      /* exp(-e^-0.5 sigmoid(x + bias)): Goose, eq. 4 */

    /** One head's keys of RWKV-7 (Goose, eq. 5 to 7): u = k k_k / max(|k k_k|, 1e-12), a_out = -u, b_out = u rate,
     *  k = k (1 + (rate - 1) k_a). @b_out may be @rate. */
    void (*keys7)(float *k, float *a_out, float *b_out, const float *rate, const float *k_k, const float *k_a, size_t n);

    void (*axpy)(float *y, float s, const float *x, size_t n); /* y += s x */
};

/** eng_recur_ops() - the table that goes with the kernel set eng_kernels_name(). */
const struct eng_recur_ops *eng_recur_ops(void);

/** eng_recur_ops_all() - every table compiled in that this CPU can run, for tests; the portable one last. */
const struct eng_recur_ops *const *eng_recur_ops_all(size_t *n);

#endif
