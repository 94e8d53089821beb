/* recurrent.c - operators of the recurrent blocks with their trace rows; see recurrent.h. */
#include "arch/recurrent.h"

#include <string.h>

#include "run/rows.h"
#include "run/trace.h"

void eng_op_conv(struct eng_session *s, int layer, const char *tensor, const struct eng_recur_where *at, const struct eng_conv_block *conv)
{
    const uint64_t t = eng_trace_begin(s);
    eng_recur_conv(at, conv);
    if (t) {
        const uint64_t rows = (uint64_t)at->batch->n * conv->lanes, state = at->batch->n_parts * (uint64_t)eng_conv_floats(conv->lanes, conv->taps);
        const uint64_t gates = (conv->gate_in.p ? rows : 0) + (conv->gate_out.p ? rows : 0);
        eng_trace_end(s, t, &(struct eng_op_trace){.op = "conv", .tensor = tensor, .layer = layer, .m = at->batch->n, .n = conv->lanes,
                                                   .k = conv->taps, .w_type = ENG_TYPE_F32, .a_type = ENG_TYPE_F32, .y_type = ENG_TYPE_F32,
                                                   .bytes_read = (rows + gates + state + (uint64_t)conv->lanes * conv->taps) * sizeof(float),
                                                   .bytes_written = (rows + state) * sizeof(float)});
    }
}

void eng_trace_recurrence(const struct eng_session *s, uint64_t t, const char *op, int layer, const struct eng_batch *batch, uint32_t channels,
                          uint32_t n_state, uint64_t operands)
{
    const uint64_t state = (uint64_t)batch->n_parts * channels * n_state;
    eng_trace_end(s, t, &(struct eng_op_trace){.op = op, .tensor = "", .layer = layer, .m = batch->n, .n = channels, .k = n_state,
                                               .w_type = ENG_TYPE_F32, .a_type = ENG_TYPE_F32, .y_type = ENG_TYPE_F32,
                                               .bytes_read = (batch->n * operands + state) * sizeof(float),
                                               .bytes_written = ((uint64_t)batch->n * channels + state) * sizeof(float)});
}

size_t eng_wkv_state_bytes(const struct eng_model *m, const struct eng_layer *layer)
{
    const size_t d = m->hp.d_model, d_head = m->hp.wkv_head;
    (void)layer;
    return (eng_shift_floats(m) + eng_scan_floats(d / d_head, d_head, d_head)) * sizeof(float);
}

void eng_op_shift(struct eng_session *s, int layer, const struct eng_recur_where *at, const float *in, float *prev)
{
    const uint64_t t = eng_trace_begin(s);
    const size_t d = s->model->hp.d_model;
    for (uint32_t p = 0; p < at->batch->n_parts; p++) {
        const struct eng_batch_part *part = &at->batch->part[p];
        const size_t first = part->first_row * d;
        float *last = at->state + part->seq * at->state_stride;
        memcpy(prev + first, last, d * sizeof *prev);
        memcpy(prev + first + d, in + first, (part->n - 1) * d * sizeof *prev);
        memcpy(last, in + first + (part->n - 1) * d, d * sizeof *last);
    }
    if (t)
        eng_trace_rows(s, t, "shift", "", layer, at->batch->n, (uint32_t)d, at->batch->n * d, at->batch->n * d);
}

struct rows_args {
    const struct eng_recur_ops *ops;
    float *y;
    const float *x, *to, *mu, *more;
    eng_map_fn *f;
    size_t width;
};

static void lerp_row(const void *arg, uint32_t i)
{
    const struct rows_args *a = arg;
    const size_t at = i * a->width;
    a->ops->lerp(a->y + at, a->x + at, a->to + at, a->mu, a->more ? a->more + at : NULL, a->width);
}

void eng_op_lerp(struct eng_session *s, int layer, const char *tensor, float *y, const float *x, const float *to, const float *mu,
                 const float *more, uint32_t n)
{
    const uint64_t t = eng_trace_begin(s), d = s->model->hp.d_model;
    eng_rows_run(s->pool, n, lerp_row, &(struct rows_args){.ops = s->recur, .y = y, .x = x, .to = to, .mu = mu, .more = more, .width = d});
    if (t)
        eng_trace_rows(s, t, "lerp", tensor, layer, n, (uint32_t)d, (more ? 3 : 2) * n * d + (mu ? d : 0), n * d);
}

static void map_row(const void *arg, uint32_t i)
{
    const struct rows_args *a = arg;
    a->f(a->y + i * a->width, a->x + i * a->width, a->mu, a->width);
}

void eng_op_map(struct eng_session *s, int layer, const char *op, const char *tensor, eng_map_fn *f, float *y, const float *x,
                const float *bias, uint32_t n, uint32_t width)
{
    const uint64_t t = eng_trace_begin(s), floats = (uint64_t)n * width;
    eng_rows_run(s->pool, n, map_row, &(struct rows_args){.y = y, .x = x, .mu = bias, .f = f, .width = width});
    if (t)
        eng_trace_rows(s, t, op, tensor, layer, n, width, floats + (bias ? width : 0), floats);
}

static void mul_row(const void *arg, uint32_t i)
{
    const struct rows_args *a = arg;
    a->ops->mul(a->y + i * a->width, a->x + i * a->width, a->width);
}

void eng_op_mul(struct eng_session *s, int layer, const char *tensor, float *y, const float *x, uint32_t n, uint32_t width)
{
    const uint64_t t = eng_trace_begin(s), floats = (uint64_t)n * width;
    eng_rows_run(s->pool, n, mul_row, &(struct rows_args){.ops = s->recur, .y = y, .x = x, .width = width});
    if (t)
        eng_trace_rows(s, t, "mul", tensor, layer, n, width, 2 * floats, floats);
}
