/* type_q5_k.c - q4_k with a fifth bit. */
#include "types/block.h"
#include "types/expand.h"
#include "types/kquant.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_q5_k *b = block;
    for (int k = 0; k < 4; k++)
        eng_split_nibbles(b->q[k], 32, code + 64 * k);
    for (int k = 0; k < 8; k++)
        for (int l = 0; l < 32; l++)
            code[32 * k + l] = (int8_t)(code[32 * k + l] | (b->high[l] >> k & 1) << 4);
    eng_k_scales(b->d, b->dmin, b->scales, scale, min);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_q5_k), blocks, x, n);
}

extern const struct eng_type_traits eng_type_q5_k;
const struct eng_type_traits eng_type_q5_k = {
    ENG_TYPE_Q5_K, "q5_k", ENG_SUPER_BLOCK, sizeof(struct eng_block_q5_k), decode, NULL, expand,
};
