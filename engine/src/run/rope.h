/**
 * rope.h - rotary position embedding (Su et al. 2021): pair i of a head turns by position x freq[i], freq[i] = base^(-2i/n_rot).
 *
 * Scaling divides frequencies: by `scale` (linear), by factors[i] (Llama 3; longrope: another set of factors in sessions longer than
 * n_ctx_orig), or by `scale` for slow pairs only (YaRN, Peng et al. 2023, section 3.2): a pair that turns more than beta_fast times in
 * n_ctx_orig tokens stays as it is, one that turns less than beta_slow times is divided, with a ramp over the pairs between; the ramp's
 * ends are rounded outwards to whole pairs, as in the authors' code. `magnitude` multiplies the turned vectors.
 */
#ifndef ENG_RUN_ROPE_H
#define ENG_RUN_ROPE_H

#include "model/model.h"

/** eng_rope_frequencies() - radians per position of each pair: freq[n_rot / 2], for a session of @n_ctx tokens. */
void eng_rope_frequencies(const struct eng_rope *rope, uint32_t n_ctx, double *freq);

/** eng_rope_turn() - cosine and sine of every pair at a position, in double and then rounded: turn[n_rot], in pairs c0 s0 c1 s1 ... for
 *  ENG_ROPE_PAIRS, all c then all s for ENG_ROPE_HALVES. Made once per token and used by every layer and head. */
void eng_rope_turn(const struct eng_rope *rope, const double *freq, uint32_t position, float *turn);

/** eng_rope_apply() - turn n_rot dimensions of each head, from @first on: y[n_heads][d_head] from x; y may be x. */
void eng_rope_apply(const struct eng_rope *rope, float *y, const float *x, uint32_t n_heads, uint32_t d_head, uint32_t first,
                    const float *turn);

#endif
