/* ops.c - see ops.h. Attention has its own file. */
#include "run/ops.h"

#include "run/rope.h"
#include "run/trace.h"

#define ROWS_PER_TASK 8 /* fewer rows than this run on the caller: waking workers costs about a microsecond */

struct row_job {
    struct eng_session *s;
    int layer;
    uint32_t n, width, pos;
    bool moved;
    float *y;
    const float *x, *w;
    const int32_t *ids;
    void (*row)(const struct row_job *job, uint32_t i);
};

static void run_rows(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct row_job *job = arg;
    (void)i_worker;
    const uint32_t first = i_task * ROWS_PER_TASK, end = first + ROWS_PER_TASK < job->n ? first + ROWS_PER_TASK : job->n;
    for (uint32_t i = first; i < end; i++)
        job->row(job, i);
}

static void for_rows(struct row_job job)
{
    if (job.n <= ROWS_PER_TASK)
        run_rows(&job, 0, 0);
    else
        eng_pool_run(job.s->pool, run_rows, &job, (job.n + ROWS_PER_TASK - 1) / ROWS_PER_TASK);
}

/* ---- embed, norm, silu, add ---- */

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

static void norm_row(const struct row_job *job, uint32_t i)
{
    const size_t at = (size_t)i * job->width;
    job->s->vec->rms_norm(job->y + at, job->x + at, job->w, job->width, job->s->model->hp.rms_eps);
}

void eng_op_norm(struct eng_session *s, int layer, const char *tensor, float *y, const float *x, const float *w, uint32_t n)
{
    const uint64_t t = eng_trace_begin(s);
    const uint32_t d = s->model->hp.d_model;
    for_rows((struct row_job){.s = s, .n = n, .width = d, .y = y, .x = x, .w = w, .row = norm_row});
    if (t)
        eng_trace_rows(s, t, "rms_norm", tensor, layer, n, d, (uint64_t)n * d + d, (uint64_t)n * d);
}

static void silu_row(const struct row_job *job, uint32_t i)
{
    float *gate = job->y + (size_t)i * job->width;
    job->s->vec->silu_mul(gate, gate, job->x + (size_t)i * job->width, job->width);
}

void eng_op_silu_mul(struct eng_session *s, int layer, float *gate, const float *up, uint32_t n)
{
    const uint64_t t = eng_trace_begin(s);
    const uint32_t d = s->model->hp.d_ff;
    for_rows((struct row_job){.s = s, .n = n, .width = d, .y = gate, .x = up, .row = silu_row});
    if (t)
        eng_trace_rows(s, t, "silu_mul", "", layer, n, d, 2 * (uint64_t)n * d, (uint64_t)n * d);
}

static void add_row(const struct row_job *job, uint32_t i)
{
    job->s->vec->add(job->y + (size_t)i * job->width, job->x + (size_t)i * job->width, job->width);
}

static void add_bias_row(const struct row_job *job, uint32_t i)
{
    job->s->vec->add(job->y + (size_t)i * job->width, job->x, job->width);
}

void eng_op_add(struct eng_session *s, int layer, const char *tensor, float *y, const float *x, uint32_t n, uint32_t width)
{
    const uint64_t t = eng_trace_begin(s);
    for_rows((struct row_job){.s = s, .n = n, .width = width, .y = y, .x = x, .row = add_row});
    if (t)
        eng_trace_rows(s, t, "add", tensor, layer, n, width, 2 * (uint64_t)n * width, (uint64_t)n * width);
}

/* ---- products ---- */

