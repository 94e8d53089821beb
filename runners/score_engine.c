/* score_engine.c - see score_engine.h. Request rules: lm-eval's for choices, llama-perplexity's for text (bench-tools note, 3.1 and 3.3). */
#include "runners/score_engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_PER_PIECE = 64 }; /* logits rows held at once: 64 x 49152 floats are 12 MiB */

static int no_memory(struct eng_error *e)
{
    e->code = ENG_ENOMEM;
    snprintf(e->text, sizeof(e->text), "no memory to score a request");
    return ENG_ENOMEM;
}

static int invalid(struct eng_error *e, const char *what, const char *item)
{
    e->code = ENG_EINVAL;
    snprintf(e->text, sizeof(e->text), "%s: %s", item, what);
    return ENG_EINVAL;
}

static int reserve_ids(int32_t **ids, size_t *cap, size_t need, struct eng_error *e)
{
    if (need <= *cap)
        return ENG_OK;
    int32_t *grown = realloc(*ids, need * sizeof(**ids));
    if (!grown)
        return no_memory(e);
    *ids = grown;
    *cap = need;
    return ENG_OK;
}

static int reserve_rows(struct mb_score_cache *c, const struct eng_model *model, struct eng_error *e)
{
    if (c->logits)
        return ENG_OK;
    c->n_vocab = eng_model_info(model)->n_vocab;
    c->logits = malloc(ROWS_PER_PIECE * c->n_vocab * sizeof(*c->logits));
    c->cap_rows = ROWS_PER_PIECE;
    return c->logits ? ENG_OK : no_memory(e);
}

int mb_score_prepare(struct mb_score_cache *c, const struct eng_model *model, const struct mb_request *rq, struct eng_error *e)
{
    const size_t n_context = strlen(rq->context), n_whole = n_context + strlen(rq->continuation);
    int rc = reserve_rows(c, model, e);
    if (!rc)
        rc = reserve_ids(&c->ids, &c->cap_ids, n_whole + 2, e);
    if (!rc)
        rc = reserve_ids(&c->held, &c->cap_held, n_whole + 2, e);
    if (rc)
        return rc;
    /* Trailing blanks of the context belong to the continuation; the split is by length: tokens of the whole beyond the
     * context's own. Both are encoded with BOS where the model adds one. */
    char *whole = malloc(n_whole + 1);
    if (!whole)
        return no_memory(e);
    memcpy(whole, rq->context, n_context);
    strcpy(whole + n_context, rq->continuation);
    size_t n_given = n_context;
    while (n_given > 0 && strchr(" \t\n\r\f\v", whole[n_given - 1]))
        n_given--;
    rc = eng_tokenize(model, whole, n_given, ENG_TOKENIZE_BOS, c->ids, c->cap_ids, &c->n_context, e);
    if (!rc)
        rc = eng_tokenize(model, whole, n_whole, ENG_TOKENIZE_BOS, c->ids, c->cap_ids, &c->n_ids, e);
    free(whole);
    if (rc)
        return rc;
    if (c->n_context == 0)
        return invalid(e, "a question without context cannot be scored", rq->item);
    return c->n_ids > c->n_context ? ENG_OK : invalid(e, "the choice adds no token to its question", rq->item);
}

