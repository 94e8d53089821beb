/**
 * cache.h - keys and values of the tokens seen, for all layers, in pages of 64 tokens (layout in attn_kernel.h). Which slot a token gets
 * is reduce/'s choice, which page holds a slot is the sequence's.
 *
 * Bytes of a page: the sum over layers of n_heads_kv x 64 x (d_k elements of K's type + v_pad elements of V's), where 32 elements are
 * 128 bytes as f32, 64 as f16, 34 as q8_0 and 18 as q4_0. SmolLM2-135M: 23,040 bytes a token in f16, 12,240 in q8_0, 6,480 in q4_0.
 */
#ifndef ENG_RUN_CACHE_H
#define ENG_RUN_CACHE_H

#include "base/error.h"
#include "eng/engine.h"
#include "kernels/vector.h"
#include "run/attn_kernel.h"
#include "run/attn_spec.h"

#define ENG_CACHE_MAX_D_HEAD 1024

struct eng_cache_layer {
    uint32_t n_heads_kv, d_k, d_v, v_pad;
    size_t k_page_bytes, v_page_bytes; /* of one head */
    uint8_t *k, *v;                    /* [n_heads_kv][n_pages] pages; NULL without attention */
};

struct eng_cache {
    enum eng_type type_k, type_v;
    enum eng_kv kv_k, kv_v;            /* the same two, as kernels count them */
    uint32_t n_layers, n_pages;
    struct eng_cache_layer *layer;     /* [n_layers], owned */
    size_t n_bytes;                    /* of all pages of all layers */
};

/** eng_cache_plan() - sizes for @n_pages pages of the layers @spec; type_k and type_v are set. spec[i] is `stride` bytes behind
 *  spec[i - 1]. ENG_ENOTSUP: head sizes that the type cannot hold (quantized ones: multiples of 32) or above ENG_CACHE_MAX_D_HEAD;
 *  ENG_ELIMIT: too many bytes to count. Then eng_cache_attach() memory of n_bytes; release with eng_cache_release(). */
int eng_cache_plan(struct eng_cache *c, const struct eng_attn_spec *spec, size_t stride, uint32_t n_layers, uint32_t n_pages,
                   struct eng_error *err) ENG_MUST_CHECK;
void eng_cache_attach(struct eng_cache *c, void *memory); /* [n_bytes], zeroed, 64-byte aligned; borrowed */
void eng_cache_release(struct eng_cache *c);              /* safe on a zeroed one */

/** eng_cache_bytes() - of n elements of a type in the cache; n a multiple of 32 for quantized types. */
size_t eng_cache_bytes(enum eng_type type, size_t n);

static inline uint8_t *eng_cache_k(const struct eng_cache_layer *l, uint32_t n_pages, uint32_t head, uint32_t page)
{
    return l->k + ((size_t)head * n_pages + page) * l->k_page_bytes;
}

static inline uint8_t *eng_cache_v(const struct eng_cache_layer *l, uint32_t n_pages, uint32_t head, uint32_t page)
{
    return l->v + ((size_t)head * n_pages + page) * l->v_page_bytes;
}

/** eng_cache_store() - put one token's k [n_heads_kv][d_k] and v [n_heads_kv][d_v] into place @i (< 64) of a page of a layer. Distinct
 *  places may be stored in parallel. */
void eng_cache_store(const struct eng_cache *c, const struct eng_vector_ops *vec, uint32_t layer, uint32_t page, uint32_t i, const float *k,
                     const float *v);

/** eng_cache_copy() - page @from over page @to, in all layers. */
void eng_cache_copy(const struct eng_cache *c, uint32_t from, uint32_t to);

#endif
