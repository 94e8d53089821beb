/* ops.c - see ops.h. Attention has its own file. */
#include "run/ops.h"

#include "run/rope.h"
#include "run/rows.h"
#include "run/trace.h"

struct row_job {
    struct eng_session *s;
    int layer;
    uint32_t n, width, pos;
    float *y;
    const float *x, *w, *b;
    float number;
    const struct eng_norm *norm;
    const int32_t *ids;
    const struct eng_rope *rope;
    uint32_t n_heads, first;
    void (*row)(const struct row_job *job, uint32_t i);
};

static void do_row(const void *arg, uint32_t i)
{
    const struct row_job *job = arg;
    job->row(job, i);
}

static void for_rows(struct row_job job)
{
    eng_rows_run(job.s->pool, job.n, do_row, &job);
}

/* ---- embed ---- */

static void embed_row(const struct row_job *job, uint32_t i)
{
    eng_matrix_row(&job->s->model->token_embd, (size_t)job->ids[i], job->y + (size_t)i * job->width);
}

void eng_op_embed(struct eng_session *s, const int32_t *ids, uint32_t n, float *x)
{
    const uint64_t t = eng_trace_begin(s);
    const struct eng_matrix *w = &s->model->token_embd;
    const uint32_t d = s->model->hp.d_model;
    for_rows((struct row_job){.s = s, .n = n, .width = d, .y = x, .ids = ids, .row = embed_row});
    if (t)
        eng_trace_end(s, t, &(struct eng_op_trace){.op = "embed", .tensor = "token_embd", .layer = -1, .m = n, .n = d,
                                                   .w_type = w->traits->type, .a_type = ENG_TYPE_F32, .y_type = ENG_TYPE_F32,
                                                   .bytes_read = (uint64_t)n * eng_type_row_bytes(w->traits, d),
                                                   .bytes_written = (uint64_t)n * d * sizeof(float)});
}

void eng_op_add_positions(struct eng_session *s, const struct eng_batch *batch, float *x)
{
    const uint64_t t = eng_trace_begin(s);
    const uint32_t d = s->model->hp.d_model;
    float *row = s->h; /* free until the first norm */
    for (uint32_t p = 0; p < batch->n_parts; p++) {
        for (uint32_t i = 0; i < batch->part[p].n; i++) {
            eng_matrix_row(&s->model->position_embd, batch->part[p].pos + i, row);
            s->vec->add(x + (size_t)(batch->part[p].first_row + i) * d, row, d);
        }
    }
    if (t)
        eng_trace_rows(s, t, "add", "position_embd", -1, batch->n, d, 2 * (uint64_t)batch->n * d, (uint64_t)batch->n * d);
}

/* ---- norms ---- */

static void norm_row(const struct row_job *job, uint32_t i)
{
    const struct eng_vector_ops *vec = job->s->vec;
    const struct eng_norm *norm = job->norm;
    const size_t at = (size_t)i * job->width;
    for (uint32_t g = 0; g < job->width; g += norm->n) {
        const float *w = norm->w ? norm->w + g % norm->n_weights : NULL, *b = norm->b ? norm->b + g % norm->n_weights : NULL;
        if (norm->kind == ENG_NORM_LAYER) {
            vec->layer_norm(job->y + at + g, job->x + at + g, w, b, norm->n, norm->eps);
            continue;
        }
        vec->rms_norm(job->y + at + g, job->x + at + g, w, norm->n, norm->eps);
        if (b)
            vec->add(job->y + at + g, b, norm->n);
    }
}

void eng_op_norm(struct eng_session *s, int layer, const char *tensor, const struct eng_norm *norm, float *y, const float *x, uint32_t n,
                 uint32_t width)
{
    const uint64_t t = eng_trace_begin(s);
    for_rows((struct row_job){.s = s, .n = n, .width = width, .y = y, .x = x, .norm = norm, .row = norm_row});
    if (t)
        eng_trace_rows(s, t, norm->kind == ENG_NORM_LAYER ? "layer_norm" : "rms_norm", tensor, layer, n, width,
                       (uint64_t)n * width + (norm->w ? norm->n_weights : 0) + (norm->b ? norm->n_weights : 0), (uint64_t)n * width);
}

/* ---- activations: f(gate) or f(gate) up ---- */

static void silu_mul_row(const struct row_job *job, uint32_t i)
{
    float *gate = job->y + (size_t)i * job->width;
    job->s->vec->silu_mul(gate, gate, job->x + (size_t)i * job->width, job->width);
}

static void gelu_mul_row(const struct row_job *job, uint32_t i)
{
    float *gate = job->y + (size_t)i * job->width;
    job->s->vec->gelu_mul(gate, gate, job->x + (size_t)i * job->width, job->width);
}

