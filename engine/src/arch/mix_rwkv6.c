/*
 * mix_rwkv6.c - time and channel mixing of RWKV-6 (Peng et al. 2024, "Eagle and Finch: RWKV with Matrix-Valued States and Dynamic
 * Recurrence", section 4). Each input of the block is the token moved towards the one before it, by an amount that the token itself
 * chooses through a small network; so does each channel's decay.
 * State of the mixer: the last normed token [d_model], then the heads' (run/recurrence.h). Of the channel block: its last token.
 */
#include <stdio.h>

#include "arch/recurrent.h"
#include "run/ops.h"
#include "run/trace.h"

enum { W, K, V, R, G, N_MIXED }; /* order of the file's fused lerp and of time_mix_w2 */

enum { MAX_RANK = 1 << 16 };

struct rwkv6 {
    struct eng_matrix w1, w2[N_MIXED];         /* [5 rank][d], [d][rank] */
    struct eng_matrix decay_w1, decay_w2;      /* [rank][d], [d][rank] */
    struct eng_matrix r, k, v, g, out;         /* [d][d] */
    const float *mu_x, *mu[N_MIXED];           /* [d] */
    const float *u, *decay;                    /* [d] */
    struct eng_norm norm;                      /* heads */
};

static const char *const mixed_names[N_MIXED] = {"time_mix_lerp_w", "time_mix_lerp_k", "time_mix_lerp_v", "time_mix_lerp_r", "time_mix_lerp_g"};

/* One tensor of five rows, or five tensors (files before 2025). */
static void load_lerps(struct eng_load *l, uint32_t i, struct rwkv6 *w)
{
    const uint32_t d = l->m->hp.d_model;
    char name[32];
    w->mu_x = eng_load_vector(l, i, "time_mix_lerp_x.weight", ENG_REQUIRED, d);
    const float *fused = eng_load_vector(l, i, "time_mix_lerp_fused.weight", ENG_OPTIONAL, N_MIXED * (uint64_t)d);
    for (int k = 0; k < N_MIXED; k++) {
        snprintf(name, sizeof name, "%s.weight", mixed_names[k]);
        w->mu[k] = fused ? fused + (size_t)k * d : eng_load_vector(l, i, name, ENG_REQUIRED, d);
    }
}

static void load_mixer(struct eng_load *l, uint32_t i)
{
    const struct eng_hparams *hp = &l->m->hp;
    const uint64_t d = hp->d_model;
    struct rwkv6 *w = l->m->layers[i].mix = eng_load_alloc(l, 1, sizeof *w);
    uint32_t mix = 0, decay = 0;
    if (!w)
        return;
    eng_load_u32(l, "time_mix_extra_dim", true, 1, MAX_RANK, &mix);
    eng_load_u32(l, "time_decay_extra_dim", true, 1, MAX_RANK, &decay);
    load_lerps(l, i, w);
    eng_load_matrix(l, i, "time_mix_w1.weight", ENG_REQUIRED, N_MIXED * (uint64_t)mix, d, &w->w1);
    eng_load_stack(l, i, "time_mix_w2.weight", ENG_REQUIRED, N_MIXED, (const uint64_t[]){d, d, d, d, d}, mix,
                   (struct eng_matrix *const[]){&w->w2[0], &w->w2[1], &w->w2[2], &w->w2[3], &w->w2[4]});
    eng_load_matrix(l, i, "time_mix_decay_w1.weight", ENG_REQUIRED, decay, d, &w->decay_w1);
    eng_load_matrix(l, i, "time_mix_decay_w2.weight", ENG_REQUIRED, d, decay, &w->decay_w2);
    w->decay = eng_load_vector(l, i, "time_mix_decay.weight", ENG_REQUIRED, d);
    eng_load_matrix(l, i, "time_mix_receptance.weight", ENG_REQUIRED, d, d, &w->r);
    eng_load_matrix(l, i, "time_mix_key.weight", ENG_REQUIRED, d, d, &w->k);
    eng_load_matrix(l, i, "time_mix_value.weight", ENG_REQUIRED, d, d, &w->v);
    eng_load_matrix(l, i, "time_mix_gate.weight", ENG_REQUIRED, d, d, &w->g);
    w->u = eng_load_vector(l, i, "time_mix_first.weight", ENG_REQUIRED, d);
    eng_load_wkv_norm(l, i, ENG_REQUIRED, &w->norm);
    eng_load_matrix(l, i, "time_mix_output.weight", ENG_REQUIRED, d, d, &w->out);
}

