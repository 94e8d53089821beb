/**
 * tiny_model.h (tests) - a random model of any small shape in memory, and an independent forward pass of it in double.
 * No file, no tokenizer: tokens are their decimal numbers as text, and one id may be an end-of-text token.
 */
#ifndef ENG_TESTS_TINY_MODEL_H
#define ENG_TESTS_TINY_MODEL_H

#include "model/model.h"

struct tiny_shape { /* zeroed fields get the defaults in tiny_model.c */
    uint32_t n_layers, d_model, n_heads, n_heads_kv, d_head, d_ff, n_vocab, n_rope, n_ctx_train;
    enum eng_type type;      /* of all matrices */
    float rope_scale;
    bool rope_factors, bias, untied;
    int32_t eog;             /* end-of-text id; 0 = none */
    float deep_scale;        /* weights of layers >= 1 are multiplied by it; 0 = 1. Small: the layers agree, drafts are accepted */
    uint64_t seed;
};

/** tiny_model_new() - asserts on failure. Free with tiny_model_free(). */
struct eng_model *tiny_model_new(const struct tiny_shape *shape);
void tiny_model_free(struct eng_model *model);

/** tiny_tokens() - n pseudo-random ids. */
void tiny_tokens(uint32_t n_vocab, uint64_t seed, int32_t *ids, size_t n);

/**
 * tiny_reference() - logits[n][n_vocab] of ids[n], all in double, one token after the other, straight from the formulas.
 * The query of token t sees the first @sink and the last @window tokens, positions counted among those; window 0: everything.
 */
void tiny_reference(const struct eng_model *model, const int32_t *ids, uint32_t n, uint32_t sink, uint32_t window, double *logits);

#endif
