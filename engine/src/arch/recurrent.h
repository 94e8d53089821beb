/**
 * recurrent.h - the blocks that keep a running state instead of keys and values, and what they share. State of a block: floats, see each
 * file's head; zeros before the first token; copying the bytes copies the sequence.
 */
#ifndef ENG_ARCH_RECURRENT_H
#define ENG_ARCH_RECURRENT_H

#include "arch/load.h"
#include "run/recurrence.h"
#include "run/session.h"

extern const struct eng_block_ops eng_mix_mamba;     /* Mamba: Gu, Dao 2023 */
extern const struct eng_block_ops eng_mix_mamba2;    /* Mamba-2: Dao, Gu 2024 */
extern const struct eng_block_ops eng_mix_parallel2; /* attention and Mamba-2 on the same input, summed: Falcon-H1 */
extern const struct eng_block_ops eng_mix_shortconv; /* LFM2's gated short convolution */
extern const struct eng_block_ops eng_mix_rwkv6, eng_chan_rwkv6; /* Peng et al. 2024 */
extern const struct eng_block_ops eng_mix_rwkv7, eng_chan_rwkv7; /* Peng et al. 2025 */

/* ---- keys (recurrent_keys.c) ---- */

void eng_read_ssm(struct eng_load *l, bool grouped); /* ssm.*; @grouped: Mamba-2, with ssm.group_count, heads in ssm.time_step_rank */
void eng_read_wkv(struct eng_load *l);               /* wkv.head_size, token_shift_count */

/* ---- tensors (recurrent_load.c) ---- */

/** eng_load_table() - f32 [n_rows][n_cols], exactly of this shape (trailing dimensions 1). NULL when absent or failed. */
const float *eng_load_table(struct eng_load *l, uint32_t i_layer, const char *name, enum eng_need need, uint64_t n_rows, uint64_t n_cols);

/** eng_load_conv() - a file's [channels][taps] as [taps][channels]. */
const float *eng_load_conv(struct eng_load *l, uint32_t i_layer, const char *name, uint32_t channels, uint32_t taps);

/** eng_load_wkv_norm() - "time_mix_ln": the norm of each RWKV head's result, eps 64e-5 as in the reference implementations. */
void eng_load_wkv_norm(struct eng_load *l, uint32_t i_layer, enum eng_need need, struct eng_norm *norm);

/** eng_load_ignore() - tensors that files of the family carry without use; names end with NULL. */
void eng_load_ignore(struct eng_load *l, uint32_t i_layer, const char *const *names);

/* ---- running (recurrent.c) ---- */

typedef void eng_map_fn(float *y, const float *x, const float *bias, size_t n);

/** eng_shift_floats() - of eng_op_shift()'s state, rounded up so that what follows is aligned. */
static inline size_t eng_shift_floats(const struct eng_model *m)
{
    return (m->hp.d_model + 15u) / 16 * 16;
}

/** eng_wkv_state_bytes() - shift and heads of an RWKV mixer. */
size_t eng_wkv_state_bytes(const struct eng_model *m, const struct eng_layer *layer);

/** eng_recur_at() - an operator's place: @state is that of sequence 0, from eng_mixer_state() or eng_channel_state(). */
static inline struct eng_recur_where eng_recur_at(const struct eng_session *s, const struct eng_batch *batch, float *state)
{
    return (struct eng_recur_where){.pool = s->pool, .ops = s->recur, .batch = batch, .state = state,
                                    .state_stride = s->state_bytes / sizeof(float)};
}

/** eng_op_conv() - eng_recur_conv() with its trace row. */
void eng_op_conv(struct eng_session *s, int layer, const char *tensor, const struct eng_recur_where *at, const struct eng_conv_block *conv);

/** eng_trace_recurrence() - "ssm_scan", "wkv": n tokens of @channels with @n_state each, @operands floats per token read, state in and out. */
void eng_trace_recurrence(const struct eng_session *s, uint64_t t, const char *op, int layer, const struct eng_batch *batch, uint32_t channels,
                          uint32_t n_state, uint64_t operands);

/** eng_op_shift() - prev[n][d_model]: the row before each row of its sequence; @state [d_model] holds the last one between batches. */
void eng_op_shift(struct eng_session *s, int layer, const struct eng_recur_where *at, const float *in, float *prev);

/** eng_op_lerp() - y = x + (to - x)(mu + more), rows of d_model; mu [d_model] or NULL, more [n][d_model] or NULL: 0. y may be any. */
void eng_op_lerp(struct eng_session *s, int layer, const char *tensor, float *y, const float *x, const float *to, const float *mu,
                 const float *more, uint32_t n);

/** eng_op_map() - y = f(x + bias) on rows of @width; bias NULL: 0. y may be x. */
void eng_op_map(struct eng_session *s, int layer, const char *op, const char *tensor, eng_map_fn *f, float *y, const float *x,
                const float *bias, uint32_t n, uint32_t width);

/** eng_op_mul() - y *= x on rows of @width. */
void eng_op_mul(struct eng_session *s, int layer, const char *tensor, float *y, const float *x, uint32_t n, uint32_t width);

#endif