void eng_op_matmul(struct eng_session *s, int layer, const char *tensor, const struct eng_matrix *w, const float *bias, const float *x,
                   uint32_t n, float *y)
{
    const uint64_t t = eng_trace_begin(s);
    s->backend->matmul(s->pool, w, x, w->n_cols, n, y, w->n_rows, s->act, s->matmul_scratch);
    if (t) {
        const bool q8 = s->act == ENG_ACT_Q8 && w->traits->block_elems > 1;
        eng_trace_end(s, t, &(struct eng_op_trace){.op = "matmul", .tensor = tensor, .layer = layer, .m = n, .n = (uint32_t)w->n_rows,
                                                   .k = (uint32_t)w->n_cols, .w_type = w->traits->type,
                                                   .a_type = q8 ? ENG_TYPE_Q8_0 : ENG_TYPE_F32, .y_type = ENG_TYPE_F32,
                                                   .bytes_read = (uint64_t)w->n_rows * eng_type_row_bytes(w->traits, w->n_cols) +
                                                                 (uint64_t)n * w->n_cols * sizeof(float),
                                                   .bytes_written = (uint64_t)n * w->n_rows * sizeof(float)});
    }
    if (!bias)
        return;
    const uint64_t t_bias = eng_trace_begin(s);
    const uint32_t width = (uint32_t)w->n_rows;
    for_rows((struct row_job){.s = s, .n = n, .width = width, .y = y, .x = bias, .row = add_bias_row});
    if (t_bias)
        eng_trace_rows(s, t_bias, "add", tensor, layer, n, width, (uint64_t)n * width + width, (uint64_t)n * width);
}

/* ---- rope, store_kv ---- */

static void rope_row(const struct row_job *job, uint32_t i)
{
    struct eng_session *s = job->s;
    const struct eng_hparams *hp = &s->model->hp;
    const float *turn = s->turn + (size_t)i * hp->n_rope;
    float *q = s->q + (size_t)i * s->q_dim, *k = s->k + (size_t)i * s->kv_dim;
    if (job->moved)
        eng_rope_apply(s->q_moved + (size_t)i * s->q_dim, q, hp->n_heads, hp->d_head, hp->n_rope, s->turn_moved + (size_t)i * hp->n_rope);
    eng_rope_apply(q, q, hp->n_heads, hp->d_head, hp->n_rope, turn);
    eng_rope_apply(k, k, hp->n_heads_kv, hp->d_head, hp->n_rope, turn);
}

void eng_op_rope(struct eng_session *s, int layer, uint32_t pos, uint32_t n, bool moved)
{
    const uint64_t t = eng_trace_begin(s);
    for_rows((struct row_job){.s = s, .n = n, .pos = pos, .moved = moved, .row = rope_row});
    if (t) {
        const uint64_t qk = (uint64_t)n * (s->q_dim + s->kv_dim), more = moved ? (uint64_t)n * s->q_dim : 0;
        const uint64_t turns = (uint64_t)n * s->model->hp.n_rope * (moved ? 2 : 1);
        eng_trace_rows(s, t, "rope", "", layer, n, s->q_dim + s->kv_dim, qk + turns, qk + more);
    }
}

static void store_row(const struct row_job *job, uint32_t i)
{
    struct eng_session *s = job->s;
    eng_cache_store(&s->cache, s->vec, (uint32_t)job->layer, s->reduce.ops->slot(&s->reduce, job->pos + i), s->k + (size_t)i * s->kv_dim,
                    s->v + (size_t)i * s->kv_dim);
}

void eng_op_store_kv(struct eng_session *s, int layer, uint32_t pos, uint32_t n)
{
    const uint64_t t = eng_trace_begin(s);
    for_rows((struct row_job){.s = s, .layer = layer, .n = n, .pos = pos, .row = store_row});
    if (t) {
        const uint64_t floats = (uint64_t)n * s->kv_dim;
        eng_trace_end(s, t, &(struct eng_op_trace){.op = "store_kv", .tensor = "", .layer = layer, .m = n, .n = 2 * s->kv_dim,
                                                   .w_type = ENG_TYPE_F32, .a_type = ENG_TYPE_F32, .y_type = s->cache.type_k,
                                                   .bytes_read = 2 * floats * sizeof(float),
                                                   .bytes_written = floats * (eng_cache_elem_bytes(s->cache.type_k) +
                                                                              eng_cache_elem_bytes(s->cache.type_v))});
    }
}
