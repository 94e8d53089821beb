/*
 * session.c - opening, closing and looking at a session; its one arena.
 *
 * Arena, every part rounded up to 64 bytes; r = max(n_batch, 16) rows, V = n_vocab, T = threads:
 *     K, V cache   pages of 64 tokens: cache.h
 *     state        sum over layers of what mixer and channel block keep (recurrent families only)
 *     f32 rows     r (3 d_model + carry + n_rot), and r n_rot when positions may move; n_rot of each table of angles
 *     blocks       r (the most that a layer's mixer or channel block takes, or both in turn) + 2 KiB
 *     f64          n_rot / 2
 *     attention    eng_attn_plan(): per worker, and what decoding at depth puts aside
 *     products     eng_matmul_scratch_bytes(r, widest input)
 *     follow       40 bytes for each matrix
 *     sampling     8 V
 *     logits       16 V, last: pages beyond the first row are touched only by drafts and scoring
 */
#include "run/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "run/methods.h"
#include "run/rope.h"

#define MAX_BATCH 8192
#define MAX_THREADS 1024
#define MAX_SEQ 4096

struct carve { /* hands out pieces of the arena; base NULL: only counts */
    uint8_t *base;
    size_t at;
    bool overflow;
};

static void *take(struct carve *c, uint64_t n, size_t elem_bytes)
{
    size_t bytes, end;
    if (__builtin_mul_overflow(n, elem_bytes, &bytes) || __builtin_add_overflow(bytes, c->at + 63, &end)) {
        c->overflow = true;
        return NULL;
    }
    void *p = c->base ? c->base + c->at : NULL;
    c->at = end & ~(size_t)63;
    return p;
}

static size_t widest_input(const struct eng_model *m)
{
    size_t n = 0;
    for (uint32_t i = 0; i < m->n_matrices; i++)
        n = m->matrices[i].multiplied && m->matrices[i].w->n_cols > n ? m->matrices[i].w->n_cols : n;
    return n;
}

static size_t block_floats(const struct eng_session *s, const struct eng_block_ops *block, const struct eng_layer *layer)
{
    return block && block->scratch_floats ? block->scratch_floats(s, layer) : 0;
}

static size_t layers_scratch(const struct eng_session *s)
{
    size_t most = 0;
    for (uint32_t i = 0; i < s->model->hp.n_layers; i++) {
        const struct eng_layer *layer = &s->model->layers[i];
        const size_t mixer = block_floats(s, layer->mixer, layer), channel = block_floats(s, layer->channel, layer);
        const size_t floats = (mixer > channel ? mixer : channel) + (layer->parallel ? s->model->hp.d_model : 0);
        most = floats > most ? floats : most;
    }
    return most;
}

static size_t block_state(const struct eng_session *s, const struct eng_block_ops *block, const struct eng_layer *layer)
{
    return block && block->state_bytes ? (block->state_bytes(s->model, layer) + 63) & ~(size_t)63 : 0;
}

/* Offsets of every block's state; without any, state stays NULL. */
static void lay_out_state(struct eng_session *s, struct carve *c)
{
    const uint32_t n_layers = s->model->hp.n_layers;
    size_t at = 0;
    s->state_at = eng_model_recurrent(s->model) ? take(c, 2 * (uint64_t)n_layers, sizeof *s->state_at) : NULL;
    for (uint32_t i = 0; i < n_layers; i++) {
        const struct eng_layer *layer = &s->model->layers[i];
        if (s->state_at)
            s->state_at[2 * i] = at;
        at += block_state(s, layer->mixer, layer);
        if (s->state_at)
            s->state_at[2 * i + 1] = at;
        at += block_state(s, layer->channel, layer);
    }
    s->state_bytes = at;
    s->state = at > 0 ? take(c, s->n_seq * (uint64_t)at, 1) : NULL;
}

/* Tables of angles: the second only when some layer uses it. */
static void lay_out_turns(struct eng_session *s, struct carve *c)
{
    bool used[ENG_ROPES] = {false};
    for (uint32_t i = 0; i < s->model->hp.n_layers; i++)
        if (s->model->layers[i].rope >= 0)
            used[s->model->layers[i].rope] = true;
    used[0] |= used[1]; /* forward.c goes through the tables until the first that is absent */
    for (int r = 0; r < ENG_ROPES; r++) {
        const uint32_t n_rot = used[r] ? s->model->hp.rope[r].n_rot : 0;
        s->turn[r] = n_rot > 0 ? take(c, (uint64_t)s->n_rows * n_rot, sizeof(float)) : NULL;
        s->turn_moved[r] = n_rot > 0 && eng_session_moves(s) ? take(c, (uint64_t)s->n_rows * n_rot, sizeof(float)) : NULL;
        s->rope_freq[r] = n_rot > 0 ? take(c, n_rot / 2, sizeof(double)) : NULL;
    }
}

