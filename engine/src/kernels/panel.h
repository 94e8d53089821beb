/**
 * panel.h - the packed weight layout that every vector kernel reads, the same on all machines.
 *
 * 16 rows make a panel, so that one vector register holds the same thing of 16 rows and no kernel ever sums across lanes. A panel
 * is a row of blocks, 16 rows by the type's block of columns, so that decoding one token reads one stream from end to end:
 *
 *   fields  scales and what else is no code, field by field: [count][16 rows] of 1, 2 or 4 bytes, as in the file
 *   codes   for each 32 columns the low plane, then the high plane: the codes' low and high bits
 *   plane   of b bits (8, 4, 2, 1): b registers of u8 [16 rows][4 columns]; the columns 4 g .. 4 g + 3 (group g of 8) are bits
 *           b (g / b) .. of register g % b. The same few shifts and masks take any width apart.
 *   f32, f16, bf16  [16 rows], one column
 *
 * Bytes per weight are those of the file; only the last panel is padded, with rows of zeros. Panels begin on cache lines.
 * panel_formats.def has a row for each quantized type that is packed. Types without one stay in the file's layout.
 */
#ifndef ENG_KERNELS_PANEL_H
#define ENG_KERNELS_PANEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "types/types.h"

#define ENG_PANEL_ROWS 16
#define ENG_PANEL_BLOCK_BYTES 256 /* at least a block of any packed type in the file */

/* Where bits of the codes lie in a file block: byte at + i / n run + i % run, bits from b (i % n / run), for element i, with
 * n = run 8 / b. run = 0: one bit each, element i is bit i. bits = 0: no such plane. */
struct eng_panel_plane {
    uint8_t at, run, bits;
};

struct eng_panel_field { /* @count numbers of @bytes each from byte @at of a file block */
    uint8_t at, bytes, count;
};

#define ENG_PANEL_FIELDS 2

enum eng_panel_scales { /* how fields give scale d and minimum m of 16 or 32 columns; block.h has the formulas */
    ENG_SCALES_HALF,    /* half d, then half m */
    ENG_SCALES_E8M0,    /* u8 exponent */
    ENG_SCALES_XS,      /* iq4_xs */
    ENG_SCALES_K4,      /* q4_k, q5_k */
    ENG_SCALES_K6, ENG_SCALES_K3, ENG_SCALES_K2
};

struct eng_panel_format {
    enum eng_type type;
    uint16_t n_elems;       /* columns of a block: 32 or 256 */
    uint8_t span;           /* columns under one scale: 16 or 32 */
    bool has_min;           /* x = d (code - offset) + m, else m = 0 */
    uint8_t offset;         /* of the unsigned codes */
    struct eng_panel_plane low, high;
    struct eng_panel_field field[ENG_PANEL_FIELDS];
    enum eng_panel_scales scales;
    const int8_t *values;   /* codes choose from these 16; then offset is 128 and stands for values + 128 */
    uint32_t flip;          /* xor on 4 codes: q8_0's signed codes become code + 128 */
};

/** eng_panel_format() - NULL for types that are not packed, and for f32, f16, bf16, which need none. */
const struct eng_panel_format *eng_panel_format(enum eng_type type);

/** eng_panel_possible() - panels of this type exist. */
bool eng_panel_possible(const struct eng_type_traits *traits);

struct eng_panel_shape {
    size_t n_panels, n_blocks;  /* blocks of a row; for f32, f16, bf16 a "block" is one column */
    size_t block_bytes;         /* of one block of one panel */
    size_t stride_bytes;        /* from panel to panel, multiple of 64 */
};

/** eng_panel_shape() - of a matrix; n_cols is a multiple of the type's block. */
struct eng_panel_shape eng_panel_shape(const struct eng_type_traits *traits, size_t n_rows, size_t n_cols);

/** eng_panel_pack() - rows [16 i, 16 i + n_valid) of @data (row_bytes apart) into one panel; rows beyond n_valid become zeros. */
void eng_panel_pack(const struct eng_type_traits *traits, const struct eng_panel_shape *shape, const void *rows, size_t row_bytes,
                    size_t n_valid, void *panel);

/** eng_panel_unpack_row() - one row of a panel back into file layout, byte for byte. */
void eng_panel_unpack_row(const struct eng_type_traits *traits, const struct eng_panel_shape *shape, const void *panel, size_t row,
                          void *out);

#endif
