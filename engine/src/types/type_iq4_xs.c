/* type_iq4_xs.c - 8 x 32 values of iq4_nl under 6-bit scales. */
#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/lut4.h"
#include "types/search.h"
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

static const struct eng_tries tries = {-6.0f, 3.0f, 12};

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_iq4_xs *b = blocks;
    for (size_t i = 0; i < n / ENG_SUPER_BLOCK; i++, b++, x += ENG_SUPER_BLOCK) {
        float w[32], scales[8];
        for (int g = 0; g < 8; g++) {
            eng_weigh(x + 32 * g, 32, w);
            scales[g] = eng_fit_table(x + 32 * g, w, 32, eng_iq4_value, &tries);
        }
        const float extreme = eng_extreme(scales, 8);
        uint32_t high = 0;
        eng_half_store(b->d, eng_f32_to_f16(extreme / -32.0f));
        memset(b->scales_low, 0, sizeof(b->scales_low));
        const float d = eng_half_value(b->d);
        for (uint32_t g = 0; g < 8; g++) {
            const int s = extreme != 0.0f ? eng_whole(scales[g] * (-32.0f / extreme), -32, 31) : 0;
            const float inverse = d * (float)s != 0.0f ? 1.0f / (d * (float)s) : 0.0f;
            uint8_t code[32];
            for (int j = 0; j < 32; j++)
                code[j] = eng_table_code(x[32 * g + j] * inverse, eng_iq4_value);
            eng_join_nibbles(code, 16, b->q[g]);
            high |= (uint32_t)(s + 32) >> 4 << 2 * g;
            b->scales_low[g / 2] = (uint8_t)(b->scales_low[g / 2] | ((uint32_t)(s + 32) & 15u) << 4 * (g % 2));
        }
        eng_half_store(b->scales_high, (uint16_t)high);
    }
}

extern const struct eng_type_traits eng_type_iq4_xs;
const struct eng_type_traits eng_type_iq4_xs = {
    ENG_TYPE_IQ4_XS, "iq4_xs", ENG_SUPER_BLOCK, sizeof(struct eng_block_iq4_xs), decode, encode, expand,
};
