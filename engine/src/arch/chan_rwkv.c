/*
 * chan_rwkv.c - channel mixing of RWKV-6 and RWKV-7: a feed-forward block with squared ReLU on the token moved towards the one before it;
 * RWKV-6 gates its result (Peng et al. 2024, section 4.3; Peng et al. 2025, section 4.3).
 * State: the last normed token [d_model].
 */
#include "arch/recurrent.h"
#include "run/ops.h"

struct channel_mix {
    struct eng_matrix key, value; /* [d_ff][d], [d][d_ff] */
    struct eng_matrix receptance; /* [d][d]; n_rows 0: not gated */
    const float *mu_k, *mu_r;     /* [d] */
};

static struct channel_mix *load_common(struct eng_load *l, uint32_t i)
{
    struct eng_layer *layer = &l->m->layers[i];
    const uint32_t d = l->m->hp.d_model;
    struct channel_mix *w = layer->chan = eng_load_alloc(l, 1, sizeof *w);
    if (layer->d_ff == 0)
        eng_load_fail(l, ENG_EFORMAT, "%s.feed_forward_length of layer %u is missing or 0", l->arch->name, i);
    if (l->rc != ENG_OK)
        return NULL;
    w->mu_k = eng_load_vector(l, i, "channel_mix_lerp_k.weight", ENG_REQUIRED, d);
    eng_load_matrix(l, i, "channel_mix_key.weight", ENG_REQUIRED, layer->d_ff, d, &w->key);
    eng_load_matrix(l, i, "channel_mix_value.weight", ENG_REQUIRED, d, layer->d_ff, &w->value);
    return w;
}

static void load6(struct eng_load *l, uint32_t i)
{
    const uint32_t d = l->m->hp.d_model;
    struct channel_mix *w = load_common(l, i);
    if (!w)
        return;
    w->mu_r = eng_load_vector(l, i, "channel_mix_lerp_r.weight", ENG_REQUIRED, d);
    eng_load_matrix(l, i, "channel_mix_receptance.weight", ENG_REQUIRED, d, d, &w->receptance);
}

static void load7(struct eng_load *l, uint32_t i)
{
    load_common(l, i);
}

static size_t scratch_floats(const struct eng_session *s, const struct eng_layer *layer)
{
    return 2 * (size_t)s->model->hp.d_model + layer->d_ff;
}

static size_t state_bytes(const struct eng_model *m, const struct eng_layer *layer)
{
    (void)layer;
    return eng_shift_floats(m) * sizeof(float);
}

static void run(struct eng_session *s, uint32_t i_layer, const struct eng_batch *b, struct eng_scratch scratch, const float *in, float *out)
{
    const struct eng_layer *layer = &s->model->layers[i_layer];
    const struct channel_mix *w = layer->chan;
    const uint32_t d = s->model->hp.d_model, n = b->n;
    const int l = (int)i_layer;
    float *prev = eng_scratch_rows(&scratch, d), *m = eng_scratch_rows(&scratch, d), *k = eng_scratch_rows(&scratch, layer->d_ff);
    const struct eng_recur_where at = eng_recur_at(s, b, eng_channel_state(s, i_layer, 0));
    eng_op_shift(s, l, &at, in, prev);                                             /* prev [n][d] */
    eng_op_lerp(s, l, "channel_mix_lerp_k", m, in, prev, w->mu_k, NULL, n);
    eng_op_matmul(s, l, "channel_mix_key", &w->key, NULL, m, n, k);                /* k [n][d_ff] */
    eng_op_activate(s, l, ENG_RELU2, k, NULL, n, layer->d_ff);
    eng_op_matmul(s, l, "channel_mix_value", &w->value, NULL, k, n, out);          /* out [n][d] */
    if (w->receptance.n_rows == 0)
        return;
    eng_op_lerp(s, l, "channel_mix_lerp_r", m, in, prev, w->mu_r, NULL, n);
    eng_op_matmul(s, l, "channel_mix_receptance", &w->receptance, NULL, m, n, prev);
    eng_op_map(s, l, "sigmoid", "channel_mix_receptance", s->recur->sigmoid, prev, prev, NULL, n, d);
    eng_op_mul(s, l, "channel_mix_receptance", out, prev, n, d);
}

const struct eng_block_ops eng_chan_rwkv6 = {.name = "rwkv6", .load = load6, .scratch_floats = scratch_floats, .state_bytes = state_bytes,
                                             .run = run};
const struct eng_block_ops eng_chan_rwkv7 = {.name = "rwkv7", .load = load7, .scratch_floats = scratch_floats, .state_bytes = state_bytes,
                                             .run = run};
