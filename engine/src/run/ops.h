/**
 * ops.h (engine, internal) - the operators that forward.c is written in: compute, spread over the pool, trace. n = rows (tokens).
 * Rows are independent and each is computed by one worker in one order, so nothing depends on the number of rows or threads.
 */
#ifndef ENG_RUN_OPS_H
#define ENG_RUN_OPS_H

#include "run/session.h"

/** x[n][d_model] = rows of the embedding matrix. */
void eng_op_embed(struct eng_session *s, const int32_t *ids, uint32_t n, float *x);

/** y[n][d_model] = rms_norm(x) * w. */
void eng_op_norm(struct eng_session *s, int layer, const char *tensor, float *y, const float *x, const float *w, uint32_t n);

/** y[n][n_rows] = x[n][n_cols] W^T (+ bias). */
void eng_op_matmul(struct eng_session *s, int layer, const char *tensor, const struct eng_matrix *w, const float *bias, const float *x,
                   uint32_t n, float *y);

/** Turn s->q and s->k of tokens pos .. pos+n-1; when @moved, first keep q turned at the moved position in s->q_moved. */
void eng_op_rope(struct eng_session *s, int layer, uint32_t pos, uint32_t n, bool moved);

/** s->k, s->v of tokens pos .. pos+n-1 into their slots. */
void eng_op_store_kv(struct eng_session *s, int layer, uint32_t pos, uint32_t n);

/** s->mixed[n][q_dim] = softmax(q K^T / sqrt(d_head)) V over what each query sees. */
void eng_op_attention(struct eng_session *s, int layer, uint32_t pos, uint32_t n, bool moved);

/** gate[n][d_ff] = silu(gate) * up. */
void eng_op_silu_mul(struct eng_session *s, int layer, float *gate, const float *up, uint32_t n);

/** y[n][width] += x. */
void eng_op_add(struct eng_session *s, int layer, const char *tensor, float *y, const float *x, uint32_t n, uint32_t width);

#endif
