/*
 * mix_mla.c - multi-head latent attention (DeepSeek-V2, 2024, section 2.1): keys and values come from a latent row c of kv_rank numbers,
 * shared by all heads, and one rotated key of n_rot dimensions.
 *
 * Files with attn_k_b and attn_v_b are computed absorbed: q_nope W_k_b^T c = (W_k_b q_nope) c, so the cache holds [c, k_rot] as the one
 * key and c as the one value, and attention has a single KV head of kv_rank + n_rot dimensions. Older files have both in attn_kv_b, whose
 * product with c gives every head its own keys and values.
 */
#include <math.h>
#include <string.h>

#include "arch/load.h"
#include "run/ops.h"

struct mla {
    struct eng_matrix q_a, q_b;  /* [q_rank][d_model], [n_heads d_key][q_rank]; without q_rank: layer.attn_q */
    struct eng_norm q_a_norm;
    struct eng_matrix kv_a;      /* [kv_rank + n_rot][d_model] */
    struct eng_norm kv_a_norm;   /* [kv_rank] */
    struct eng_experts k_b, v_b; /* of each head: [kv_rank][d_nope], [d_value][kv_rank] */
    struct eng_matrix kv_b;      /* [n_heads (d_nope + d_value)][kv_rank], or none: absorbed */
    uint32_t kv_rank, n_rot, d_nope, d_value;
    bool absorbed;
};

/* ---- load ---- */

/* Under YaRN scores are multiplied by the square of the rotation's magnitude and of 1 + yarn_log_multiplier ln(scale): llama.cpp's reading
 * of DeepSeek's mscale_all_dim (the key holds 0.1 times it). A file with that key keeps the rotation's own magnitude at 1. */
static float score_scale(const struct eng_hparams *hp, uint32_t d_key)
{
    const struct eng_rope *rope = &hp->rope[0];
    const float magnitude = rope->yarn && rope->scale > 1 ? rope->magnitude * (1.0f + hp->mla.yarn_log_mul * logf(rope->scale)) : 1.0f;
    return magnitude * magnitude / sqrtf((float)d_key);
}

void eng_mla_read(struct eng_load *l)
{
    struct eng_hparams *hp = &l->m->hp;
    if (l->rc != ENG_OK)
        return;
    if (hp->mla.kv_rank == 0)
        eng_load_fail(l, ENG_EFORMAT, "key '%s.attention.kv_lora_rank' is missing", l->arch->name);
    if (hp->rope[0].yarn && hp->mla.yarn_log_mul > 0 && hp->rope[0].scale > 1)
        hp->rope[0].magnitude /= 1.0f + 0.1f * logf(hp->rope[0].scale);
}

void eng_mla_layer(struct eng_load *l, uint32_t i)
{
    const struct eng_hparams *hp = &l->m->hp;
    struct eng_layer *layer = &l->m->layers[i];
    struct mla *w = layer->mix = eng_load_alloc(l, 1, sizeof *w);
    if (!w)
        return;
    w->absorbed = eng_load_has(l, i, "attn_k_b.weight");
    w->kv_rank = hp->mla.kv_rank;
    w->n_rot = hp->rope[0].n_rot;
    const uint32_t d_key = hp->mla.d_key > 0 ? hp->mla.d_key : hp->d_head;
    w->d_value = hp->mla.d_value > 0 ? hp->mla.d_value : hp->d_value;
    if (w->n_rot >= d_key) {
        eng_load_fail(l, ENG_EFORMAT, "%s: heads of %u dimensions cannot have %u rotated ones and others", l->arch->name, d_key, w->n_rot);
        return;
    }
    w->d_nope = d_key - w->n_rot;
    layer->mixer = &eng_mix_mla;
    layer->attn.n_heads_kv = w->absorbed ? 1 : layer->attn.n_heads;
    layer->attn.d_k = w->absorbed ? w->kv_rank + w->n_rot : d_key;
    layer->attn.d_v = w->absorbed ? w->kv_rank : w->d_value;
    layer->attn.scale = score_scale(hp, d_key);
}

