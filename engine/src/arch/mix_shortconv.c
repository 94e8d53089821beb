/*
 * mix_shortconv.c - LFM2's gated short convolution (Liquid AI, LFM2 technical report, 2025, section 2): one projection gives b, c and x;
 * out = W (c * conv(b * x)), a causal convolution of few taps per channel.
 * State: the last taps - 1 products b * x.
 */
#include "arch/recurrent.h"
#include "run/ops.h"

struct shortconv {
    struct eng_matrix in, out;
    const float *conv; /* [taps][d_model] */
};

static void load(struct eng_load *l, uint32_t i)
{
    const struct eng_hparams *hp = &l->m->hp;
    struct shortconv *w = l->m->layers[i].mix = eng_load_alloc(l, 1, sizeof *w);
    if (!w)
        return;
    eng_load_matrix(l, i, "shortconv.in_proj.weight", ENG_REQUIRED, 3 * (uint64_t)hp->d_model, hp->d_model, &w->in);
    w->conv = eng_load_conv(l, i, "shortconv.conv.weight", hp->d_model, hp->shortconv_taps);
    eng_load_matrix(l, i, "shortconv.out_proj.weight", ENG_REQUIRED, hp->d_model, hp->d_model, &w->out);
}

static size_t scratch_floats(const struct eng_session *s, const struct eng_layer *layer)
{
    (void)layer;
    return 4 * (size_t)s->model->hp.d_model;
}

static size_t state_bytes(const struct eng_model *m, const struct eng_layer *layer)
{
    (void)layer;
    return eng_conv_floats(m->hp.d_model, m->hp.shortconv_taps) * sizeof(float);
}

static void run(struct eng_session *s, uint32_t i_layer, const struct eng_batch *b, struct eng_scratch scratch, const float *in, float *out)
{
    const struct shortconv *w = s->model->layers[i_layer].mix;
    const size_t d = s->model->hp.d_model;
    const int l = (int)i_layer;
    float *bcx = eng_scratch_rows(&scratch, 3 * d), *y = eng_scratch_rows(&scratch, d);
    const struct eng_recur_where at = eng_recur_at(s, b, eng_mixer_state(s, i_layer, 0));
    eng_op_matmul(s, l, "shortconv.in_proj", &w->in, NULL, in, b->n, bcx);         /* b, c, x [n][3 d_model] */
    eng_op_conv(s, l, "shortconv.conv", &at, &(struct eng_conv_block){.lanes = (uint32_t)d, .taps = s->model->hp.shortconv_taps,
                                                                      .x = {bcx + 2 * d, 3 * d}, .gate_in = {bcx, 3 * d},
                                                                      .gate_out = {bcx + d, 3 * d}, .w = w->conv, .w_ld = d, .y = {y, d}});
    eng_op_matmul(s, l, "shortconv.out_proj", &w->out, NULL, y, b->n, out);        /* out [n][d_model] */
}

const struct eng_block_ops eng_mix_shortconv = {.name = "shortconv", .load = load, .scratch_floats = scratch_floats,
                                                .state_bytes = state_bytes, .run = run};
