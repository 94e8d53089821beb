/* type_mxfp4.c - OCP Microscaling MXFP4 (OCP MX specification 1.0, 2023): 32 floats of 4 bits (sign, 2-bit exponent, 1-bit fraction)
 * under a power of two. The values 0, 0.5, 1, 1.5, 2, 3, 4, 6 are kept doubled, and the scale halved. */
#include <math.h>

#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/lut4.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_mxfp4 *b = block;
    eng_fp4_expand(b->q, 16, code);
    eng_fill(scale, 2, eng_power_of_two_half(b->e));
    eng_fill(min, 2, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_BLOCK, sizeof(struct eng_block_mxfp4), blocks, x, n);
}

/* Two below the exponent of the largest magnitude, so that this lies in [4, 8) of values up to 6. */
static uint8_t scale_exponent(float amax)
{
    if (!(amax > 0.0f))
        return 0;
    const float e = floorf(log2f(amax)) - 2.0f + 127.0f;
    return eng_code(e, 254);
}

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_mxfp4 *b = blocks;
    for (size_t i = 0; i < n / ENG_BLOCK; i++, b++, x += ENG_BLOCK) {
        uint8_t code[ENG_BLOCK];
        b->e = scale_exponent(eng_amax(x, ENG_BLOCK));
        eng_fp4_codes(x, ENG_BLOCK, eng_power_of_two_half(b->e), code);
        eng_join_nibbles(code, 16, b->q);
    }
}

extern const struct eng_type_traits eng_type_mxfp4;
const struct eng_type_traits eng_type_mxfp4 = {
    ENG_TYPE_MXFP4, "mxfp4", ENG_BLOCK, sizeof(struct eng_block_mxfp4), decode, encode, expand,
};
