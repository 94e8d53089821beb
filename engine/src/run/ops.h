/**
 * ops.h (engine, internal) - the operators that forward.c and the blocks of arch/ are written in: compute, spread over the pool, trace.
 * n = rows (tokens). Rows are independent and each is computed by one worker in one order, so nothing depends on the number of rows or
 * threads. Names of tensors are static storage; they go into the trace.
 */
#ifndef ENG_RUN_OPS_H
#define ENG_RUN_OPS_H

#include "run/batch.h"
#include "run/session.h"

/** x[n][d_model] = rows of the embedding matrix. */
void eng_op_embed(struct eng_session *s, const int32_t *ids, uint32_t n, float *x);

/** x[n][d_model] += the learned embeddings of the batch's positions. */
void eng_op_add_positions(struct eng_session *s, const struct eng_batch *batch, float *x);

/** y[n][width] = norm of x, in groups of norm->n elements; y may be x. */
void eng_op_norm(struct eng_session *s, int layer, const char *tensor, const struct eng_norm *norm, float *y, const float *x, uint32_t n,
                 uint32_t width);

/** y[n][n_rows] = x[n][n_cols] W^T (+ bias). */
void eng_op_matmul(struct eng_session *s, int layer, const char *tensor, const struct eng_matrix *w, const float *bias, const float *x,
                   uint32_t n, float *y);

struct eng_product { /* y[n][w->n_rows] = x W^T (+ bias) */
    const char *tensor;
    const struct eng_matrix *w;
    const float *bias;
    float *y;
};

/** At most ENG_MATMUL_GROUP products of the same x[n] (q, k, v; gate, up): x is rounded once and the workers meet once. Under a tracer
 *  they run one after the other, a row each, with the same bits. */
void eng_op_matmul_group(struct eng_session *s, int layer, const struct eng_product *product, size_t n_products, const float *x, uint32_t n);

/** As eng_op_matmul(), rows ldx and ldy floats apart, without bias. */
void eng_op_matmul_strided(struct eng_session *s, int layer, const char *tensor, const struct eng_matrix *w, const float *x, size_t ldx,
                           uint32_t n, float *y, size_t ldy);

/** Turn dimensions first .. first + n_rot - 1 of every head: y[n][n_heads][d_head] from x, rows at the positions that forward.c put into
 *  the session's table of @rope (an index of eng_hparams.rope); y may be x. @moved: at the moved positions instead. */
void eng_op_rope(struct eng_session *s, int layer, const char *tensor, int rope, bool moved, float *y, const float *x, uint32_t n,
                 uint32_t n_heads, uint32_t d_head, uint32_t first);

/** k[n][n_heads_kv][d_k], v[n][n_heads_kv][d_v] of the batch's tokens into their slots. */
void eng_op_store_kv(struct eng_session *s, int layer, const struct eng_batch *batch, const float *k, const float *v);

/** out[n][n_heads][d_v] = softmax(scale q K^T) V over what each query sees, as the layer's eng_attn_spec says.
 *  q_moved: q turned at the moved positions, NULL when s->moved is false. */
void eng_op_attention(struct eng_session *s, int layer, const struct eng_batch *batch, const float *q, const float *q_moved, float *out);

/** gate[n][width] = f(gate) * up, or f(gate) when @up is NULL. */
void eng_op_activate(struct eng_session *s, int layer, enum eng_activation f, float *gate, const float *up, uint32_t n, uint32_t width);

/** y[n][width] += scale x. */
void eng_op_add(struct eng_session *s, int layer, const char *tensor, float *y, float scale, const float *x, uint32_t n, uint32_t width);

/** In place: x *= factor; x = cap tanh(x / cap); x cut at +-limit. */
void eng_op_scale(struct eng_session *s, int layer, const char *tensor, float *x, float factor, uint32_t n, uint32_t width);
void eng_op_softcap(struct eng_session *s, int layer, const char *tensor, float *x, float cap, uint32_t n, uint32_t width);
void eng_op_clamp(struct eng_session *s, int layer, const char *tensor, float *x, float limit, uint32_t n, uint32_t width);

#endif
