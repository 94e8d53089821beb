/**
 * block.h - block layouts of the GGUF quantized types, byte for byte (facts from ggml-common.h). Private to types/ and kernels/.
 *
 * Only bytes, so that a block may start at any address; wider numbers are little-endian. d, m, dmin are IEEE halves (half.h).
 * i counts elements of the block, g = i / 16 or i / 32 its sub-blocks. Two orders of codes recur:
 *   halves   32 elements in 16 bytes: low nibble of byte j = element j, high nibble = element j + 16
 *   strides  128 elements in 32 bytes: bits 2k, 2k + 1 of byte l = element 32 k + l
 */
#ifndef ENG_TYPES_BLOCK_H
#define ENG_TYPES_BLOCK_H

#include <assert.h>
#include <stdint.h>

#include "types/half.h"

#define ENG_BLOCK 32        /* elements in a block of q8_0 to q5_1, iq4_nl, mxfp4; also of rounded activations */
#define ENG_SUPER_BLOCK 256 /* elements in a block of the k, iq and tq types */

struct eng_block_q8_0 {
    uint8_t d[2];
    int8_t q[32];       /* x[i] = d q[i] */
};

struct eng_block_q4_0 {
    uint8_t d[2];
    uint8_t q[16];      /* halves; x = d (q - 8) */
};

struct eng_block_q4_1 {
    uint8_t d[2], m[2];
    uint8_t q[16];      /* halves; x = d q + m */
};

struct eng_block_q5_0 {
    uint8_t d[2];
    uint8_t high[4];    /* bit i: fifth bit of element i */
    uint8_t q[16];      /* halves; x = d (q - 16) */
};

struct eng_block_q5_1 {
    uint8_t d[2], m[2];
    uint8_t high[4];    /* as q5_0 */
    uint8_t q[16];      /* halves; x = d q + m */
};

struct eng_block_mxfp4 {
    uint8_t e;          /* scale 2^(e - 128) */
    uint8_t q[16];      /* halves; x = scale value[q], value = {0, 1, 2, 3, 4, 6, 8, 12} and bit 3 for the sign */
};

struct eng_block_nvfp4 {
    uint8_t d[4];       /* of 16 elements: unsigned 4-bit exponent, 3-bit fraction; half its value, as value[] above is doubled */
    uint8_t q[32];      /* 8 bytes of 16 elements: low nibble of byte j = element j, high nibble = element j + 8; as mxfp4 */
};

struct eng_block_q1_0 {
    uint8_t d[2];
    uint8_t q[16];      /* 128 elements; bit i: x = +d, else -d */
};

struct eng_block_q2_0 {
    uint8_t d[2];
    uint8_t q[16];      /* 64 elements, 4 in a byte, lowest bits first; x = d (q - 1) */
};

struct eng_block_tq1_0 {
    uint8_t q[48];      /* 5 base-3 digits each, as a fraction of 256 (type_tq1_0.c); 32 bytes hold 5 x 32 elements, 16 hold 5 x 16 */
    uint8_t high[4];    /* the last 16 elements: 4 digits each */
    uint8_t d[2];       /* x = d (digit - 1) */
};

struct eng_block_tq2_0 {
    uint8_t q[64];      /* strides; x = d (q - 1) */
    uint8_t d[2];
};

struct eng_block_q2_k {
    uint8_t scales[16]; /* of 16 elements: low nibble scale s, high nibble minimum m */
    uint8_t q[64];      /* strides; x = d s q - dmin m */
    uint8_t d[2], dmin[2];
};

struct eng_block_q3_k {
    uint8_t high[32];   /* bit k of byte l: third bit of element 32 k + l */
    uint8_t q[64];      /* strides: the low two bits; x = d (s - 32) (q - 4) */
    uint8_t scales[12]; /* 16 numbers s of 6 bits (kquant.h) */
    uint8_t d[2];
};

struct eng_block_q4_k {
    uint8_t d[2], dmin[2];
    uint8_t scales[12]; /* 8 scales s and 8 minima m of 6 bits, one pair for 32 elements (kquant.h) */
    uint8_t q[4][32];   /* of 64 elements: low nibble of byte l = element l, high nibble = element l + 32; x = d s q - dmin m */
};

struct eng_block_q5_k {
    uint8_t d[2], dmin[2];
    uint8_t scales[12]; /* as q4_k */
    uint8_t high[32];   /* bit k of byte l: fifth bit of element 32 k + l */
    uint8_t q[4][32];   /* as q4_k */
};

struct eng_block_q6_k {
    uint8_t low[2][64]; /* of 128 elements: low nibble of byte l = element l, high nibble = element l + 64 */
    uint8_t high[2][32]; /* strides: the high two of six bits; x = d s (q - 32) */
    int8_t scales[16];  /* s of 16 elements */
    uint8_t d[2];
};

struct eng_block_iq4_nl {
    uint8_t d[2];
    uint8_t q[16];      /* halves; x = d value[q], 16 values (lut4.h) */
};

struct eng_block_iq4_xs {
    uint8_t d[2];
    uint8_t scales_high[2]; /* bits 2g, 2g + 1: high two bits of the scale s of elements 32 g ... */
    uint8_t scales_low[4];  /* nibble g: its low four */
    uint8_t q[8][16];       /* halves; x = d (s - 32) value[q] */
};

