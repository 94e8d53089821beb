/**
 * recurrence.h - recurrent operators over a batch: each sequence's tokens in order from its own state, which they leave behind;
 * channels and heads in parallel. Neither the number of tokens in the batch nor of threads changes a bit.
 *
 * States are plain floats (copying the bytes copies the sequence; zeros are the state before the first token). Rows of the batch are
 * rows of the operands: row r of x stands at x.p + r * x.ld.
 */
#ifndef ENG_RUN_RECURRENCE_H
#define ENG_RUN_RECURRENCE_H

#include "base/pool.h"
#include "run/batch.h"
#include "run/recur_kernel.h"

struct eng_recur_where { /* what an operator runs on */
    struct eng_pool *pool;
    const struct eng_recur_ops *ops;
    const struct eng_batch *batch;
    float *state;        /* this layer's, of sequence 0 */
    size_t state_stride; /* floats from a sequence's state to the next one's */
};

/** Floats of state of one layer and sequence. */
static inline size_t eng_conv_floats(size_t channels, size_t taps)
{
    return channels * (taps - 1); /* [taps - 1][channels] */
}

/** [n_heads][d_head / 16, rounded up][n_state][16]; Mamba is one head of all its channels; RWKV has n_state = d_head. */
static inline size_t eng_scan_floats(size_t n_heads, size_t d_head, size_t n_state)
{
    return n_heads * ((d_head + ENG_RECUR_LANES - 1) / ENG_RECUR_LANES) * n_state * ENG_RECUR_LANES;
}

/** eng_recur_conv() - struct eng_conv_block over all channels: lanes = channels, w_ld >= channels; n and the state fields are ignored. */
void eng_recur_conv(const struct eng_recur_where *at, const struct eng_conv_block *conv);

/** eng_recur_scan1() - struct eng_scan1_block over all channels (lanes); a2 as eng_scan1_pack() makes it; n and state are ignored. */
void eng_recur_scan1(const struct eng_recur_where *at, const struct eng_scan1_block *scan);

/** eng_scan1_pack() - a2[channels / 16, rounded up][n_state][16] = a[channels][n_state] log2 e; lanes beyond the last are 0. */
void eng_scan1_pack(float *a2, const float *a, size_t channels, size_t n_state);

struct eng_scan2 {
    uint32_t n_heads, d_head, n_state;
    uint32_t n_groups;       /* n_heads is a multiple: heads of a group share b and c */
    struct eng_rows x, z;    /* [n_heads][d_head] */
    struct eng_rows dt;      /* [n_heads] */
    struct eng_rows b, c;    /* [n_groups][n_state] */
    const float *dt_bias, *a2, *d; /* [n_heads]; a2 = A log2 e */
    struct eng_rows_out y;   /* [n_heads][d_head]; may be x */
};
void eng_recur_scan2(const struct eng_recur_where *at, const struct eng_scan2 *scan);

struct eng_wkv6 {
    uint32_t n_heads, d_head;
    struct eng_rows r, w, k, v; /* [n_heads][d_head] */
    const float *u;             /* [n_heads][d_head] */
    struct eng_rows_out y;      /* may be v */
};
void eng_recur_wkv6(const struct eng_recur_where *at, const struct eng_wkv6 *wkv);

struct eng_wkv7 {
    uint32_t n_heads, d_head;
    struct eng_rows r, w, k, a, b, v; /* [n_heads][d_head] */
    struct eng_rows_out y;            /* may be v */
};
void eng_recur_wkv7(const struct eng_recur_where *at, const struct eng_wkv7 *wkv);

#endif
