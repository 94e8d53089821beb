/*
 * chan_moe.c - a mixture of experts (Shazeer et al. 2017): a router scores all experts for each row, the best few compute, their outputs
 * are summed with the router's weights; a shared expert works for every row (DeepSeekMoE, Dai et al. 2024).
 *
 * Rows that chose the same expert go through it together, so that its weights are read once. A row adds its experts in ascending order
 * and after the shared one: the order, and so the bits, do not depend on the other rows.
 */
#include <inttypes.h>
#include <string.h>

#include "arch/load.h"
#include "run/ops.h"
#include "run/trace.h"

#define SMALLEST_SUM 6.103515625e-5f /* of normalised weights' divisor, as in the reference: the smallest normal half */

struct moe {
    struct eng_matrix router;               /* [n_experts][d_model] */
    const float *choice_bias;               /* [n_experts]: added for the choice, not to the weight (DeepSeek-V3); or NULL */
    struct eng_experts gate, up, down;      /* [d_expert][d_model], [d_expert][d_model], [d_model][d_expert] */
    uint32_t d_expert, d_shared;            /* d_shared 0: no shared expert */
    struct eng_matrix shared_gate, shared_up, shared_down;
    const float *shared_weight;             /* [d_model]: the shared expert is multiplied by sigmoid(w x); NULL: by 1 */
};

struct choice { /* of a row */
    uint32_t expert;
    float weight;
};

/* ---- load ---- */

static void check_counts(struct eng_load *l)
{
    const struct eng_moe_hparams *hp = &l->m->hp.moe;
    if (hp->n_experts == 0 || hp->n_used == 0 || hp->n_used > hp->n_experts)
        eng_load_fail(l, ENG_EFORMAT, "%s.expert_used_count is %" PRIu32 " of %" PRIu32 " experts", l->arch->name, hp->n_used, hp->n_experts);
    if (hp->n_groups > 1)
        eng_load_fail(l, ENG_ENOTSUP, "key '%s.expert_group_count': experts in groups are not supported", l->arch->name);
}

static void load_shared(struct eng_load *l, uint32_t i, struct moe *w)
{
    const struct eng_moe_hparams *hp = &l->m->hp.moe;
    const uint32_t d = l->m->hp.d_model;
    if (!eng_load_has(l, i, "ffn_up_shexp.weight"))
        return;
    const uint64_t n = hp->d_shared > 0 ? hp->d_shared : hp->n_shared > 0 ? (uint64_t)hp->n_shared * w->d_expert : l->m->layers[i].d_ff;
    eng_load_matrix(l, i, "ffn_gate_shexp.weight", ENG_REQUIRED, n, d, &w->shared_gate);
    eng_load_matrix(l, i, "ffn_up_shexp.weight", ENG_REQUIRED, n, d, &w->shared_up);
    eng_load_matrix(l, i, "ffn_down_shexp.weight", ENG_REQUIRED, d, n, &w->shared_down);
    w->shared_weight = eng_load_vector(l, i, "ffn_gate_inp_shexp.weight", ENG_OPTIONAL, d);
    w->d_shared = (uint32_t)n;
}

static void load(struct eng_load *l, uint32_t i)
{
    const struct eng_moe_hparams *hp = &l->m->hp.moe;
    const uint32_t d = l->m->hp.d_model;
    struct moe *w = l->m->layers[i].chan = eng_load_alloc(l, 1, sizeof *w);
    check_counts(l);
    if (l->rc != ENG_OK)
        return;
    w->d_expert = hp->d_expert > 0 ? hp->d_expert : l->m->layers[i].d_ff;
    if (w->d_expert == 0) {
        eng_load_fail(l, ENG_EFORMAT, "%s.expert_feed_forward_length is missing or 0", l->arch->name);
        return;
    }
    eng_load_matrix(l, i, "ffn_gate_inp.weight", ENG_REQUIRED, hp->n_experts, d, &w->router);
    w->choice_bias = eng_load_vector(l, i, "exp_probs_b.bias", ENG_OPTIONAL, hp->n_experts);
    eng_load_experts(l, i, "ffn_gate_exps.weight", ENG_REQUIRED, hp->n_experts, w->d_expert, d, &w->gate);
    eng_load_experts(l, i, "ffn_up_exps.weight", ENG_REQUIRED, hp->n_experts, w->d_expert, d, &w->up);
    eng_load_experts(l, i, "ffn_down_exps.weight", ENG_REQUIRED, hp->n_experts, d, w->d_expert, &w->down);
    load_shared(l, i, w);
}

/* ---- run ---- */

static size_t scratch_floats(const struct eng_session *s, const struct eng_layer *layer)
{
    const struct moe *w = layer->chan;
    const struct eng_moe_hparams *hp = &s->model->hp.moe;
    const size_t routed = hp->n_experts + hp->n_used * (sizeof(struct choice) / sizeof(float)) + 1 + 2 * (size_t)s->model->hp.d_model +
                          2 * (size_t)w->d_expert;
    const size_t shared = 2 * (size_t)w->d_shared;
    return routed > shared ? routed : shared;
}

