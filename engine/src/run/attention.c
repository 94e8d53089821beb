/*
 * attention.c - what every query sees, in blocks: softmax(curve(q K^T)) V with the softmax taken chunk by chunk (256 slots) and the
 * chunks merged in order (online softmax: Milakov, Gimelshein 2018; Dao et al. 2022).
 *
 * What a query sees are spans of slots (reduce/reduce.h) within its layer's window. Chunks end at multiples of 256 slots, so a query's
 * sums follow from its token index alone. Rows of one KV head - queries times the heads of its group - make tiles that read each page
 * once: a page is expanded to f32 in the first-level cache when many rows want it, and read as it stands when few do.
 *
 * Two ways to share the work, with the same bits. Many tiles: a task takes a tile through all its chunks. Few (decoding at depth):
 * a task takes one chunk of a tile, its part of the softmax is put aside, and the parts are merged in order afterwards
 * (Dao et al. 2023, "Flash-Decoding"), so that all workers read the cache at once and each byte is read once.
 */
#include "run/attention.h"

#include <math.h>
#include <string.h>

#include "run/ops.h"
#include "run/trace.h"

#define PAGE ENG_ATTN_PAGE
#define CHUNK ENG_ATTN_CHUNK
#define TILE ENG_ATTN_TILE
#define FEW_ROWS 6      /* up to here a page in half precision is converted in registers, once for these rows */
#define HEAD_FLOATS 16  /* of a part that was put aside: top, sum, and room up to a cache line */
#define SMALL_WORK 4096 /* scores that are not worth waking a worker */

struct attn_job {
    const struct eng_session *s;
    const struct eng_cache_layer *cache;
    const struct eng_attn_spec *spec;
    const struct eng_batch *batch;
    const float *q, *q_moved;           /* [n][n_heads][d_k] */
    float *out;                         /* [n][n_heads][d_v] */
    uint32_t group;                     /* query heads of a KV head */
    uint32_t tile_rows, n_tiles;
    uint32_t n_units;                   /* split: chunks of the tile that has most of them */
    bool split;
};

struct tile { /* rows of one KV head of one part of the batch */
    const struct eng_batch_part *part;
    const uint32_t *pages;
    uint32_t head, first_row, n_rows;
    uint32_t n_spans;                       /* of the row that has most of them */
    struct eng_span hull[ENG_REDUCE_SPANS]; /* what any of them sees */
    struct eng_span span[TILE][ENG_REDUCE_SPANS];
};

struct part { /* of the softmax of a tile's rows: one chunk, or all chunks so far. A sum of 0: the row sees nothing of it */
    float *acc;   /* [n_rows] pitch floats apart */
    size_t pitch;
    float top[TILE], sum[TILE];
};

float eng_attn_slope(const struct eng_attn_spec *spec, uint32_t head)
{
    uint32_t n = 1;
    if (spec->alibi_max <= 0.0f)
        return 0.0f;
    while (2 * n <= spec->n_heads)
        n *= 2;
    const double exponent = head < n ? (head + 1.0) / n : (2.0 * (head - n) + 1.0) / (2.0 * n);
    return (float)exp2(-(double)spec->alibi_max * exponent);
}

/* ---- memory ------------------------------------------------------------------------------------------------------------ */

size_t eng_attn_plan(struct eng_attn_scratch *a, const struct eng_cache *c, uint32_t n_heads, uint32_t n_threads)
{
    *a = (struct eng_attn_scratch){.d_max = ENG_ATTN_LANES, .v_max = ENG_ATTN_LANES};
    for (uint32_t i = 0; i < c->n_layers; i++) {
        const struct eng_cache_layer *l = &c->layer[i];
        a->d_max = l->d_k > a->d_max ? l->d_k : a->d_max;
        a->v_max = l->v_pad > a->v_max ? l->v_pad : a->v_max;
    }
    a->d_max = a->v_max > a->d_max ? a->v_max : a->d_max;
    a->worker_floats = (size_t)TILE * CHUNK + (size_t)PAGE * a->d_max + 2 * (size_t)TILE * a->v_max;
    const size_t n_chunks = c->n_pages / (CHUNK / PAGE) + 1 + ENG_REDUCE_SPANS;
    size_t floats, bytes;
    if (__builtin_mul_overflow((size_t)n_heads * ENG_ATTN_SPLIT * (a->v_max + HEAD_FLOATS), n_chunks, &a->part_floats) ||
        __builtin_add_overflow(a->part_floats, n_threads * a->worker_floats, &floats) ||
        __builtin_mul_overflow(floats, sizeof(float), &bytes))
        return SIZE_MAX;
    return bytes;
}

