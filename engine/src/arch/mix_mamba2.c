/*
 * mix_mamba2.c - Mamba-2 (Dao, Gu 2024, section 7): one projection gives gate z, x, B, C and dt; x, B and C go through a causal
 * convolution, heads share one decay a token, groups of heads share B and C; the gated result is normalised in groups.
 * Falcon-H1 (TII 2025) runs it beside attention on the same input; its multipliers are in the weights that its converter writes.
 * State: the last taps - 1 inputs of the convolution, then the scan's (run/recurrence.h).
 */
#include <inttypes.h>

#include "arch/recurrent.h"
#include "run/ops.h"
#include "run/trace.h"

#define LOG2_E 1.4426950408889634
#define MAX_STATE_RATIO 16 /* floats of state per weight: real models are below 1 */

struct mamba2 {
    struct eng_matrix in, out;
    const float *conv, *conv_bias;     /* [taps][conv channels], [conv channels] or NULL */
    const float *dt_bias, *a2, *d;     /* [n_heads] */
    struct eng_norm norm;              /* groups of d_inner / n_groups; kind NONE: none */
};

static uint32_t conv_channels(const struct eng_ssm_hparams *ssm)
{
    return ssm->d_inner + 2 * ssm->n_groups * ssm->d_state;
}

/* A header of few bytes must not ask for a state of gigabytes. */
static void check_state(struct eng_load *l, const struct mamba2 *w)
{
    const struct eng_ssm_hparams *ssm = &l->m->hp.ssm;
    const uint64_t n_state = (uint64_t)ssm->d_inner * ssm->d_state, n_weights = (uint64_t)w->in.n_rows * w->in.n_cols;
    if (l->rc == ENG_OK && n_state > MAX_STATE_RATIO * n_weights + (1 << 16))
        eng_load_fail(l, ENG_EFORMAT, "%s.ssm: a state of %" PRIu32 " x %" PRIu32 " for %" PRIu64 " weights is not plausible", l->arch->name,
                      ssm->d_inner, ssm->d_state, n_weights);
}

static void load_mamba2(struct eng_load *l, uint32_t i, struct mamba2 *w)
{
    const struct eng_hparams *hp = &l->m->hp;
    const struct eng_ssm_hparams *ssm = &hp->ssm;
    const uint64_t bc = 2 * (uint64_t)ssm->n_groups * ssm->d_state, all = 2 * (uint64_t)ssm->d_inner + bc + ssm->n_dt;
    const uint32_t group = ssm->d_inner / ssm->n_groups;
    if (l->rc != ENG_OK)
        return;
    if (!eng_load_matrix(l, i, "ssm_in.weight", ENG_REQUIRED, all, hp->d_model, &w->in))
        return;
    check_state(l, w);
    w->conv = eng_load_conv(l, i, "ssm_conv1d.weight", conv_channels(ssm), ssm->taps);
    w->conv_bias = eng_load_vector(l, i, "ssm_conv1d.bias", ENG_OPTIONAL, conv_channels(ssm));
    w->dt_bias = eng_load_vector(l, i, "ssm_dt.bias", ENG_REQUIRED, ssm->n_dt);
    const float *a = eng_load_vector(l, i, "ssm_a", ENG_REQUIRED, ssm->n_dt);
    float *a2 = a ? eng_load_alloc(l, ssm->n_dt, sizeof *a2) : NULL;
    for (uint32_t k = 0; a2 && k < ssm->n_dt; k++)
        a2[k] = (float)((double)a[k] * LOG2_E);
    w->a2 = a2;
    w->d = eng_load_vector(l, i, "ssm_d", ENG_REQUIRED, ssm->n_dt);
    const float *norm = eng_load_table(l, i, "ssm_norm.weight", ENG_OPTIONAL, ssm->n_groups, group);
    if (norm)
        w->norm = (struct eng_norm){.kind = ENG_NORM_RMS, .eps = hp->norm_eps, .n = group, .n_weights = ssm->d_inner, .w = norm};
    eng_load_matrix(l, i, "ssm_out.weight", ENG_REQUIRED, hp->d_model, ssm->d_inner, &w->out);
}

static void load(struct eng_load *l, uint32_t i)
{
    struct mamba2 *w = l->m->layers[i].mix = eng_load_alloc(l, 1, sizeof *w);
    if (w)
        load_mamba2(l, i, w);
}

static size_t scratch_floats(const struct eng_session *s, const struct eng_layer *layer)
{
    const struct eng_ssm_hparams *ssm = &s->model->hp.ssm;
    (void)layer;
    return 2 * (size_t)ssm->d_inner + 2 * (size_t)conv_channels(ssm) + ssm->n_dt;
}

