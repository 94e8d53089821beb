/* type_iq4_xs.c - 8 x 32 values of iq4_nl under 6-bit scales. */
#include "types/block.h"
#include "types/expand.h"
#include "types/lut4.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_iq4_xs *b = block;
    const float d = eng_half_value(b->d);
    const uint32_t high = eng_half_load(b->scales_high);
    for (uint32_t g = 0; g < 8; g++) {
        const uint32_t s = (b->scales_low[g / 2] >> 4 * (g % 2) & 15u) | (high >> 2 * g & 3u) << 4;
        eng_fill(scale + 2 * g, 2, d * (float)((int)s - 32));
        eng_lut_codes(eng_iq4_value, b->q[g], 16, code + 32 * g);
    }
    eng_fill(min, 16, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_iq4_xs), blocks, x, n);
}

extern const struct eng_type_traits eng_type_iq4_xs;
const struct eng_type_traits eng_type_iq4_xs = {
    ENG_TYPE_IQ4_XS, "iq4_xs", ENG_SUPER_BLOCK, sizeof(struct eng_block_iq4_xs), decode, NULL, expand,
};