void eng_attn_attach(struct eng_attn_scratch *a, void *memory, uint32_t n_threads)
{
    a->workers = memory; /* pieces are multiples of 16 floats: 64 bytes */
    a->parts = a->workers + n_threads * a->worker_floats;
}

/* ---- tiles ------------------------------------------------------------------------------------------------------------- */

static uint32_t tiles_of_part(const struct attn_job *job, const struct eng_batch_part *part)
{
    return (part->n * job->group + job->tile_rows - 1) / job->tile_rows;
}

static uint32_t count_tiles(const struct attn_job *job)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < job->batch->n_parts; i++)
        n += tiles_of_part(job, &job->batch->part[i]);
    return n * job->cache->n_heads_kv;
}

/* What rows see: each row's own spans, and their hull. Rows with fewer spans than others have empty ones. */
static void fill_spans(const struct attn_job *job, struct tile *t)
{
    const struct eng_reduce *r = &job->s->reduce;
    t->n_spans = 0;
    for (uint32_t i = 0; i < t->n_rows; i++) {
        const uint32_t query = (t->first_row + i) / job->group;
        struct eng_span *span = t->span[i];
        if (i > 0 && (t->first_row + i) % job->group != 0) { /* heads of the same query */
            memcpy(span, t->span[i - 1], sizeof t->span[i]);
            continue;
        }
        uint32_t n = r->ops->spans(r, t->part->pos + query, job->spec->window, span);
        t->n_spans = n > t->n_spans ? n : t->n_spans;
        for (; n < ENG_REDUCE_SPANS; n++)
            span[n] = (struct eng_span){0};
    }
    for (uint32_t k = 0; k < t->n_spans; k++) {
        struct eng_span *hull = &t->hull[k];
        *hull = (struct eng_span){.begin = UINT32_MAX};
        for (uint32_t i = 0; i < t->n_rows; i++) {
            const struct eng_span *span = &t->span[i][k];
            if (span->begin >= span->end)
                continue;
            hull->moved = span->moved;
            hull->begin = span->begin < hull->begin ? span->begin : hull->begin;
            hull->end = span->end > hull->end ? span->end : hull->end;
        }
    }
}

/* Tile i of the job, in the order of rows: a worker meets the rows that it has made (pool.h). */
static void find_tile(const struct attn_job *job, uint32_t i, struct tile *t)
{
    const struct eng_batch_part *part = job->batch->part;
    const uint32_t n_heads = job->cache->n_heads_kv;
    uint32_t n;
    for (; i >= (n = tiles_of_part(job, part) * n_heads); part++)
        i -= n;
    const uint32_t row_tile = i / n_heads, n_rows = part->n * job->group;
    t->part = part;
    t->pages = eng_session_pages(job->s, part->seq);
    t->head = i % n_heads;
    t->first_row = row_tile * job->tile_rows;
    t->n_rows = n_rows - t->first_row < job->tile_rows ? n_rows - t->first_row : job->tile_rows;
    fill_spans(job, t);
}

/* Chunks of a span: those that its hull touches. */
static uint32_t chunks_of_span(const struct eng_span *hull)
{
    return hull->end > hull->begin ? (hull->end - 1) / CHUNK - hull->begin / CHUNK + 1 : 0;
}

/* Index of a head's row in q and out, in heads. */
static size_t row_at(const struct attn_job *job, const struct tile *t, uint32_t row)
{
    const uint32_t i = t->first_row + row;
    return (size_t)(t->part->first_row + i / job->group) * job->spec->n_heads + t->head * job->group + i % job->group;
}

/* ---- one chunk of one tile ------------------------------------------------------------------------------------------------ */

struct chunk {
    const struct tile *tile;
    uint32_t i_span, base, begin, end; /* slots: of score 0; [begin, end) are what any row sees of the chunk */
};

/* Products of all rows and pages of the chunk. */
static void score_chunk(const struct attn_job *job, const struct chunk *c, float *scores, float *page_f32)
{
    const struct eng_session *s = job->s;
    const struct eng_attn_ops *ops = s->attn;
    const struct tile *t = c->tile;
    const uint32_t d_k = job->spec->d_k;
    const enum eng_kv kv = s->cache.kv_k;
    const float *from = t->hull[c->i_span].moved && job->q_moved ? job->q_moved : job->q, *q[TILE];
    for (uint32_t r = 0; r < t->n_rows; r++)
        q[r] = from + row_at(job, t, r) * d_k;
    for (uint32_t slot = c->begin / PAGE * PAGE; slot < c->end; slot += PAGE) {
        const uint32_t n = c->end - slot < PAGE ? c->end - slot : PAGE;
        const void *page = eng_cache_k(job->cache, s->cache.n_pages, t->head, t->pages[slot / PAGE]);
        enum eng_kv as = kv;
        if (!ops->scores[kv] || (kv == ENG_KV_F16 && t->n_rows > FEW_ROWS)) {
            ops->expand_k[kv](page_f32, page, n, d_k);
            page = page_f32;
            as = ENG_KV_F32;
        }
        ops->scores[as](q, scores + (slot - c->base), t->n_rows, page, n, d_k);
    }
}