/* Fill in every pointer of the session from the arena; the formula is in the file head. Returns bytes before the logits. */
static size_t lay_out(struct eng_session *s, struct carve *c)
{
    const struct eng_hparams *hp = &s->model->hp;
    const uint32_t n_threads = eng_pool_threads(s->pool);
    const uint64_t r = s->n_rows;

    void *cache = take(c, s->cache.n_bytes, 1);
    if (cache)
        eng_cache_attach(&s->cache, cache);
    lay_out_state(s, c);
    s->kv_bytes = c->at;
    s->x = take(c, r * hp->d_model, sizeof(float));
    s->h = take(c, r * hp->d_model, sizeof(float));
    s->y = take(c, r * hp->d_model, sizeof(float));
    s->carry = hp->carry_floats > 0 ? take(c, r * hp->carry_floats, sizeof(float)) : NULL;
    s->scratch = take(c, r * s->scratch_floats + 16 * ENG_SCRATCH_PIECES, sizeof(float));
    lay_out_turns(s, c);
    void *attn = take(c, eng_attn_plan(&s->attn_scratch, &s->cache, hp->n_heads, n_threads), 1);
    if (attn)
        eng_attn_attach(&s->attn_scratch, attn, n_threads);
    struct eng_sequences *q = &s->seq;
    void *sequences = take(c, eng_sequences_plan(q, s->n_seq, s->reduce.n_slots, s->reduce.n_ring != 0), 1);
    if (sequences)
        eng_sequences_attach(q, sequences);
    s->batch_ids = take(c, r, sizeof *s->batch_ids);
    s->matmul_scratch = take(c, eng_matmul_scratch_bytes(s->n_rows, widest_input(s->model), n_threads), 1);
    s->follow.after = take(c, s->model->n_matrices, sizeof *s->follow.after);
    s->candidates = take(c, hp->n_vocab, sizeof(struct eng_candidate));
    const size_t touched = c->at;
    s->logits = take(c, (uint64_t)ENG_HEAD_ROWS * hp->n_vocab, sizeof(float));
    return touched;
}

/* Bytes of the arena, and of what is written at once. */
static int measure_arena(struct eng_session *s, size_t *n_bytes, size_t *touched, struct eng_error *err)
{
    struct carve c = {0};
    *touched = lay_out(s, &c);
    *n_bytes = c.at;
    if (c.overflow || c.at > SIZE_MAX / 2)
        return eng_fail(err, ENG_ELIMIT, "a session of %u slots and batches of %u does not fit into memory", s->reduce.n_slots, s->n_batch);
    return ENG_OK;
}

static int make_arena(struct eng_session *s, struct eng_error *err)
{
    size_t touched;
    const int rc = measure_arena(s, &s->arena_bytes, &touched, err);
    if (rc != ENG_OK)
        return rc;
    s->arena = aligned_alloc(64, s->arena_bytes);
    if (!s->arena)
        return eng_fail(err, ENG_ENOMEM, "no memory for the session: %zu MiB, of which cache %zu MiB; ask for a smaller context",
                        s->arena_bytes >> 20, s->kv_bytes >> 20);
    memset(s->arena, 0, touched); /* padding of V must be zero; and page faults belong here, not into a measurement */
    struct carve c = {.base = s->arena};
    lay_out(s, &c);
    for (int r = 0; r < ENG_ROPES; r++)
        if (s->rope_freq[r])
            eng_rope_frequencies(&s->model->hp.rope[r], s->reduce.n_ctx, s->rope_freq[r]);
    return ENG_OK;
}

/* ---- choices ------------------------------------------------------------------------------------------------------- */

static int choose(enum eng_family family, const char *text, struct eng_method *out, struct eng_error *err)
{
    size_t n;
    const int rc = eng_method_parse(family, text ? text : eng_methods(family, &n)[0]->name, out, err);
    if (rc != ENG_OK)
        return rc;
    if (out->info->unavailable)
        return eng_fail(err, ENG_ENOTSUP, "'%s' cannot be used: %s", out->info->name, out->info->unavailable);
    return ENG_OK;
}

