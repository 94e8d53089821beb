/* type_q5_1.c - q4_1 with a fifth bit: codes 0 to 31 above a minimum. */
#include "types/block.h"
#include "types/expand.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_q5_1 *b = block;
    eng_split_nibbles(b->q, 16, code);
    eng_add_bit(b->high, 4, code);
    eng_fill(scale, 2, eng_half_value(b->d));
    eng_fill(min, 2, eng_half_value(b->m));
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_BLOCK, sizeof(struct eng_block_q5_1), blocks, x, n);
}

extern const struct eng_type_traits eng_type_q5_1;
const struct eng_type_traits eng_type_q5_1 = {
    ENG_TYPE_Q5_1, "q5_1", ENG_BLOCK, sizeof(struct eng_block_q5_1), decode, NULL, expand,
};
