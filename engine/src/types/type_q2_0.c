/* type_q2_0.c - 64 values of {-1, 0, 1, 2} times a half scale. */
#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_q2_0 *b = block;
    for (int k = 0; k < 8; k++) { /* less 1, by way of + 127 and - 128, which no byte borrows for */
        const uint64_t eight = (eng_spread_pairs(eng_half_load(b->q + 2 * k)) + 0x7f7f7f7f7f7f7f7fu) ^ 0x8080808080808080u;
        memcpy(code + 8 * k, &eight, 8);
    }
    eng_fill(scale, 4, eng_half_value(b->d));
    eng_fill(min, 4, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, 64, sizeof(struct eng_block_q2_0), blocks, x, n);
}

/* d is the largest magnitude: 2 is never written. */
static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_q2_0 *b = blocks;
    for (size_t i = 0; i < n / 64; i++, b++, x += 64) {
        uint8_t code[64];
        eng_half_store(b->d, eng_f32_to_f16(eng_ternary(x, 64, code)));
        for (int k = 0; k < 16; k++)
            b->q[k] = (uint8_t)(code[4 * k] | code[4 * k + 1] << 2 | code[4 * k + 2] << 4 | code[4 * k + 3] << 6);
    }
}

extern const struct eng_type_traits eng_type_q2_0;
const struct eng_type_traits eng_type_q2_0 = {ENG_TYPE_Q2_0, "q2_0", 64, sizeof(struct eng_block_q2_0), decode, encode, expand};
