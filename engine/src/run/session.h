/**
 * session.h (engine, internal) - what one conversation holds: choices, cache, scratch. Laid out by session.c, used by run/ and exit/.
 * Everything below lives in one arena made at open; nothing is allocated per token.
 */
#ifndef ENG_RUN_SESSION_H
#define ENG_RUN_SESSION_H

#include "arch/arch.h"
#include "backends/backend.h"
#include "base/pool.h"
#include "exit/exit.h"
#include "kernels/vector.h"
#include "model/model.h"
#include "reduce/reduce.h"
#include "run/attention.h"
#include "run/cache.h"
#include "run/follow.h"
#include "run/recur_kernel.h"
#include "run/sampler.h"
#include "run/sequence.h"

#define ENG_HEAD_ROWS ENG_EXIT_MAX_OUT /* rows of logits that a session can hold at once */

struct eng_session {
    struct eng_model *model;          /* borrowed */
    struct eng_pool *pool;            /* owned */
    const struct eng_vector_ops *vec;
    const struct eng_attn_ops *attn;
    const struct eng_recur_ops *recur;
    const struct eng_backend_ops *backend;
    const struct eng_exit_ops *exit;
    struct eng_method exit_choice;
    struct eng_reduce reduce;
    struct eng_cache cache;
    struct eng_observer observer;
    struct eng_tracer tracer;
    enum eng_act act;
    uint32_t n_batch;                 /* tokens per pass */
    uint32_t n_rows;                  /* rows that x, h, y and the blocks' scratch can hold: max(n_batch, ENG_HEAD_ROWS) */

    uint32_t n_seq;                   /* as asked for */
    struct eng_sequences seq;         /* pages and lengths; generating, scoring and eng_eval() use sequence 0 */
    int32_t pending;                  /* generated, not yet evaluated; -1: none */
    const float *last_logits;         /* a row of logits, or NULL */
    uint64_t n_drafted, n_accepted;

    /* all f32; rows are tokens of the batch under way */
    double *rope_freq[ENG_ROPES];     /* [n_rot / 2] */
    float *turn[ENG_ROPES];           /* [n_rows][n_rot]; NULL: no such table */
    float *turn_moved[ENG_ROPES];     /* likewise; NULL unless the reduction moves positions */
    bool moved;                       /* some query of the batch stands at a moved position for part of the cache */
    float *x, *h, *y;                 /* [n_rows][d_model]: residual stream; what a block reads; what it makes */
    float *carry;                     /* [n_rows][carry_floats]: from layer to layer of a pass; NULL: none */
    float *scratch;                   /* of the blocks: [n_rows][scratch_floats] and ENG_SCRATCH_PIECES pieces' rounding */
    size_t scratch_floats;            /* the most that a layer needs for a row */
    uint8_t *state;                   /* recurrent state: [sequence][state_bytes], cut up by state_at; NULL: none */
    size_t *state_at;                 /* [n_layers][2]: offsets of a layer's mixer and channel block */
    size_t state_bytes;               /* of one sequence */
    int32_t *batch_ids;               /* [n_rows]: ids of a batch of several sequences */
    float *logits;                    /* [ENG_HEAD_ROWS][n_vocab] */
    struct eng_candidate *candidates; /* [n_vocab]: sampling */
    struct eng_attn_scratch attn_scratch;
    void *matmul_scratch;
    struct eng_follow follow;

    int32_t *ids;                     /* [cap_ids]: a request's prompt; grows with the longest prompt seen */
    size_t cap_ids;
    void *arena;
    size_t arena_bytes, kv_bytes;
};

static inline const uint32_t *eng_session_pages(const struct eng_session *s, uint32_t seq)
{
    return s->seq.page + (size_t)seq * s->seq.n_seq_pages;
}

static inline void eng_observe(const struct eng_session *s, enum eng_mark what, uint32_t index, int64_t value)
{
    if (s->observer.mark)
        s->observer.mark(s->observer.user, what, index, value, eng_clock_ns());
}

#define ENG_SCRATCH_PIECES 32

/** eng_session_moves() - the reduction method may ask for queries at moved positions. */
static inline bool eng_session_moves(const struct eng_session *s)
{
    return s->reduce.ops->moved_position != NULL && s->reduce.n_ring != 0;
}

/** eng_session_scratch() - the blocks' memory, from its start, for the rows of @batch. */
static inline struct eng_scratch eng_session_scratch(struct eng_session *s, const struct eng_batch *batch)
{
    return (struct eng_scratch){.at = s->scratch, .n = batch->n};
}

/** eng_mixer_state(), eng_channel_state() - what the layer's block remembers of a sequence: state_bytes() of it, 64-byte aligned. */
static inline void *eng_mixer_state(const struct eng_session *s, uint32_t i_layer, uint32_t seq)
{
    return s->state + seq * s->state_bytes + s->state_at[2 * i_layer];
}
static inline void *eng_channel_state(const struct eng_session *s, uint32_t i_layer, uint32_t seq)
{
    return s->state + seq * s->state_bytes + s->state_at[2 * i_layer + 1];
}

/** eng_session_extend() - evaluate ids[n] in batches as sequence 0; x holds the hidden rows of the last batch, seq.n_seen[0] has grown. When @logits is
 *  not NULL it receives [n][n_vocab]. The last position's logits are made when @want_last. ENG_EINVAL for ids outside the
 *  vocabulary and ENG_ELIMIT leave the session as it was; ENG_ENAN does not. */
int eng_session_extend(struct eng_session *s, const int32_t *ids, size_t n, float *logits, bool want_last, struct eng_error *err) ENG_MUST_CHECK;

/** eng_session_room() - tokens that can still be evaluated in sequence 0, as far as its own limit goes. */
uint32_t eng_session_room(const struct eng_session *s);

/** eng_id_check() - ENG_EINVAL, with its position, when an id is outside the vocabulary. */
int eng_id_check(const struct eng_session *s, int32_t id, size_t position, struct eng_error *err) ENG_MUST_CHECK;

/** eng_logits_check() - ENG_ENAN when one of logits[n_vocab] is not finite, with the token's index. */
int eng_logits_check(const struct eng_session *s, const float *logits, uint32_t token, struct eng_error *err) ENG_MUST_CHECK;

struct eng_session_need {
    uint64_t kv_bytes, scratch_bytes; /* as eng_session_info() says right after opening */
    uint64_t used_bytes;              /* of both together, what decoding touches: all but the logits of drafts and scores */
    uint32_t n_ctx;
};

/** eng_session_measure() - what eng_session_open() would take, by the same layout, without the arena. @model may be one of eng_model_measure(). */
int eng_session_measure(struct eng_model *model, const struct eng_session_params *params, struct eng_session_need *need, struct eng_error *err) ENG_MUST_CHECK;

#endif
