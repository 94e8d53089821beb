/* type_q1_0.c - the signs of 128 values under their mean magnitude. */
#include <math.h>

#include "types/block.h"
#include "types/expand.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_q1_0 *b = block;
    for (int k = 0; k < 16; k++) { /* 0xff is -1; flipping all but the lowest bit makes it 1 */
        const uint64_t eight = ~(eng_spread_bits(b->q[k]) * 0xfe);
        memcpy(code + 8 * k, &eight, 8);
    }
    eng_fill(scale, 8, eng_half_value(b->d));
    eng_fill(min, 8, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, 128, sizeof(struct eng_block_q1_0), blocks, x, n);
}

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_q1_0 *b = blocks;
    for (size_t i = 0; i < n / 128; i++, b++, x += 128) {
        float sum = 0.0f;
        for (int j = 0; j < 128; j++)
            sum += fabsf(x[j]);
        eng_half_store(b->d, eng_f32_to_f16(sum / 128.0f));
        memset(b->q, 0, sizeof(b->q));
        for (int j = 0; j < 128; j++)
            b->q[j / 8] = (uint8_t)(b->q[j / 8] | (x[j] >= 0.0f) << j % 8);
    }
}

extern const struct eng_type_traits eng_type_q1_0;
const struct eng_type_traits eng_type_q1_0 = {ENG_TYPE_Q1_0, "q1_0", 128, sizeof(struct eng_block_q1_0), decode, encode, expand};
