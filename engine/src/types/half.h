/** half.h - IEEE binary16 in bytes and as f32, inline and free of branches, so that loops of it vectorise. Private to types/, kernels/. */
#ifndef ENG_TYPES_HALF_H
#define ENG_TYPES_HALF_H

#include <stdint.h>
#include <string.h>

static inline float eng_float_of_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

static inline uint32_t eng_bits_of_float(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

/** eng_if() - @yes where @condition (0 or 1), else @no: written out, as compilers turn a ?: of floats into a jump that ends vectors. */
static inline uint32_t eng_if(uint32_t condition, uint32_t yes, uint32_t no)
{
    return no ^ ((yes ^ no) & (0u - condition));
}

/** eng_half_to_f32() - exact for all 65536 patterns; NaNs keep their payload. */
static inline float eng_half_to_f32(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, magnitude = half & 0x7fffu;
    const uint32_t rebias = eng_if(magnitude >= 0x7c00u, 224u << 23, 112u << 23); /* 112 = 127 - 15; infinity and NaN: to exponent 255 */
    const uint32_t small = eng_bits_of_float((float)(int32_t)magnitude * 0x1p-24f); /* subnormal: fraction x 2^-24 */
    return eng_float_of_bits(sign | eng_if(magnitude < 0x0400u, small, (magnitude << 13) + rebias));
}

/** eng_half_of_f32() - nearest, ties to even; 65520 and more are infinite; NaN stays NaN, made quiet. */
static inline uint16_t eng_half_of_f32(float f)
{
    const uint32_t bits = eng_bits_of_float(f), magnitude = bits & 0x7fffffffu;
    /* A carry out of the fraction raises the exponent, as it should; below 2^-14 the steps are 2^-24, as of floats from 0.5 on. */
    const uint32_t rounded = (magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    const uint32_t small = eng_bits_of_float(eng_float_of_bits(magnitude) + 0.5f) - 0x3f000000u;
    const uint32_t large = eng_if(magnitude > 0x7f800000u, 0x7e00u | (magnitude >> 13 & 0x1ffu), 0x7c00u);
    const uint32_t half = eng_if(magnitude < 0x38800000u, small, eng_if(magnitude >= 0x477ff000u, large, rounded));
    return (uint16_t)((bits >> 16 & 0x8000u) | half);
}

static inline uint16_t eng_half_load(const uint8_t bytes[2])
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline void eng_half_store(uint8_t bytes[2], uint16_t half)
{
    bytes[0] = (uint8_t)half;
    bytes[1] = (uint8_t)(half >> 8);
}

/** eng_half_value() - the f32 value of a scale as files keep it. */
static inline float eng_half_value(const uint8_t bytes[2])
{
    return eng_half_to_f32(eng_half_load(bytes));
}

#endif