/* Products become weights; rows that see nothing of the chunk get zeros. */
static void weigh_chunk(const struct attn_job *job, const struct chunk *c, float *scores, struct part *part)
{
    const struct eng_session *s = job->s;
    const struct eng_reduce *reduce = &s->reduce;
    const struct tile *t = c->tile;
    const uint32_t n = (c->end - c->base + ENG_ATTN_LANES - 1) / ENG_ATTN_LANES * ENG_ATTN_LANES;
    struct eng_attn_curve curve = {.scale = job->spec->scale, .softcap = job->spec->softcap};
    for (uint32_t r = 0; r < t->n_rows; r++) {
        const struct eng_span *span = &t->span[r][c->i_span];
        const uint32_t begin = span->begin > c->begin ? span->begin : c->begin, end = span->end < c->end ? span->end : c->end;
        float *row = scores + (size_t)r * CHUNK, distance = 0.0f;
        part->sum[r] = 0.0f;
        if (begin >= end) {
            memset(row, 0, n * sizeof *row);
            continue;
        }
        if (job->spec->alibi_max > 0.0f) {
            const uint32_t i = t->first_row + r, token = t->part->pos + i / job->group;
            const uint32_t position = span->moved ? reduce->ops->moved_position(reduce, token) : token;
            curve.slope = eng_attn_slope(job->spec, t->head * job->group + i % job->group);
            distance = (float)((int64_t)span->token - span->begin + c->base - position);
        }
        s->attn->weigh(row, begin - c->base, end - c->base, n, &curve, distance, &part->top[r], &part->sum[r]);
    }
}

/* part = weights times the values of all pages of the chunk. */
static void mix_chunk(const struct attn_job *job, const struct chunk *c, const float *weights, float *page_f32, struct part *part)
{
    const struct eng_session *s = job->s;
    const struct eng_attn_ops *ops = s->attn;
    const struct tile *t = c->tile;
    const uint32_t v_pad = job->cache->v_pad;
    const enum eng_kv kv = s->cache.kv_v;
    for (uint32_t r = 0; r < t->n_rows; r++)
        memset(part->acc + r * part->pitch, 0, v_pad * sizeof(float));
    for (uint32_t slot = c->begin / PAGE * PAGE; slot < c->end; slot += PAGE) {
        const uint32_t from = c->begin > slot ? c->begin - slot : 0, n = (c->end - slot < PAGE ? c->end - slot : PAGE) - from;
        const void *page = eng_cache_v(job->cache, s->cache.n_pages, t->head, t->pages[slot / PAGE]);
        const float *p = weights + (slot + from - c->base);
        if (!ops->mix[kv] || (kv == ENG_KV_F16 && t->n_rows > FEW_ROWS)) {
            ops->expand_v[kv](page_f32, page, from, n, v_pad);
            ops->mix[ENG_KV_F32](p, part->acc, part->pitch, t->n_rows, page_f32, 0, n, v_pad);
        } else {
            ops->mix[kv](p, part->acc, part->pitch, t->n_rows, page, from, n, v_pad);
        }
    }
}

/* Chunk @i of span @i_span of the tile, into @part. */
static void run_chunk(const struct attn_job *job, const struct tile *t, uint32_t i_span, uint32_t i, float *scratch, struct part *part)
{
    const struct eng_span *hull = &t->hull[i_span];
    const uint32_t base = (hull->begin / CHUNK + i) * CHUNK, end = base + CHUNK;
    const struct chunk c = {.tile = t, .i_span = i_span, .base = base, .begin = base > hull->begin ? base : hull->begin,
                            .end = end < hull->end ? end : hull->end};
    float *page_f32 = scratch + TILE * CHUNK;
    score_chunk(job, &c, scratch, page_f32);
    weigh_chunk(job, &c, scratch, part);
    mix_chunk(job, &c, scratch, page_f32, part);
}

/* ---- the two ways of sharing ------------------------------------------------------------------------------------------------ */

