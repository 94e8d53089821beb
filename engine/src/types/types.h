/**
 * types.h - weight formats. One row per type in types.def; a type file exports one const struct eng_type_traits.
 * Layouts are GGUF's (little-endian); block.h has them byte by byte. Functions are reentrant and allocate nothing; blocks may lie at any
 * address; any bytes decode to something (infinities and NaN where a scale is such), so that files need no look at their weights.
 */
#ifndef ENG_TYPES_TYPES_H
#define ENG_TYPES_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "eng/engine.h"

struct eng_type_traits {
    enum eng_type type;
    const char *name;                     /* "q4_1" */
    uint32_t block_elems, block_bytes;
    /** Exact values of n elements (multiple of block_elems). Reference, bit-exact against golden bytes. */
    void (*decode)(const void *blocks, float *x, size_t n);
    /** ggml's reference quantizer: byte-exact where it is deterministic, at least as good where it searches. NULL: not written. */
    void (*encode)(const float *x, void *blocks, size_t n);
    /** Integer view of ONE block: x[i] = scale[i / 16] code[i] + min[i / 16], in f32, are decode()'s bits (the product is exact); codes in
     *  [-128, 127], arrays of block_elems and block_elems / 16. Types without minima give -0.0 for them. NULL for f32, f16, bf16. */
    void (*expand)(const void *block, int8_t *code, float *scale, float *min);
};

/** eng_type_traits() - NULL when the type is not supported (any value of the enum or beyond is a fair question). */
const struct eng_type_traits *eng_type_traits(uint32_t type);

/** eng_type_row_bytes() - bytes of a row of n_cols elements; 0 when n_cols is no multiple of the block or the product overflows. */
size_t eng_type_row_bytes(const struct eng_type_traits *traits, size_t n_cols);

float eng_f16_to_f32(uint16_t h);   /* exact */
uint16_t eng_f32_to_f16(float f);   /* round to nearest even */

#endif
