/**
 * rope.h - rotary position embedding (Su et al. 2021): the pair (x[2i], x[2i+1]) of a head turns by
 * position / scale * base^(-2i/n_rope) / factor[i]. Adjacent pairs, as GGUF files of the llama family store q and k.
 */
#ifndef ENG_RUN_ROPE_H
#define ENG_RUN_ROPE_H

#include "model/model.h"

/** eng_rope_frequencies() - radians per position of each pair: freq[n_rope / 2]. */
void eng_rope_frequencies(const struct eng_hparams *hp, double *freq);

/** eng_rope_turn() - cosine and sine of every pair at a position, in double and then rounded: turn[n_rope] = c0 s0 c1 s1 ...
 *  Made once per token and used by every layer and head. */
void eng_rope_turn(const double *freq, uint32_t n_rope, uint32_t position, float *turn);

/** eng_rope_apply() - turn the first n_rope dimensions of each head: y[n_heads][d_head] from x; y may be x. */
void eng_rope_apply(float *y, const float *x, uint32_t n_heads, uint32_t d_head, uint32_t n_rope, const float *turn);

#endif
