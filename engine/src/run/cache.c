/* cache.c - sizes of pages, and writing a token's key and value; see cache.h. */
#include "run/cache.h"

#include <stdlib.h>
#include <string.h>

#include "types/types.h"

#define BLOCK 32 /* elements that share a scale */
#define PAGE ENG_ATTN_PAGE

static const struct kv_type { /* by enum eng_kv */
    enum eng_type type;
    uint32_t block_bytes;     /* of 32 elements */
    bool quantized;
} kv_types[ENG_KV_N] = {
    [ENG_KV_F32] = {ENG_TYPE_F32, 128, false},
    [ENG_KV_F16] = {ENG_TYPE_F16, 64, false},
    [ENG_KV_Q8_0] = {ENG_TYPE_Q8_0, 34, true},
    [ENG_KV_Q4_0] = {ENG_TYPE_Q4_0, 18, true},
};

static enum eng_kv kv_of(enum eng_type type)
{
    enum eng_kv kv = 0;
    while (kv + 1 < ENG_KV_N && kv_types[kv].type != type)
        kv++;
    return kv;
}

size_t eng_cache_bytes(enum eng_type type, size_t n)
{
    const struct kv_type *t = &kv_types[kv_of(type)];
    return t->quantized ? n / BLOCK * t->block_bytes : n * (t->block_bytes / BLOCK);
}

static int check_head(enum eng_kv kv, const char *what, uint32_t layer, uint32_t d, struct eng_error *err)
{
    if (d > ENG_CACHE_MAX_D_HEAD)
        return eng_fail(err, ENG_ENOTSUP, "layer %u: %s of %u dimensions a head are not supported (most: %d)", layer, what, d, ENG_CACHE_MAX_D_HEAD);
    if (kv_types[kv].quantized && d % BLOCK != 0)
        return eng_fail(err, ENG_ENOTSUP, "layer %u: %s of %u dimensions a head cannot be cached as %s (multiples of %d only); use f16", layer,
                        what, d, eng_type_name(kv_types[kv].type), BLOCK);
    return ENG_OK;
}

static int plan_layer(struct eng_cache *c, uint32_t i, const struct eng_attn_spec *spec, struct eng_error *err)
{
    struct eng_cache_layer *l = &c->layer[i];
    size_t k_bytes, v_bytes, sum;
    if (spec->n_heads == 0)
        return ENG_OK;
    int rc = check_head(c->kv_k, "keys", i, spec->d_k, err);
    if (rc == ENG_OK)
        rc = check_head(c->kv_v, "values", i, spec->d_v, err);
    if (rc != ENG_OK)
        return rc;
    *l = (struct eng_cache_layer){.n_heads_kv = spec->n_heads_kv, .d_k = spec->d_k, .d_v = spec->d_v,
                                  .v_pad = (spec->d_v + ENG_ATTN_LANES - 1) / ENG_ATTN_LANES * ENG_ATTN_LANES};
    l->k_page_bytes = PAGE * eng_cache_bytes(c->type_k, l->d_k);
    l->v_page_bytes = PAGE * eng_cache_bytes(c->type_v, l->v_pad);
    const size_t n = (size_t)l->n_heads_kv * c->n_pages; /* two 32-bit numbers */
    if (__builtin_mul_overflow(n, l->k_page_bytes, &k_bytes) || __builtin_mul_overflow(n, l->v_page_bytes, &v_bytes) ||
        __builtin_add_overflow(k_bytes, v_bytes, &sum) || __builtin_add_overflow(c->n_bytes, sum, &c->n_bytes))
        return eng_fail(err, ENG_ELIMIT, "a cache of %u pages of %d tokens does not fit into memory; ask for a smaller context", c->n_pages, PAGE);
    return ENG_OK;
}

int eng_cache_plan(struct eng_cache *c, const struct eng_attn_spec *spec, size_t stride, uint32_t n_layers, uint32_t n_pages,
                   struct eng_error *err)
{
    c->kv_k = kv_of(c->type_k);
    c->kv_v = kv_of(c->type_v);
    c->n_layers = n_layers;
    c->n_pages = n_pages;
    c->n_bytes = 0;
    c->layer = calloc(n_layers, sizeof *c->layer);
    if (!c->layer)
        return eng_fail(err, ENG_ENOMEM, "no memory for a cache of %u layers", n_layers);
    for (uint32_t i = 0; i < n_layers; i++) {
        const int rc = plan_layer(c, i, (const void *)((const char *)spec + i * stride), err);
        if (rc != ENG_OK)
            return rc;
    }
    return ENG_OK;
}

void eng_cache_attach(struct eng_cache *c, void *memory)
{
    uint8_t *at = memory;
    for (uint32_t i = 0; i < c->n_layers; i++) { /* pages are multiples of 64 bytes: 64 tokens, or 64 scales */
        struct eng_cache_layer *l = &c->layer[i];
        const size_t n = (size_t)l->n_heads_kv * c->n_pages;
        l->k = n ? at : NULL;
        at += n * l->k_page_bytes;
        l->v = n ? at : NULL;
        at += n * l->v_page_bytes;
    }
}

