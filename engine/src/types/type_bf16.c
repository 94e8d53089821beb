/* type_bf16.c - the upper half of an IEEE binary32, little-endian; rounded to nearest even. A NaN stays one (made quiet). */
#include "types/half.h"
#include "types/types.h"

static void decode(const void *blocks, float *x, size_t n)
{
    const uint8_t *bytes = blocks;
    for (size_t i = 0; i < n; i++)
        x[i] = eng_float_of_bits((uint32_t)eng_half_load(bytes + 2 * i) << 16);
}

static uint16_t round_upper(uint32_t bits)
{
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static void encode(const float *x, void *blocks, size_t n)
{
    uint8_t *bytes = blocks;
    for (size_t i = 0; i < n; i++)
        eng_half_store(bytes + 2 * i, round_upper(eng_bits_of_float(x[i])));
}

extern const struct eng_type_traits eng_type_bf16;
const struct eng_type_traits eng_type_bf16 = {ENG_TYPE_BF16, "bf16", 1, 2, decode, encode, NULL};
