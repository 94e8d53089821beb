/* mix_attention.c - attention as most families have it: q, k, v from one input, norms of q and k, RoPE, the cache, the output matrix.
 * (Vaswani et al. 2017; grouped queries: Ainslie et al. 2023.) Tensors that are optional in a family are found by their presence. */
#include <stdio.h>

#include "arch/load.h"
#include "run/ops.h"

static void load_bias(struct eng_load *l, uint32_t i, const char *name, unsigned flag, uint64_t n, const float **out)
{
    *out = eng_load_vector(l, i, name, l->arch->flags & flag ? ENG_REQUIRED : ENG_OPTIONAL, n);
}

/* One tensor of all rows, q then k then v, or three. */
static void load_qkv(struct eng_load *l, uint32_t i)
{
    struct eng_layer *w = &l->m->layers[i];
    const struct eng_attn_spec *a = &w->attn;
    const uint64_t n_q = (uint64_t)a->n_heads * a->d_k, n_k = (uint64_t)a->n_heads_kv * a->d_k, n_v = (uint64_t)a->n_heads_kv * a->d_v;
    const uint64_t rows[3] = {n_q, n_k, n_v};
    struct eng_matrix *const parts[3] = {&w->attn_q, &w->attn_k, &w->attn_v};
    static const char *const names[3] = {"attn_q", "attn_k", "attn_v"};
    const float **const biases[3] = {&w->bias_q, &w->bias_k, &w->bias_v};
    char name[32];
    const bool fused = eng_load_stack(l, i, "attn_qkv.weight", ENG_OPTIONAL, 3, rows, l->m->hp.d_model, parts);
    if (fused && eng_load_has(l, i, "attn_qkv.bias")) {
        const float *bias = eng_load_vector(l, i, "attn_qkv.bias", ENG_REQUIRED, n_q + n_k + n_v);
        for (int p = 0; p < 3 && bias; bias += rows[p], p++)
            *biases[p] = bias;
        return;
    }
    for (int p = 0; p < 3; p++) {
        snprintf(name, sizeof name, "%s.weight", names[p]);
        if (!fused)
            eng_load_matrix(l, i, name, ENG_REQUIRED, rows[p], l->m->hp.d_model, parts[p]);
        snprintf(name, sizeof name, "%s.bias", names[p]);
        load_bias(l, i, name, ENG_BIAS_QKV, rows[p], biases[p]);
    }
}

static void load(struct eng_load *l, uint32_t i)
{
    struct eng_layer *w = &l->m->layers[i];
    const enum eng_need qk_norm = l->arch->flags & ENG_QK_NORM ? ENG_REQUIRED : ENG_OPTIONAL;
    load_qkv(l, i);
    if (l->arch->flags & (ENG_QK_NORM | ENG_QK_NORM_MAYBE)) {
        eng_load_head_norm(l, i, "attn_q_norm", qk_norm, w->attn.d_k, w->attn.n_heads, &w->q_norm);
        eng_load_head_norm(l, i, "attn_k_norm", qk_norm, w->attn.d_k, w->attn.n_heads_kv, &w->k_norm);
    }
    eng_load_matrix(l, i, "attn_output.weight", ENG_REQUIRED, l->m->hp.d_model, (uint64_t)w->attn.n_heads * w->attn.d_v, &w->attn_output);
    load_bias(l, i, "attn_output.bias", ENG_BIAS_OUT, l->m->hp.d_model, &w->bias_o);
}

static size_t scratch_floats(const struct eng_session *s, const struct eng_layer *w)
{
    const size_t n_q = (size_t)w->attn.n_heads * w->attn.d_k, n_v = (size_t)w->attn.d_v;
    return n_q * (eng_session_moves(s) ? 2 : 1) + w->attn.n_heads_kv * (w->attn.d_k + n_v) + w->attn.n_heads * n_v;
}

static void run(struct eng_session *s, uint32_t i_layer, const struct eng_batch *b, struct eng_scratch scratch, const float *in, float *out)
{
    const struct eng_layer *w = &s->model->layers[i_layer];
    const struct eng_attn_spec *a = &w->attn;
    const int l = (int)i_layer;
    const uint32_t n = b->n, n_q = a->n_heads * a->d_k, n_k = a->n_heads_kv * a->d_k, n_v = a->n_heads_kv * a->d_v;
    float *q = eng_scratch_rows(&scratch, n_q), *k = eng_scratch_rows(&scratch, n_k), *v = eng_scratch_rows(&scratch, n_v);
    float *mixed = eng_scratch_rows(&scratch, (size_t)a->n_heads * a->d_v);
    float *q_moved = w->rope >= 0 && s->moved ? eng_scratch_rows(&scratch, n_q) : NULL;
    const float clamp = s->model->hp.clamp_qkv;

    const struct eng_product qkv[] = {{"attn_q", &w->attn_q, w->bias_q, q},     /* q [n][n_heads][d_k] */
                                      {"attn_k", &w->attn_k, w->bias_k, k},     /* k [n][n_heads_kv][d_k] */
                                      {"attn_v", &w->attn_v, w->bias_v, v}};    /* v [n][n_heads_kv][d_v] */
    eng_op_matmul_group(s, l, qkv, 3, in, n);
    if (clamp > 0) {
        eng_op_clamp(s, l, "attn_q", q, clamp, n, n_q);
        eng_op_clamp(s, l, "attn_k", k, clamp, n, n_k);
        eng_op_clamp(s, l, "attn_v", v, clamp, n, n_v);
    }
    if (w->q_norm.kind != ENG_NORM_NONE)
        eng_op_norm(s, l, "attn_q_norm", &w->q_norm, q, q, n, n_q);
    if (w->k_norm.kind != ENG_NORM_NONE)
        eng_op_norm(s, l, "attn_k_norm", &w->k_norm, k, k, n, n_k);
    if (q_moved)
        eng_op_rope(s, l, "attn_q", w->rope, true, q_moved, q, n, a->n_heads, a->d_k, 0);
    if (w->rope >= 0) {
        eng_op_rope(s, l, "attn_q", w->rope, false, q, q, n, a->n_heads, a->d_k, 0); /* q, k turned by position */
        eng_op_rope(s, l, "attn_k", w->rope, false, k, k, n, a->n_heads_kv, a->d_k, 0);
    }
    eng_op_store_kv(s, l, b, k, v);                                             /* the cache grows by n */
    eng_op_attention(s, l, b, q, q_moved, mixed);                               /* mixed [n][n_heads][d_v] */
    eng_op_matmul(s, l, "attn_output", &w->attn_output, w->bias_o, mixed, n, out); /* out [n][d] */
}

const struct eng_block_ops eng_mix_attention = {.name = "attention", .load = load, .scratch_floats = scratch_floats, .run = run};
