/* type_q4_k.c - 8 x 32 codes of 4 bits, a 6-bit scale and a 6-bit minimum for each 32. */
#include "types/block.h"
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

extern const struct eng_type_traits eng_type_q4_k;
const struct eng_type_traits eng_type_q4_k = {
    ENG_TYPE_Q4_K, "q4_k", ENG_SUPER_BLOCK, sizeof(struct eng_block_q4_k), decode, NULL, expand,
};