int mb_perplexity_prepare(struct mb_score_cache *c, const struct eng_model *model, const struct mb_request *rq, struct eng_error *e)
{
    int rc = reserve_rows(c, model, e);
    if (rc)
        return rc;
    if (c->text != rq->text) {
        const size_t n_text = strlen(rq->text);
        size_t cap = 0;
        free(c->text_ids);
        c->text_ids = NULL;
        c->text = NULL;
        rc = reserve_ids(&c->text_ids, &cap, n_text + 2, e);
        if (!rc)
            rc = eng_tokenize(model, rq->text, n_text, ENG_TOKENIZE_BOS, c->text_ids, cap, &c->n_text_ids, e);
        if (rc)
            return rc;
        c->text = rq->text;
        c->bos = eng_model_info(model)->add_bos ? eng_model_info(model)->bos : -1;
    }
    rc = reserve_ids(&c->ids, &c->cap_ids, rq->n_chunk, e);
    if (!rc)
        rc = reserve_ids(&c->held, &c->cap_held, rq->n_chunk, e);
    c->n_ids = 0;
    if (rc || rq->n_skip + (size_t)rq->n_chunk > c->n_text_ids)
        return rc; /* n_ids 0: past the end, said by n_scored 0 */
    memcpy(c->ids, c->text_ids + rq->n_skip, rq->n_chunk * sizeof(*c->ids));
    if (c->bos >= 0)
        c->ids[0] = c->bos;
    c->n_ids = rq->n_chunk;
    c->n_context = rq->n_chunk / 2 + 1; /* positions n/2 .. n-2 predict the next one */
    return ENG_OK;
}

/* ln softmax(logits)[id]; whether id is the arg-max. */
static double log_probability(const float *logits, size_t n_vocab, int32_t id, bool *is_best)
{
    float top = logits[0];
    size_t i_top = 0;
    for (size_t i = 1; i < n_vocab; i++)
        if (logits[i] > top) {
            top = logits[i];
            i_top = i;
        }
    double sum = 0;
    for (size_t i = 0; i < n_vocab; i++)
        sum += exp((double)logits[i] - (double)top);
    *is_best = i_top == (size_t)id;
    return (double)logits[id] - (double)top - log(sum);
}

/* Keep what the cache already holds of this request, at most up to the last context token, whose logits are needed. */
static size_t reuse(struct mb_score_cache *c, struct eng_session *session)
{
    size_t n = 0;
    const size_t most = c->n_context - 1;
    while (n < most && n < c->n_held && c->held[n] == c->ids[n])
        n++;
    struct eng_error ignored;
    if (n && eng_session_rewind(session, (uint32_t)n, &ignored))
        n = 0; /* a reduction method has dropped tokens: start over */
    if (n == 0)
        eng_session_reset(session);
    return n;
}

int mb_score_run(struct mb_score_cache *c, struct eng_session *session, const struct mb_request *rq, struct mb_result *rs, struct eng_error *e)
{
    rs->log_likelihood = 0;
    rs->n_scored = 0;
    rs->n_prompt = 0;
    rs->greedy = true;
    if (c->n_ids == 0)
        return ENG_OK;
    size_t at = reuse(c, session);
    c->n_held = 0;
    const size_t n_first = c->n_context - 1, n_last = c->n_ids - 1; /* tokens [n_first, n_last) give the scored logits */
    rs->n_prompt = (uint32_t)(n_last - at);
    int rc = at < n_first ? eng_eval(session, c->ids + at, n_first - at, NULL, e) : ENG_OK;
    for (at = n_first; !rc && at < n_last;) {
        const size_t n = n_last - at < c->cap_rows ? n_last - at : c->cap_rows;
        rc = eng_eval(session, c->ids + at, n, c->logits, e);
        for (size_t i = 0; !rc && i < n; i++) {
            bool is_best;
            rs->log_likelihood += log_probability(c->logits + i * c->n_vocab, c->n_vocab, c->ids[at + i + 1], &is_best);
            rs->greedy &= is_best;
            rs->n_scored++;
        }
        at += n;
    }
    if (!rc && !isfinite(rs->log_likelihood)) { /* the engine looks at the last row only */
        e->code = rc = ENG_ENAN;
        snprintf(e->text, sizeof(e->text), "%s: a logit among the scored tokens is not a number", rq->item);
    }
    if (!rc) {
        memcpy(c->held, c->ids, n_last * sizeof(*c->held));
        c->n_held = n_last;
    }
    return rc;
}

void mb_score_forget(struct mb_score_cache *c)
{
    c->n_held = 0;
}

void mb_score_release(struct mb_score_cache *c)
{
    free(c->ids);
    free(c->held);
    free(c->logits);
    free(c->text_ids);
    *c = (struct mb_score_cache){0};
}
