/* type_q4_k.c - 8 x 32 codes of 4 bits, a 6-bit scale and a 6-bit minimum for each 32. */
#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/kquant.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_q4_k *b = block;
    for (int k = 0; k < 4; k++)
        eng_split_nibbles(b->q[k], 32, code + 64 * k);
    eng_k_scales(b->d, b->dmin, b->scales, scale, min);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_q4_k), blocks, x, n);
}

static const struct eng_k_affine_rule rule = {{-1.2f, 0.3f, 16}, 15, 32, 63};

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_q4_k *b = blocks;
    for (size_t i = 0; i < n / ENG_SUPER_BLOCK; i++, b++, x += ENG_SUPER_BLOCK) {
        struct eng_k_affine fit;
        eng_k_affine(x, &rule, &fit);
        eng_half_store(b->d, fit.d);
        eng_half_store(b->dmin, fit.dmin);
        eng_k_pack(fit.s, fit.m, b->scales);
        for (int k = 0; k < 4; k++)
            eng_join_nibbles(fit.code + 64 * k, 32, b->q[k]);
    }
}

extern const struct eng_type_traits eng_type_q4_k;
const struct eng_type_traits eng_type_q4_k = {
    ENG_TYPE_Q4_K, "q4_k", ENG_SUPER_BLOCK, sizeof(struct eng_block_q4_k), decode, encode, expand,
};
