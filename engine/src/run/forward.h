/**
 * forward.h (engine, internal) - a pass in three steps, so that an early-exit method can run part of it. Rows are tokens (run/batch.h).
 * Hidden rows live with the caller ([n][d_model], usually s->x); positions place them in the cache.
 */
#ifndef ENG_RUN_FORWARD_H
#define ENG_RUN_FORWARD_H

#include "run/batch.h"
#include "run/session.h"

/** eng_forward_embed() - x[n][d_model] from ids[n], which must be inside the vocabulary. */
void eng_forward_embed(struct eng_session *s, const int32_t *ids, const struct eng_batch *batch, float *x);

/**
 * eng_forward_layers() - run the batch's rows x[n] through layers [first, end), in place, n <= s->n_rows.
 * Writes these tokens' K and V of these layers, or their state; reads those of all earlier tokens, which must be there.
 */
void eng_forward_layers(struct eng_session *s, float *x, const struct eng_batch *batch, uint32_t first, uint32_t end);

/** eng_forward_head() - final norm and output matrix: logits[n][n_vocab] from x[n], which is kept. */
void eng_forward_head(struct eng_session *s, const float *x, uint32_t n, float *logits);

#endif
