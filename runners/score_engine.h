/**
 * score_engine.h - log-likelihoods through the engine: answers of a multiple-choice question and chunks of a text.
 * Choices of one question share their context: the cache is rewound to the common prefix instead of evaluated again.
 * Memory is reserved in prepare; run allocates nothing. Used by run_engine.c only.
 */
#ifndef MB_RUNNERS_SCORE_ENGINE_H
#define MB_RUNNERS_SCORE_ENGINE_H

#include <eng/engine.h>

#include "base/request.h"

struct mb_score_cache { /* zeroed = empty */
    int32_t *ids;       /* [n_ids] tokens of the request at hand */
    size_t n_ids, cap_ids;
    size_t n_context;   /* the first n_context of them are given, the rest is scored */
    int32_t *held;      /* [n_held] tokens that are in the session's cache */
    size_t n_held, cap_held;
    float *logits;      /* [cap_rows][n_vocab] */
    size_t cap_rows, n_vocab;
    int32_t *text_ids;  /* [n_text_ids] tokens of the perplexity text */
    size_t n_text_ids;
    const char *text;   /* whose tokens these are; compared by address, the workload keeps it while the cell is open */
    int32_t bos;        /* -1: none is added */
};

int mb_score_prepare(struct mb_score_cache *c, const struct eng_model *model, const struct mb_request *rq, struct eng_error *e) ENG_MUST_CHECK;
int mb_perplexity_prepare(struct mb_score_cache *c, const struct eng_model *model, const struct mb_request *rq, struct eng_error *e) ENG_MUST_CHECK;

/** mb_score_run() - fills log_likelihood, n_scored, greedy, n_prompt of *rs. Softmax in double; ties of the arg-max: lowest id. */
int mb_score_run(struct mb_score_cache *c, struct eng_session *session, const struct mb_request *rq, struct mb_result *rs, struct eng_error *e) ENG_MUST_CHECK;

void mb_score_forget(struct mb_score_cache *c);  /* the session's cache was reset */
void mb_score_release(struct mb_score_cache *c);

#endif
