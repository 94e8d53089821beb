/* type_q2_k.c - 16 x 16 codes of 2 bits, a 4-bit scale and a 4-bit minimum for each 16. */
#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/kquant.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_q2_k *b = block;
    const float d = eng_half_value(b->d), dmin = eng_half_value(b->dmin);
    eng_split_pairs(b->q, code);
    eng_split_pairs(b->q + 32, code + 128);
    for (int g = 0; g < 16; g++) {
        scale[g] = d * (float)(b->scales[g] & 15);
        min[g] = -(dmin * (float)(b->scales[g] >> 4));
    }
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_q2_k), blocks, x, n);
}

static const struct eng_k_affine_rule rule = {{-0.5f, 0.2f, 16}, 3, 16, 15};

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_q2_k *b = blocks;
    for (size_t i = 0; i < n / ENG_SUPER_BLOCK; i++, b++, x += ENG_SUPER_BLOCK) {
        struct eng_k_affine fit;
        eng_k_affine(x, &rule, &fit);
        eng_half_store(b->d, fit.d);
        eng_half_store(b->dmin, fit.dmin);
        for (int g = 0; g < 16; g++)
            b->scales[g] = (uint8_t)(fit.s[g] | fit.m[g] << 4);
        eng_join_pairs(fit.code, b->q);
        eng_join_pairs(fit.code + 128, b->q + 32);
    }
}

extern const struct eng_type_traits eng_type_q2_k;
const struct eng_type_traits eng_type_q2_k = {
    ENG_TYPE_Q2_K, "q2_k", ENG_SUPER_BLOCK, sizeof(struct eng_block_q2_k), decode, encode, expand,
};