static void finish_row(const struct attn_job *job, const struct tile *t, uint32_t row, const float *acc, float sum)
{
    const uint32_t d_v = job->spec->d_v;
    job->s->attn->finish(job->out + row_at(job, t, row) * d_v, acc, sum, d_v);
}

/* A tile through all its chunks. */
static void run_tile(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct attn_job *job = arg;
    const struct eng_attn_scratch *a = &job->s->attn_scratch;
    const uint32_t v_pad = job->cache->v_pad;
    float *scratch = a->workers + i_worker * a->worker_floats;
    struct part one = {.acc = scratch + TILE * CHUNK + PAGE * a->d_max, .pitch = v_pad};
    struct part all = {.acc = one.acc + TILE * v_pad, .pitch = v_pad};
    struct tile t;
    find_tile(job, i_task, &t);
    memset(all.acc, 0, t.n_rows * v_pad * sizeof(float));
    for (uint32_t r = 0; r < t.n_rows; r++)
        all.top[r] = -INFINITY;
    for (uint32_t k = 0; k < t.n_spans; k++)
        for (uint32_t i = 0; i < chunks_of_span(&t.hull[k]); i++) {
            run_chunk(job, &t, k, i, scratch, &one);
            for (uint32_t r = 0; r < t.n_rows; r++)
                if (one.sum[r] != 0.0f)
                    job->s->attn->merge(all.acc + r * v_pad, &all.top[r], &all.sum[r], one.acc + r * v_pad, one.top[r], one.sum[r], v_pad);
        }
    for (uint32_t r = 0; r < t.n_rows; r++)
        finish_row(job, &t, r, all.acc + r * v_pad, all.sum[r]);
}

static float *part_at(const struct attn_job *job, uint32_t i_tile, uint32_t i_unit)
{
    const size_t row_floats = job->cache->v_pad + HEAD_FLOATS;
    return job->s->attn_scratch.parts + ((size_t)i_tile * job->n_units + i_unit) * job->tile_rows * row_floats;
}

/* One chunk of a tile, put aside. */
static void run_unit(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct attn_job *job = arg;
    const struct eng_attn_scratch *a = &job->s->attn_scratch;
    const uint32_t i_tile = i_task / job->n_units, i_unit = i_task % job->n_units;
    struct tile t;
    find_tile(job, i_tile, &t);
    float *aside = part_at(job, i_tile, i_unit);
    struct part part = {.acc = aside + HEAD_FLOATS, .pitch = job->cache->v_pad + HEAD_FLOATS};
    uint32_t i = i_unit, k = 0;
    for (uint32_t n; k < t.n_spans && i >= (n = chunks_of_span(&t.hull[k])); k++)
        i -= n;
    if (k < t.n_spans)
        run_chunk(job, &t, k, i, a->workers + i_worker * a->worker_floats, &part);
    for (uint32_t r = 0; r < t.n_rows; r++) {
        aside[r * part.pitch] = part.top[r];
        aside[r * part.pitch + 1] = part.sum[r];
    }
}

/* The parts of a tile, in order. */
static void merge_units(void *arg, uint32_t i_task, uint32_t i_worker)
{
    const struct attn_job *job = arg;
    const struct eng_attn_scratch *a = &job->s->attn_scratch;
    const uint32_t v_pad = job->cache->v_pad;
    const size_t pitch = v_pad + HEAD_FLOATS;
    float *acc = a->workers + i_worker * a->worker_floats;
    struct tile t;
    find_tile(job, i_task, &t);
    for (uint32_t r = 0; r < t.n_rows; r++) {
        float top = -INFINITY, sum = 0.0f;
        memset(acc, 0, v_pad * sizeof *acc);
        for (uint32_t u = 0; u < job->n_units; u++) {
            const float *part = part_at(job, i_task, u) + r * pitch;
            if (part[1] != 0.0f)
                job->s->attn->merge(acc, &top, &sum, part + HEAD_FLOATS, part[0], part[1], v_pad);
        }
        finish_row(job, &t, r, acc, sum);
    }
}

/* ---- the operator -------------------------------------------------------------------------------------------------------------- */

/* Tokens that the query of @token sees. */
static uint32_t n_seen_by(const struct attn_job *job, uint32_t token)
{
    struct eng_span span[ENG_REDUCE_SPANS];
    const struct eng_reduce *r = &job->s->reduce;
    const uint32_t n_spans = r->ops->spans(r, token, job->spec->window, span);
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_spans; i++)
        n += span[i].end > span[i].begin ? span[i].end - span[i].begin : 0;
    return n;
}

