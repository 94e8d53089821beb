/*
 * attention.c - softmax(q K^T / sqrt(d)) V in two passes: scores of all visible tokens, softmax, weighted sum of V.
 *
 * One task takes some (query, head) rows of one KV head, so the heads of a group read the same K and V while they are in cache; rows
 * go through the kernels in blocks of ENG_ATTN_ROWS. What a query sees are spans of slots (reduce/reduce.h); a block computes scores
 * over the union of its rows' spans and then each row keeps its own part, so every row's sums run over its own tokens in order.
 */
#include <math.h>
#include <string.h>

#include "run/ops.h"
#include "run/trace.h"

struct attn_job {
    struct eng_session *s;
    uint32_t layer, pos, n; /* queries of tokens pos .. pos+n-1 */
    const struct eng_attn_spec *spec;
    const float *q, *q_moved; /* rows of these tokens */
    float *out;
    uint32_t group;         /* query heads of a KV head */
    uint32_t rows_per_task, tasks_per_head;
};

struct attn_row {
    const float *q, *q_moved;
    float *out;             /* [d_head] */
    float *scores;          /* [score_floats] */
    struct eng_span span[ENG_REDUCE_SPANS];
    uint32_t offset[ENG_REDUCE_SPANS]; /* of a span's first probability, once compacted */
};

struct attn_block { /* rows of the same KV head with the same number of spans */
    struct attn_row row[ENG_ATTN_ROWS];
    uint32_t n_rows, n_spans;
    const void *k, *v;
};

static uint32_t down16(uint32_t n)
{
    return n & ~15u;
}

static uint32_t up16(uint32_t n)
{
    return (n + 15u) & ~15u;
}

/* Slots [*begin, *end): all that any row sees of span i (common = false), or what every row sees of it (common = true). */
static void span_of_all(const struct attn_block *b, uint32_t i, bool common, uint32_t *begin, uint32_t *end)
{
    *begin = b->row[0].span[i].begin;
    *end = b->row[0].span[i].end;
    for (uint32_t r = 1; r < b->n_rows; r++) {
        const struct eng_span *span = &b->row[r].span[i];
        if ((span->begin > *begin) == common)
            *begin = span->begin;
        if ((span->end < *end) == common)
            *end = span->end;
    }
    if (*end < *begin)
        *end = *begin;
}

/* Scores of span i for every row, written from float @at of its score row; returns where the next span starts. */
static uint32_t score_span(const struct attn_job *job, const struct attn_block *b, uint32_t i, uint32_t at)
{
    const struct eng_session *s = job->s;
    const struct eng_cache *c = &s->cache;
    const float *q[ENG_ATTN_ROWS];
    float *out[ENG_ATTN_ROWS];
    uint32_t begin, end;
    span_of_all(b, i, false, &begin, &end);
    begin = down16(begin);
    const uint32_t n_tiles = (up16(end) - begin) / ENG_ATTN_LANES;
    for (uint32_t r = 0; r < b->n_rows; r++) {
        q[r] = job->q_moved && b->row[r].span[i].moved ? b->row[r].q_moved : b->row[r].q;
        out[r] = b->row[r].scores + at;
    }
    const size_t first = (size_t)begin * c->d_head;
    if (c->type_k == ENG_TYPE_F32)
        s->attn->scores_f32(q, out, b->n_rows, (const float *)b->k + first, n_tiles, c->d_head, job->spec->scale);
    else
        s->attn->scores_f16(q, out, b->n_rows, (const uint16_t *)b->k + first, n_tiles, c->d_head, job->spec->scale);
    return at + n_tiles * ENG_ATTN_LANES;
}

/* Move a row's own part of every span together and make probabilities of them. */
static void normalise_row(const struct eng_session *s, const struct attn_block *b, struct attn_row *row)
{
    uint32_t n = 0, at = 0;
    for (uint32_t i = 0; i < b->n_spans; i++) {
        uint32_t begin, end;
        span_of_all(b, i, false, &begin, &end);
        begin = down16(begin);
        const uint32_t from = at + row->span[i].begin - begin, len = row->span[i].end - row->span[i].begin;
        if (from != n)
            memmove(row->scores + n, row->scores + from, len * sizeof(float));
        row->offset[i] = n;
        n += len;
        at += up16(end) - begin;
    }
    s->vec->softmax(row->scores, n);
}

