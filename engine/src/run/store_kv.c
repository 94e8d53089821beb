/* store_kv.c - the operator that puts a batch's keys and values into the cache. */
#include "run/ops.h"
#include "run/trace.h"

#define ROWS_PER_TASK 8

struct store_job {
    struct eng_session *s;
    uint32_t layer;
    const struct eng_batch *batch;
    const float *k, *v;
    size_t k_pitch, v_pitch;
};

static void store_row(const struct store_job *job, const struct eng_batch_part *part, uint32_t i)
{
    const struct eng_session *s = job->s;
    const size_t row = part->first_row + i;
    const uint32_t slot = s->reduce.ops->slot(&s->reduce, part->pos + i), page = eng_session_pages(s, part->seq)[slot / ENG_ATTN_PAGE];
    eng_cache_store(&s->cache, s->vec, job->layer, page, slot % ENG_ATTN_PAGE, job->k + row * job->k_pitch, job->v + row * job->v_pitch);
}

static void store_rows(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct store_job *job = arg;
    const uint32_t first = i_task * ROWS_PER_TASK, end = first + ROWS_PER_TASK < job->batch->n ? first + ROWS_PER_TASK : job->batch->n;
    (void)i_worker;
    for (uint32_t p = 0; p < job->batch->n_parts; p++) {
        const struct eng_batch_part *part = &job->batch->part[p];
        uint32_t row = first > part->first_row ? first : part->first_row;
        for (; row < end && row < part->first_row + part->n; row++)
            store_row(job, part, row - part->first_row);
    }
}

void eng_op_store_kv(struct eng_session *s, int layer, const struct eng_batch *batch, const float *k, const float *v)
{
    const uint64_t t = eng_trace_begin(s);
    const struct eng_cache_layer *l = &s->cache.layer[layer];
    const uint32_t k_dim = l->n_heads_kv * l->d_k, v_dim = l->n_heads_kv * l->d_v;
    struct store_job job = {.s = s, .layer = (uint32_t)layer, .batch = batch, .k = k, .v = v, .k_pitch = k_dim, .v_pitch = v_dim};
    if (batch->n <= ROWS_PER_TASK)
        store_rows(&job, 0, 0);
    else
        eng_pool_run(s->pool, store_rows, &job, (batch->n + ROWS_PER_TASK - 1) / ROWS_PER_TASK);
    if (t)
        eng_trace_end(s, t, &(struct eng_op_trace){.op = "store_kv", .tensor = "", .layer = layer, .m = batch->n, .n = k_dim + v_dim,
                                                   .w_type = ENG_TYPE_F32, .a_type = ENG_TYPE_F32, .y_type = s->cache.type_k,
                                                   .bytes_read = (uint64_t)batch->n * (k_dim + v_dim) * sizeof(float),
                                                   .bytes_written = batch->n * (eng_cache_bytes(s->cache.type_k, k_dim) +
                                                                                eng_cache_bytes(s->cache.type_v, v_dim))});
}