static size_t mixer_scratch(const struct eng_session *s, const struct eng_layer *layer)
{
    const struct rwkv6 *w = layer->mix;
    return 7 * (size_t)s->model->hp.d_model + w->w1.n_rows + w->decay_w1.n_rows;
}

/* x towards the token before: what matrix @f reads, in @m. @t: tanh of the first layer of the small networks, [n][5 rank]. */
static const float *mixed(struct eng_session *s, int l, const struct rwkv6 *w, int f, const float *in, const float *prev, const float *t,
                          uint32_t n, float *m)
{
    const size_t rank = w->w2[f].n_cols;
    eng_op_matmul_strided(s, l, "time_mix_w2", &w->w2[f], t + (size_t)f * rank, N_MIXED * rank, n, m, w->w2[f].n_rows);
    eng_op_lerp(s, l, mixed_names[f], m, in, prev, w->mu[f], m, n);
    return m;
}

static void run_mixer(struct eng_session *s, uint32_t i_layer, const struct eng_batch *b, struct eng_scratch scratch, const float *in, float *out)
{
    const struct rwkv6 *w = s->model->layers[i_layer].mix;
    const uint32_t d = s->model->hp.d_model, n = b->n, d_head = s->model->hp.wkv_head, mix = (uint32_t)w->w1.n_rows;
    const int l = (int)i_layer;
    float *prev = eng_scratch_rows(&scratch, d), *m = eng_scratch_rows(&scratch, d), *r = eng_scratch_rows(&scratch, d);
    float *k = eng_scratch_rows(&scratch, d), *v = eng_scratch_rows(&scratch, d), *g = eng_scratch_rows(&scratch, d);
    float *decay = eng_scratch_rows(&scratch, d), *t = eng_scratch_rows(&scratch, mix), *t_decay = eng_scratch_rows(&scratch, w->decay_w1.n_rows);
    float *state = eng_mixer_state(s, i_layer, 0);
    struct eng_recur_where at = eng_recur_at(s, b, state);

    eng_op_shift(s, l, &at, in, prev);                                             /* prev [n][d] */
    eng_op_lerp(s, l, "time_mix_lerp_x", m, in, prev, w->mu_x, NULL, n);
    eng_op_matmul(s, l, "time_mix_w1", &w->w1, NULL, m, n, t);                     /* t [n][5 rank] */
    eng_op_map(s, l, "tanh", "time_mix_w1", s->recur->tanh, t, t, NULL, n, mix);
    eng_op_matmul(s, l, "time_mix_decay_w1", &w->decay_w1, NULL, mixed(s, l, w, W, in, prev, t, n, m), n, t_decay);
    eng_op_map(s, l, "tanh", "time_mix_decay_w1", s->recur->tanh, t_decay, t_decay, NULL, n, (uint32_t)w->decay_w1.n_rows);
    eng_op_matmul(s, l, "time_mix_decay_w2", &w->decay_w2, NULL, t_decay, n, decay);
    eng_op_map(s, l, "decay", "time_mix_decay", s->recur->decay6, decay, decay, w->decay, n, d);
    eng_op_matmul(s, l, "time_mix_key", &w->k, NULL, mixed(s, l, w, K, in, prev, t, n, m), n, k);
    eng_op_matmul(s, l, "time_mix_value", &w->v, NULL, mixed(s, l, w, V, in, prev, t, n, m), n, v);
    eng_op_matmul(s, l, "time_mix_receptance", &w->r, NULL, mixed(s, l, w, R, in, prev, t, n, m), n, r);
    eng_op_matmul(s, l, "time_mix_gate", &w->g, NULL, mixed(s, l, w, G, in, prev, t, n, m), n, g);

    const uint64_t t_wkv = eng_trace_begin(s);
    at.state = state + eng_shift_floats(s->model);
    eng_recur_wkv6(&at, &(struct eng_wkv6){.n_heads = d / d_head, .d_head = d_head, .r = {r, d}, .w = {decay, d}, .k = {k, d}, .v = {v, d},
                                           .u = w->u, .y = {v, d}});
    if (t_wkv)
        eng_trace_recurrence(s, t_wkv, "wkv", l, b, d, d_head, 4 * (uint64_t)d);
    eng_op_norm(s, l, "time_mix_ln", &w->norm, v, v, n, d);
    eng_op_activate(s, l, ENG_SILU, g, v, n, d);                                   /* g = silu(g) v */
    eng_op_matmul(s, l, "time_mix_output", &w->out, NULL, g, n, out);              /* out [n][d] */
}

const struct eng_block_ops eng_mix_rwkv6 = {.name = "rwkv6", .load = load_mixer, .scratch_floats = mixer_scratch,
                                            .state_bytes = eng_wkv_state_bytes, .run = run_mixer};
