/*
 * mix_mamba.c - Mamba (Gu, Dao 2023, figure 3): one projection gives x and the gate z; x goes through a causal convolution and the
 * selective scan, whose step, input and output weights (dt, B, C) are made from x itself.
 * Jamba (Lieber et al. 2024, section 3.1) and Falcon-Mamba normalise dt, B and C.
 * State: the last taps - 1 inputs of the convolution, then the scan's (run/recurrence.h).
 */
#include "arch/recurrent.h"
#include "run/ops.h"
#include "run/rows.h"
#include "run/trace.h"

struct mamba {
    struct eng_matrix in, x, dt, out;
    const float *conv, *conv_bias; /* [taps][d_inner], [d_inner] */
    const float *dt_bias, *d;      /* [d_inner] */
    const float *a2;               /* eng_scan1_pack() */
    struct eng_norm norms[3];      /* of dt, B, C */
    bool norm_dt_b_c;
};

static void load_norms(struct eng_load *l, uint32_t i, struct mamba *w)
{
    const struct eng_hparams *hp = &l->m->hp;
    static const char *const names[3] = {"ssm_dt_norm", "ssm_b_norm", "ssm_c_norm"};
    const uint32_t widths[3] = {hp->ssm.n_dt, hp->ssm.d_state, hp->ssm.d_state};
    w->norm_dt_b_c = hp->ssm.norm_dt_b_c || eng_load_has(l, i, "ssm_dt_norm.weight");
    for (int k = 0; k < 3 && w->norm_dt_b_c; k++) {
        w->norms[k] = (struct eng_norm){.kind = ENG_NORM_RMS, .eps = hp->norm_eps, .n = widths[k], .n_weights = widths[k]};
        eng_load_norm(l, i, names[k], hp->ssm.norm_dt_b_c ? ENG_OPTIONAL : ENG_REQUIRED, widths[k], &w->norms[k]);
    }
}

static void load(struct eng_load *l, uint32_t i)
{
    const struct eng_hparams *hp = &l->m->hp;
    const uint32_t d_inner = hp->ssm.d_inner, d_state = hp->ssm.d_state, rank = hp->ssm.n_dt;
    struct mamba *w = l->m->layers[i].mix = eng_load_alloc(l, 1, sizeof *w);
    if (!w)
        return;
    eng_load_matrix(l, i, "ssm_in.weight", ENG_REQUIRED, 2 * (uint64_t)d_inner, hp->d_model, &w->in);
    w->conv = eng_load_conv(l, i, "ssm_conv1d.weight", d_inner, hp->ssm.taps);
    w->conv_bias = eng_load_vector(l, i, "ssm_conv1d.bias", ENG_REQUIRED, d_inner);
    eng_load_matrix(l, i, "ssm_x.weight", ENG_REQUIRED, rank + 2 * (uint64_t)d_state, d_inner, &w->x);
    load_norms(l, i, w);
    eng_load_matrix(l, i, "ssm_dt.weight", ENG_REQUIRED, d_inner, rank, &w->dt);
    w->dt_bias = eng_load_vector(l, i, "ssm_dt.bias", ENG_REQUIRED, d_inner);
    const float *a = eng_load_table(l, i, "ssm_a", ENG_REQUIRED, d_inner, d_state);
    float *a2 = a ? eng_load_alloc(l, eng_scan_floats(1, d_inner, d_state), sizeof *a2) : NULL;
    if (a2)
        eng_scan1_pack(a2, a, d_inner, d_state);
    w->a2 = a2;
    w->d = eng_load_vector(l, i, "ssm_d", ENG_REQUIRED, d_inner);
    eng_load_matrix(l, i, "ssm_out.weight", ENG_REQUIRED, hp->d_model, d_inner, &w->out);
}

static size_t scratch_floats(const struct eng_session *s, const struct eng_layer *layer)
{
    const struct eng_ssm_hparams *ssm = &s->model->hp.ssm;
    (void)layer;
    return 4 * (size_t)ssm->d_inner + ssm->n_dt + 2 * (size_t)ssm->d_state;
}

static size_t conv_floats(const struct eng_ssm_hparams *ssm)
{
    return (eng_conv_floats(ssm->d_inner, ssm->taps) + 15) / 16 * 16;
}

