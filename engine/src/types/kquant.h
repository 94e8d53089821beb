/**
 * kquant.h - what the k types share: packed 6-bit scales (facts from ggml-quants.c), and the search of a block's scales and codes.
 * Private to types/ and kernels/.
 */
#ifndef ENG_TYPES_KQUANT_H
#define ENG_TYPES_KQUANT_H

#include <stdint.h>

#include "types/half.h"
#include "types/search.h"

/** eng_k_unpack() - q4_k and q5_k: 8 scales and 8 minima. The first four of each are the low six bits of bytes 0-3 and 4-7; the last
 *  four have their low nibbles in bytes 8-11 (scale low, minimum high) and their upper two bits atop bytes 0-3 and 4-7. */
static inline void eng_k_unpack(const uint8_t packed[12], uint8_t s[8], uint8_t m[8])
{
    for (int g = 0; g < 4; g++) {
        s[g] = packed[g] & 63;
        m[g] = packed[4 + g] & 63;
        s[4 + g] = (uint8_t)((packed[8 + g] & 15) | packed[g] >> 6 << 4);
        m[4 + g] = (uint8_t)(packed[8 + g] >> 4 | packed[4 + g] >> 6 << 4);
    }
}

static inline void eng_k_pack(const uint8_t s[8], const uint8_t m[8], uint8_t packed[12])
{
    for (int g = 0; g < 4; g++) {
        packed[g] = (uint8_t)(s[g] | s[4 + g] >> 4 << 6);
        packed[4 + g] = (uint8_t)(m[g] | m[4 + g] >> 4 << 6);
        packed[8 + g] = (uint8_t)((s[4 + g] & 15) | (m[4 + g] & 15) << 4);
    }
}

/** eng_k_scales() - scale and minimum of each 16 elements: d s and -dmin m. */
static inline void eng_k_scales(const uint8_t d[2], const uint8_t dmin[2], const uint8_t packed[12], float scale[16], float min[16])
{
    const float fd = eng_half_value(d), fm = eng_half_value(dmin);
    uint8_t s[8], m[8];
    eng_k_unpack(packed, s, m);
    for (int g = 0; g < 8; g++) {
        scale[2 * g] = scale[2 * g + 1] = fd * (float)s[g];
        min[2 * g] = min[2 * g + 1] = -(fm * (float)m[g]);
    }
}

/** eng_k3_unpack() - q3_k: number g has its low nibble in nibble g / 8 of byte g % 8, and its upper two bits in bits 2 (g / 4) of byte
 *  8 + g % 4. */
static inline void eng_k3_unpack(const uint8_t packed[12], uint8_t s[16])
{
    for (int g = 0; g < 16; g++)
        s[g] = (uint8_t)((packed[g % 8] >> 4 * (g / 8) & 15) | (packed[8 + g % 4] >> 2 * (g / 4) & 3) << 4);
}

static inline void eng_k3_pack(const uint8_t s[16], uint8_t packed[12])
{
    for (int g = 0; g < 8; g++)
        packed[g] = (uint8_t)((s[g] & 15) | (s[8 + g] & 15) << 4);
    for (int g = 0; g < 4; g++)
        packed[8 + g] = (uint8_t)(s[g] >> 4 | s[4 + g] >> 4 << 2 | s[8 + g] >> 4 << 4 | s[12 + g] >> 4 << 6);
}

struct eng_k_affine_rule {
    struct eng_tries tries;
    int top;                 /* largest code */
    size_t group_elems;      /* under one scale and minimum: 16 or 32 */
    int scale_top;           /* largest scale and minimum */
};

struct eng_k_affine {
    uint16_t d, dmin;        /* halves */
    uint8_t s[16], m[16];    /* of group_elems elements: x ~ d s q - dmin m */
    uint8_t code[256];
};

/** eng_k_affine() - scales, minima and codes of 256 values: q2_k, q4_k, q5_k. */
void eng_k_affine(const float *x, const struct eng_k_affine_rule *rule, struct eng_k_affine *out);

struct eng_k_signed_rule {
    struct eng_tries tries;
    int half;                /* codes are -half to half - 1 */
    int scale_half;          /* scales are -scale_half to scale_half - 1 */
};

struct eng_k_signed {
    uint16_t d;
    int8_t s[16];            /* of 16 elements: x ~ d s (q - half) */
    uint8_t code[256];       /* from 0 */
};

/** eng_k_signed() - scales and codes of 256 values: q3_k, q6_k. */
void eng_k_signed(const float *x, const struct eng_k_signed_rule *rule, struct eng_k_signed *out);

#endif
