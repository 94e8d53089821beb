/*
 * mix_rwkv7.c - time mixing of RWKV-7 (Peng et al. 2025, "RWKV-7 Goose with Expressive Dynamic State Evolution", section 4): the state
 * forgets along one direction of each key (rates a) and adds the new value; decays, rates, a share of the first layer's values and the
 * gate come from small networks of the moved token.
 * State: the last normed token [d_model], then the heads' (run/recurrence.h).
 */
#include <stdio.h>
#include <string.h>

#include "arch/recurrent.h"
#include "run/ops.h"
#include "run/rows.h"
#include "run/trace.h"

enum { R, W, K, V, A, G, N_MIXED }; /* order of the file's fused lerp */

enum { MAX_RANK = 1 << 16 };

struct low_rank { /* y = second(f(first(x))) + bias, f by place */
    struct eng_matrix first, second; /* [rank][d], [d][rank] */
    const float *bias;               /* [d] or NULL */
};

struct rwkv7 {
    struct low_rank w, a, v, g;          /* decay, rate, share of the first values (not in layer 0), gate (g.first.n_rows 0: none) */
    struct eng_matrix r, k, value, out;  /* [d][d] */
    const float *mu;                     /* [6][d]; [5][d] without gate */
    const float *k_k, *k_a, *r_k;        /* [d] */
    struct eng_norm norm;                /* heads; kind NONE: none */
};

static void load_low_rank(struct eng_load *l, uint32_t i, char id, const char *rank_key, bool with_bias, struct low_rank *w)
{
    const uint64_t d = l->m->hp.d_model;
    uint32_t rank = 0;
    char name[32];
    eng_load_u32(l, rank_key, true, 1, MAX_RANK, &rank);
    snprintf(name, sizeof name, "time_mix_%c1.weight", id);
    eng_load_matrix(l, i, name, ENG_REQUIRED, rank, d, &w->first);
    snprintf(name, sizeof name, "time_mix_%c2.weight", id);
    eng_load_matrix(l, i, name, ENG_REQUIRED, d, rank, &w->second);
    snprintf(name, sizeof name, "time_mix_%c0.weight", id);
    w->bias = with_bias ? eng_load_vector(l, i, name, ENG_REQUIRED, d) : NULL;
}

static void load_mixer(struct eng_load *l, uint32_t i)
{
    const uint64_t d = l->m->hp.d_model;
    struct rwkv7 *w = l->m->layers[i].mix = eng_load_alloc(l, 1, sizeof *w);
    if (!w)
        return;
    const bool gated = eng_load_has(l, i, "time_mix_g1.weight");
    w->mu = eng_load_vector(l, i, "time_mix_lerp_fused.weight", ENG_REQUIRED, (gated ? N_MIXED : G) * d);
    eng_load_matrix(l, i, "time_mix_receptance.weight", ENG_REQUIRED, d, d, &w->r);
    load_low_rank(l, i, 'w', "attention.decay_lora_rank", true, &w->w);
    eng_load_matrix(l, i, "time_mix_key.weight", ENG_REQUIRED, d, d, &w->k);
    eng_load_matrix(l, i, "time_mix_value.weight", ENG_REQUIRED, d, d, &w->value);
    if (i > 0)
        load_low_rank(l, i, 'v', "attention.value_residual_mix_lora_rank", true, &w->v);
    else
        eng_load_ignore(l, i, (const char *const[]){"time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight", NULL});
    load_low_rank(l, i, 'a', "attention.iclr_lora_rank", true, &w->a);
    if (gated)
        load_low_rank(l, i, 'g', "attention.gate_lora_rank", false, &w->g);
    w->k_k = eng_load_vector(l, i, "time_mix_k_k.weight", ENG_REQUIRED, d);
    w->k_a = eng_load_vector(l, i, "time_mix_k_a.weight", ENG_REQUIRED, d);
    w->r_k = eng_load_vector(l, i, "time_mix_r_k.weight", ENG_REQUIRED, d);
    eng_load_wkv_norm(l, i, ENG_OPTIONAL, &w->norm);
    eng_load_matrix(l, i, "time_mix_output.weight", ENG_REQUIRED, d, d, &w->out);
}

