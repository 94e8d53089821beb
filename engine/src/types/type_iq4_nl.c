/* type_iq4_nl.c - 32 nibbles that choose from 16 unevenly spaced values (lut4.h), under one half scale. */
#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/lut4.h"
#include "types/search.h"
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

static const struct eng_tries tries = {-6.0f, 3.0f, 12};

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_iq4_nl *b = blocks;
    for (size_t i = 0; i < n / ENG_BLOCK; i++, b++, x += ENG_BLOCK) {
        float w[ENG_BLOCK];
        uint8_t code[ENG_BLOCK];
        eng_weigh(x, ENG_BLOCK, w);
        eng_half_store(b->d, eng_f32_to_f16(eng_fit_table(x, w, ENG_BLOCK, eng_iq4_value, &tries)));
        const float d = eng_half_value(b->d), inverse = d != 0.0f ? 1.0f / d : 0.0f;
        for (int j = 0; j < ENG_BLOCK; j++)
            code[j] = eng_table_code(x[j] * inverse, eng_iq4_value);
        eng_join_nibbles(code, 16, b->q);
    }
}

extern const struct eng_type_traits eng_type_iq4_nl;
const struct eng_type_traits eng_type_iq4_nl = {
    ENG_TYPE_IQ4_NL, "iq4_nl", ENG_BLOCK, sizeof(struct eng_block_iq4_nl), decode, encode, expand,
};