static void load(struct eng_load *l, uint32_t i)
{
    struct eng_layer *layer = &l->m->layers[i];
    struct mla *w = layer->mix;
    const uint32_t d = l->m->hp.d_model, n_heads = layer->attn.n_heads, q_rank = l->m->hp.mla.q_rank;
    const uint64_t n_q = (uint64_t)n_heads * (w->d_nope + w->n_rot);
    if (q_rank > 0) {
        eng_load_matrix(l, i, "attn_q_a.weight", ENG_REQUIRED, q_rank, d, &w->q_a);
        eng_load_norm(l, i, "attn_q_a_norm", ENG_REQUIRED, q_rank, &w->q_a_norm);
        eng_load_matrix(l, i, "attn_q_b.weight", ENG_REQUIRED, n_q, q_rank, &w->q_b);
    } else {
        eng_load_matrix(l, i, "attn_q.weight", ENG_REQUIRED, n_q, d, &layer->attn_q);
    }
    eng_load_matrix(l, i, "attn_kv_a_mqa.weight", ENG_REQUIRED, w->kv_rank + w->n_rot, d, &w->kv_a);
    eng_load_norm(l, i, "attn_kv_a_norm", ENG_REQUIRED, w->kv_rank, &w->kv_a_norm);
    if (w->absorbed) {
        eng_load_experts(l, i, "attn_k_b.weight", ENG_REQUIRED, n_heads, w->kv_rank, w->d_nope, &w->k_b);
        eng_load_experts(l, i, "attn_v_b.weight", ENG_REQUIRED, n_heads, w->d_value, w->kv_rank, &w->v_b);
    } else {
        eng_load_matrix(l, i, "attn_kv_b.weight", ENG_REQUIRED, (uint64_t)n_heads * (w->d_nope + w->d_value), w->kv_rank, &w->kv_b);
    }
    eng_load_matrix(l, i, "attn_output.weight", ENG_REQUIRED, d, (uint64_t)n_heads * w->d_value, &layer->attn_output);
}

/* ---- run ---- */

static size_t scratch_floats(const struct eng_session *s, const struct eng_layer *layer)
{
    const struct mla *w = layer->mix;
    const struct eng_attn_spec *a = &layer->attn;
    const size_t n_q = (size_t)a->n_heads * (w->d_nope + w->n_rot), moves = eng_session_moves(s) ? 2 : 1;
    const size_t latent = s->model->hp.mla.q_rank + w->kv_rank + w->n_rot + w->kv_rank;
    const size_t kv = w->absorbed ? 0 : (size_t)a->n_heads * (w->d_nope + w->d_value) + a->n_heads * ((size_t)a->d_k + a->d_v);
    return moves * (n_q + (size_t)a->n_heads * a->d_k) + latent + kv + (size_t)a->n_heads * (a->d_v + w->d_value);
}

/* y[i][0..width) = x[i][0..width) for n rows that are ldy and ldx floats apart. */
static void copy_rows(float *y, size_t ldy, const float *x, size_t ldx, uint32_t n, uint32_t width)
{
    for (uint32_t i = 0; i < n; i++)
        memcpy(y + i * ldy, x + i * ldx, width * sizeof *y);
}

/* q [n][n_heads][d_nope + n_rot], not yet turned */
static float *make_q(struct eng_session *s, int l, uint32_t n, struct eng_scratch *scratch, const float *in)
{
    const struct eng_layer *layer = &s->model->layers[l];
    const struct mla *w = layer->mix;
    const uint32_t q_rank = s->model->hp.mla.q_rank;
    float *q = eng_scratch_rows(scratch, (size_t)layer->attn.n_heads * (w->d_nope + w->n_rot));
    if (q_rank == 0) {
        eng_op_matmul(s, l, "attn_q", &layer->attn_q, NULL, in, n, q);
        return q;
    }
    float *latent = eng_scratch_rows(scratch, q_rank);
    eng_op_matmul(s, l, "attn_q_a", &w->q_a, NULL, in, n, latent);
    eng_op_norm(s, l, "attn_q_a_norm", &w->q_a_norm, latent, latent, n, q_rank);
    eng_op_matmul(s, l, "attn_q_b", &w->q_b, NULL, latent, n, q);
    return q;
}

/* Absorbed query: [n][n_heads][kv_rank + n_rot] from the turned q. */
static float *absorb(struct eng_session *s, int l, uint32_t n, struct eng_scratch *scratch, const float *q)
{
    const struct eng_layer *layer = &s->model->layers[l];
    const struct mla *w = layer->mix;
    const size_t n_heads = layer->attn.n_heads, d_q = w->d_nope + w->n_rot, d_k = layer->attn.d_k;
    float *wide = eng_scratch_rows(scratch, n_heads * d_k);
    for (size_t h = 0; h < n_heads; h++)
        eng_op_matmul_strided(s, l, "attn_k_b", &w->k_b.w[h], q + h * d_q, n_heads * d_q, n, wide + h * d_k, n_heads * d_k);
    copy_rows(wide + w->kv_rank, d_k, q + w->d_nope, d_q, n * (uint32_t)n_heads, w->n_rot);
    return wide;
}