void eng_cache_release(struct eng_cache *c)
{
    free(c->layer);
    c->layer = NULL;
}

void eng_cache_copy(const struct eng_cache *c, uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < c->n_layers; i++) {
        const struct eng_cache_layer *l = &c->layer[i];
        for (uint32_t h = 0; h < l->n_heads_kv; h++) {
            memcpy(eng_cache_k(l, c->n_pages, h, to), eng_cache_k(l, c->n_pages, h, from), l->k_page_bytes);
            memcpy(eng_cache_v(l, c->n_pages, h, to), eng_cache_v(l, c->n_pages, h, from), l->v_page_bytes);
        }
    }
}

/* ---- one head's key becomes column i of [d_k][64] ---------------------------------------------------------------- */

static void store_k_plain(enum eng_kv kv, const struct eng_vector_ops *vec, uint8_t *page, uint32_t i, const float *k, uint32_t d_k)
{
    if (kv == ENG_KV_F32) {
        float *to = (float *)(void *)page + i;
        for (size_t d = 0; d < d_k; d++)
            to[d * PAGE] = k[d];
        return;
    }
    uint16_t half[ENG_CACHE_MAX_D_HEAD], *to = (uint16_t *)(void *)page + i;
    vec->to_f16(half, k, d_k);
    for (size_t d = 0; d < d_k; d++)
        to[d * PAGE] = half[d];
}

/* A block as the type's own encoder writes it: scale in half, then codes. q4_0: element i in the low nibble of byte i, i + 16 high. */
static const uint8_t *encode_block(enum eng_type type, const float *x, uint8_t *bytes, uint16_t *scale)
{
    eng_type_traits(type)->encode(x, bytes, BLOCK);
    memcpy(scale, bytes, sizeof *scale);
    return bytes + sizeof *scale;
}

static unsigned nibble(const uint8_t *codes, size_t i)
{
    return i < BLOCK / 2 ? codes[i] & 15u : codes[i - BLOCK / 2] >> 4;
}

static void store_k_blocks(enum eng_type type, uint8_t *page, uint32_t i, const float *k, uint32_t d_k)
{
    const bool nibbles = type == ENG_TYPE_Q4_0;
    uint16_t *scales = (uint16_t *)(void *)(page + (size_t)PAGE * d_k / (nibbles ? 2 : 1)) + i;
    uint8_t bytes[BLOCK + 2];
    for (size_t b = 0; b < d_k / BLOCK; b++) {
        const uint8_t *codes = encode_block(type, k + b * BLOCK, bytes, &scales[b * PAGE]);
        uint8_t *to = page + b * BLOCK * PAGE / (nibbles ? 2 : 1) + i;
        for (size_t d = 0; !nibbles && d < BLOCK; d++)
            to[d * PAGE] = codes[d];
        for (size_t d = 0; nibbles && d < BLOCK; d += 2)
            to[d / 2 * PAGE] = (uint8_t)(nibble(codes, d) | nibble(codes, d + 1) << 4);
    }
}

/* ---- one head's value becomes row i of [64][v_pad]; padding was zeroed at open and stays so -------------------------- */

static void store_v_plain(enum eng_kv kv, const struct eng_vector_ops *vec, uint8_t *page, uint32_t i, const float *v,
                          const struct eng_cache_layer *l)
{
    const size_t first = (size_t)i * l->v_pad;
    if (kv == ENG_KV_F32)
        memcpy((float *)(void *)page + first, v, l->d_v * sizeof *v);
    else
        vec->to_f16((uint16_t *)(void *)page + first, v, l->d_v);
}

static void store_v_blocks(enum eng_type type, uint8_t *page, uint32_t i, const float *v, uint32_t d_v)
{
    const size_t block_codes = type == ENG_TYPE_Q4_0 ? BLOCK / 2 : BLOCK, row = d_v / BLOCK * block_codes;
    uint16_t *scales = (uint16_t *)(void *)(page + PAGE * row) + (size_t)i * (d_v / BLOCK);
    uint8_t bytes[BLOCK + 2];
    for (size_t b = 0; b < d_v / BLOCK; b++)
        memcpy(page + i * row + b * block_codes, encode_block(type, v + b * BLOCK, bytes, &scales[b]), block_codes);
}

void eng_cache_store(const struct eng_cache *c, const struct eng_vector_ops *vec, uint32_t layer, uint32_t page, uint32_t i, const float *k,
                     const float *v)
{
    const struct eng_cache_layer *l = &c->layer[layer];
    for (uint32_t h = 0; h < l->n_heads_kv; h++, k += l->d_k, v += l->d_v) {
        uint8_t *k_page = eng_cache_k(l, c->n_pages, h, page), *v_page = eng_cache_v(l, c->n_pages, h, page);
        if (kv_types[c->kv_k].quantized)
            store_k_blocks(c->type_k, k_page, i, k, l->d_k);
        else
            store_k_plain(c->kv_k, vec, k_page, i, k, l->d_k);
        if (kv_types[c->kv_v].quantized)
            store_v_blocks(c->type_v, v_page, i, v, l->d_v);
        else
            store_v_plain(c->kv_v, vec, v_page, i, v, l);
    }
}
