/* type_iq2_xs.c - 2.31 bits: points of 512 in eight dimensions, an even number of minuses, a 4-bit scale for each 16. */
#include "types/block.h"
#include "types/iq_grid.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_iq2_xs *b = block;
    const float d = eng_half_value(b->d);
    for (int k = 0; k < 32; k++, code += 8) {
        const uint32_t q = eng_half_load(b->q[k]);
        eng_store_signed(code, eng_iq2_values(eng_iq2_xs_grid[q & 511]), eng_even_signs(q >> 9));
    }
    for (int g = 0; g < 16; g++)
        scale[g] = d * (0.5f + (float)(b->scales[g / 2] >> 4 * (g % 2) & 15)) * 0.25f;
    eng_fill(min, 16, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_iq2_xs), blocks, x, n);
}

extern const struct eng_type_traits eng_type_iq2_xs;
const struct eng_type_traits eng_type_iq2_xs = {
    ENG_TYPE_IQ2_XS, "iq2_xs", ENG_SUPER_BLOCK, sizeof(struct eng_block_iq2_xs), decode, NULL, expand,
};
