/**
 * forward.h (engine, internal) - the transformer in three steps, so that an early-exit method can run part of it.
 * Hidden rows live with the caller ([n][d_model], usually s->x); token indices place them in the cache.
 */
#ifndef ENG_RUN_FORWARD_H
#define ENG_RUN_FORWARD_H

#include "run/session.h"

/** eng_forward_embed() - x[n][d_model] from ids[n], which must be inside the vocabulary. */
void eng_forward_embed(struct eng_session *s, const int32_t *ids, uint32_t n, float *x);

/**
 * eng_forward_layers() - run rows x[n] of tokens pos .. pos+n-1 through layers [first, end), in place, n <= s->n_rows.
 * Writes these tokens' K and V of these layers; reads those of all earlier tokens, which must be there.
 */
void eng_forward_layers(struct eng_session *s, float *x, uint32_t n, uint32_t pos, uint32_t first, uint32_t end);

/** eng_forward_head() - final norm and output matrix: logits[n][n_vocab] from x[n], which is kept. */
void eng_forward_head(struct eng_session *s, const float *x, uint32_t n, float *logits);

#endif