/* n: tokens that the last query sees; bytes: of all tokens that any query sees, once. */
static void trace_attention(const struct attn_job *job, int layer, uint64_t t)
{
    const struct eng_cache *c = &job->s->cache;
    const struct eng_cache_layer *l = job->cache;
    const struct eng_attn_spec *spec = job->spec;
    uint64_t n_any = 0;
    uint32_t n_last = 0;
    for (uint32_t i = 0; i < job->batch->n_parts; i++) {
        const struct eng_batch_part *part = &job->batch->part[i];
        n_any += n_seen_by(job, part->pos) + part->n - 1; /* the first query's tokens, and one more for each later one */
        n_last = n_seen_by(job, part->pos + part->n - 1);
    }
    const uint64_t token_bytes = l->n_heads_kv * (eng_cache_bytes(c->type_k, l->d_k) + eng_cache_bytes(c->type_v, l->d_v));
    const uint64_t rows = (uint64_t)job->batch->n * spec->n_heads;
    eng_trace_end(job->s, t, &(struct eng_op_trace){.op = "attention", .tensor = "", .layer = layer, .m = job->batch->n, .n = n_last,
                                                    .k = spec->d_k * spec->n_heads, .w_type = c->type_k, .a_type = ENG_TYPE_F32,
                                                    .y_type = ENG_TYPE_F32,
                                                    .bytes_read = rows * spec->d_k * sizeof(float) + n_any * token_bytes,
                                                    .bytes_written = rows * spec->d_v * sizeof(float)});
}

/* Chunks of the tile that has most. */
static uint32_t most_units(const struct attn_job *job)
{
    uint32_t most = 1;
    for (uint32_t i = 0; i < job->n_tiles; i++) {
        struct tile t;
        uint32_t n = 0;
        find_tile(job, i, &t);
        for (uint32_t k = 0; k < t.n_spans; k++)
            n += chunks_of_span(&t.hull[k]);
        most = n > most ? n : most;
    }
    return most;
}

/* How the work is shared: the choice changes speed only. */
static void share(struct attn_job *job, uint32_t n_threads)
{
    const uint32_t few = 3 * n_threads; /* tiles: the last ones to finish would keep the other workers waiting */
    const struct eng_cache_layer *l = job->cache;
    uint32_t most = 0;
    for (uint32_t i = 0; i < job->batch->n_parts; i++)
        most = job->batch->part[i].n > most ? job->batch->part[i].n : most;
    job->tile_rows = most < TILE / job->group ? most * job->group : TILE;
    job->n_tiles = count_tiles(job);
    job->n_units = 1;
    if (n_threads == 1 || job->n_tiles >= few)
        return;
    job->n_units = most_units(job);
    const size_t floats = (size_t)job->n_tiles * job->n_units * job->tile_rows * (l->v_pad + HEAD_FLOATS);
    job->split = job->n_units > 1 && floats <= job->s->attn_scratch.part_floats;
    while (!job->split && job->n_tiles < few && job->tile_rows > FEW_ROWS) {
        job->tile_rows = (job->tile_rows + 1) / 2;
        job->n_tiles = count_tiles(job);
    }
}

static uint64_t count_scores(const struct attn_job *job)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < job->batch->n_parts; i++) {
        const struct eng_batch_part *part = &job->batch->part[i];
        n += (uint64_t)n_seen_by(job, part->pos + part->n - 1) * part->n * job->spec->n_heads;
    }
    return n;
}

static void run_here(void (*fn)(void *, uint32_t, uint32_t), struct attn_job *job, uint32_t n_tasks)
{
    for (uint32_t i = 0; i < n_tasks; i++)
        fn(job, i, 0);
}

void eng_op_attention(struct eng_session *s, int layer, const struct eng_batch *batch, const float *q, const float *q_moved, float *out)
{
    const uint64_t t = eng_trace_begin(s);
    const struct eng_attn_spec *spec = &s->model->layers[layer].attn;
    const uint32_t n_threads = eng_pool_threads(s->pool);
    struct attn_job job = {.s = s, .cache = &s->cache.layer[layer], .spec = spec, .batch = batch, .q = q, .q_moved = q_moved, .out = out,
                           .group = spec->n_heads / spec->n_heads_kv};
    const bool small = count_scores(&job) <= SMALL_WORK;
    share(&job, small ? 1 : n_threads);
    if (small || n_threads == 1) {
        run_here(run_tile, &job, job.n_tiles);
    } else if (job.split) {
        eng_pool_run(s->pool, run_unit, &job, job.n_tiles * job.n_units);
        run_here(merge_units, &job, job.n_tiles);
    } else {
        eng_pool_run(s->pool, run_tile, &job, job.n_tiles);
    }
    if (t)
        trace_attention(&job, layer, t);
}
