/* type_q8_0.c - 32 signed bytes under one half scale: d = max|x| / 127, q = round(x / d), halves away from zero.
 * Layout and rounding as ggml's reference quantizer. */
#include <math.h>

#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_q8_0 *b = block;
    memcpy(code, b->q, sizeof(b->q));
    eng_fill(scale, 2, eng_half_value(b->d));
    eng_fill(min, 2, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_BLOCK, sizeof(struct eng_block_q8_0), blocks, x, n);
}

static int8_t round_code(float v)
{
    const float r = roundf(v);
    if (!(r > -128.0f))
        return r < 0.0f ? -128 : 0; /* NaN: 0 */
    return r > 127.0f ? 127 : (int8_t)r;
}

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_q8_0 *b = blocks;
    for (size_t i = 0; i < n / ENG_BLOCK; i++, b++, x += ENG_BLOCK) {
        const float d = eng_amax(x, ENG_BLOCK) / 127.0f, inverse = d != 0.0f ? 1.0f / d : 0.0f;
        eng_half_store(b->d, eng_f32_to_f16(d));
        for (int j = 0; j < ENG_BLOCK; j++)
            b->q[j] = round_code(x[j] * inverse);
    }
}

extern const struct eng_type_traits eng_type_q8_0;
const struct eng_type_traits eng_type_q8_0 = {
    ENG_TYPE_Q8_0, "q8_0", ENG_BLOCK, sizeof(struct eng_block_q8_0), decode, encode, expand,
};
