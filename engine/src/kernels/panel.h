/**
 * panel.h - the packed weight layout that every vector kernel reads, the same on all machines.
 *
 * 16 rows make a panel, so that one vector register holds the same thing of 16 rows and no kernel ever sums across lanes. A panel
 * is a row of blocks, each with its scales behind its codes, so that decoding one token reads one stream from end to end:
 *
 *   q8_0   u8 code[8 groups][16 rows][4 columns], code + 128           half d[16]              544 bytes
 *   q4_0   u8 code[4 groups][16 rows][4 bytes], as in the file:        half d[16]              288
 *          low nibbles are group g (columns 4g..), high ones group g + 4
 *   q4_1   as q4_0                                                     half d[16], m[16]       320
 *   f32    float [16], one column; f16 the same with halves                                    64, 32
 *
 * Bytes per weight are those of the file; only the last panel is padded, with rows of zeros. Panels begin on cache lines.
 */
#ifndef ENG_KERNELS_PANEL_H
#define ENG_KERNELS_PANEL_H

#include <stddef.h>
#include <stdint.h>

#include "types/types.h"

#define ENG_PANEL_ROWS 16

struct eng_panel_shape {
    size_t n_panels, n_blocks;  /* blocks of a row; for f32 and f16 a "block" is one column */
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
