/* type_iq4_nl.c - 32 nibbles that choose from 16 unevenly spaced values (lut4.h), under one half scale. */
#include "types/block.h"
#include "types/expand.h"
#include "types/lut4.h"
#include "types/types.h"

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_iq4_nl *b = block;
    eng_lut_codes(eng_iq4_value, b->q, 16, code);
    eng_fill(scale, 2, eng_half_value(b->d));
    eng_fill(min, 2, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_BLOCK, sizeof(struct eng_block_iq4_nl), blocks, x, n);
}

extern const struct eng_type_traits eng_type_iq4_nl;
const struct eng_type_traits eng_type_iq4_nl = {
    ENG_TYPE_IQ4_NL, "iq4_nl", ENG_BLOCK, sizeof(struct eng_block_iq4_nl), decode, NULL, expand,
};