static int choose_all(struct eng_session *s, const struct eng_session_params *p, struct eng_error *err)
{
    struct eng_method choice[ENG_FAMILY_N] = {{0}}, cache_v;
    int rc;
    if ((rc = choose(ENG_FAMILY_BACKEND, p->backend, &choice[ENG_FAMILY_BACKEND], err)) != ENG_OK ||
        (rc = choose(ENG_FAMILY_QUANT, NULL, &choice[ENG_FAMILY_QUANT], err)) != ENG_OK ||
        (rc = choose(ENG_FAMILY_ACT, p->act, &choice[ENG_FAMILY_ACT], err)) != ENG_OK ||
        (rc = choose(ENG_FAMILY_CACHE, p->cache_type_k, &choice[ENG_FAMILY_CACHE], err)) != ENG_OK ||
        (rc = choose(ENG_FAMILY_CACHE, p->cache_type_v, &cache_v, err)) != ENG_OK ||
        (rc = choose(ENG_FAMILY_EXIT, p->early_exit, &choice[ENG_FAMILY_EXIT], err)) != ENG_OK ||
        (rc = choose(ENG_FAMILY_REDUCE, p->token_reduction, &choice[ENG_FAMILY_REDUCE], err)) != ENG_OK)
        return rc;
    const char *conflict = eng_methods_conflict(choice);
    if (conflict)
        return eng_fail(err, ENG_ENOTSUP, "these methods cannot run together: %s", conflict);

    s->backend = eng_backend_find(&choice[ENG_FAMILY_BACKEND]);
    s->act = eng_act_find(&choice[ENG_FAMILY_ACT]);
    s->cache.type_k = eng_cache_type_find(&choice[ENG_FAMILY_CACHE]);
    s->cache.type_v = eng_cache_type_find(&cache_v);
    s->exit = eng_exit_find(&choice[ENG_FAMILY_EXIT]);
    s->exit_choice = choice[ENG_FAMILY_EXIT];
    s->reduce.ops = eng_reduce_find(&choice[ENG_FAMILY_REDUCE]);
    s->reduce.method = choice[ENG_FAMILY_REDUCE];
    if (s->reduce.ops != &eng_reduce_none && eng_model_recurrent(s->model))
        return eng_fail(err, ENG_ENOTSUP, "%s drops tokens from the cache, but %s keeps a running state of all of them",
                        s->reduce.method.info->name, s->model->info.arch);
    return s->exit->check ? s->exit->check(&s->exit_choice, s->model, err) : ENG_OK;
}

