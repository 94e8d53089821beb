/* type_q5_1.c - q4_1 with a fifth bit: codes 0 to 31 above a minimum. */
#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_q5_1 *b = block;
    eng_split_nibbles(b->q, 16, code);
    eng_add_bits(b->high, 0, 0x10, code);
    eng_fill(scale, 2, eng_half_value(b->d));
    eng_fill(min, 2, eng_half_value(b->m));
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_BLOCK, sizeof(struct eng_block_q5_1), blocks, x, n);
}

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_q5_1 *b = blocks;
    for (size_t i = 0; i < n / ENG_BLOCK; i++, b++, x += ENG_BLOCK) {
        const struct eng_range range = eng_range(x, ENG_BLOCK);
        const float d = (range.high - range.low) / 31.0f, inverse = d != 0.0f ? 1.0f / d : 0.0f;
        uint8_t code[ENG_BLOCK];
        eng_half_store(b->d, eng_f32_to_f16(d));
        eng_half_store(b->m, eng_f32_to_f16(range.low));
        for (int j = 0; j < ENG_BLOCK; j++)
            code[j] = eng_code((x[j] - range.low) * inverse + 0.5f, 31);
        eng_join_nibbles(code, 16, b->q);
        eng_take_bit(code, 4, b->high);
    }
}

extern const struct eng_type_traits eng_type_q5_1;
const struct eng_type_traits eng_type_q5_1 = {
    ENG_TYPE_Q5_1, "q5_1", ENG_BLOCK, sizeof(struct eng_block_q5_1), decode, encode, expand,
};
