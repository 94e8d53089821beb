/* type_nvfp4.c - NVIDIA's NVFP4: 16 floats of 4 bits as in mxfp4 under an unsigned 8-bit float (4-bit exponent with bias 7, 3-bit
 * fraction), four of these in a block. */
#include "types/block.h"
#include "types/expand.h"
#include "types/lut4.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_nvfp4 *b = block;
    for (int g = 0; g < 4; g++) {
        eng_lut_codes(eng_fp4_value, b->q[g], 8, code + 16 * g);
        scale[g] = eng_ue4m3_half(b->d[g]);
    }
    eng_fill(min, 4, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, 64, sizeof(struct eng_block_nvfp4), blocks, x, n);
}

extern const struct eng_type_traits eng_type_nvfp4;
const struct eng_type_traits eng_type_nvfp4 = {ENG_TYPE_NVFP4, "nvfp4", 64, sizeof(struct eng_block_nvfp4), decode, NULL, expand};