/* Turn q, or a copy at moved positions, and bring it into the shape that attention wants. */
static float *finish_q(struct eng_session *s, int l, uint32_t n, struct eng_scratch *scratch, bool moved, float *q)
{
    const struct eng_layer *layer = &s->model->layers[l];
    const struct mla *w = layer->mix;
    const uint32_t d_q = w->d_nope + w->n_rot;
    float *turned = moved ? eng_scratch_rows(scratch, (size_t)layer->attn.n_heads * d_q) : q;
    eng_op_rope(s, l, "attn_q", 0, moved, turned, q, n, layer->attn.n_heads, d_q, w->d_nope);
    return w->absorbed ? absorb(s, l, n, scratch, turned) : turned;
}

/* Older files: every head's own keys and values from the latent rows c and the shared rotated key (in kv, behind kv_rank). */
static void expand_kv(struct eng_session *s, int l, const struct eng_batch *b, struct eng_scratch *scratch, const float *kv, const float *c)
{
    const struct eng_layer *layer = &s->model->layers[l];
    const struct mla *w = layer->mix;
    const uint32_t n_heads = layer->attn.n_heads, n = b->n, d_both = w->d_nope + w->d_value, d_k = layer->attn.d_k;
    float *both = eng_scratch_rows(scratch, (size_t)n_heads * d_both);
    float *k = eng_scratch_rows(scratch, (size_t)n_heads * d_k), *v = eng_scratch_rows(scratch, (size_t)n_heads * w->d_value);
    eng_op_matmul(s, l, "attn_kv_b", &w->kv_b, NULL, c, n, both);
    copy_rows(k, d_k, both, d_both, n * n_heads, w->d_nope);
    copy_rows(v, w->d_value, both + w->d_nope, d_both, n * n_heads, w->d_value);
    for (uint32_t h = 0; h < n_heads; h++)
        copy_rows(k + (size_t)h * d_k + w->d_nope, (size_t)n_heads * d_k, kv + w->kv_rank, w->kv_rank + w->n_rot, n, w->n_rot);
    eng_op_store_kv(s, l, b, k, v);
}

static void run(struct eng_session *s, uint32_t i_layer, const struct eng_batch *b, struct eng_scratch scratch, const float *in, float *out)
{
    const struct eng_layer *layer = &s->model->layers[i_layer];
    const struct mla *w = layer->mix;
    const uint32_t n = b->n, n_heads = layer->attn.n_heads, d_kv = w->kv_rank + w->n_rot;
    const int l = (int)i_layer;
    float *q = make_q(s, l, n, &scratch, in);
    float *kv = eng_scratch_rows(&scratch, d_kv), *c = eng_scratch_rows(&scratch, w->kv_rank);
    eng_op_matmul(s, l, "attn_kv_a_mqa", &w->kv_a, NULL, in, n, kv);             /* kv [n][kv_rank + n_rot] */
    eng_op_rope(s, l, "attn_k", 0, false, kv, kv, n, 1, d_kv, w->kv_rank);
    copy_rows(c, w->kv_rank, kv, d_kv, n, w->kv_rank);
    eng_op_norm(s, l, "attn_kv_a_norm", &w->kv_a_norm, c, c, n, w->kv_rank);     /* c [n][kv_rank] */
    if (w->absorbed) {
        copy_rows(kv, d_kv, c, w->kv_rank, n, w->kv_rank);
        eng_op_store_kv(s, l, b, kv, c);
    } else {
        expand_kv(s, l, b, &scratch, kv, c);
    }
    const float *q_moved = s->moved ? finish_q(s, l, n, &scratch, true, q) : NULL;
    const float *q_now = finish_q(s, l, n, &scratch, false, q);
    float *mixed = eng_scratch_rows(&scratch, (size_t)n_heads * layer->attn.d_v), *heads = mixed;
    eng_op_attention(s, l, b, q_now, q_moved, mixed);                            /* mixed [n][n_heads][d_v] */
    if (w->absorbed) {
        heads = eng_scratch_rows(&scratch, (size_t)n_heads * w->d_value);
        for (size_t h = 0; h < n_heads; h++)
            eng_op_matmul_strided(s, l, "attn_v_b", &w->v_b.w[h], mixed + h * w->kv_rank, (size_t)n_heads * w->kv_rank, n,
                                  heads + h * w->d_value, (size_t)n_heads * w->d_value);
    }
    eng_op_matmul(s, l, "attn_output", &layer->attn_output, NULL, heads, n, out); /* out [n][d] */
}

const struct eng_block_ops eng_mix_mla = {.name = "mla", .load = load, .scratch_floats = scratch_floats, .run = run};
