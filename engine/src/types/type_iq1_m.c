/* type_iq1_m.c - 1.75 bits: points of 2048 in eight dimensions, each moved by +1/8 or -1/8, a 3-bit scale for each 16. */
#include "types/block.h"
#include "types/iq_grid.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_iq1_m *b = block;
    uint32_t half = 0;
    for (int k = 0; k < 4; k++)
        half |= (uint32_t)(b->scales[k][1] >> 4) << 4 * k;
    const float d = eng_half_to_f32((uint16_t)half);
    for (int k = 0; k < 32; k++, code += 8) {
        const uint32_t high = b->high[k / 2] >> 4 * (k % 2) & 15u;
        const uint64_t values = eng_iq1_values(eng_iq1_grid[b->point[k] | (high & 7) << 8], high >> 3);
        memcpy(code, &values, 8);
    }
    for (int g = 0; g < 16; g++)
        scale[g] = d * (float)(2 * (eng_half_load(b->scales[g / 4]) >> 3 * (g % 4) & 7) + 1) * 0.125f;
    eng_fill(min, 16, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_iq1_m), blocks, x, n);
}

extern const struct eng_type_traits eng_type_iq1_m;
const struct eng_type_traits eng_type_iq1_m = {
    ENG_TYPE_IQ1_M, "iq1_m", ENG_SUPER_BLOCK, sizeof(struct eng_block_iq1_m), decode, NULL, expand,
};