/* The best n_used experts of a row by score (+ bias), the lower number first where two are equal. @score is used up. */
static void choose(const struct eng_session *s, const struct moe *w, float *score, struct choice *choice)
{
    const struct eng_moe_hparams *hp = &s->model->hp.moe;
    float sum = 0;
    if (hp->gating == 2)
        s->vec->sigmoid(score, score, hp->n_experts);
    else
        s->vec->softmax(score, hp->n_experts);
    for (uint32_t k = 0; k < hp->n_used; k++) {
        uint32_t best = UINT32_MAX;
        float top = 0;
        for (uint32_t e = 0; e < hp->n_experts; e++) {
            bool taken = false;
            for (uint32_t j = 0; j < k; j++)
                taken |= choice[j].expert == e;
            const float value = score[e] + (w->choice_bias ? w->choice_bias[e] : 0.0f);
            if (!taken && (best == UINT32_MAX || value > top)) {
                best = e;
                top = value;
            }
        }
        choice[k] = (struct choice){best, score[best]};
        sum += score[best];
    }
    for (uint32_t k = 0; k < hp->n_used; k++) {
        if (hp->normalise)
            choice[k].weight /= sum > SMALLEST_SUM ? sum : SMALLEST_SUM;
        choice[k].weight *= hp->scale;
    }
}

static void run_shared(struct eng_session *s, int l, const struct moe *w, uint32_t n, struct eng_scratch scratch, const float *in, float *out)
{
    const uint32_t d = s->model->hp.d_model;
    if (w->d_shared == 0) {
        memset(out, 0, (size_t)n * d * sizeof *out);
        return;
    }
    float *gate = eng_scratch_rows(&scratch, w->d_shared), *up = eng_scratch_rows(&scratch, w->d_shared);
    const struct eng_product both[] = {{"ffn_gate_shexp", &w->shared_gate, NULL, gate},  /* gate [n][d_shared] */
                                       {"ffn_up_shexp", &w->shared_up, NULL, up}};       /* up [n][d_shared] */
    eng_op_matmul_group(s, l, both, 2, in, n);
    eng_op_activate(s, l, s->model->hp.activation, gate, up, n, w->d_shared);
    eng_op_matmul(s, l, "ffn_down_shexp", &w->shared_down, NULL, gate, n, out);    /* out [n][d] */
    for (uint32_t i = 0; i < n && w->shared_weight; i++) {
        float open = s->vec->dot_f32(w->shared_weight, in + (size_t)i * d, d);
        s->vec->sigmoid(&open, &open, 1);
        s->vec->scale(out + (size_t)i * d, open, out + (size_t)i * d, d);
    }
}

/* A row's choice of expert @e, or NULL. */
static const struct choice *chosen(const struct choice *choice, uint32_t n_used, uint32_t e)
{
    for (uint32_t k = 0; k < n_used; k++)
        if (choice[k].expert == e)
            return &choice[k];
    return NULL;
}

static void run_expert(struct eng_session *s, int l, const struct moe *w, uint32_t e, const float *x, uint32_t m, struct eng_scratch scratch,
                       float *y)
{
    float *gate = eng_scratch_rows(&scratch, w->d_expert), *up = eng_scratch_rows(&scratch, w->d_expert);
    const struct eng_product both[] = {{"ffn_gate_exps", &w->gate.w[e], NULL, gate},     /* gate [m][d_expert] */
                                       {"ffn_up_exps", &w->up.w[e], NULL, up}};          /* up [m][d_expert] */
    eng_op_matmul_group(s, l, both, 2, x, m);
    eng_op_activate(s, l, s->model->hp.activation, gate, up, m, w->d_expert);
    eng_op_matmul(s, l, "ffn_down_exps", &w->down.w[e], NULL, gate, m, y);         /* y [m][d] */
}

static void run(struct eng_session *s, uint32_t i_layer, const struct eng_batch *b, struct eng_scratch scratch, const float *in, float *out)
{
    const struct moe *w = s->model->layers[i_layer].chan;
    const struct eng_moe_hparams *hp = &s->model->hp.moe;
    const uint32_t n = b->n, d = s->model->hp.d_model;
    const int l = (int)i_layer;
    run_shared(s, l, w, n, scratch, in, out);

    float *score = eng_scratch_rows(&scratch, hp->n_experts);
    struct choice *choice = (struct choice *)(void *)eng_scratch_rows(&scratch, hp->n_used * (sizeof *choice / sizeof(float)));
    uint32_t *row = (uint32_t *)(void *)eng_scratch_rows(&scratch, 1);
    float *x = eng_scratch_rows(&scratch, d), *y = eng_scratch_rows(&scratch, d);
    eng_op_matmul(s, l, "ffn_gate_inp", &w->router, NULL, in, n, score);           /* score [n][n_experts] */
    const uint64_t t = eng_trace_begin(s);
    for (uint32_t i = 0; i < n; i++)
        choose(s, w, score + (size_t)i * hp->n_experts, choice + (size_t)i * hp->n_used);
    if (t)
        eng_trace_rows(s, t, "route", "ffn_gate_inp", l, n, hp->n_experts, (uint64_t)n * hp->n_experts, (uint64_t)n * hp->n_used * 2);
    for (uint32_t e = 0; e < hp->n_experts; e++) {
        uint32_t m = 0;
        for (uint32_t i = 0; i < n; i++)
            if (chosen(choice + (size_t)i * hp->n_used, hp->n_used, e))
                row[m++] = i;
        if (m == 0)
            continue;
        for (uint32_t i = 0; i < m && m < n; i++)
            memcpy(x + (size_t)i * d, in + (size_t)row[i] * d, d * sizeof *x);
        run_expert(s, l, w, e, m < n ? x : in, m, scratch, y);
        for (uint32_t i = 0; i < m; i++)
            s->vec->axpy_f32(out + (size_t)row[i] * d, chosen(choice + (size_t)row[i] * hp->n_used, hp->n_used, e)->weight,
                             y + (size_t)i * d, d);
    }
}

const struct eng_block_ops eng_chan_moe = {.name = "moe", .load = load, .scratch_floats = scratch_floats, .run = run};
