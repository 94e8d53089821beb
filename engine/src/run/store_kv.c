/* store_kv.c - the operator that puts a batch's keys and values into the cache. */
#include "run/ops.h"
#include "run/rows.h"
#include "run/trace.h"

struct store_job {
    struct eng_session *s;
    uint32_t layer;
    const struct eng_batch *batch;
    const float *k, *v;
    size_t k_pitch, v_pitch;
};

static void store_row(const void *arg, uint32_t row)
{
    const struct store_job *job = arg;
    const struct eng_session *s = job->s;
    const struct eng_batch_part *part = eng_batch_part_of(job->batch, row);
    const uint32_t slot = s->reduce.ops->slot(&s->reduce, part->pos + row - part->first_row);
    const uint32_t page = eng_session_pages(s, part->seq)[slot / ENG_ATTN_PAGE];
    eng_cache_store(&s->cache, s->vec, job->layer, page, slot % ENG_ATTN_PAGE, job->k + row * job->k_pitch, job->v + row * job->v_pitch);
}

void eng_op_store_kv(struct eng_session *s, int layer, const struct eng_batch *batch, const float *k, const float *v)
{
    const uint64_t t = eng_trace_begin(s);
    const struct eng_cache_layer *l = &s->cache.layer[layer];
    const uint32_t k_dim = l->n_heads_kv * l->d_k, v_dim = l->n_heads_kv * l->d_v;
    const struct store_job job = {.s = s, .layer = (uint32_t)layer, .batch = batch, .k = k, .v = v, .k_pitch = k_dim, .v_pitch = v_dim};
    eng_rows_run(s->pool, batch->n, store_row, &job);
    if (t)
        eng_trace_end(s, t, &(struct eng_op_trace){.op = "store_kv", .tensor = "", .layer = layer, .m = batch->n, .n = k_dim + v_dim,
                                                   .w_type = ENG_TYPE_F32, .a_type = ENG_TYPE_F32, .y_type = s->cache.type_k,
                                                   .bytes_read = (uint64_t)batch->n * (k_dim + v_dim) * sizeof(float),
                                                   .bytes_written = batch->n * (eng_cache_bytes(s->cache.type_k, k_dim) +
                                                                                eng_cache_bytes(s->cache.type_v, v_dim))});
}
