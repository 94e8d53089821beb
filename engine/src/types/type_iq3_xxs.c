/* type_iq3_xxs.c - 3.06 bits: points of 256 in four dimensions, an even number of minuses in eight, a 4-bit scale for each 32. */
#include "types/block.h"
#include "types/iq_grid.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_iq3_xxs *b = block;
    const float d = eng_half_value(b->d);
    for (int g = 0; g < 8; g++) {
        const uint8_t *point = b->point + 8 * g;
        const uint32_t signs = eng_load_u32(b->signs[g]);
        for (int l = 0; l < 4; l++, code += 8)
            eng_store_signed(code, eng_iq3_xxs_values(eng_iq3_xxs_grid[point[2 * l]], eng_iq3_xxs_grid[point[2 * l + 1]]),
                             eng_even_signs(signs >> 7 * l & 127));
        eng_fill(scale + 2 * g, 2, d * (0.5f + (float)(signs >> 28)) * 0.5f);
    }
    eng_fill(min, 16, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_iq3_xxs), blocks, x, n);
}

extern const struct eng_type_traits eng_type_iq3_xxs;
const struct eng_type_traits eng_type_iq3_xxs = {
    ENG_TYPE_IQ3_XXS, "iq3_xxs", ENG_SUPER_BLOCK, sizeof(struct eng_block_iq3_xxs), decode, NULL, expand,
};
