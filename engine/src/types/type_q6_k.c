/* type_q6_k.c - 16 x 16 codes of 6 bits about 32, a signed 8-bit scale for each 16. */
#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/kquant.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_q6_k *b = block;
    const float d = eng_half_value(b->d);
    int8_t high[128];
    for (int k = 0; k < 2; k++, code += 128) {
        eng_split_nibbles(b->low[k], 64, code);
        eng_split_pairs(b->high[k], high);
        for (int i = 0; i < 128; i++)
            code[i] = (int8_t)((code[i] | high[i] << 4) - 32);
    }
    for (int g = 0; g < 16; g++)
        scale[g] = d * (float)b->scales[g];
    eng_fill(min, 16, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_q6_k), blocks, x, n);
}

static const struct eng_k_signed_rule rule = {{-0.6f, 0.3f, 8}, 32, 128};

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_q6_k *b = blocks;
    for (size_t i = 0; i < n / ENG_SUPER_BLOCK; i++, b++, x += ENG_SUPER_BLOCK) {
        struct eng_k_signed fit;
        uint8_t high[128];
        eng_k_signed(x, &rule, &fit);
        eng_half_store(b->d, fit.d);
        memcpy(b->scales, fit.s, sizeof(b->scales));
        for (int k = 0; k < 2; k++) {
            for (int j = 0; j < 128; j++)
                high[j] = fit.code[128 * k + j] >> 4;
            eng_join_nibbles(fit.code + 128 * k, 64, b->low[k]);
            eng_join_pairs(high, b->high[k]);
        }
    }
}

extern const struct eng_type_traits eng_type_q6_k;
const struct eng_type_traits eng_type_q6_k = {
    ENG_TYPE_Q6_K, "q6_k", ENG_SUPER_BLOCK, sizeof(struct eng_block_q6_k), decode, encode, expand,
};