static size_t conv_floats(const struct eng_ssm_hparams *ssm)
{
    return (eng_conv_floats(conv_channels(ssm), ssm->taps) + 15) / 16 * 16;
}

static size_t state_bytes(const struct eng_model *m, const struct eng_layer *layer)
{
    const struct eng_ssm_hparams *ssm = &m->hp.ssm;
    (void)layer;
    return (conv_floats(ssm) + eng_scan_floats(ssm->n_dt, ssm->d_inner / ssm->n_dt, ssm->d_state)) * sizeof(float);
}

static void run(struct eng_session *s, uint32_t i_layer, const struct eng_batch *b, struct eng_scratch scratch, const float *in, float *out)
{
    const struct eng_ssm_hparams *ssm = &s->model->hp.ssm;
    const struct mamba2 *w = s->model->layers[i_layer].mix;
    const uint32_t d = ssm->d_inner, n = b->n, n_conv = conv_channels(ssm), bc = ssm->n_groups * ssm->d_state;
    const size_t all = (size_t)d + n_conv + ssm->n_dt;
    const int l = (int)i_layer;
    float *zx = eng_scratch_rows(&scratch, all), *xbc = eng_scratch_rows(&scratch, n_conv), *y = eng_scratch_rows(&scratch, d);
    float *state = eng_mixer_state(s, i_layer, 0);
    struct eng_recur_where at = eng_recur_at(s, b, state);

    eng_op_matmul(s, l, "ssm_in", &w->in, NULL, in, n, zx);                        /* z, x, B, C, dt [n][all] */
    eng_op_conv(s, l, "ssm_conv1d", &at, &(struct eng_conv_block){.lanes = n_conv, .taps = ssm->taps, .x = {zx + d, all}, .w = w->conv,
                                                                  .w_ld = n_conv, .bias = w->conv_bias, .silu = true, .y = {xbc, n_conv}});
    const uint64_t t = eng_trace_begin(s);
    at.state = state + conv_floats(ssm);
    eng_recur_scan2(&at, &(struct eng_scan2){.n_heads = ssm->n_dt, .d_head = d / ssm->n_dt, .n_state = ssm->d_state, .n_groups = ssm->n_groups,
                                             .x = {xbc, n_conv}, .z = {zx, all}, .dt = {zx + d + n_conv, all}, .b = {xbc + d, n_conv},
                                             .c = {xbc + d + bc, n_conv}, .dt_bias = w->dt_bias, .a2 = w->a2, .d = w->d, .y = {y, d}});
    if (t)
        eng_trace_recurrence(s, t, "ssm_scan", l, b, d, ssm->d_state, 2 * (uint64_t)d + 2 * (uint64_t)bc + ssm->n_dt);
    if (w->norm.kind != ENG_NORM_NONE)
        eng_op_norm(s, l, "ssm_norm", &w->norm, y, y, n, d);
    eng_op_matmul(s, l, "ssm_out", &w->out, NULL, y, n, out);                      /* out [n][d_model] */
}

const struct eng_block_ops eng_mix_mamba2 = {.name = "mamba2", .load = load, .scratch_floats = scratch_floats, .state_bytes = state_bytes,
                                             .run = run};

/* ---- attention and Mamba-2 side by side ---- */

static void load_both(struct eng_load *l, uint32_t i)
{
    if (l->m->layers[i].attn.n_heads == 0)
        eng_load_fail(l, ENG_EFORMAT, "layer %" PRIu32 " has no attention heads", i);
    else
        eng_mix_attention.load(l, i);
    load(l, i);
}

static size_t scratch_both(const struct eng_session *s, const struct eng_layer *layer)
{
    const size_t attention = eng_mix_attention.scratch_floats(s, layer), mamba = scratch_floats(s, layer);
    return s->model->hp.d_model + (attention > mamba ? attention : mamba);
}

static void run_both(struct eng_session *s, uint32_t i_layer, const struct eng_batch *b, struct eng_scratch scratch, const float *in, float *out)
{
    const uint32_t d = s->model->hp.d_model;
    float *mixed = eng_scratch_rows(&scratch, d);
    eng_mix_attention.run(s, i_layer, b, scratch, in, mixed);
    run(s, i_layer, b, scratch, in, out);
    eng_op_add(s, (int)i_layer, "attn_output", out, 1, mixed, b->n, d);
}

const struct eng_block_ops eng_mix_parallel2 = {.name = "attention+mamba2", .load = load_both, .scratch_floats = scratch_both,
                                                .state_bytes = state_bytes, .run = run_both};
