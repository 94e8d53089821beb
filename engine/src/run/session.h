/**
 * session.h (engine, internal) - what one conversation holds: choices, cache, scratch. Laid out by session.c, used by run/ and exit/.
 * Everything below lives in one arena made at open; nothing is allocated per token.
 */
#ifndef ENG_RUN_SESSION_H
#define ENG_RUN_SESSION_H

#include "backends/backend.h"
#include "base/pool.h"
#include "exit/exit.h"
#include "kernels/vector.h"
#include "model/model.h"
#include "reduce/reduce.h"
#include "run/cache.h"
#include "run/sampler.h"

#define ENG_HEAD_ROWS ENG_EXIT_MAX_OUT /* rows of logits that a session can hold at once */

struct eng_worker { /* one per pool thread: attention's own memory */
    float *scores;  /* [ENG_ATTN_ROWS][score_floats] */
    float *acc;     /* [ENG_ATTN_ROWS][d_pad] */
};

struct eng_session {
    struct eng_model *model;          /* borrowed */
    struct eng_pool *pool;            /* owned */
    const struct eng_vector_ops *vec;
    const struct eng_attn_ops *attn;
    const struct eng_backend_ops *backend;
    const struct eng_exit_ops *exit;
    struct eng_method exit_choice;
    struct eng_reduce reduce;
    struct eng_cache cache;
    struct eng_observer observer;
    struct eng_tracer tracer;
    enum eng_act act;
    uint32_t n_batch;                 /* tokens per pass */
    uint32_t n_rows;                  /* rows that x .. up can hold: max(n_batch, ENG_HEAD_ROWS) */
    uint32_t q_dim, kv_dim;           /* n_heads x d_head, n_heads_kv x d_head */

    uint32_t n_seen;                  /* tokens evaluated since reset */
    int32_t pending;                  /* generated, not yet evaluated; -1: none */
    const float *last_logits;         /* a row of logits, or NULL */
    uint64_t n_drafted, n_accepted;

    /* scratch, all f32; rows are tokens of the batch under way */
    double *rope_freq;                /* [n_rope / 2] */
    float *turn, *turn_moved;         /* [n_rows][n_rope]; moved: NULL unless the reduction moves positions */
    float *x, *h;                     /* [n_rows][d_model]: residual stream; normed input of a product, or its output */
    float *q, *q_moved;               /* [n_rows][q_dim]; q_moved as turn_moved */
    float *k, *v;                     /* [n_rows][kv_dim] */
    float *mixed;                     /* [n_rows][q_dim]: attention's output */
    float *gate, *up;                 /* [n_rows][d_ff] */
    float *logits;                    /* [ENG_HEAD_ROWS][n_vocab] */
    struct eng_candidate *candidates; /* [n_vocab]: sampling */
    struct eng_worker *workers;       /* [threads] */
    uint32_t score_floats;
    void *matmul_scratch;

    int32_t *ids;                     /* [cap_ids]: a request's prompt; grows with the longest prompt seen */
    size_t cap_ids;
    void *arena;
    size_t arena_bytes, kv_bytes;
};

static inline void eng_observe(const struct eng_session *s, enum eng_mark what, uint32_t index, int64_t value)
{
    if (s->observer.mark)
        s->observer.mark(s->observer.user, what, index, value, eng_clock_ns());
}

/** eng_session_extend() - evaluate ids[n] in batches; x holds the hidden rows of the last batch, n_seen has grown. When @logits is
 *  not NULL it receives [n][n_vocab]. The last position's logits are made when @want_last. ENG_EINVAL for ids outside the
 *  vocabulary and ENG_ELIMIT leave the session as it was; ENG_ENAN does not. */
int eng_session_extend(struct eng_session *s, const int32_t *ids, size_t n, float *logits, bool want_last, struct eng_error *err) ENG_MUST_CHECK;

/** eng_session_room() - tokens that can still be evaluated. */
uint32_t eng_session_room(const struct eng_session *s);

/** eng_logits_check() - ENG_ENAN when one of logits[n_vocab] is not finite, with the token's index. */
int eng_logits_check(const struct eng_session *s, const float *logits, uint32_t token, struct eng_error *err) ENG_MUST_CHECK;

#endif