/* acc[r] += p V over slots [begin, end) of span i, for rows [first, first + n_rows). */
static void mix_part(const struct attn_job *job, const struct attn_block *b, uint32_t i, uint32_t first, uint32_t n_rows, uint32_t begin,
                     uint32_t end, float *const *acc)
{
    const struct eng_session *s = job->s;
    const struct eng_cache *c = &s->cache;
    const float *p[ENG_ATTN_ROWS];
    if (end <= begin)
        return;
    for (uint32_t r = 0; r < n_rows; r++) {
        const struct attn_row *row = &b->row[first + r];
        p[r] = row->scores + row->offset[i] + begin - row->span[i].begin;
    }
    const size_t at = (size_t)begin * c->d_pad;
    if (c->type_v == ENG_TYPE_F32)
        s->attn->mix_f32(p, acc + first, n_rows, (const float *)b->v + at, end - begin, c->d_pad);
    else
        s->attn->mix_f16(p, acc + first, n_rows, (const uint16_t *)b->v + at, end - begin, c->d_pad);
}

static void mix_span(const struct attn_job *job, const struct attn_block *b, uint32_t i, float *const *acc)
{
    uint32_t begin, end;
    span_of_all(b, i, true, &begin, &end);
    for (uint32_t r = 0; r < b->n_rows; r++) /* what only some rows see, before */
        mix_part(job, b, i, r, 1, b->row[r].span[i].begin, begin < b->row[r].span[i].end ? begin : b->row[r].span[i].end, acc);
    mix_part(job, b, i, 0, b->n_rows, begin, end, acc);
    for (uint32_t r = 0; r < b->n_rows; r++) { /* and after */
        const uint32_t from = end > b->row[r].span[i].begin ? end : b->row[r].span[i].begin;
        mix_part(job, b, i, r, 1, from, b->row[r].span[i].end, acc);
    }
}

static void run_block(const struct attn_job *job, struct attn_block *b, struct eng_worker *worker)
{
    const struct eng_session *s = job->s;
    const uint32_t d_pad = s->cache.d_pad, d_v = job->spec->d_v;
    float *acc[ENG_ATTN_ROWS];
    uint32_t at = 0;
    for (uint32_t r = 0; r < b->n_rows; r++) {
        b->row[r].scores = worker->scores + (size_t)r * s->score_floats;
        acc[r] = worker->acc + (size_t)r * d_pad;
        memset(acc[r], 0, d_pad * sizeof(float));
    }
    for (uint32_t i = 0; i < b->n_spans; i++)
        at = score_span(job, b, i, at);
    for (uint32_t r = 0; r < b->n_rows; r++)
        normalise_row(s, b, &b->row[r]);
    for (uint32_t i = 0; i < b->n_spans; i++)
        mix_span(job, b, i, acc);
    for (uint32_t r = 0; r < b->n_rows; r++)
        memcpy(b->row[r].out, acc[r], d_v * sizeof(float));
}

/* Row i of KV head @head: query i / group, head i % group of the group. */
static uint32_t fill_row(const struct attn_job *job, uint32_t head, uint32_t i, struct attn_row *row)
{
    const struct eng_session *s = job->s;
    const uint32_t query = i / job->group;
    const size_t q_head = (size_t)query * job->spec->n_heads + head * job->group + i % job->group;
    row->q = job->q + q_head * job->spec->d_k;
    row->q_moved = job->q_moved ? job->q_moved + q_head * job->spec->d_k : NULL;
    row->out = job->out + q_head * job->spec->d_v;
    return s->reduce.ops->spans(&s->reduce, job->pos + query, row->span);
}

