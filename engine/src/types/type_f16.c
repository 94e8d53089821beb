/* type_f16.c - IEEE binary16, little-endian. In chunks of constant size, which compilers make vectors of; the last may be short. */
#include "types/half.h"
#include "types/types.h"

#define CHUNK 16

static void decode_chunk(const uint8_t *bytes, float *x)
{
    uint16_t half[CHUNK];
    memcpy(half, bytes, sizeof(half));
    for (size_t i = 0; i < CHUNK; i++)
        x[i] = eng_half_to_f32(half[i]);
}

static void decode(const void *blocks, float *x, size_t n)
{
    const uint8_t *bytes = blocks;
    size_t i = 0;
    for (; i + CHUNK <= n; i += CHUNK)
        decode_chunk(bytes + 2 * i, x + i);
    for (; i < n; i++)
        x[i] = eng_half_value(bytes + 2 * i);
}

static void encode_chunk(const float *x, uint8_t *bytes)
{
    uint16_t half[CHUNK];
    for (size_t i = 0; i < CHUNK; i++)
        half[i] = eng_half_of_f32(x[i]);
    memcpy(bytes, half, sizeof(half));
}

static void encode(const float *x, void *blocks, size_t n)
{
    uint8_t *bytes = blocks;
    size_t i = 0;
    for (; i + CHUNK <= n; i += CHUNK)
        encode_chunk(x + i, bytes + 2 * i);
    for (; i < n; i++)
        eng_half_store(bytes + 2 * i, eng_half_of_f32(x[i]));
}

extern const struct eng_type_traits eng_type_f16;
const struct eng_type_traits eng_type_f16 = {ENG_TYPE_F16, "f16", 1, 2, decode, encode, NULL};
