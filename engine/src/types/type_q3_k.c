/* type_q3_k.c - 16 x 16 codes of 3 bits about 4, a signed 6-bit scale for each 16. */
#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/kquant.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_q3_k *b = block;
    const float d = eng_half_value(b->d);
    uint8_t s[16];
    eng_k3_unpack(b->scales, s);
    eng_split_pairs(b->q, code);
    eng_split_pairs(b->q + 32, code + 128);
    for (int k = 0; k < 8; k++)
        for (int l = 0; l < 32; l++)
            code[32 * k + l] = (int8_t)((code[32 * k + l] | (b->high[l] >> k & 1) << 2) - 4);
    for (int g = 0; g < 16; g++)
        scale[g] = d * (float)(s[g] - 32);
    eng_fill(min, 16, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_q3_k), blocks, x, n);
}

static const struct eng_k_signed_rule rule = {{-0.6f, 0.3f, 12}, 4, 32};

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_q3_k *b = blocks;
    for (size_t i = 0; i < n / ENG_SUPER_BLOCK; i++, b++, x += ENG_SUPER_BLOCK) {
        struct eng_k_signed fit;
        uint8_t s[16];
        eng_k_signed(x, &rule, &fit);
        eng_half_store(b->d, fit.d);
        for (int g = 0; g < 16; g++)
            s[g] = (uint8_t)(fit.s[g] + 32);
        eng_k3_pack(s, b->scales);
        eng_join_pairs(fit.code, b->q);
        eng_join_pairs(fit.code + 128, b->q + 32);
        for (int l = 0; l < 32; l++) {
            uint32_t bits = 0;
            for (int k = 0; k < 8; k++)
                bits |= (fit.code[32 * k + l] >> 2 & 1u) << k;
            b->high[l] = (uint8_t)bits;
        }
    }
}

extern const struct eng_type_traits eng_type_q3_k;
const struct eng_type_traits eng_type_q3_k = {
    ENG_TYPE_Q3_K, "q3_k", ENG_SUPER_BLOCK, sizeof(struct eng_block_q3_k), decode, encode, expand,
};
