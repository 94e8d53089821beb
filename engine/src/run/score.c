/* score.c - log-likelihood of a continuation, as lm-evaluation-harness asks for it: softmax in double over every scored position. */
#include <math.h>

#include "base/error.h"
#include "run/forward.h"

/* ln softmax(logits)[id] */
static double log_probability(const float *logits, uint32_t n, int32_t id)
{
    float max = logits[0];
    for (uint32_t i = 1; i < n; i++)
        max = logits[i] > max ? logits[i] : max;
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += exp((double)(logits[i] - max));
    return (double)(logits[id] - max) - log(sum);
}

struct score {
    double log_likelihood;
    bool greedy;
};

/* Score targets[0..n), predicted by the hidden rows x[n], a few rows of logits at a time. */
static int score_rows(struct eng_session *s, const float *x, uint32_t n, uint32_t first_token, const int32_t *targets, struct score *sum,
                      struct eng_error *err)
{
    const uint32_t n_vocab = s->model->hp.n_vocab, d = s->model->hp.d_model;
    for (uint32_t at = 0; at < n; at += ENG_HEAD_ROWS) {
        const uint32_t m = n - at < ENG_HEAD_ROWS ? n - at : ENG_HEAD_ROWS;
        eng_forward_head(s, x + (size_t)at * d, m, s->logits);
        for (uint32_t i = 0; i < m; i++) {
            const float *logits = s->logits + (size_t)i * n_vocab;
            const int32_t id = targets[at + i];
            const int rc = eng_logits_check(s, logits, first_token + at + i, err);
            if (rc != ENG_OK)
                return rc;
            sum->log_likelihood += log_probability(logits, n_vocab, id);
            sum->greedy = sum->greedy && eng_argmax(logits, n_vocab) == id;
        }
    }
    return ENG_OK;
}

int eng_score(struct eng_session *s, const int32_t *ids, size_t n_ids, size_t n_context, double *log_likelihood, bool *greedy,
              struct eng_error *err)
{
    struct score sum = {.greedy = true};
    if (n_context < 1 || n_context > n_ids)
        return eng_fail(err, ENG_EINVAL, "cannot score with a context of %zu of %zu tokens: at least 1 is needed", n_context, n_ids);
    int rc = eng_id_check(s, ids[n_ids - 1], n_ids - 1, err);
    if (rc != ENG_OK)
        return rc;
    eng_session_reset(s);
    if (n_ids - 1 > eng_session_room(s))
        return eng_fail(err, ENG_ELIMIT, "cannot score %zu tokens in a context of %u: open the session with a larger context", n_ids,
                        eng_session_room(s));
    for (size_t at = 0; at < n_ids - 1 && n_context < n_ids;) { /* the last token is only a target */
        const size_t left = n_ids - 1 - at;
        const uint32_t m = left < s->n_batch ? (uint32_t)left : s->n_batch;
        rc = eng_session_extend(s, ids + at, m, NULL, false, err);
        const size_t first = at < n_context - 1 ? n_context - 1 - at : 0; /* row that predicts the first scored token */
        if (rc == ENG_OK && first < m)
            rc = score_rows(s, s->x + first * s->model->hp.d_model, m - (uint32_t)first, (uint32_t)(at + first), ids + at + first + 1, &sum,
                            err);
        if (rc != ENG_OK)
            return rc;
        at += m;
    }
    *log_likelihood = sum.log_likelihood;
    *greedy = sum.greedy;
    return ENG_OK;
}
