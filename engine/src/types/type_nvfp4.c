/* type_nvfp4.c - NVIDIA's NVFP4: 16 floats of 4 bits as in mxfp4 under an unsigned 8-bit float (4-bit exponent with bias 7, 3-bit
 * fraction), four of these in a block. */
#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/lut4.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_nvfp4 *b = block;
    int8_t half[64];
    eng_fp4_expand(b->q, 32, half);
    for (int g = 0; g < 4; g++) {
        memcpy(code + 16 * g, half + 8 * g, 8);
        memcpy(code + 16 * g + 8, half + 32 + 8 * g, 8);
        scale[g] = eng_ue4m3_half(b->d[g]);
    }
    eng_fill(min, 4, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, 64, sizeof(struct eng_block_nvfp4), blocks, x, n);
}

/* Halves of a unit round up; from 256 on all is 448, the largest, as ggml has it. */
static uint8_t scale_code(float v)
{
    if (!(v > 0.0f))
        return 0;
    if (v >= 256.0f)
        return 0x7e;
    if (v < 0x1p-6f) { /* subnormal: whole multiples of 2^-9 */
        const int whole = (int)(v * 512.0f + 0.5f);
        return (uint8_t)(whole < 7 ? whole : 7);
    }
    const uint32_t rounded = ((eng_bits_of_float(v) + (1u << 19)) >> 20) - (120u << 3); /* 120 = 127 - 7 */
    return (uint8_t)(rounded < 15u << 3 ? rounded : 0x7e);
}

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_nvfp4 *b = blocks;
    for (size_t i = 0; i < n / 64; i++, b++)
        for (int g = 0; g < 4; g++, x += 16) {
            uint8_t code[16];
            b->d[g] = scale_code(eng_amax(x, 16) / 6.0f);
            eng_fp4_codes(x, 16, eng_ue4m3_half(b->d[g]), code);
            eng_join_nibbles(code, 8, b->q + 8 * g);
        }
}

extern const struct eng_type_traits eng_type_nvfp4;
const struct eng_type_traits eng_type_nvfp4 = {ENG_TYPE_NVFP4, "nvfp4", 64, sizeof(struct eng_block_nvfp4), decode, encode, expand};
