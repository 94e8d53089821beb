/**
 * cache.h - keys and values of the tokens seen, for all layers; layout in attn_kernel.h. Which slot a token gets is reduce/'s choice.
 * Size: n_layers x n_heads_kv x n_slots x (d_head x bytes(K) + d_pad x bytes(V)); SmolLM2-135M in f16: 23,040 bytes a token.
 */
#ifndef ENG_RUN_CACHE_H
#define ENG_RUN_CACHE_H

#include "kernels/vector.h"
#include "run/attn_kernel.h"
#include "eng/engine.h"

struct eng_cache {
    enum eng_type type_k, type_v;
    uint32_t n_heads_kv, n_slots;      /* slots: multiple of ENG_ATTN_LANES */
    uint32_t d_head, d_value, d_pad;   /* of keys; of values, and rounded up to 16 */
    size_t k_head_bytes, v_head_bytes; /* of one (layer, head) */
    uint8_t *k, *v;                    /* [n_layers][n_heads_kv]; the session's arena */
};

size_t eng_cache_elem_bytes(enum eng_type type);

static inline const void *eng_cache_k(const struct eng_cache *c, uint32_t layer, uint32_t head)
{
    return c->k + ((size_t)layer * c->n_heads_kv + head) * c->k_head_bytes;
}

static inline const void *eng_cache_v(const struct eng_cache *c, uint32_t layer, uint32_t head)
{
    return c->v + ((size_t)layer * c->n_heads_kv + head) * c->v_head_bytes;
}

/** eng_cache_store() - put one token's k and v ([n_heads_kv][d_head] each) into a slot of a layer. Distinct slots may be stored in
 *  parallel. d_head <= ENG_CACHE_MAX_D_HEAD. */
#define ENG_CACHE_MAX_D_HEAD 1024
void eng_cache_store(const struct eng_cache *c, const struct eng_vector_ops *vec, uint32_t layer, uint32_t slot, const float *k,
                     const float *v);

#endif
