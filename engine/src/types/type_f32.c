/* type_f32.c - IEEE binary32, little-endian. */
#include <string.h>

#include "types/types.h"

static void decode(const void *blocks, float *x, size_t n)
{
    memcpy(x, blocks, n * sizeof(*x));
}

static void encode(const float *x, void *blocks, size_t n)
{
    memcpy(blocks, x, n * sizeof(*x));
}

extern const struct eng_type_traits eng_type_f32;
const struct eng_type_traits eng_type_f32 = {ENG_TYPE_F32, "f32", 1, 4, decode, encode, NULL};
