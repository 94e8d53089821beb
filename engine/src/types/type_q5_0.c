/* type_q5_0.c - q4_0 with a fifth bit: codes 0 to 31 about 16. */
#include "types/block.h"
#include "types/expand.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_q5_0 *b = block;
    eng_split_nibbles(b->q, 16, code);
    eng_add_bit(b->high, 4, code);
    for (int i = 0; i < ENG_BLOCK; i++)
        code[i] = (int8_t)(code[i] - 16);
    eng_fill(scale, 2, eng_half_value(b->d));
    eng_fill(min, 2, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_BLOCK, sizeof(struct eng_block_q5_0), blocks, x, n);
}

extern const struct eng_type_traits eng_type_q5_0;
const struct eng_type_traits eng_type_q5_0 = {
    ENG_TYPE_Q5_0, "q5_0", ENG_BLOCK, sizeof(struct eng_block_q5_0), decode, NULL, expand,
};