/* The iq types name points of code books (iq_grid.h): eight or four coordinates at a time, signs apart. */
struct eng_block_iq2_xxs {
    uint8_t d[2];
    struct {
        uint8_t point[4];   /* of 8 elements */
        uint8_t signs[4];   /* little-endian: 4 x 7 signs (the eighth makes them even), then 4 bits of scale s */
    } q[8];                 /* of 32 elements; x = d (s + 1/2) / 4 point */
};

struct eng_block_iq2_xs {
    uint8_t d[2];
    uint8_t q[32][2];       /* of 8 elements: 9 bits of point, 7 signs as above */
    uint8_t scales[8];      /* nibble s of 16 elements; x = d (s + 1/2) / 4 point */
};

struct eng_block_iq2_s {
    uint8_t d[2];
    uint8_t point[32];      /* of 8 elements: low 8 bits of 10 */
    uint8_t signs[32];      /* of 8 elements */
    uint8_t high[8];        /* of 32 elements: 4 x the upper two bits of a point */
    uint8_t scales[8];      /* as iq2_xs */
};

struct eng_block_iq3_xxs {
    uint8_t d[2];
    uint8_t point[64];      /* of 4 elements */
    uint8_t signs[8][4];    /* of 32 elements: as iq2_xxs; x = d (s + 1/2) / 2 point */
};

struct eng_block_iq3_s {
    uint8_t d[2];
    uint8_t point[64];      /* of 4 elements: low 8 bits of 9 */
    uint8_t high[8];        /* of 32 elements: 8 x the ninth bit */
    uint8_t signs[32];      /* of 8 elements */
    uint8_t scales[4];      /* nibble s of 32 elements; x = d (2 s + 1) point */
};

struct eng_block_iq1_s {
    uint8_t d[2];
    uint8_t point[32];      /* of 8 elements: low 8 bits of 11 */
    uint8_t high[8][2];     /* of 32 elements: 4 x 3 high bits, 3 bits of scale s, 1 bit: down; x = d (2 s + 1) (point +- 1/8) */
};

struct eng_block_iq1_m {
    uint8_t point[32];      /* of 8 elements: low 8 bits of 11 */
    uint8_t high[16];       /* of 16 elements: nibbles of 3 high bits and 1 bit: down */
    uint8_t scales[4][2];   /* of 64 elements: 4 x 3 bits of scale s, each for 16; the four upper nibbles are d; x as iq1_s */
};

static_assert(sizeof(struct eng_block_q8_0) == 34, "GGUF layout");
static_assert(sizeof(struct eng_block_q4_0) == 18, "GGUF layout");
static_assert(sizeof(struct eng_block_q4_1) == 20, "GGUF layout");
static_assert(sizeof(struct eng_block_q5_0) == 22, "GGUF layout");
static_assert(sizeof(struct eng_block_q5_1) == 24, "GGUF layout");
static_assert(sizeof(struct eng_block_mxfp4) == 17, "GGUF layout");
static_assert(sizeof(struct eng_block_nvfp4) == 36, "GGUF layout");
static_assert(sizeof(struct eng_block_q1_0) == 18, "GGUF layout");
static_assert(sizeof(struct eng_block_q2_0) == 18, "GGUF layout");
static_assert(sizeof(struct eng_block_tq1_0) == 54, "GGUF layout");
static_assert(sizeof(struct eng_block_tq2_0) == 66, "GGUF layout");
static_assert(sizeof(struct eng_block_q2_k) == 84, "GGUF layout");
static_assert(sizeof(struct eng_block_q3_k) == 110, "GGUF layout");
static_assert(sizeof(struct eng_block_q4_k) == 144, "GGUF layout");
static_assert(sizeof(struct eng_block_q5_k) == 176, "GGUF layout");
static_assert(sizeof(struct eng_block_q6_k) == 210, "GGUF layout");
static_assert(sizeof(struct eng_block_iq4_nl) == 18, "GGUF layout");
static_assert(sizeof(struct eng_block_iq4_xs) == 136, "GGUF layout");
static_assert(sizeof(struct eng_block_iq2_xxs) == 66, "GGUF layout");
static_assert(sizeof(struct eng_block_iq2_xs) == 74, "GGUF layout");
static_assert(sizeof(struct eng_block_iq2_s) == 82, "GGUF layout");
static_assert(sizeof(struct eng_block_iq3_xxs) == 98, "GGUF layout");
static_assert(sizeof(struct eng_block_iq3_s) == 110, "GGUF layout");
static_assert(sizeof(struct eng_block_iq1_s) == 50, "GGUF layout");
static_assert(sizeof(struct eng_block_iq1_m) == 56, "GGUF layout");

/** eng_code() - v as an integer code in [0, top]. Floats beyond the range, and NaN, land on an end instead of being undefined. */
static inline uint8_t eng_code(float v, int top)
{
    if (!(v > 0.0f))
        return 0;
    return v >= (float)top ? (uint8_t)top : (uint8_t)v;
}

#endif
