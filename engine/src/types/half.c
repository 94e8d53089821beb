/* half.c - IEEE 754 binary16 to and from binary32 by integer arithmetic: the same bits on every machine. */
#include "types/half.h"
#include "types/types.h"

float eng_f16_to_f32(uint16_t h)
{
    return eng_half_to_f32(h);
}

/* v / 2^shift, ties to even. 1 <= shift <= 31. */
static uint32_t shift_round_even(uint32_t v, uint32_t shift)
{
    const uint32_t half = 1u << (shift - 1), rest = v & ((1u << shift) - 1), whole = v >> shift;
    return whole + (rest > half || (rest == half && (whole & 1)));
}

uint16_t eng_f32_to_f16(float f)
{
    const uint32_t bits = eng_bits_of_float(f);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) /* NaN stays NaN, made quiet */
        return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x1ffu));
    if (magnitude >= 0x477ff000u) /* 65520 and more round to infinity */
        return sign | 0x7c00u;
    if (magnitude >= 0x38800000u) /* 2^-14 and more: normal; a carry out of the fraction raises the exponent, as it should */
        return (uint16_t)(sign | shift_round_even(magnitude - (112u << 23), 13));
    if (magnitude < 0x33000000u) /* below 2^-25 */
        return sign;
    const uint32_t fraction = (magnitude & 0x7fffffu) | 0x800000u;
    return (uint16_t)(sign | shift_round_even(fraction, 126 - (magnitude >> 23)));
}
