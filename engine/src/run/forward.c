/*
 * forward.c - one pass over a batch of tokens, whatever the family: blocks of a layer and the sums around them (arch/arch.h has the
 * formulas; the blocks are in arch/). Shapes on the right; d = d_model. x: residual stream, h: what a block reads, y: what it makes.
 */
#include "run/forward.h"

#include "arch/arch.h"
#include "run/ops.h"
#include "run/rope.h"
#include "run/rows.h"

struct turns {
    struct eng_session *s;
    const struct eng_batch *batch;
    bool moved; /* angles of the positions that queries have for what was moved in the cache */
};

static void turn_row(const void *arg, uint32_t row)
{
    const struct turns *t = arg;
    const struct eng_session *s = t->s;
    const struct eng_reduce *r = &s->reduce;
    const struct eng_batch_part *part = eng_batch_part_of(t->batch, row);
    const uint32_t token = part->pos + row - part->first_row, position = t->moved ? r->ops->moved_position(r, token) : token;
    float *const *turn = t->moved ? s->turn_moved : s->turn;
    for (uint32_t i = 0; i < ENG_ROPES && turn[i]; i++) {
        const struct eng_rope *rope = &s->model->hp.rope[i];
        eng_rope_turn(rope, s->rope_freq[i], position, turn[i] + (size_t)row * rope->n_rot);
    }
}

/* Angles of this batch's positions, once for all layers. True when some query stands at a moved position for part of the cache. */
static bool place(struct eng_session *s, const struct eng_batch *b)
{
    const struct eng_reduce *r = &s->reduce;
    bool moved = false;
    for (uint32_t p = 0; p < b->n_parts; p++) {
        const uint32_t last = b->part[p].pos + b->part[p].n - 1;
        moved |= r->ops->moved_position && r->ops->moved_position(r, last) != last;
    }
    eng_rows_run(s->pool, b->n, turn_row, &(struct turns){s, b, false});
    if (moved)
        eng_rows_run(s->pool, b->n, turn_row, &(struct turns){s, b, true});
    return moved;
}

void eng_forward_embed(struct eng_session *s, const int32_t *ids, const struct eng_batch *batch, float *x)
{
    const struct eng_model *m = s->model;
    eng_op_embed(s, ids, batch->n, x);                                           /* x [n][d] */
    if (m->hp.n_positions > 0)
        eng_op_add_positions(s, batch, x);
    if (m->hp.embd_scale != 1.0f)
        eng_op_scale(s, -1, "token_embd", x, m->hp.embd_scale, batch->n, m->hp.d_model);
    if (m->embd_norm.kind != ENG_NORM_NONE)
        eng_op_norm(s, -1, "token_embd_norm", &m->embd_norm, x, x, batch->n, m->hp.d_model);
}

static const float *normed(struct eng_session *s, int l, const char *tensor, const struct eng_norm *norm, const float *x, uint32_t n)
{
    if (norm->kind == ENG_NORM_NONE)
        return x;
    eng_op_norm(s, l, tensor, norm, s->h, x, n, s->model->hp.d_model);           /* h [n][d] */
    return s->h;
}

/* x += residual_scale post(y) */
static void sum(struct eng_session *s, int l, const char *tensor, const struct eng_norm *post, float *x, uint32_t n)
{
    const struct eng_hparams *hp = &s->model->hp;
    if (post->kind != ENG_NORM_NONE)
        eng_op_norm(s, l, tensor, post, s->y, s->y, n, hp->d_model);
    eng_op_add(s, l, tensor, x, hp->residual_scale, s->y, n, hp->d_model);       /* x [n][d] += y */
}

static void layer_in_sequence(struct eng_session *s, const struct eng_layer *w, uint32_t i, const struct eng_batch *b, float *x)
{
    const int l = (int)i;
    w->mixer->run(s, i, b, eng_session_scratch(s, b), normed(s, l, "attn_norm", &w->attn_norm, x, b->n), s->y);
    sum(s, l, "attn_output", &w->attn_post_norm, x, b->n);
    if (!w->channel)
        return;
    w->channel->run(s, i, b, eng_session_scratch(s, b), normed(s, l, "ffn_norm", &w->ffn_norm, x, b->n), s->y);
    sum(s, l, "ffn_down", &w->ffn_post_norm, x, b->n);
}

/* Both blocks read x as it came in: the mixer's result waits in scratch until the channel block has read. */
static void layer_in_parallel(struct eng_session *s, const struct eng_layer *w, uint32_t i, const struct eng_batch *b, float *x)
{
    const int l = (int)i;
    const uint32_t d = s->model->hp.d_model;
    struct eng_scratch scratch = eng_session_scratch(s, b);
    float *mixed = eng_scratch_rows(&scratch, d);
    const float *h = normed(s, l, "attn_norm", &w->attn_norm, x, b->n);
    w->mixer->run(s, i, b, scratch, h, mixed);
    if (w->ffn_norm.kind != ENG_NORM_NONE)
        h = normed(s, l, "ffn_norm", &w->ffn_norm, x, b->n);
    w->channel->run(s, i, b, scratch, h, s->y);
    eng_op_add(s, l, "attn_output", s->y, 1, mixed, b->n, d);
    sum(s, l, "ffn_down", &w->ffn_post_norm, x, b->n);
}

void eng_forward_layers(struct eng_session *s, float *x, const struct eng_batch *batch, uint32_t first, uint32_t end)
{
    s->moved = place(s, batch);
    for (uint32_t i = first; i < end; i++) {
        const struct eng_layer *w = &s->model->layers[i];
        if (w->parallel)
            layer_in_parallel(s, w, i, batch, x);
        else
            layer_in_sequence(s, w, i, batch, x);
        if (w->out_scale > 0)
            eng_op_scale(s, (int)i, "rescale", x, w->out_scale, batch->n, s->model->hp.d_model);
    }
}

void eng_forward_head(struct eng_session *s, const float *x, uint32_t n, float *logits)
{
    const struct eng_model *m = s->model;
    const struct eng_hparams *hp = &m->hp;
    const float *h = normed(s, -1, "output_norm", &m->output_norm, x, n);
    eng_op_matmul(s, -1, "output", &m->output, m->bias_output, h, n, logits);    /* logits [n][n_vocab] */
    if (hp->logit_scale != 1.0f)
        eng_op_scale(s, -1, "output", logits, hp->logit_scale, n, hp->n_vocab);
    if (hp->logit_softcap > 0)
        eng_op_softcap(s, -1, "output", logits, hp->logit_softcap, n, hp->n_vocab);
}
