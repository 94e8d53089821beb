/* type_tq1_0.c - 256 values of {-1, 0, 1} times a half scale, five in a byte: the byte is the number 0.t0 t1 t2 t3 t4 in base 3, times
 * 256 and rounded up, so that multiplying by 3 moves one digit after the other above the byte (4.4: techniques.md 4.1). */
#include "types/block.h"
#include "types/encode.h"
#include "types/expand.h"
#include "types/types.h"

/* @n_digits rounds of one digit, less 1, of each of @n bytes; returns the end of the codes. */
static int8_t *take_digits(const uint8_t *q, size_t n, int n_digits, int8_t *code)
{
    uint8_t rest[32];
    memcpy(rest, q, n);
    for (int k = 0; k < n_digits; k++, code += n)
        for (size_t j = 0; j < n; j++) {
            const uint16_t digit_and_rest = (uint16_t)(rest[j] * 3);
            code[j] = (int8_t)((digit_and_rest >> 8) - 1);
            rest[j] = (uint8_t)digit_and_rest;
        }
    return code;
}

static void expand(const void *block, int8_t *code, float *scale, float *min)
{
    const struct eng_block_tq1_0 *b = block;
    int8_t *out = take_digits(b->q, 32, 5, code);
    out = take_digits(b->q + 32, 16, 5, out);
    take_digits(b->high, 4, 4, out);
    eng_fill(scale, 16, eng_half_value(b->d));
    eng_fill(min, 16, ENG_NO_MIN);
}

static void decode(const void *blocks, float *x, size_t n)
{
    eng_decode_expanded(expand, ENG_SUPER_BLOCK, sizeof(struct eng_block_tq1_0), blocks, x, n);
}

/* The other way round: whole numbers below 3^5 = 243, then the fraction, rounded up so that no digit is lost. */
static const uint8_t *put_digits(const uint8_t *code, size_t n, int n_digits, uint8_t *q)
{
    for (size_t j = 0; j < n; j++) {
        uint32_t number = 0;
        for (int k = 0; k < 5; k++)
            number = 3 * number + (k < n_digits ? code[(size_t)k * n + j] : 0);
        q[j] = (uint8_t)((number * 256 + 242) / 243);
    }
    return code + (size_t)n_digits * n;
}

static void encode(const float *x, void *blocks, size_t n)
{
    struct eng_block_tq1_0 *b = blocks;
    for (size_t i = 0; i < n / ENG_SUPER_BLOCK; i++, b++, x += ENG_SUPER_BLOCK) {
        uint8_t code[ENG_SUPER_BLOCK];
        eng_half_store(b->d, eng_f32_to_f16(eng_ternary(x, ENG_SUPER_BLOCK, code)));
        const uint8_t *rest = put_digits(code, 32, 5, b->q);
        rest = put_digits(rest, 16, 5, b->q + 32);
        put_digits(rest, 4, 4, b->high);
    }
}

extern const struct eng_type_traits eng_type_tq1_0;
const struct eng_type_traits eng_type_tq1_0 = {
    ENG_TYPE_TQ1_0, "tq1_0", ENG_SUPER_BLOCK, sizeof(struct eng_block_tq1_0), decode, encode, expand,
};
