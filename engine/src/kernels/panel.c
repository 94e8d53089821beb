/* panel.c - file layout to panels and back. All types move 4-byte or smaller pieces; see panel.h for the order. */
#include "kernels/panel.h"

#include <string.h>

#include "types/block.h"

/* Where the parts of a file block lie. A block is: n_halves scale halves, then n_groups x 4 bytes of codes. */
struct parts {
    size_t n_halves, n_groups;
    uint32_t flip; /* xor on 4 codes: q8_0's signed codes become code + 128 */
};

static struct parts parts_of(enum eng_type type)
{
    switch (type) {
    case ENG_TYPE_Q8_0:
        return (struct parts){1, 8, 0x80808080u};
    case ENG_TYPE_Q4_1:
        return (struct parts){2, 4, 0};
    default:
        return (struct parts){1, 4, 0}; /* q4_0 */
    }
}

struct eng_panel_shape eng_panel_shape(const struct eng_type_traits *traits, size_t n_rows, size_t n_cols)
{
    struct eng_panel_shape s = {.n_panels = (n_rows + ENG_PANEL_ROWS - 1) / ENG_PANEL_ROWS, .n_blocks = n_cols / traits->block_elems};
    s.block_bytes = traits->block_bytes * (size_t)ENG_PANEL_ROWS;
    s.stride_bytes = (s.n_blocks * s.block_bytes + 63) & ~(size_t)63;
    return s;
}

static void pack_plain(size_t elem_bytes, const struct eng_panel_shape *shape, const uint8_t *row, size_t i_row, uint8_t *panel)
{
    for (size_t c = 0; c < shape->n_blocks; c++)
        memcpy(panel + (c * ENG_PANEL_ROWS + i_row) * elem_bytes, row + c * elem_bytes, elem_bytes);
}

static void pack_blocks(enum eng_type type, const struct eng_panel_shape *shape, const uint8_t *row, size_t i_row, uint8_t *panel)
{
    const struct parts parts = parts_of(type);
    for (size_t b = 0; b < shape->n_blocks; b++, panel += shape->block_bytes) {
        uint8_t *scales = panel + parts.n_groups * 4 * ENG_PANEL_ROWS;
        for (size_t i = 0; i < parts.n_halves; i++, row += 2)
            memcpy(scales + (i * ENG_PANEL_ROWS + i_row) * 2, row, 2);
        for (size_t g = 0; g < parts.n_groups; g++, row += 4) {
            uint32_t four;
            memcpy(&four, row, 4);
            four ^= parts.flip;
            memcpy(panel + (g * ENG_PANEL_ROWS + i_row) * 4, &four, 4);
        }
    }
}

void eng_panel_pack(const struct eng_type_traits *traits, const struct eng_panel_shape *shape, const void *rows, size_t row_bytes,
                    size_t n_valid, void *panel)
{
    if (n_valid < ENG_PANEL_ROWS)
        memset(panel, 0, shape->stride_bytes); /* scales of 0 make the missing rows 0, whatever their codes */
    for (size_t i = 0; i < n_valid; i++) {
        const uint8_t *row = (const uint8_t *)rows + i * row_bytes;
        if (traits->block_elems == 1)
            pack_plain(traits->block_bytes, shape, row, i, panel);
        else
            pack_blocks(traits->type, shape, row, i, panel);
    }
}

static void unpack_blocks(enum eng_type type, const struct eng_panel_shape *shape, const uint8_t *panel, size_t i_row, uint8_t *out)
{
    const struct parts parts = parts_of(type);
    for (size_t b = 0; b < shape->n_blocks; b++, panel += shape->block_bytes) {
        const uint8_t *scales = panel + parts.n_groups * 4 * ENG_PANEL_ROWS;
        for (size_t i = 0; i < parts.n_halves; i++, out += 2)
            memcpy(out, scales + (i * ENG_PANEL_ROWS + i_row) * 2, 2);
        for (size_t g = 0; g < parts.n_groups; g++, out += 4) {
            uint32_t four;
            memcpy(&four, panel + (g * ENG_PANEL_ROWS + i_row) * 4, 4);
            four ^= parts.flip;
            memcpy(out, &four, 4);
        }
    }
}

void eng_panel_unpack_row(const struct eng_type_traits *traits, const struct eng_panel_shape *shape, const void *panel, size_t row,
                          void *out)
{
    if (traits->block_elems > 1) {
        unpack_blocks(traits->type, shape, panel, row, out);
        return;
    }
    const size_t n = traits->block_bytes;
    for (size_t c = 0; c < shape->n_blocks; c++)
        memcpy((uint8_t *)out + c * n, (const uint8_t *)panel + (c * ENG_PANEL_ROWS + row) * n, n);
}