static void silu_row(const struct row_job *job, uint32_t i)
{
    float *x = job->y + (size_t)i * job->width;
    job->s->vec->silu(x, x, job->width);
}

static void gelu_row(const struct row_job *job, uint32_t i)
{
    float *x = job->y + (size_t)i * job->width;
    job->s->vec->gelu(x, x, job->width);
}

static void relu2_row(const struct row_job *job, uint32_t i)
{
    float *x = job->y + (size_t)i * job->width;
    job->s->vec->relu2(x, x, job->width);
}

static void relu2_mul_row(const struct row_job *job, uint32_t i)
{
    float *x = job->y + (size_t)i * job->width;
    const float *up = job->x + (size_t)i * job->width;
    job->s->vec->relu2(x, x, job->width);
    for (uint32_t k = 0; k < job->width; k++)
        x[k] *= up[k];
}

static const struct {
    const char *name, *name_mul;
    void (*row)(const struct row_job *job, uint32_t i), (*row_mul)(const struct row_job *job, uint32_t i);
} activations[] = {
    [ENG_SILU] = {"silu", "silu_mul", silu_row, silu_mul_row},
    [ENG_GELU] = {"gelu", "gelu_mul", gelu_row, gelu_mul_row},
    [ENG_RELU2] = {"relu2", "relu2_mul", relu2_row, relu2_mul_row},
};

void eng_op_activate(struct eng_session *s, int layer, enum eng_activation f, float *gate, const float *up, uint32_t n, uint32_t width)
{
    const uint64_t t = eng_trace_begin(s);
    for_rows((struct row_job){.s = s, .n = n, .width = width, .y = gate, .x = up, .row = up ? activations[f].row_mul : activations[f].row});
    if (t)
        eng_trace_rows(s, t, up ? activations[f].name_mul : activations[f].name, "", layer, n, width, (up ? 2 : 1) * (uint64_t)n * width,
                       (uint64_t)n * width);
}

/* ---- sums and factors ---- */

static void add_row(const struct row_job *job, uint32_t i)
{
    job->s->vec->add(job->y + (size_t)i * job->width, job->x + (size_t)i * job->width, job->width);
}

static void axpy_row(const struct row_job *job, uint32_t i)
{
    job->s->vec->axpy_f32(job->y + (size_t)i * job->width, job->number, job->x + (size_t)i * job->width, job->width);
}

static void add_bias_row(const struct row_job *job, uint32_t i)
{
    job->s->vec->add(job->y + (size_t)i * job->width, job->x, job->width);
}

void eng_op_add(struct eng_session *s, int layer, const char *tensor, float *y, float scale, const float *x, uint32_t n, uint32_t width)
{
    const uint64_t t = eng_trace_begin(s);
    for_rows((struct row_job){.s = s, .n = n, .width = width, .y = y, .x = x, .number = scale, .row = scale == 1.0f ? add_row : axpy_row});
    if (t)
        eng_trace_rows(s, t, "add", tensor, layer, n, width, 2 * (uint64_t)n * width, (uint64_t)n * width);
}

static void scale_row(const struct row_job *job, uint32_t i)
{
    float *x = job->y + (size_t)i * job->width;
    job->s->vec->scale(x, job->number, x, job->width);
}

static void softcap_row(const struct row_job *job, uint32_t i)
{
    float *x = job->y + (size_t)i * job->width;
    job->s->vec->softcap(x, x, job->number, job->width);
}

static void clamp_row(const struct row_job *job, uint32_t i)
{
    float *x = job->y + (size_t)i * job->width;
    job->s->vec->clamp(x, job->number, x, job->width);
}

static void in_place(struct row_job job, const char *op, const char *tensor)
{
    const uint64_t t = eng_trace_begin(job.s), floats = (uint64_t)job.n * job.width;
    for_rows(job);
    if (t)
        eng_trace_rows(job.s, t, op, tensor, job.layer, job.n, job.width, floats, floats);
}

void eng_op_scale(struct eng_session *s, int layer, const char *tensor, float *x, float factor, uint32_t n, uint32_t width)
{
    in_place((struct row_job){.s = s, .layer = layer, .n = n, .width = width, .y = x, .number = factor, .row = scale_row}, "scale", tensor);
}

void eng_op_softcap(struct eng_session *s, int layer, const char *tensor, float *x, float cap, uint32_t n, uint32_t width)
{
    in_place((struct row_job){.s = s, .layer = layer, .n = n, .width = width, .y = x, .number = cap, .row = softcap_row}, "softcap", tensor);
}

void eng_op_clamp(struct eng_session *s, int layer, const char *tensor, float *x, float limit, uint32_t n, uint32_t width)
{
    in_place((struct row_job){.s = s, .layer = layer, .n = n, .width = width, .y = x, .number = limit, .row = clamp_row}, "clamp", tensor);
}

