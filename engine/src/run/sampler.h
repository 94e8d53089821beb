/** sampler.h (engine, internal) - from logits to one token. The public face is eng_sample(). */
#ifndef ENG_RUN_SAMPLER_H
#define ENG_RUN_SAMPLER_H

#include "eng/engine.h"

struct eng_candidate {
    float logit; /* and later its probability, not normalised */
    int32_t id;
};

/** eng_argmax() - the lowest id among the greatest logits, all finite. */
int32_t eng_argmax(const float *logits, uint32_t n);

/** eng_draw() - one id; see eng_sample(). candidates[n] is working memory. */
int32_t eng_draw(const float *logits, uint32_t n, const struct eng_sampling *how, uint64_t *state, struct eng_candidate *candidates);

/** eng_sampling_check() - ENG_EINVAL for a temperature below 0 or not finite, and top_p outside [0, 1]. */
int eng_sampling_check(const struct eng_sampling *how, struct eng_error *err) ENG_MUST_CHECK;

#endif
