/* eval.c - appending tokens to the cache in batches, and the logits that come of it. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "run/forward.h"

uint32_t eng_session_room(const struct eng_session *s)
{
    return s->reduce.ops->limit(&s->reduce) - s->seq.n_seen[0];
}

/* x * 0 is 0, or NaN when x is not finite: no branch, and sums side by side, which compilers make vectors of. */
static bool all_finite(const float *x, uint32_t n)
{
    enum { LANES = 16 };
    float sum[LANES] = {0};
    uint32_t i = 0;
    for (; n - i >= LANES; i += LANES)
        for (uint32_t k = 0; k < LANES; k++)
            sum[k] += x[i + k] * 0.0f;
    for (uint32_t k = 0; i < n; i++, k++)
        sum[k] += x[i] * 0.0f;
    for (uint32_t k = 1; k < LANES; k++)
        sum[0] += sum[k];
    return sum[0] == 0.0f;
}

int eng_logits_check(const struct eng_session *s, const float *logits, uint32_t token, struct eng_error *err)
{
    const uint32_t n = s->model->hp.n_vocab;
    if (all_finite(logits, n))
        return ENG_OK;
    uint32_t i = 0;
    while (i + 1 < n && isfinite(logits[i]))
        i++;
    return eng_fail(err, ENG_ENAN, "the logit of id %u after token %u is %s: weights or activations overflowed", i, token,
                    isnan(logits[i]) ? "not a number" : "infinite");
}

int eng_id_check(const struct eng_session *s, int32_t id, size_t position, struct eng_error *err)
{
    const uint32_t n_vocab = s->model->hp.n_vocab;
    if (id >= 0 && (uint32_t)id < n_vocab)
        return ENG_OK;
    return eng_fail(err, ENG_EINVAL, "token id %d at position %zu is outside the vocabulary (0 to %u)", id, position, n_vocab - 1);
}

static int check_ids(const struct eng_session *s, const int32_t *ids, size_t n, struct eng_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const int rc = eng_id_check(s, ids[i], i, err);
        if (rc != ENG_OK)
            return rc;
    }
    if (n > eng_session_room(s))
        return eng_fail(err, ENG_ELIMIT, "context full: %u of %u tokens used and %zu more needed; open the session with a larger context",
                        s->seq.n_seen[0], s->reduce.ops->limit(&s->reduce), n);
    return ENG_OK;
}

/* The hidden rows of a batch in s->x; its sequences have grown. */
static void run_batch(struct eng_session *s, const int32_t *ids, const struct eng_batch *batch)
{
    eng_forward_embed(s, ids, batch, s->x);
    eng_forward_layers(s, s->x, batch, 0, s->model->hp.n_layers);
    for (uint32_t p = 0; p < batch->n_parts; p++)
        s->seq.n_seen[batch->part[p].seq] += batch->part[p].n;
}

int eng_session_extend(struct eng_session *s, const int32_t *ids, size_t n, float *logits, bool want_last, struct eng_error *err)
{
    const uint32_t d = s->model->hp.d_model, n_vocab = s->model->hp.n_vocab;
    int rc = check_ids(s, ids, n, err);
    if (rc != ENG_OK)
        return rc;
    const struct eng_batch_part whole = {.pos = s->seq.n_seen[0], .n = (uint32_t)n};
    rc = eng_sequence_reserve(s, &(struct eng_batch){.n = whole.n, .n_parts = 1, .part = &whole}, err);
    if (rc != ENG_OK)
        return rc;
    s->last_logits = NULL;
    for (size_t at = 0; at < n;) {
        const uint32_t m = n - at < s->n_batch ? (uint32_t)(n - at) : s->n_batch;
        const struct eng_batch_part part = {.pos = s->seq.n_seen[0], .n = m};
        run_batch(s, ids + at, &(struct eng_batch){.n = m, .n_parts = 1, .part = &part});
        if (logits)
            eng_forward_head(s, s->x, m, logits + at * n_vocab);
        else if (want_last && at + m == n)
            eng_forward_head(s, s->x + (size_t)(m - 1) * d, 1, s->logits);
        at += m;
    }
    if (logits)
        memcpy(s->logits, logits + (n - 1) * n_vocab, n_vocab * sizeof *logits);
    if (!logits && !want_last)
        return ENG_OK;
    s->last_logits = s->logits;
    return eng_logits_check(s, s->logits, s->seq.n_seen[0] - 1, err);
}

/* ---- several sequences ---------------------------------------------------------------------------------------------- */

