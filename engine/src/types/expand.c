/* expand.c - see expand.h. */
#include "types/expand.h"

/* Not inlined: gcc would make vectors of groups instead of elements, and shuffle more than it computes. */
__attribute__((noinline)) static void multiply_out(const int8_t code[16], float scale, float min, float *x)
{
    for (size_t i = 0; i < 16; i++)
        x[i] = (float)code[i] * scale + min;
}

void eng_decode_expanded(eng_expand_fn *expand, size_t block_elems, size_t block_bytes, const void *blocks, float *x, size_t n)
{
    const uint8_t *block = blocks;
    for (size_t i = 0; i < n; i += block_elems, block += block_bytes) {
        int8_t code[256];
        float scale[16], min[16];
        expand(block, code, scale, min);
        for (size_t g = 0; g < block_elems / 16; g++, x += 16)
            multiply_out(code + 16 * g, scale[g], min[g], x);
    }
}
