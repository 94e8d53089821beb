/* panel.c - file layout to panels and back, four columns of a row at a time; see panel.h for the order. */
#include "kernels/panel.h"

#include <string.h>

#include "kernels/panel_formats.h"
#include "kernels/simd/inline.h"
#include "types/block.h"

#define ROWS ENG_PANEL_ROWS

/* ---- planes: the b-bit pieces of columns i .. i + 3, one in each byte of a word ---- */

ENG_INLINE uint32_t piece_mask(unsigned bits)
{
    return 0x01010101u * ((1u << bits) - 1);
}

ENG_INLINE size_t piece_byte(struct eng_panel_plane p, size_t i)
{
    const size_t n = p.run * 8u / p.bits;
    return p.at + i / n * p.run + i % p.run;
}

ENG_INLINE unsigned piece_shift(struct eng_panel_plane p, size_t i)
{
    const size_t n = p.run * 8u / p.bits;
    return (unsigned)(p.bits * (i % n / p.run));
}

ENG_INLINE uint32_t get_piece(struct eng_panel_plane p, const uint8_t *block, size_t i)
{
    if (p.run == 0) /* bits 0..3 of a number to bit 0 of 4 bytes: the product has them there, the mask drops the rest */
        return (block[p.at + i / 8] >> i % 8 & 15u) * 0x00204081u & 0x01010101u;
    uint32_t four;
    memcpy(&four, block + piece_byte(p, i), 4);
    return four >> piece_shift(p, i) & piece_mask(p.bits);
}

ENG_INLINE void put_piece(struct eng_panel_plane p, uint8_t *block, size_t i, uint32_t piece) /* into bits that are 0 */
{
    if (p.run == 0) {
        block[p.at + i / 8] |= (uint8_t)((piece * 0x10204080u >> 28 & 15u) << i % 8);
        return;
    }
    uint32_t four;
    memcpy(&four, block + piece_byte(p, i), 4);
    four |= piece << piece_shift(p, i);
    memcpy(block + piece_byte(p, i), &four, 4);
}

ENG_INLINE void pack_plane(struct eng_panel_plane p, uint32_t flip, const uint8_t *block, size_t first, size_t i_row, uint8_t *out)
{
    for (size_t v = 0; v < p.bits; v++) {
        uint32_t word = flip;
        for (size_t k = 0; k < 8u / p.bits; k++)
            word ^= get_piece(p, block, first + 4 * (v + k * p.bits)) << k * p.bits;
        memcpy(out + (v * ROWS + i_row) * 4, &word, 4);
    }
}

ENG_INLINE void unpack_plane(struct eng_panel_plane p, uint32_t flip, const uint8_t *in, size_t first, size_t i_row, uint8_t *block)
{
    for (size_t v = 0; v < p.bits; v++) {
        uint32_t word;
        memcpy(&word, in + (v * ROWS + i_row) * 4, 4);
        word ^= flip;
        for (size_t k = 0; k < 8u / p.bits; k++)
            put_piece(p, block, first + 4 * (v + k * p.bits), word >> k * p.bits & piece_mask(p.bits));
    }
}

/* ---- blocks ---- */

ENG_INLINE void pack_block(const struct eng_panel_format *f, const uint8_t *block, size_t i_row, uint8_t *out)
{
    for (int k = 0; k < ENG_PANEL_FIELDS; k++)
        for (size_t i = 0, n = f->field[k].bytes; i < f->field[k].count; i++, out += n * ROWS)
            memcpy(out + n * i_row, block + f->field[k].at + n * i, n);
    for (size_t first = 0; first < f->n_elems; first += ENG_BLOCK) {
        pack_plane(f->low, f->flip, block, first, i_row, out);
        out += 4 * ROWS * (size_t)f->low.bits;
        pack_plane(f->high, 0, block, first, i_row, out);
        out += 4 * ROWS * (size_t)f->high.bits;
    }
}

ENG_INLINE void unpack_block(const struct eng_panel_format *f, const uint8_t *in, size_t i_row, uint8_t *block)
{
    for (int k = 0; k < ENG_PANEL_FIELDS; k++)
        for (size_t i = 0, n = f->field[k].bytes; i < f->field[k].count; i++, in += n * ROWS)
            memcpy(block + f->field[k].at + n * i, in + n * i_row, n);
    for (size_t first = 0; first < f->n_elems; first += ENG_BLOCK) {
        unpack_plane(f->low, f->flip, in, first, i_row, block);
        in += 4 * ROWS * (size_t)f->low.bits;
        unpack_plane(f->high, 0, in, first, i_row, block);
        in += 4 * ROWS * (size_t)f->high.bits;
    }
}

