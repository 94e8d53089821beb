/* type_tq2_0.c - 256 values of {-1, 0, 1} (2 is possible, too) times a half scale, two bits each. */
#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_tq2_0 *b = block;
    eng_split_pairs(b->q, code);
    eng_split_pairs(b->q + 32, code + 128);
    for (int i = 0; i < ENG_SUPER_BLOCK; i++)
        code[i] = (int8_t)(code[i] - 1);
    eng_fill(scale, 16, eng_half_value(b->d));
    eng_fill(min, 16, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_tq2_0), blocks, x, n);
}

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_tq2_0 *b = blocks;
    for (size_t i = 0; i < n / ENG_SUPER_BLOCK; i++, b++, x += ENG_SUPER_BLOCK) {
        uint8_t code[ENG_SUPER_BLOCK];
        eng_half_store(b->d, eng_f32_to_f16(eng_ternary(x, ENG_SUPER_BLOCK, code)));
        eng_join_pairs(code, b->q);
        eng_join_pairs(code + 128, b->q + 32);
    }
}

extern const struct eng_type_traits eng_type_tq2_0;
const struct eng_type_traits eng_type_tq2_0 = {
    ENG_TYPE_TQ2_0, "tq2_0", ENG_SUPER_BLOCK, sizeof(struct eng_block_tq2_0), decode, encode, expand,
};
