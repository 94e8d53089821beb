/* type_q4_1.c - 32 nibbles under a half scale and a half minimum: m = min(x), d = (max(x) - m) / 15,
 * q = min(15, floor((x - m) / d + 0.5)). Layout and rounding as ggml's reference quantizer. */
#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_q4_1 *b = block;
    eng_split_nibbles(b->q, 16, code);
    eng_fill(scale, 2, eng_half_value(b->d));
    eng_fill(min, 2, eng_half_value(b->m));
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_BLOCK, sizeof(struct eng_block_q4_1), blocks, x, n);
}

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_q4_1 *b = blocks;
    for (size_t i = 0; i < n / ENG_BLOCK; i++, b++, x += ENG_BLOCK) {
        const struct eng_range range = eng_range(x, ENG_BLOCK);
        const float d = (range.high - range.low) / 15.0f, inverse = d != 0.0f ? 1.0f / d : 0.0f;
        uint8_t code[ENG_BLOCK];
        eng_half_store(b->d, eng_f32_to_f16(d));
        eng_half_store(b->m, eng_f32_to_f16(range.low));
        for (int j = 0; j < ENG_BLOCK; j++)
            code[j] = eng_code((x[j] - range.low) * inverse + 0.5f, 15);
        eng_join_nibbles(code, 16, b->q);
    }
}

extern const struct eng_type_traits eng_type_q4_1;
const struct eng_type_traits eng_type_q4_1 = {
    ENG_TYPE_Q4_1, "q4_1", ENG_BLOCK, sizeof(struct eng_block_q4_1), decode, encode, expand,
};
