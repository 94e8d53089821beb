/* chan_ffn.c - the dense feed-forward block: down(f(gate(x)) up(x)) (Shazeer 2020), or down(f(up(x))) without a gate. */
#include "arch/load.h"
#include "run/ops.h"

static void load(struct eng_load *l, uint32_t i)
{
    struct eng_layer *w = &l->m->layers[i];
    const uint32_t d = l->m->hp.d_model;
    const unsigned flags = l->arch->flags;
    const enum eng_need bias = flags & ENG_BIAS_FFN ? ENG_REQUIRED : ENG_OPTIONAL;
    if (w->d_ff == 0) {
        eng_load_fail(l, ENG_EFORMAT, "%s.feed_forward_length of layer %u is missing or 0", l->arch->name, i);
        return;
    }
    if (flags & ENG_FUSED_GATE_UP) {
        eng_load_stack(l, i, "ffn_up.weight", ENG_REQUIRED, 2, (const uint64_t[]){w->d_ff, w->d_ff}, d,
                       (struct eng_matrix *const[]){&w->ffn_gate, &w->ffn_up});
    } else {
        if (!(flags & ENG_PLAIN_FFN))
            eng_load_matrix(l, i, "ffn_gate.weight", ENG_REQUIRED, w->d_ff, d, &w->ffn_gate);
        eng_load_matrix(l, i, "ffn_up.weight", ENG_REQUIRED, w->d_ff, d, &w->ffn_up);
        if (!(flags & ENG_PLAIN_FFN))
            w->bias_gate = eng_load_vector(l, i, "ffn_gate.bias", bias, w->d_ff);
        w->bias_up = eng_load_vector(l, i, "ffn_up.bias", bias, w->d_ff);
    }
    eng_load_matrix(l, i, "ffn_down.weight", ENG_REQUIRED, d, w->d_ff, &w->ffn_down);
    w->bias_down = eng_load_vector(l, i, "ffn_down.bias", bias, d);
}

static size_t scratch_floats(const struct eng_session *s, const struct eng_layer *w)
{
    (void)s;
    return (size_t)w->d_ff * (w->ffn_gate.n_rows > 0 ? 2 : 1);
}

static void run(struct eng_session *s, uint32_t i_layer, const struct eng_batch *b, struct eng_scratch scratch, const float *in, float *out)
{
    const struct eng_layer *w = &s->model->layers[i_layer];
    const enum eng_activation f = s->model->hp.activation;
    const int l = (int)i_layer;
    float *up = eng_scratch_rows(&scratch, w->d_ff), *hidden = up;
    if (w->ffn_gate.n_rows > 0) {
        float *gate = hidden = eng_scratch_rows(&scratch, w->d_ff);
        const struct eng_product both[] = {{"ffn_gate", &w->ffn_gate, w->bias_gate, gate}, /* gate [n][d_ff] */
                                           {"ffn_up", &w->ffn_up, w->bias_up, up}};        /* up [n][d_ff] */
        eng_op_matmul_group(s, l, both, 2, in, b->n);
        eng_op_activate(s, l, f, gate, up, b->n, w->d_ff);
    } else {
        eng_op_matmul(s, l, "ffn_up", &w->ffn_up, w->bias_up, in, b->n, up);
        eng_op_activate(s, l, f, up, NULL, b->n, w->d_ff);
    }
    eng_op_matmul(s, l, "ffn_down", &w->ffn_down, w->bias_down, hidden, b->n, out);    /* out [n][d] */
}

const struct eng_block_ops eng_chan_ffn = {.name = "ffn", .load = load, .scratch_floats = scratch_floats, .run = run};
