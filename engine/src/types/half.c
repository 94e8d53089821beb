/* half.c - IEEE 754 binary16 to and from binary32 by integer arithmetic: the same bits on every machine. */
#include <string.h>

#include "types/types.h"

float eng_f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t exponent = (h >> 10) & 0x1fu, fraction = h & 0x3ffu;
    uint32_t bits;
    float f;
    if (exponent == 0) { /* zero or subnormal: fraction x 2^-24, exact in f32 */
        f = (float)fraction * 0x1p-24f;
        return sign ? -f : f;
    }
    if (exponent == 0x1f)
        bits = sign | 0x7f800000u | fraction << 13;
    else
        bits = sign | (exponent + 112) << 23 | fraction << 13; /* 112 = 127 - 15 */
    memcpy(&f, &bits, sizeof(f));
    return f;
}

/* v / 2^shift, ties to even. 1 <= shift <= 31. */
static uint32_t shift_round_even(uint32_t v, uint32_t shift)
{
    const uint32_t half = 1u << (shift - 1), rest = v & ((1u << shift) - 1), whole = v >> shift;
    return whole + (rest > half || (rest == half && (whole & 1)));
}

uint16_t eng_f32_to_f16(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
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
