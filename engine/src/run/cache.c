/* cache.c - writing a token's key and value; see cache.h. */
#include "run/cache.h"

#include <string.h>

size_t eng_cache_elem_bytes(enum eng_type type)
{
    return type == ENG_TYPE_F32 ? sizeof(float) : sizeof(uint16_t);
}

/* One head's key goes into lane slot % 16 of tile slot / 16. */
static void store_k(const struct eng_cache *c, const struct eng_vector_ops *vec, uint8_t *base, uint32_t slot, const float *k)
{
    const size_t first = (size_t)(slot / ENG_ATTN_LANES) * c->d_head * ENG_ATTN_LANES + slot % ENG_ATTN_LANES;
    if (c->type_k == ENG_TYPE_F32) {
        float *to = (float *)(void *)base + first;
        for (size_t d = 0; d < c->d_head; d++)
            to[d * ENG_ATTN_LANES] = k[d];
        return;
    }
    uint16_t half[ENG_CACHE_MAX_D_HEAD], *to = (uint16_t *)(void *)base + first;
    vec->to_f16(half, k, c->d_head);
    for (size_t d = 0; d < c->d_head; d++)
        to[d * ENG_ATTN_LANES] = half[d];
}

/* One head's value is a row; its padding was zeroed at open and stays so. */
static void store_v(const struct eng_cache *c, const struct eng_vector_ops *vec, uint8_t *base, uint32_t slot, const float *v)
{
    const size_t first = (size_t)slot * c->d_pad;
    if (c->type_v == ENG_TYPE_F32)
        memcpy((float *)(void *)base + first, v, c->d_value * sizeof *v);
    else
        vec->to_f16((uint16_t *)(void *)base + first, v, c->d_value);
}

void eng_cache_store(const struct eng_cache *c, const struct eng_vector_ops *vec, uint32_t layer, uint32_t slot, const float *k,
                     const float *v)
{
    for (uint32_t h = 0; h < c->n_heads_kv; h++) {
        const size_t head = (size_t)layer * c->n_heads_kv + h;
        store_k(c, vec, c->k + head * c->k_head_bytes, slot, k + (size_t)h * c->d_head);
        store_v(c, vec, c->v + head * c->v_head_bytes, slot, v + (size_t)h * c->d_value);
    }
}
