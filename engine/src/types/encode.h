/**
 * encode.h - pieces that the encode() of several types share: what is looked for in a block, and codes put together. Private to types/.
 *
 * Maxima run in eight lanes, which compilers make vectors of; the result does not depend on the order. NaN never wins a comparison: it
 * does not spoil its block's scale, and gets the lowest code or 0. Infinity makes the scale infinite, and with it the block.
 */
#ifndef ENG_TYPES_ENCODE_H
#define ENG_TYPES_ENCODE_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ENG_LANES 8 /* divides every block */

/** eng_amax() - largest magnitude, at least 0. */
static inline float eng_amax(const float *x, size_t n)
{
    float lane[ENG_LANES] = {0.0f}, amax = 0.0f;
    for (size_t i = 0; i < n; i += ENG_LANES)
        for (size_t l = 0; l < ENG_LANES; l++) {
            const float a = fabsf(x[i + l]);
            lane[l] = a > lane[l] ? a : lane[l];
        }
    for (size_t l = 0; l < ENG_LANES; l++)
        amax = lane[l] > amax ? lane[l] : amax;
    return amax;
}

/** eng_extreme() - the value of largest magnitude, with its sign; the first of equals; 0 when there is none above it. */
static inline float eng_extreme(const float *x, size_t n)
{
    const float amax = eng_amax(x, n);
    for (size_t i = 0; i < n; i++)
        if (fabsf(x[i]) == amax)
            return amax > 0.0f ? x[i] : 0.0f;
    return 0.0f;
}

struct eng_range {
    float low, high;
};

/** eng_range() - least and greatest value; FLT_MAX and -FLT_MAX bound them. */
static inline struct eng_range eng_range(const float *x, size_t n)
{
    float low[ENG_LANES], high[ENG_LANES];
    struct eng_range range = {FLT_MAX, -FLT_MAX};
    for (size_t l = 0; l < ENG_LANES; l++) {
        low[l] = range.low;
        high[l] = range.high;
    }
    for (size_t i = 0; i < n; i += ENG_LANES)
        for (size_t l = 0; l < ENG_LANES; l++) {
            low[l] = x[i + l] < low[l] ? x[i + l] : low[l];
            high[l] = x[i + l] > high[l] ? x[i + l] : high[l];
        }
    for (size_t l = 0; l < ENG_LANES; l++) {
        range.low = low[l] < range.low ? low[l] : range.low;
        range.high = high[l] > range.high ? high[l] : range.high;
    }
    return range;
}

/** eng_ternary() - codes 0, 1, 2 for -1, 0, 1 times the largest magnitude, which is returned. */
static inline float eng_ternary(const float *x, size_t n, uint8_t *code)
{
    const float d = eng_amax(x, n), inverse = d > 0.0f ? 1.0f / d : 0.0f;
    for (size_t i = 0; i < n; i++) {
        const float v = x[i] * inverse;
        code[i] = (uint8_t)(1 + (v >= 0.5f) - (v <= -0.5f));
    }
    return d;
}

/** eng_whole() - the nearest whole number in [low, high], ties to even; NaN: low. */
static inline int eng_whole(float v, int low, int high)
{
    if (!(v > (float)low))
        return low;
    return v >= (float)high ? high : (int)lrintf(v);
}

/** eng_join_nibbles() - the inverse of eng_split_nibbles(): low four bits of 2 n codes in n bytes. */
static inline void eng_join_nibbles(const uint8_t *code, size_t n, uint8_t *q)
{
    for (size_t j = 0; j < n; j++)
        q[j] = (uint8_t)((code[j] & 15) | code[n + j] << 4);
}

/** eng_join_pairs() - the inverse of eng_split_pairs(): low two bits of 128 codes in 32 bytes. */
static inline void eng_join_pairs(const uint8_t code[128], uint8_t q[32])
{
    for (size_t l = 0; l < 32; l++)
        q[l] = (uint8_t)((code[l] & 3) | (code[32 + l] & 3) << 2 | (code[64 + l] & 3) << 4 | code[96 + l] << 6);
}

/** eng_take_bit() - bit @place of code i becomes bit i of @bits. The multiplication gathers eight: bit 8 k
 *  goes to bit 56 + k, the others out of the way. */
static inline void eng_take_bit(const uint8_t code[32], int place, uint8_t bits[4])
{
    for (int k = 0; k < 4; k++) {
        uint64_t eight;
        memcpy(&eight, code + 8 * k, 8);
        bits[k] = (uint8_t)((eight >> place & 0x0101010101010101u) * 0x0102040810204080u >> 56);
    }
}

#endif
