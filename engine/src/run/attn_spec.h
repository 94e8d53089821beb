/**
 * attn_spec.h - what attention computes in one layer: filled from the file by the architecture, read by attention.c and cache.c.
 */
#ifndef ENG_RUN_ATTN_SPEC_H
#define ENG_RUN_ATTN_SPEC_H

#include <stdint.h>

struct eng_attn_spec {
    uint32_t n_heads;    /* of queries; 0: the layer has no attention and keeps no keys and values */
    uint32_t n_heads_kv; /* n_heads is a multiple of it */
    uint32_t d_k, d_v;   /* head sizes: of queries and keys, of values and of the result */
    uint32_t window;     /* a query sees the last `window` tokens, itself included; 0 = all before it */
    float scale;         /* of q k^T; 1 / sqrt(d_k) in most models */
    float softcap;       /* score = softcap tanh(score / softcap) (Gemma 2 report, 2024, section 2); 0 = none */
    float alibi_max;     /* ALiBi (Press et al. 2022): slope of head h is 2^(-alibi_max (h + 1) / n), see llama.cpp for n no power of 2; 0 = none */
};

#endif
