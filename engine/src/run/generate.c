/* generate.c - a request from text to text: tokenize, prefill, decode by the exit method's steps, detokenize; marks at every seam. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "run/session.h"

static int reserve_ids(struct eng_session *s, size_t n, struct eng_error *err)
{
    if (n <= s->cap_ids)
        return ENG_OK;
    int32_t *ids = n <= SIZE_MAX / sizeof *ids ? realloc(s->ids, n * sizeof *ids) : NULL;
    if (!ids)
        return eng_fail(err, ENG_ENOMEM, "no memory for a prompt of %zu tokens", n);
    s->ids = ids;
    s->cap_ids = n;
    return ENG_OK;
}

/* s->ids[*n] = the token still pending from the last call, then the request's tokens. */
static int gather_prompt(struct eng_session *s, const struct eng_generate_request *rq, size_t *n, struct eng_error *err)
{
    const size_t n_pending = s->pending >= 0 ? 1 : 0;
    size_t n_new = rq->n_ids;
    int rc = reserve_ids(s, n_pending + (rq->text ? 64 : rq->n_ids), err);
    if (rc != ENG_OK)
        return rc;
    if (rq->text) {
        eng_observe(s, ENG_MARK_TOKENIZE_BEGIN, 0, 0);
        rc = eng_tokenize(s->model, rq->text, rq->n_text, rq->tokenize_flags, s->ids + n_pending, s->cap_ids - n_pending, &n_new, err);
        if (rc == ENG_ELIMIT && (rc = reserve_ids(s, n_pending + n_new, err)) == ENG_OK)
            rc = eng_tokenize(s->model, rq->text, rq->n_text, rq->tokenize_flags, s->ids + n_pending, s->cap_ids - n_pending, &n_new, err);
        if (rc != ENG_OK)
            return rc;
        eng_observe(s, ENG_MARK_TOKENIZE_END, 0, (int64_t)n_new);
    } else if (n_new > 0) {
        memcpy(s->ids + n_pending, rq->ids, n_new * sizeof *rq->ids);
    }
    if (n_pending)
        s->ids[0] = s->pending;
    *n = n_pending + n_new;
    return ENG_OK;
}

enum verdict { GO_ON, STOP_EOG, STOP_CALLER };

/* Take one known token into the result. */
static enum verdict emit(struct eng_session *s, const struct eng_generate_request *rq, struct eng_generate_result *rs, int32_t id)
{
    if (!rq->ignore_eos && eng_token_is_eog(s->model, id)) {
        rs->stopped_at_eog = true;
        return STOP_EOG;
    }
    eng_observe(s, ENG_MARK_TOKEN, rs->n_gen, id);
    rs->ids[rs->n_gen++] = id;
    return rq->on_token && !rq->on_token(rq->user, id) ? STOP_CALLER : GO_ON;
}

/* From the logits of the prompt to the last token. On every way out s->pending is the last generated token, if it is not in the cache. */
static int decode(struct eng_session *s, const struct eng_generate_request *rq, struct eng_generate_result *rs, struct eng_error *err)
{
    uint64_t rng = rq->sampling.seed;
    int32_t out[ENG_EXIT_MAX_OUT];
    uint32_t n_out = 1, n_before = s->seq.n_seen[0] - 1; /* as if the prompt's last token had been the first step */
    out[0] = eng_sample(s, s->last_logits, &rq->sampling, &rng);
    for (;;) {
        for (uint32_t i = 0; i < n_out; i++) {
            const enum verdict verdict = emit(s, rq, rs, out[i]);
            if (verdict != GO_ON) { /* tokens behind this one were not asked for: only what led to it stays */
                s->seq.n_seen[0] = n_before + i + 1;
                s->last_logits = s->logits + (size_t)i * s->model->hp.n_vocab;
            }
            s->pending = verdict == STOP_EOG ? -1 : out[i];
            if (verdict == STOP_EOG)
                return ENG_OK;
            if (verdict == STOP_CALLER)
                return eng_fail(err, ENG_ECANCELED, "stopped by the caller after %u tokens", rs->n_gen);
        }
        if (rs->n_gen >= rq->max_gen)
            return ENG_OK;
        n_before = s->seq.n_seen[0];
        const int rc = s->exit->step(s, s->pending, rq->max_gen - rs->n_gen, &rq->sampling, &rng, out, &n_out, err);
        if (rc != ENG_OK)
            return rc;
    }
}

static int run(struct eng_session *s, const struct eng_generate_request *rq, struct eng_generate_result *rs, struct eng_error *err)
{
    size_t n_prompt = 0;
    int rc = gather_prompt(s, rq, &n_prompt, err);
    if (rc != ENG_OK)
        return rc;
    if (n_prompt == 0)
        return eng_fail(err, ENG_EINVAL, "the prompt is empty: there is nothing to continue from");
    eng_observe(s, ENG_MARK_PREFILL_BEGIN, 0, (int64_t)n_prompt);
    rc = eng_session_extend(s, s->ids, n_prompt, NULL, true, err);
    if (rc != ENG_OK)
        return rc;
    s->pending = -1;
    rs->n_prompt = (uint32_t)n_prompt;
    eng_observe(s, ENG_MARK_PREFILL_END, 0, (int64_t)n_prompt);
    return rq->max_gen > 0 ? decode(s, rq, rs, err) : ENG_OK;
}

static int detokenize(struct eng_session *s, struct eng_generate_result *rs, struct eng_error *err)
{
    if (!rs->text)
        return ENG_OK;
    eng_observe(s, ENG_MARK_DETOKENIZE_BEGIN, 0, rs->n_gen);
    const int rc = eng_detokenize(s->model, rs->ids, rs->n_gen, ENG_DETOKENIZE_SPECIAL, rs->text, rs->cap_text, &rs->n_text, err);
    eng_observe(s, ENG_MARK_DETOKENIZE_END, 0, rs->n_gen);
    return rc;
}

int eng_generate(struct eng_session *s, const struct eng_generate_request *rq, struct eng_generate_result *rs, struct eng_error *err)
{
    rs->n_gen = rs->n_prompt = rs->n_drafted = rs->n_accepted = 0;
    rs->n_text = 0;
    rs->stopped_at_eog = false;
    int rc = eng_sampling_check(&rq->sampling, err);
    if (rc == ENG_OK && s->exit->check_sampling)
        rc = s->exit->check_sampling(&rq->sampling, err);
    if (rc == ENG_OK && rq->max_gen > rs->cap_ids)
        rc = eng_fail(err, ENG_EINVAL, "room for %zu ids was given, but up to %u are to be generated", rs->cap_ids, rq->max_gen);
    if (rc != ENG_OK)
        return rc;

    const uint64_t n_drafted = s->n_drafted, n_accepted = s->n_accepted;
    eng_observe(s, ENG_MARK_REQUEST_BEGIN, 0, 0);
    rc = run(s, rq, rs, err);
    rs->n_drafted = (uint32_t)(s->n_drafted - n_drafted);
    rs->n_accepted = (uint32_t)(s->n_accepted - n_accepted);
    if (rc == ENG_OK || rs->n_gen > 0) { /* what was generated before a failure or a stop is still the caller's */
        const int rc_text = detokenize(s, rs, rc == ENG_OK ? err : NULL);
        rc = rc == ENG_OK ? rc_text : rc;
    }
    eng_observe(s, ENG_MARK_REQUEST_END, 0, rs->n_gen);
    return rc;
}