/* Sizes that follow from model and parameters. */
static int plan_sizes(struct eng_session *s, const struct eng_session_params *p, struct eng_error *err)
{
    const struct eng_hparams *hp = &s->model->hp;
    uint32_t n_ctx = p->n_ctx;
    if (n_ctx == 0)
        n_ctx = hp->n_ctx_train > 0 && hp->n_ctx_train < 2048 ? hp->n_ctx_train : 2048;
    if (hp->n_positions > 0 && n_ctx > hp->n_positions) {
        if (p->n_ctx > 0)
            return eng_fail(err, ENG_EINVAL, "this model knows %u positions; a context of %u tokens is out of range", hp->n_positions, n_ctx);
        n_ctx = hp->n_positions;
    }
    if (n_ctx > INT32_MAX / 2)
        return eng_fail(err, ENG_EINVAL, "a context of %u tokens is out of range (1 to %d)", n_ctx, INT32_MAX / 2);
    if (p->n_batch > MAX_BATCH)
        return eng_fail(err, ENG_EINVAL, "a batch of %u tokens is out of range (1 to %d)", p->n_batch, MAX_BATCH);
    s->reduce.n_ctx = n_ctx;
    s->reduce.n_batch = p->n_batch ? p->n_batch : 512;
    if (s->reduce.n_batch > n_ctx)
        s->reduce.n_batch = n_ctx;
    s->reduce.ops->plan(&s->reduce);
    s->n_batch = s->reduce.n_batch;
    s->n_rows = s->n_batch > ENG_HEAD_ROWS ? s->n_batch : ENG_HEAD_ROWS;
    s->scratch_floats = layers_scratch(s);

    s->n_seq = p->n_seq ? p->n_seq : 1;
    if (s->n_seq > MAX_SEQ)
        return eng_fail(err, ENG_EINVAL, "%u sequences are out of range (1 to %d)", s->n_seq, MAX_SEQ);
    if (eng_sequences_plan(&s->seq, s->n_seq, s->reduce.n_slots, s->reduce.n_ring != 0) == SIZE_MAX)
        return eng_fail(err, ENG_ELIMIT, "%u sequences of %u tokens do not fit into memory", s->n_seq, n_ctx);
    return eng_cache_plan(&s->cache, &s->model->layers[0].attn, sizeof s->model->layers[0], hp->n_layers, s->seq.n_pages, err);
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

/* All but the arena. */
static int plan_session(struct eng_session **out, struct eng_model *model, const struct eng_session_params *params, struct eng_error *err)
{
    const struct eng_session_params none = {0}, *p = params ? params : &none;
    *out = NULL;
    if (p->n_threads > MAX_THREADS)
        return eng_fail(err, ENG_EINVAL, "%u threads are out of range (1 to %d)", p->n_threads, MAX_THREADS);
    if (model->vocab_only)
        return eng_fail(err, ENG_EINVAL, "the model was opened for its vocabulary only: it has no weights to run");
    struct eng_session *s = calloc(1, sizeof *s);
    if (!s)
        return eng_fail(err, ENG_ENOMEM, "no memory for a session");
    s->model = model;
    s->observer = p->observer;
    s->tracer = p->tracer;
    s->vec = eng_vector();
    s->attn = eng_attn_ops();
    s->recur = eng_recur_ops();
    s->pending = -1;

    int rc;
    if ((rc = choose_all(s, p, err)) != ENG_OK || (rc = plan_sizes(s, p, err)) != ENG_OK ||
        (rc = eng_pool_open_masked(&s->pool, p->n_threads ? p->n_threads : 1, p->cpu_mask, err)) != ENG_OK) {
        eng_session_close(s);
        return rc;
    }
    *out = s;
    return ENG_OK;
}

int eng_session_open(struct eng_session **out, struct eng_model *model, const struct eng_session_params *params, struct eng_error *err)
{
    int rc = plan_session(out, model, params, err);
    if (rc == ENG_OK)
        rc = make_arena(*out, err);
    if (rc != ENG_OK) {
        eng_session_close(*out);
        *out = NULL;
    }
    return rc;
}

int eng_session_measure(struct eng_model *model, const struct eng_session_params *params, struct eng_session_need *need, struct eng_error *err)
{
    struct eng_session *s;
    size_t n_bytes, touched;
    int rc = plan_session(&s, model, params, err);
    if (rc == ENG_OK)
        rc = measure_arena(s, &n_bytes, &touched, err);
    if (rc == ENG_OK)
        *need = (struct eng_session_need){.kv_bytes = s->kv_bytes, .scratch_bytes = n_bytes - s->kv_bytes,
                                          .used_bytes = touched + model->hp.n_vocab * sizeof(float), .n_ctx = s->reduce.n_ctx};
    eng_session_close(s);
    return rc;
}

void eng_session_close(struct eng_session *s)
{
    if (!s)
        return;
    eng_pool_close(s->pool);
    eng_cache_release(&s->cache);
    free(s->arena);
    free(s->ids);
    free(s);
}

void eng_session_info(const struct eng_session *s, struct eng_session_info *info)
{
    *info = (struct eng_session_info){
        .kv_bytes = s->kv_bytes,
        .scratch_bytes = s->arena_bytes - s->kv_bytes + s->cap_ids * sizeof *s->ids,
        .n_ctx = s->reduce.n_ring ? s->reduce.ops->kept(&s->reduce, UINT32_MAX) : s->reduce.n_ctx,
        .n_kept = s->reduce.ops->kept(&s->reduce, s->seq.n_seen[0]),
        .n_seen = s->seq.n_seen[0],
        .n_drafted = s->n_drafted,
        .n_accepted = s->n_accepted,
        .kernels = eng_kernels_name(),
    };
}

void eng_session_reset(struct eng_session *s)
{
    for (uint32_t i = s->seq.n_seq; i > 0; i--)
        eng_seq_reset(s, i - 1);
}

int eng_session_rewind(struct eng_session *s, uint32_t n_keep, struct eng_error *err)
{
    return eng_seq_rewind(s, 0, n_keep, err);
}
