/* type_iq3_s.c - 3.44 bits: points of 512 in four dimensions, any signs, a 4-bit scale for each 32. */
#include "types/block.h"
#include "types/iq_grid.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_iq3_s *b = block;
    const float d = eng_half_value(b->d);
    for (int k = 0; k < 32; k++, code += 8) {
        const uint32_t high = (uint32_t)b->high[k / 4] >> 2 * (k % 4);
        const uint16_t first = eng_iq3_s_grid[b->point[2 * k] | (high & 1) << 8];
        const uint16_t second = eng_iq3_s_grid[b->point[2 * k + 1] | (high & 2) << 7];
        eng_store_signed(code, eng_iq3_s_values(first, second), b->signs[k]);
    }
    for (int g = 0; g < 8; g++)
        eng_fill(scale + 2 * g, 2, d * (float)(1 + 2 * (b->scales[g / 2] >> 4 * (g % 2) & 15)));
    eng_fill(min, 16, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_iq3_s), blocks, x, n);
}

extern const struct eng_type_traits eng_type_iq3_s;
const struct eng_type_traits eng_type_iq3_s = {
    ENG_TYPE_IQ3_S, "iq3_s", ENG_SUPER_BLOCK, sizeof(struct eng_block_iq3_s), decode, NULL, expand,
};
