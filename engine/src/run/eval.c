/* eval.c - appending tokens to the cache in batches, and the logits that come of it. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "run/forward.h"

uint32_t eng_session_room(const struct eng_session *s)
{
    return s->reduce.ops->limit(&s->reduce) - s->n_seen;
}

int eng_logits_check(const struct eng_session *s, const float *logits, uint32_t token, struct eng_error *err)
{
    const uint32_t n = s->model->hp.n_vocab;
    float sum = 0; /* x * 0 is 0, or NaN when x is not finite: one pass that vectorises, no branch */
    for (uint32_t i = 0; i < n; i++)
        sum += logits[i] * 0.0f;
    if (sum == 0.0f)
        return ENG_OK;
    uint32_t i = 0;
    while (i + 1 < n && isfinite(logits[i]))
        i++;
    return eng_fail(err, ENG_ENAN, "the logit of id %u after token %u is %s: weights or activations overflowed", i, token,
                    isnan(logits[i]) ? "not a number" : "infinite");
}

static int check_ids(const struct eng_session *s, const int32_t *ids, size_t n, struct eng_error *err)
{
    const uint32_t n_vocab = s->model->hp.n_vocab;
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= n_vocab)
            return eng_fail(err, ENG_EINVAL, "token id %d at position %zu is outside the vocabulary (0 to %u)", ids[i], i, n_vocab - 1);
    if (n > eng_session_room(s))
        return eng_fail(err, ENG_ELIMIT, "context full: %u of %u tokens used and %zu more needed; open the session with a larger context",
                        s->n_seen, s->reduce.ops->limit(&s->reduce), n);
    return ENG_OK;
}

int eng_session_extend(struct eng_session *s, const int32_t *ids, size_t n, float *logits, bool want_last, struct eng_error *err)
{
    const uint32_t d = s->model->hp.d_model, n_vocab = s->model->hp.n_vocab;
    int rc = check_ids(s, ids, n, err);
    if (rc != ENG_OK)
        return rc;
    s->last_logits = NULL;
    for (size_t at = 0; at < n;) {
        const uint32_t m = n - at < s->n_batch ? (uint32_t)(n - at) : s->n_batch;
        const struct eng_batch_part part = {.pos = s->n_seen, .n = m};
        const struct eng_batch batch = {.n = m, .n_parts = 1, .part = &part};
        eng_forward_embed(s, ids + at, &batch, s->x);
        eng_forward_layers(s, s->x, &batch, 0, s->model->hp.n_layers);
        s->n_seen += m;
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
    return eng_logits_check(s, s->logits, s->n_seen - 1, err);
}

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
