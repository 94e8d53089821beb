/** block.h - block layouts of the GGUF quantized types, byte for byte (ggml-common.h). Private to types/ and kernels/. */
#ifndef ENG_TYPES_BLOCK_H
#define ENG_TYPES_BLOCK_H

#include <assert.h>
#include <stdint.h>

#define ENG_BLOCK 32 /* elements in a block of every type below */

/* Scales are IEEE halves kept as bytes: a block may start at any even address, and the file is little-endian. */
struct eng_block_q8_0 {
    uint8_t d[2];
    int8_t q[32];       /* x[i] = d q[i] */
};

struct eng_block_q4_0 {
    uint8_t d[2];
    uint8_t q[16];      /* low nibble: element i, high nibble: element i + 16; x = d (q - 8) */
};

struct eng_block_q4_1 {
    uint8_t d[2], m[2];
    uint8_t q[16];      /* as q4_0; x = d q + m */
};

static_assert(sizeof(struct eng_block_q8_0) == 34, "GGUF layout");
static_assert(sizeof(struct eng_block_q4_0) == 18, "GGUF layout");
static_assert(sizeof(struct eng_block_q4_1) == 20, "GGUF layout");

static inline uint16_t eng_half_load(const uint8_t bytes[2])
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline void eng_half_store(uint8_t bytes[2], uint16_t half)
{
    bytes[0] = (uint8_t)half;
    bytes[1] = (uint8_t)(half >> 8);
}

/** eng_code() - v as an integer code in [0, top]. Floats beyond the range, and NaN, land on an end instead of being undefined. */
static inline uint8_t eng_code(float v, int top)
{
    if (!(v > 0.0f))
        return 0;
    return v >= (float)top ? (uint8_t)top : (uint8_t)v;
}

#endif