/* Tokens [0, n) as runs of one sequence each, from where it stands: q->part[0 .. *n_parts). */
static int find_parts(struct eng_session *s, const struct eng_batch_token *tokens, size_t n, uint32_t *n_parts, struct eng_error *err)
{
    struct eng_sequences *q = &s->seq;
    *n_parts = 0;
    for (size_t i = 0; i < n; i++) {
        const uint32_t seq = tokens[i].seq;
        const int rc = eng_id_check(s, tokens[i].id, i, err);
        if (rc != ENG_OK)
            return rc;
        if (seq >= q->n_seq)
            return eng_fail(err, ENG_EINVAL, "sequence %u of token %zu is out of range (0 to %u)", seq, i, q->n_seq - 1);
        if (*n_parts > 0 && q->part[*n_parts - 1].seq == seq) {
            q->part[*n_parts - 1].n++;
            continue;
        }
        for (uint32_t p = 0; p < *n_parts; p++)
            if (q->part[p].seq == seq)
                return eng_fail(err, ENG_EINVAL, "token %zu continues sequence %u after another one: a sequence's tokens must stand together", i, seq);
        q->part[(*n_parts)++] = (struct eng_batch_part){.seq = seq, .pos = q->n_seen[seq], .n = 1, .first_row = (uint32_t)i};
    }
    for (uint32_t p = 0; p < *n_parts; p++) {
        const uint32_t limit = s->reduce.ops->limit(&s->reduce);
        if (q->part[p].n > limit - q->part[p].pos)
            return eng_fail(err, ENG_ELIMIT, "context full: sequence %u has %u of %u tokens and %u more are needed; open the session with a "
                            "larger context", q->part[p].seq, q->part[p].pos, limit, q->part[p].n);
    }
    return ENG_OK;
}

/* Rows [at, at + m) of the call as a batch of their own, in q->part[n_seq ..]. */
static struct eng_batch cut_batch(struct eng_sequences *q, uint32_t n_parts, uint32_t at, uint32_t m)
{
    struct eng_batch_part *to = q->part + q->n_seq;
    struct eng_batch batch = {.n = m, .part = to};
    for (uint32_t p = 0; p < n_parts; p++) {
        const struct eng_batch_part *part = &q->part[p];
        const uint32_t begin = part->first_row > at ? part->first_row : at, part_end = part->first_row + part->n;
        const uint32_t end = part_end < at + m ? part_end : at + m;
        if (begin < end)
            to[batch.n_parts++] = (struct eng_batch_part){.seq = part->seq, .pos = part->pos + (begin - part->first_row), .n = end - begin,
                                                          .first_row = begin - at};
    }
    return batch;
}

/* Logits of the wanted rows among x[0 .. m), tokens of these rows at @tokens; *out moves on. */
static int wanted_logits(struct eng_session *s, const struct eng_batch_token *tokens, uint32_t m, float **out, struct eng_error *err)
{
    const uint32_t d = s->model->hp.d_model, n_vocab = s->model->hp.n_vocab;
    for (uint32_t i = 0; i < m;) {
        uint32_t n = 0;
        while (i + n < m && tokens[i + n].want_logits)
            n++;
        if (n > 0)
            eng_forward_head(s, s->x + (size_t)i * d, n, *out);
        for (uint32_t r = 0; r < n; r++, *out += n_vocab) {
            const int rc = eng_logits_check(s, *out, s->seq.n_seen[tokens[i + r].seq], err);
            if (rc != ENG_OK)
                return rc;
        }
        i += n + 1;
    }
    return ENG_OK;
}

int eng_eval_batch(struct eng_session *s, const struct eng_batch_token *tokens, size_t n, float *logits, struct eng_error *err)
{
    uint32_t n_parts;
    if (n == 0 || n > INT32_MAX / 2)
        return eng_fail(err, ENG_EINVAL, "%zu tokens cannot be evaluated together", n);
    int rc = find_parts(s, tokens, n, &n_parts, err);
    if (rc == ENG_OK)
        rc = eng_sequence_reserve(s, &(struct eng_batch){.n = (uint32_t)n, .n_parts = n_parts, .part = s->seq.part}, err);
    if (rc != ENG_OK)
        return rc;
    s->pending = -1;
    s->last_logits = NULL;
    for (uint32_t at = 0; at < n && rc == ENG_OK;) {
        const uint32_t m = n - at < s->n_batch ? (uint32_t)n - at : s->n_batch;
        const struct eng_batch batch = cut_batch(&s->seq, n_parts, at, m);
        for (uint32_t i = 0; i < m; i++)
            s->batch_ids[i] = tokens[at + i].id;
        run_batch(s, s->batch_ids, &batch);
        rc = logits ? wanted_logits(s, tokens + at, m, &logits, err) : ENG_OK;
        at += m;
    }
    return rc;
}

/* ---- one sequence ------------------------------------------------------------------------------------------------------- */

int eng_eval(struct eng_session *s, const int32_t *ids, size_t n, float *logits, struct eng_error *err)
{
    if (n == 0)
        return eng_fail(err, ENG_EINVAL, "nothing to evaluate: 0 tokens given");
    s->pending = -1;
    return eng_session_extend(s, ids, n, logits, true, err);
}

const float *eng_logits(const struct eng_session *s)
{
    return s->last_logits;
}
