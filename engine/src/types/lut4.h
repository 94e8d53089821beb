/**
 * lut4.h - types whose nibbles choose from 16 values: iq4_nl and iq4_xs (values found by k-means on weights, ggml's kvalues_iq4nl),
 * mxfp4 and nvfp4 (the 4-bit float of OCP MX 1.0, doubled to be whole). Private to types/ and kernels/.
 */
#ifndef ENG_TYPES_LUT4_H
#define ENG_TYPES_LUT4_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "types/half.h"

extern const int8_t eng_iq4_value[16]; /* rising: -127 ... 113 */
extern const int8_t eng_fp4_value[16]; /* 0, 1, 2, 3, 4, 6, 8, 12, and the same with a minus (0 twice) */

/** eng_fp4_of() - 0 to 4, then 6, 8, 12; negative from code 8 on. */
static inline int8_t eng_fp4_of(uint8_t code)
{
    const uint8_t level = code & 7, minus = (uint8_t)-(code >> 3);
    const uint8_t value = (uint8_t)(level + (level > 4) + (level > 5) + 3 * (level > 6));
    return (int8_t)(uint8_t)((value ^ minus) - minus);
}

/** eng_lut_codes() - @n bytes to 2 n values: low nibbles first. */
static inline void eng_lut_codes(const int8_t value[16], const uint8_t *q, size_t n, int8_t *code)
{
    for (size_t j = 0; j < n; j++) {
        code[j] = value[q[j] & 15];
        code[n + j] = value[q[j] >> 4];
    }
}

/** eng_fp4_expand() - @n bytes to 2 n values of fp4, low nibbles first: computed, so that it becomes vectors. */
static inline void eng_fp4_expand(const uint8_t *q, size_t n, int8_t *code)
{
    for (size_t j = 0; j < n; j++) {
        code[j] = eng_fp4_of(q[j] & 15);
        code[n + j] = eng_fp4_of(q[j] >> 4);
    }
}

/** eng_fp4_codes() - nearest codes of x / d; the smaller magnitude of two equally near, 0 rather than -0, 0 for all where d is 0. */
static inline void eng_fp4_codes(const float *x, size_t n, float d, uint8_t *code)
{
    static const float middle[7] = {0.5f, 1.5f, 2.5f, 3.5f, 5.0f, 7.0f, 10.0f};
    for (size_t i = 0; i < n; i++) {
        const float a = d > 0.0f ? fabsf(x[i]) : 0.0f;
        uint32_t level = 0;
        for (int k = 0; k < 7; k++)
            level += a > middle[k] * d;
        code[i] = (uint8_t)(level | (uint32_t)(x[i] < 0.0f && level > 0) << 3);
    }
}

/** eng_power_of_two_half() - 2^(e - 128): half the E8M0 number e, as the values of fp4 are doubled. e = 255, OCP's NaN, is 2^127. */
static inline float eng_power_of_two_half(uint8_t e)
{
    return eng_float_of_bits(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
}

/** eng_ue4m3_half() - half the unsigned float of 4-bit exponent (bias 7) and 3-bit fraction; 0x7f (NaN) counts as 0; bit 7 is ignored
 *  but for that. */
static inline float eng_ue4m3_half(uint8_t u)
{
    const uint32_t exponent = u >> 3 & 15u, fraction = u & 7u;
    if (u == 0x7f)
        return 0.0f;
    if (exponent == 0)
        return (float)fraction * 0x1p-10f;
    return eng_float_of_bits((exponent + 119u) << 23 | fraction << 20); /* 119 = 127 - 7 - 1 */
}

#endif