/* ---- products ---- */

static void multiply(struct eng_session *s, const struct eng_matmul_out *out, size_t n_out, const float *x, size_t ldx, uint32_t n)
{
    struct eng_matmul_out next[ENG_MATMUL_GROUP];
    if (n == 1 && s->backend->expect)
        s->backend->expect(s->pool, next, eng_follow_group(&s->follow, out, n_out, next));
    s->backend->matmul(s->pool, out, n_out, x, ldx, n, s->act, s->matmul_scratch);
}

void eng_op_matmul_strided(struct eng_session *s, int layer, const char *tensor, const struct eng_matrix *w, const float *x, size_t ldx,
                           uint32_t n, float *y, size_t ldy)
{
    const uint64_t t = eng_trace_begin(s);
    multiply(s, &(struct eng_matmul_out){w, y, ldy}, 1, x, ldx, n);
    if (t) {
        const bool q8 = s->act == ENG_ACT_Q8 && w->traits->block_elems > 1;
        eng_trace_end(s, t, &(struct eng_op_trace){.op = "matmul", .tensor = tensor, .layer = layer, .m = n, .n = (uint32_t)w->n_rows,
                                                   .k = (uint32_t)w->n_cols, .w_type = w->traits->type,
                                                   .a_type = q8 ? ENG_TYPE_Q8_0 : ENG_TYPE_F32, .y_type = ENG_TYPE_F32,
                                                   .bytes_read = (uint64_t)w->n_rows * eng_type_row_bytes(w->traits, w->n_cols) +
                                                                 (uint64_t)n * w->n_cols * sizeof(float),
                                                   .bytes_written = (uint64_t)n * w->n_rows * sizeof(float)});
    }
}

static void add_bias(struct eng_session *s, int layer, const char *tensor, const float *bias, uint32_t n, uint32_t width, float *y)
{
    if (!bias)
        return;
    const uint64_t t = eng_trace_begin(s);
    for_rows((struct row_job){.s = s, .n = n, .width = width, .y = y, .x = bias, .row = add_bias_row});
    if (t)
        eng_trace_rows(s, t, "add", tensor, layer, n, width, (uint64_t)n * width + width, (uint64_t)n * width);
}

void eng_op_matmul(struct eng_session *s, int layer, const char *tensor, const struct eng_matrix *w, const float *bias, const float *x,
                   uint32_t n, float *y)
{
    eng_op_matmul_strided(s, layer, tensor, w, x, w->n_cols, n, y, w->n_rows);
    add_bias(s, layer, tensor, bias, n, (uint32_t)w->n_rows, y);
}

void eng_op_matmul_group(struct eng_session *s, int layer, const struct eng_product *product, size_t n_products, const float *x, uint32_t n)
{
    struct eng_matmul_out out[ENG_MATMUL_GROUP] = {{0}};
    if (s->tracer.op) { /* one row each; the bits are the same */
        for (size_t i = 0; i < n_products; i++)
            eng_op_matmul(s, layer, product[i].tensor, product[i].w, product[i].bias, x, n, product[i].y);
        return;
    }
    for (size_t i = 0; i < n_products; i++)
        out[i] = (struct eng_matmul_out){product[i].w, product[i].y, product[i].w->n_rows};
    multiply(s, out, n_products, x, out[0].w->n_cols, n);
    for (size_t i = 0; i < n_products; i++)
        add_bias(s, layer, product[i].tensor, product[i].bias, n, (uint32_t)out[i].w->n_rows, out[i].y);
}

/* ---- rope ---- */

static void rope_row(const struct row_job *job, uint32_t i)
{
    const size_t at = (size_t)i * job->n_heads * job->width;
    eng_rope_apply(job->rope, job->y + at, job->x + at, job->n_heads, job->width, job->first, job->w + (size_t)i * job->rope->n_rot);
}

void eng_op_rope(struct eng_session *s, int layer, const char *tensor, int rope, bool moved, float *y, const float *x, uint32_t n,
                 uint32_t n_heads, uint32_t d_head, uint32_t first)
{
    const uint64_t t = eng_trace_begin(s);
    const struct eng_rope *r = &s->model->hp.rope[rope];
    for_rows((struct row_job){.s = s, .n = n, .width = d_head, .n_heads = n_heads, .first = first, .rope = r, .y = y, .x = x,
                              .w = moved ? s->turn_moved[rope] : s->turn[rope], .row = rope_row});
    if (t) {
        const uint64_t floats = (uint64_t)n * n_heads * d_head;
        eng_trace_rows(s, t, "rope", tensor, layer, n, n_heads * d_head, floats + (uint64_t)n * r->n_rot, floats);
    }
}
