/* type_iq1_s.c - 1.56 bits: points of 2048 in eight dimensions, all 32 of a group moved by +1/8 or -1/8, a 3-bit scale for each 32. */
#include "types/block.h"
#include "types/iq_grid.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_iq1_s *b = block;
    const float d = eng_half_value(b->d);
    for (int g = 0; g < 8; g++) {
        const uint32_t high = eng_half_load(b->high[g]);
        for (int l = 0; l < 4; l++, code += 8) {
            const uint64_t values = eng_iq1_values(eng_iq1_grid[b->point[4 * g + l] | (high >> 3 * l & 7) << 8], high >> 15);
            memcpy(code, &values, 8);
        }
        eng_fill(scale + 2 * g, 2, d * (float)(2 * (high >> 12 & 7) + 1) * 0.125f);
    }
    eng_fill(min, 16, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_iq1_s), blocks, x, n);
}

extern const struct eng_type_traits eng_type_iq1_s;
const struct eng_type_traits eng_type_iq1_s = {
    ENG_TYPE_IQ1_S, "iq1_s", ENG_SUPER_BLOCK, sizeof(struct eng_block_iq1_s), decode, NULL, expand,
};