static size_t widest_rank(const struct rwkv7 *w)
{
    const struct low_rank *const all[4] = {&w->w, &w->a, &w->v, &w->g};
    size_t most = 0;
    for (int i = 0; i < 4; i++)
        most = all[i]->first.n_rows > most ? all[i]->first.n_rows : most;
    return most;
}

static size_t mixer_scratch(const struct eng_session *s, const struct eng_layer *layer)
{
    return 10 * (size_t)s->model->hp.d_model + widest_rank(layer->mix);
}

/* ---- rows ---- */

struct head_args {
    const struct eng_recur_ops *ops;
    const struct rwkv7 *w;
    float *k, *a, *b, *y;
    const float *r, *v, *g;
    uint32_t d, d_head;
};

static void keys_row(const void *arg, uint32_t i)
{
    const struct head_args *h = arg;
    for (uint32_t c = 0; c < h->d; c += h->d_head) {
        const size_t at = (size_t)i * h->d + c;
        h->ops->keys7(h->k + at, h->a + at, h->b + at, h->b + at, h->w->k_k + c, h->w->k_a + c, h->d_head);
    }
}

/* y = (y + (sum r_k k r) v) g per head */
static void bonus_row(const void *arg, uint32_t i)
{
    const struct head_args *h = arg;
    for (uint32_t c = 0; c < h->d; c += h->d_head) {
        const size_t at = (size_t)i * h->d + c;
        h->ops->axpy(h->y + at, h->ops->dot3(h->k + at, h->r + at, h->w->r_k + c, h->d_head), h->v + at, h->d_head);
    }
    if (h->g)
        h->ops->mul(h->y + (size_t)i * h->d, h->g + (size_t)i * h->d, h->d);
}

static void op_heads(struct eng_session *s, int l, const char *op, void (*row)(const void *arg, uint32_t i), const struct head_args *args,
                     uint32_t n, uint32_t n_read, uint32_t n_written)
{
    const uint64_t t = eng_trace_begin(s), floats = (uint64_t)n * args->d;
    eng_rows_run(s->pool, n, row, args);
    if (t)
        eng_trace_rows(s, t, op, "", l, n, args->d, n_read * floats, n_written * floats);
}

/* ---- the block ---- */

struct rwkv7_rows { /* [n][d] each */
    float *prev, *m, *r, *w, *k, *v, *a, *b, *g, *y;
    float *t; /* [n][rank] */
};

static const float *mixed(struct eng_session *s, int l, const struct rwkv7 *w, int f, const float *in, struct rwkv7_rows *x, uint32_t n)
{
    eng_op_lerp(s, l, "time_mix_lerp_fused", x->m, in, x->prev, w->mu + (size_t)f * s->model->hp.d_model, NULL, n);
    return x->m;
}

/* y = second(f(first(x))), f NULL: identity */
static void low_rank(struct eng_session *s, int l, const char *const names[2], const struct low_rank *w, const float *x, uint32_t n,
                     eng_map_fn *f, float *t, float *y)
{
    const uint32_t rank = (uint32_t)w->first.n_rows;
    eng_op_matmul(s, l, names[0], &w->first, NULL, x, n, t);
    if (f)
        eng_op_map(s, l, f == s->recur->tanh ? "tanh" : "sigmoid", names[0], f, t, t, NULL, n, rank);
    eng_op_matmul(s, l, names[1], &w->second, NULL, t, n, y);
}

#define LOW_RANK(id) ((const char *const[]){"time_mix_" #id "1", "time_mix_" #id "2"})

/* The first layer's values are kept for the pass; later layers take a share of them. */
static void mix_values(struct eng_session *s, int l, const struct rwkv7 *w, struct rwkv7_rows *x, uint32_t n)
{
    const uint32_t d = s->model->hp.d_model;
    if (w->v.first.n_rows == 0) {
        memcpy(s->carry, x->v, (size_t)n * d * sizeof *x->v);
        return;
    }
    low_rank(s, l, LOW_RANK(v), &w->v, x->m, n, NULL, x->t, x->b);
    eng_op_map(s, l, "sigmoid", "time_mix_v0", s->recur->sigmoid, x->b, x->b, w->v.bias, n, d);
    eng_op_lerp(s, l, "time_mix_v0", x->v, x->v, s->carry, NULL, x->b, n);
}

