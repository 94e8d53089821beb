/*
 * forward.c - one pass of a llama-family transformer over n tokens. Shapes on the right; d = d_model.
 * (Touvron et al. 2023; RMSNorm: Zhang, Sennrich 2019; SwiGLU: Shazeer 2020; GQA: Ainslie et al. 2023)
 */
#include "run/forward.h"

#include "run/ops.h"
#include "run/rope.h"

/* Angles of this batch's positions, once for all layers. True when some query stands at a moved position for part of the cache. */
static bool place(struct eng_session *s, uint32_t pos, uint32_t n)
{
    const struct eng_reduce *r = &s->reduce;
    const uint32_t n_rope = s->model->hp.n_rope;
    for (uint32_t i = 0; i < n; i++)
        eng_rope_turn(s->rope_freq, n_rope, pos + i, s->turn + (size_t)i * n_rope);
    if (!r->ops->moved_position || r->ops->moved_position(r, pos + n - 1) == pos + n - 1)
        return false;
    for (uint32_t i = 0; i < n; i++)
        eng_rope_turn(s->rope_freq, n_rope, r->ops->moved_position(r, pos + i), s->turn_moved + (size_t)i * n_rope);
    return true;
}

void eng_forward_embed(struct eng_session *s, const int32_t *ids, uint32_t n, float *x)
{
    eng_op_embed(s, ids, n, x);
}

void eng_forward_layers(struct eng_session *s, float *x, uint32_t n, uint32_t pos, uint32_t first, uint32_t end)
{
    const uint32_t d = s->model->hp.d_model;
    const bool moved = place(s, pos, n);

    for (uint32_t i = first; i < end; i++) {
        const struct eng_layer *w = &s->model->layers[i];
        const int l = (int)i;

        eng_op_norm(s, l, "attn_norm", s->h, x, w->attn_norm, n);                       /* h [n][d] */
        eng_op_matmul(s, l, "attn_q", &w->attn_q, w->bias_q, s->h, n, s->q);            /* q [n][n_heads][d_head] */
        eng_op_matmul(s, l, "attn_k", &w->attn_k, w->bias_k, s->h, n, s->k);            /* k [n][n_heads_kv][d_head] */
        eng_op_matmul(s, l, "attn_v", &w->attn_v, w->bias_v, s->h, n, s->v);            /* v [n][n_heads_kv][d_head] */
        eng_op_rope(s, l, pos, n, moved);                                               /* q, k turned by position */
        eng_op_store_kv(s, l, pos, n);                                                  /* cache grows by n */
        eng_op_attention(s, l, pos, n, moved);                                          /* mixed [n][n_heads][d_head] */
        eng_op_matmul(s, l, "attn_output", &w->attn_output, w->bias_o, s->mixed, n, s->h); /* h [n][d] */
        eng_op_add(s, l, "attn_output", x, s->h, n, d);                                 /* x [n][d] += h */

        eng_op_norm(s, l, "ffn_norm", s->h, x, w->ffn_norm, n);                         /* h [n][d] */
        eng_op_matmul(s, l, "ffn_gate", &w->ffn_gate, NULL, s->h, n, s->gate);          /* gate [n][d_ff] */
        eng_op_matmul(s, l, "ffn_up", &w->ffn_up, NULL, s->h, n, s->up);                /* up [n][d_ff] */
        eng_op_silu_mul(s, l, s->gate, s->up, n);                                       /* gate [n][d_ff] */
        eng_op_matmul(s, l, "ffn_down", &w->ffn_down, NULL, s->gate, n, s->h);          /* h [n][d] */
        eng_op_add(s, l, "ffn_down", x, s->h, n, d);                                    /* x [n][d] += h */
    }
}

void eng_forward_head(struct eng_session *s, const float *x, uint32_t n, float *logits)
{
    eng_op_norm(s, -1, "output_norm", s->h, x, s->model->output_norm, n);               /* h [n][d] */
    eng_op_matmul(s, -1, "output", &s->model->output, NULL, s->h, n, logits);           /* logits [n][n_vocab] */
}
