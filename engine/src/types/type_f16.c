/* type_f16.c - IEEE binary16, little-endian. */
#include "types/half.h"
#include "types/types.h"

static void decode(const void *blocks, float *x, size_t n)
{
    const uint8_t *bytes = blocks;
    for (size_t i = 0; i < n; i++)
        x[i] = eng_half_value(bytes + 2 * i);
}

static void encode(const float *x, void *blocks, size_t n)
{
    uint8_t *bytes = blocks;
    for (size_t i = 0; i < n; i++)
        eng_half_store(bytes + 2 * i, eng_f32_to_f16(x[i]));
}

extern const struct eng_type_traits eng_type_f16;
const struct eng_type_traits eng_type_f16 = {ENG_TYPE_F16, "f16", 1, 2, decode, encode, NULL};