typedef void pack_fn(const struct eng_panel_shape *shape, size_t file_bytes, const uint8_t *row, size_t i_row, uint8_t *panel);
typedef void unpack_fn(const struct eng_panel_shape *shape, size_t file_bytes, const uint8_t *panel, size_t i_row, uint8_t *row);

#define FORMAT(name, ...)                                                                                                              \
    static void pack_##name(const struct eng_panel_shape *shape, size_t file_bytes, const uint8_t *row, size_t i_row, uint8_t *panel)   \
    {                                                                                                                                  \
        for (size_t b = 0; b < shape->n_blocks; b++)                                                                                   \
            pack_block(&format_##name, row + b * file_bytes, i_row, panel + b * shape->block_bytes);                                   \
    }                                                                                                                                  \
    static void unpack_##name(const struct eng_panel_shape *shape, size_t file_bytes, const uint8_t *panel, size_t i_row, uint8_t *row) \
    {                                                                                                                                  \
        memset(row, 0, shape->n_blocks * file_bytes);                                                                                  \
        for (size_t b = 0; b < shape->n_blocks; b++)                                                                                   \
            unpack_block(&format_##name, panel + b * shape->block_bytes, i_row, row + b * file_bytes);                                 \
    }
#include "kernels/panel_formats.def"
#undef FORMAT

static const struct row {
    const struct eng_panel_format *format;
    pack_fn *pack;
    unpack_fn *unpack;
} rows_of_types[] = {
#define FORMAT(name, ...) {&format_##name, pack_##name, unpack_##name},
#include "kernels/panel_formats.def"
#undef FORMAT
};

static const struct row *row_of_type(enum eng_type type)
{
    for (size_t i = 0; i < sizeof(rows_of_types) / sizeof(rows_of_types[0]); i++)
        if (rows_of_types[i].format->type == type)
            return &rows_of_types[i];
    return NULL;
}

/* ---- the interface ---- */

const struct eng_panel_format *eng_panel_format(enum eng_type type)
{
    const struct row *row = row_of_type(type);
    return row ? row->format : NULL;
}

bool eng_panel_possible(const struct eng_type_traits *traits)
{
    return traits->block_elems == 1 || row_of_type(traits->type);
}

struct eng_panel_shape eng_panel_shape(const struct eng_type_traits *traits, size_t n_rows, size_t n_cols)
{
    struct eng_panel_shape s = {.n_panels = (n_rows + ROWS - 1) / ROWS, .n_blocks = n_cols / traits->block_elems};
    s.block_bytes = traits->block_bytes * (size_t)ROWS;
    s.stride_bytes = (s.n_blocks * s.block_bytes + 63) & ~(size_t)63;
    return s;
}

static void pack_plain(size_t elem_bytes, const struct eng_panel_shape *shape, const uint8_t *row, size_t i_row, uint8_t *panel)
{
    for (size_t c = 0; c < shape->n_blocks; c++)
        memcpy(panel + (c * ROWS + i_row) * elem_bytes, row + c * elem_bytes, elem_bytes);
}

void eng_panel_pack(const struct eng_type_traits *traits, const struct eng_panel_shape *shape, const void *rows, size_t row_bytes,
                    size_t n_valid, void *panel)
{
    const struct row *format = row_of_type(traits->type);
    if (n_valid < ROWS)
        memset(panel, 0, shape->stride_bytes); /* scales of 0 make the missing rows 0, whatever their codes */
    for (size_t i = 0; i < n_valid; i++) {
        const uint8_t *row = (const uint8_t *)rows + i * row_bytes;
        if (format)
            format->pack(shape, traits->block_bytes, row, i, panel);
        else
            pack_plain(traits->block_bytes, shape, row, i, panel);
    }
}

void eng_panel_unpack_row(const struct eng_type_traits *traits, const struct eng_panel_shape *shape, const void *panel, size_t row,
                          void *out)
{
    const struct row *format = row_of_type(traits->type);
    if (format) {
        format->unpack(shape, traits->block_bytes, panel, row, out);
        return;
    }
    const size_t n = traits->block_bytes;
    for (size_t c = 0; c < shape->n_blocks; c++)
        memcpy((uint8_t *)out + c * n, (const uint8_t *)panel + (c * ROWS + row) * n, n);
}
