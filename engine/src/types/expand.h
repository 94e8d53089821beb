/**
 * expand.h - pieces that the expand() of several types share, and decode() made from it. Private to types/.
 *
 * decode() of a quantized type is its expand(), multiplied out: scale has at most 17 significant bits and a code at most 8, so that their
 * product is exact in f32 and only the minimum's addition rounds, as in every definition of these formats. A type without minima
 * has ENG_NO_MIN = -0.0: added to any number, zeros of either sign included, it changes nothing.
 */
#ifndef ENG_TYPES_EXPAND_H
#define ENG_TYPES_EXPAND_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ENG_NO_MIN (-0.0f)

typedef void eng_expand_fn(const void *block, int8_t *code, float *scale, float *min);

/** eng_decode_expanded() - decode() of a type: n elements, a multiple of block_elems. */
void eng_decode_expanded(eng_expand_fn *expand, size_t block_elems, size_t block_bytes, const void *blocks, float *x, size_t n);

/** eng_fill() - one value for n / 16 groups. */
static inline void eng_fill(float *out, size_t n, float value)
{
    for (size_t g = 0; g < n; g++)
        out[g] = value;
}

/** eng_spread_bits() - byte k of the result is bit k of @bits (0 or 1); the bytes lie in memory in this order (little-endian). */
static inline uint64_t eng_spread_bits(uint8_t bits)
{
    const uint64_t one_each = bits * 0x0101010101010101u & 0x8040201008040201u;
    return (one_each + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
}

/** eng_spread_pairs() - the same for eight fields of two bits. */
static inline uint64_t eng_spread_pairs(uint64_t pairs)
{
    pairs = (pairs | pairs << 24) & 0x000000ff000000ffu;
    pairs = (pairs | pairs << 12) & 0x000f000f000f000fu;
    return (pairs | pairs << 6) & 0x0303030303030303u;
}

/** eng_split_nibbles() - @n bytes to @n codes of their low nibbles at @code and @n of their high ones at @code + @n. */
static inline void eng_split_nibbles(const uint8_t *q, size_t n, int8_t *code)
{
    for (size_t j = 0; j < n; j++)
        code[j] = (int8_t)(q[j] & 15);
    for (size_t j = 0; j < n; j++)
        code[n + j] = (int8_t)(q[j] >> 4);
}

/** eng_add_bits() - ors @byte into code i where bit i of @mask is set (flip 0) or clear (flip 0xff), i < 32. */
static inline void eng_add_bits(const uint8_t mask[4], uint8_t flip, uint8_t byte, int8_t code[32])
{
    for (int k = 0; k < 4; k++) {
        uint64_t eight;
        memcpy(&eight, code + 8 * k, 8);
        eight |= eng_spread_bits(mask[k] ^ flip) * byte;
        memcpy(code + 8 * k, &eight, 8);
    }
}

/** eng_split_pairs() - 32 bytes to 128 codes of two bits, order "strides" of block.h. */
static inline void eng_split_pairs(const uint8_t q[32], int8_t code[128])
{
    for (size_t l = 0; l < 32; l++)
        code[l] = (int8_t)(q[l] & 3);
    for (size_t l = 0; l < 32; l++)
        code[32 + l] = (int8_t)(q[l] >> 2 & 3);
    for (size_t l = 0; l < 32; l++)
        code[64 + l] = (int8_t)(q[l] >> 4 & 3);
    for (size_t l = 0; l < 32; l++)
        code[96 + l] = (int8_t)(q[l] >> 6);
}

#endif