static size_t state_bytes(const struct eng_model *m, const struct eng_layer *layer)
{
    const struct eng_ssm_hparams *ssm = &m->hp.ssm;
    (void)layer;
    return (conv_floats(ssm) + eng_scan_floats(1, ssm->d_inner, ssm->d_state)) * sizeof(float);
}

struct norm_args {
    const struct eng_session *s;
    const struct mamba *w;
    float *x;
    size_t width;
};

/* dt, B and C stand side by side in a row. */
static void norm_row(const void *arg, uint32_t i)
{
    const struct norm_args *a = arg;
    float *x = a->x + i * a->width;
    for (int k = 0; k < 3; k++) {
        const struct eng_norm *norm = &a->w->norms[k];
        a->s->vec->rms_norm(x, x, norm->w, norm->n, norm->eps);
        x += norm->n;
    }
}

static void norm_dt_b_c(struct eng_session *s, int layer, const struct mamba *w, float *x, uint32_t n, uint32_t width)
{
    const uint64_t t = eng_trace_begin(s), floats = (uint64_t)n * width;
    eng_rows_run(s->pool, n, norm_row, &(struct norm_args){.s = s, .w = w, .x = x, .width = width});
    if (t)
        eng_trace_rows(s, t, "rms_norm", "ssm_dt_norm", layer, n, width, floats + width, floats);
}

static void run(struct eng_session *s, uint32_t i_layer, const struct eng_batch *b, struct eng_scratch scratch, const float *in, float *out)
{
    const struct eng_ssm_hparams *ssm = &s->model->hp.ssm;
    const struct mamba *w = s->model->layers[i_layer].mix;
    const uint32_t d = ssm->d_inner, n = b->n, width = ssm->n_dt + 2 * ssm->d_state;
    const int l = (int)i_layer;
    float *xz = eng_scratch_rows(&scratch, 2 * (size_t)d), *x = eng_scratch_rows(&scratch, d), *dt = eng_scratch_rows(&scratch, d);
    float *dbc = eng_scratch_rows(&scratch, width), *state = eng_mixer_state(s, i_layer, 0);
    struct eng_recur_where at = eng_recur_at(s, b, state);

    eng_op_matmul(s, l, "ssm_in", &w->in, NULL, in, n, xz);                        /* x, z [n][2 d_inner] */
    eng_op_conv(s, l, "ssm_conv1d", &at, &(struct eng_conv_block){.lanes = d, .taps = ssm->taps, .x = {xz, 2 * (size_t)d}, .w = w->conv,
                                                                  .w_ld = d, .bias = w->conv_bias, .silu = true, .y = {x, d}});
    eng_op_matmul(s, l, "ssm_x", &w->x, NULL, x, n, dbc);                          /* [n][rank | d_state | d_state] */
    if (w->norm_dt_b_c)
        norm_dt_b_c(s, l, w, dbc, n, width);
    eng_op_matmul_strided(s, l, "ssm_dt", &w->dt, dbc, width, n, dt, d);           /* dt [n][d_inner] */

    const uint64_t t = eng_trace_begin(s);
    at.state = state + conv_floats(ssm);
    eng_recur_scan1(&at, &(struct eng_scan1_block){.lanes = d, .n_state = ssm->d_state, .x = {x, d}, .dt = {dt, d}, .b = {dbc + ssm->n_dt, width},
                                                   .c = {dbc + ssm->n_dt + ssm->d_state, width}, .z = {xz + d, 2 * (size_t)d},
                                                   .dt_bias = w->dt_bias, .d = w->d, .a2 = w->a2, .y = {x, d}});
    if (t)
        eng_trace_recurrence(s, t, "ssm_scan", l, b, d, ssm->d_state, 3 * (uint64_t)d + 2 * (uint64_t)ssm->d_state);
    eng_op_matmul(s, l, "ssm_out", &w->out, NULL, x, n, out);                      /* out [n][d_model] */
}

const struct eng_block_ops eng_mix_mamba = {.name = "mamba", .load = load, .scratch_floats = scratch_floats, .state_bytes = state_bytes, .run = run};
