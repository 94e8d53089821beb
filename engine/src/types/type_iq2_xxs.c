/* type_iq2_xxs.c - 2.06 bits: points of 256 in eight dimensions, an even number of minuses, a 4-bit scale for each 32. */
#include "types/block.h"
#include "types/iq_grid.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_iq2_xxs *b = block;
    const float d = eng_half_value(b->d);
    for (int g = 0; g < 8; g++) {
        const uint32_t signs = eng_load_u32(b->q[g].signs);
        for (int l = 0; l < 4; l++, code += 8)
            eng_store_signed(code, eng_iq2_values(eng_iq2_xxs_grid[b->q[g].point[l]]), eng_even_signs(signs >> 7 * l & 127));
        eng_fill(scale + 2 * g, 2, d * (0.5f + (float)(signs >> 28)) * 0.25f);
    }
    eng_fill(min, 16, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_iq2_xxs), blocks, x, n);
}

extern const struct eng_type_traits eng_type_iq2_xxs;
const struct eng_type_traits eng_type_iq2_xxs = {
    ENG_TYPE_IQ2_XXS, "iq2_xxs", ENG_SUPER_BLOCK, sizeof(struct eng_block_iq2_xxs), decode, NULL, expand,
};