static void run_task(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct attn_job *job = arg;
    const struct eng_session *s = job->s;
    /* Many queries: last rows first, they see most, and a long task at the end would leave the other workers waiting. One query: the
     * heads of a group one after the other, while their K and V are still in this core's cache. */
    const bool one = job->n == 1;
    const uint32_t n_heads_kv = job->spec->n_heads_kv, head = one ? i_task / job->tasks_per_head : i_task % n_heads_kv;
    const uint32_t i = one ? i_task % job->tasks_per_head : job->tasks_per_head - 1 - i_task / n_heads_kv;
    const uint32_t n_rows = job->n * job->group, end = (i + 1) * job->rows_per_task < n_rows ? (i + 1) * job->rows_per_task : n_rows;
    struct attn_block b = {.k = eng_cache_k(&s->cache, job->layer, head), .v = eng_cache_v(&s->cache, job->layer, head)};
    for (uint32_t row = i * job->rows_per_task; row < end; row++) {
        struct attn_row next;
        const uint32_t n_spans = fill_row(job, head, row, &next);
        if (b.n_rows == ENG_ATTN_ROWS || (b.n_rows > 0 && n_spans != b.n_spans)) {
            run_block(job, &b, &s->workers[i_worker]);
            b.n_rows = 0;
        }
        b.n_spans = n_spans;
        b.row[b.n_rows++] = next;
    }
    run_block(job, &b, &s->workers[i_worker]);
}

/* Cached tokens that the last query sees, and slots that any query of the batch sees. */
static void trace_attention(const struct attn_job *job, uint64_t t)
{
    const struct eng_session *s = job->s;
    const struct eng_reduce *r = &s->reduce;
    const struct eng_attn_spec *a = job->spec;
    const uint32_t last = job->pos + job->n - 1, n_last = r->ops->kept(r, last + 1), n_first = r->ops->kept(r, job->pos + 1);
    const uint64_t n_any = (uint64_t)n_first + job->n - 1; /* the first query's tokens, and one more for each later one */
    const uint64_t token_bytes = (uint64_t)a->n_heads_kv * (a->d_k * eng_cache_elem_bytes(s->cache.type_k) +
                                                            a->d_v * eng_cache_elem_bytes(s->cache.type_v));
    const uint64_t n_heads = (uint64_t)job->n * a->n_heads;
    eng_trace_end(s, t, &(struct eng_op_trace){.op = "attention", .tensor = "", .layer = (int)job->layer, .m = job->n, .n = n_last,
                                               .k = a->d_k * a->n_heads, .w_type = s->cache.type_k, .a_type = ENG_TYPE_F32,
                                               .y_type = ENG_TYPE_F32,
                                               .bytes_read = n_heads * a->d_k * sizeof(float) + n_any * token_bytes,
                                               .bytes_written = n_heads * a->d_v * sizeof(float)});
}

static void attend_part(struct eng_session *s, struct attn_job job)
{
    const uint64_t t = eng_trace_begin(s);
    const struct eng_attn_spec *a = job.spec;
    const uint32_t n_rows = job.n * job.group, n_threads = eng_pool_threads(s->pool);
    job.rows_per_task = 64;
    do { /* small enough that every worker gets its share, large enough to share K and V among rows */
        job.tasks_per_head = (n_rows + job.rows_per_task - 1) / job.rows_per_task;
    } while (n_threads > 1 && job.tasks_per_head * a->n_heads_kv < 4 * n_threads && (job.rows_per_task /= 2) > 0);
    if (job.rows_per_task == 0)
        job.rows_per_task = 1;
    eng_pool_run(s->pool, run_task, &job, job.tasks_per_head * a->n_heads_kv);
    if (t)
        trace_attention(&job, t);
}

void eng_op_attention(struct eng_session *s, int layer, const struct eng_batch *batch, const float *q, const float *q_moved, float *out)
{
    const struct eng_attn_spec *a = &s->model->layers[layer].attn;
    for (uint32_t p = 0; p < batch->n_parts; p++) {
        const struct eng_batch_part *part = &batch->part[p];
        const size_t row = (size_t)part->first_row * a->n_heads;
        attend_part(s, (struct attn_job){.s = s, .layer = (uint32_t)layer, .pos = part->pos, .n = part->n, .spec = a,
                                         .group = a->n_heads / a->n_heads_kv, .q = q + row * a->d_k,
                                         .q_moved = q_moved ? q_moved + row * a->d_k : NULL, .out = out + row * a->d_v});
    }
}