/* Everything that the recurrence reads, from the token and the one before it. */
static void make_operands(struct eng_session *s, int l, const struct rwkv7 *w, const float *in, struct rwkv7_rows *x, uint32_t n)
{
    const struct eng_recur_ops *ops = s->recur;
    const uint32_t d = s->model->hp.d_model, d_head = s->model->hp.wkv_head;
    eng_op_matmul(s, l, "time_mix_receptance", &w->r, NULL, mixed(s, l, w, R, in, x, n), n, x->r);
    low_rank(s, l, LOW_RANK(w), &w->w, mixed(s, l, w, W, in, x, n), n, ops->tanh, x->t, x->w);
    eng_op_map(s, l, "decay", "time_mix_w0", ops->decay7, x->w, x->w, w->w.bias, n, d);
    eng_op_matmul(s, l, "time_mix_key", &w->k, NULL, mixed(s, l, w, K, in, x, n), n, x->k);
    eng_op_matmul(s, l, "time_mix_value", &w->value, NULL, mixed(s, l, w, V, in, x, n), n, x->v);
    mix_values(s, l, w, x, n);
    low_rank(s, l, LOW_RANK(a), &w->a, mixed(s, l, w, A, in, x, n), n, NULL, x->t, x->b);
    eng_op_map(s, l, "sigmoid", "time_mix_a0", ops->sigmoid, x->b, x->b, w->a.bias, n, d);
    if (w->g.first.n_rows > 0)
        low_rank(s, l, LOW_RANK(g), &w->g, mixed(s, l, w, G, in, x, n), n, ops->sigmoid, x->t, x->g);
    op_heads(s, l, "keys", keys_row, &(struct head_args){.ops = ops, .w = w, .k = x->k, .a = x->a, .b = x->b, .d = d, .d_head = d_head}, n, 2, 3);
}

static void run_mixer(struct eng_session *s, uint32_t i_layer, const struct eng_batch *b, struct eng_scratch scratch, const float *in, float *out)
{
    const struct rwkv7 *w = s->model->layers[i_layer].mix;
    const uint32_t d = s->model->hp.d_model, n = b->n, d_head = s->model->hp.wkv_head;
    const int l = (int)i_layer;
    struct rwkv7_rows x;
    float **const all[] = {&x.prev, &x.m, &x.r, &x.w, &x.k, &x.v, &x.a, &x.b, &x.g, &x.y};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        *all[i] = eng_scratch_rows(&scratch, d);
    x.t = eng_scratch_rows(&scratch, widest_rank(w));
    float *state = eng_mixer_state(s, i_layer, 0);
    struct eng_recur_where at = eng_recur_at(s, b, state);

    eng_op_shift(s, l, &at, in, x.prev);
    make_operands(s, l, w, in, &x, n);
    const uint64_t t = eng_trace_begin(s);
    at.state = state + eng_shift_floats(s->model);
    eng_recur_wkv7(&at, &(struct eng_wkv7){.n_heads = d / d_head, .d_head = d_head, .r = {x.r, d}, .w = {x.w, d}, .k = {x.k, d}, .a = {x.a, d},
                                           .b = {x.b, d}, .v = {x.v, d}, .y = {x.y, d}});
    if (t)
        eng_trace_recurrence(s, t, "wkv", l, b, d, d_head, 6 * (uint64_t)d);
    if (w->norm.kind != ENG_NORM_NONE)
        eng_op_norm(s, l, "time_mix_ln", &w->norm, x.y, x.y, n, d);
    op_heads(s, l, "bonus", bonus_row, &(struct head_args){.ops = s->recur, .w = w, .k = x.k, .y = x.y, .r = x.r, .v = x.v,
                                                           .g = w->g.first.n_rows > 0 ? x.g : NULL, .d = d, .d_head = d_head}, n, 5, 1);
    eng_op_matmul(s, l, "time_mix_output", &w->out, NULL, x.y, n, out);            /* out [n][d] */
}

const struct eng_block_ops eng_mix_rwkv7 = {.name = "rwkv7", .load = load_mixer, .scratch_floats = mixer_scratch,
                                            .state_bytes = eng_wkv_state_bytes, .run = run_mixer};
