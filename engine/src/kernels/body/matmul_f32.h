/**
 * body/matmul_f32.h - weights of any type times f32 activations; written once on the primitives of simd/.
 *
 * Formula  y[t][r] = sum_c w[r,c] x[t,c], w being the value that the type's decoder gives, to the bit. Per (row, token) the columns are
 * added one after the other by FMA, in one sum: the bits depend on nothing else.
 * A piece of TILE_PANELS panels is expanded to f32 in the tile, then the tokens pass by it in groups that fill the registers with sums.
 * Cost     per column of 16 rows: the expansion once, then an FMA per token; loads are fewer than FMAs.
 * One token of f32, f16 or bf16 weights is read straight from its panels: memory, not the FMA's latency, bounds it.
 */
#ifndef ENG_KERNELS_BODY_MATMUL_F32_H
#define ENG_KERNELS_BODY_MATMUL_F32_H

#include "kernels/body/tiles.h"

#define PIECE_COLUMNS 256 /* a multiple of every block; two panels of them fill the tile */

_Static_assert(TILE_PANELS * PIECE_COLUMNS * ENG_PANEL_ROWS * sizeof(float) <= ENG_TILE_BYTES, "a piece fits the tile");

/* Panel p of a piece to f32 [column][16 rows], p PIECE_COLUMNS columns into the tile. */
typedef void expand_fn(const struct eng_matmul_job *job, const struct piece *piece, size_t p, float *tile);

ENG_INLINE float *tile_panel(float *tile, size_t p)
{
    return tile + p * PIECE_COLUMNS * ENG_PANEL_ROWS;
}

ENG_INLINE void expand_panel_f32(const struct eng_panel_format *f, const struct eng_matmul_job *job, const struct piece *piece, size_t p,
                                 float *tile)
{
    const size_t bytes = format_block_bytes(f);
    const uint8_t *block = panel_of(job, piece->row + p * ENG_PANEL_ROWS) + piece->column / f->n_elems * bytes;
    float *to = tile_panel(tile, p);
    for (size_t c = 0; c < piece->n_columns; c += f->n_elems, block += bytes) {
        ENG_UNROLL
        for (int s = 0; s < f->n_elems / ENG_BLOCK; s++, to += ENG_BLOCK * ENG_PANEL_ROWS) {
            vi16 code[8];
            vf16 d[2], m[2];
            load_codes(f, block + format_field_bytes(f) + (size_t)s * format_code_bytes(f), code);
            load_scales(f, block, s, d, m);
            ENG_UNROLL
            for (int g = 0; g < 8; g++) {
                const int h = g * 4 / f->span;
                const vf16 low = f->has_min ? m[h] : vf_mul(d[h], vf_set1(-(float)f->offset)); /* exact, and so is code x d */
                ENG_UNROLL
                for (int j = 0; j < 4; j++)
                    vf_store(to + ENG_PANEL_ROWS * (4 * g + j), vf_fma(vf_from_int(vi_byte(code[g], j)), d[h], low));
            }
        }
    }
}

ENG_INLINE void expand_plain_f32(enum eng_type type, const struct eng_matmul_job *job, const struct piece *piece, size_t p, float *tile)
{
    const uint8_t *panel = panel_of(job, piece->row + p * ENG_PANEL_ROWS);
    float *to = tile_panel(tile, p);
    for (size_t c = 0; c < piece->n_columns; c++)
        vf_store(to + ENG_PANEL_ROWS * c, load_column(type, panel, piece->column + c));
}

/* Rows of any type in the file's layout. Lanes of rows that the matrix does not have are dropped later, whatever they hold. */
static void expand_any_f32(const struct eng_matmul_job *job, const struct piece *piece, size_t p, float *tile)
{
    const struct eng_type_traits *traits = job->w->traits;
    const size_t row_bytes = eng_type_row_bytes(traits, job->w->n_cols), row = piece->row + p * ENG_PANEL_ROWS;
    const size_t n_rows = least(job->w->n_rows - row, ENG_PANEL_ROWS);
    float *to = tile_panel(tile, p), x[PIECE_COLUMNS];
    memset(to, 0, PIECE_COLUMNS * ENG_PANEL_ROWS * sizeof(*to));
    for (size_t r = 0; r < n_rows; r++) {
        const uint8_t *blocks = (const uint8_t *)job->w->data + (row + r) * row_bytes + eng_type_row_bytes(traits, piece->column);
        traits->decode(blocks, x, piece->n_columns);
        for (size_t c = 0; c < piece->n_columns; c++)
            to[ENG_PANEL_ROWS * c + r] = x[c];
    }
}

/* ---- tokens pass by a piece ---- */

ENG_INLINE void tile_f32(size_t n_panels, size_t n, const struct eng_matmul_job *job, const struct piece *piece, const float *w, size_t token)
{
    const float *x = job->x + token * job->ldx + piece->column;
    const size_t ldx = job->ldx;
    vf16 sum[TILE_PANELS * TILE_F32];
    ENG_UNROLL
    for (size_t i = 0; i < n_panels * n; i++)
        sum[i] = load_rows(job, piece->row + i / n * ENG_PANEL_ROWS, token + i % n, piece->column);
    for (size_t c = 0; c < piece->n_columns; c++, w += ENG_PANEL_ROWS) {
        vf16 column[TILE_PANELS];
        ENG_UNROLL
        for (size_t p = 0; p < n_panels; p++)
            column[p] = vf_load(w + p * PIECE_COLUMNS * ENG_PANEL_ROWS);
        ENG_UNROLL
        for (size_t t = 0; t < n; t++) {
            const vf16 all = vf_set1(x[t * ldx + c]);
            ENG_UNROLL
            for (size_t p = 0; p < n_panels; p++)
                sum[p * n + t] = vf_fma(column[p], all, sum[p * n + t]);
        }
    }
    ENG_UNROLL
    for (size_t i = 0; i < n_panels * n; i++)
        store_rows(job, piece->row + i / n * ENG_PANEL_ROWS, token + i % n, sum[i]);
}

ENG_INLINE void tiles_f32(size_t n_panels, const struct eng_matmul_job *job, const struct piece *piece, const float *tile, struct eng_span token)
{
    for (size_t t = token.begin, n; t < token.end; t += n) {
        n = tile_at(t, token.end, TILE_F32);
        if (n == 8 && TILE_F32 >= 8)
            tile_f32(n_panels, TILE_F32, job, piece, tile, t);
        else if (n == 4)
            tile_f32(n_panels, 4, job, piece, tile, t);
        else if (n == 2)
            tile_f32(n_panels, 2, job, piece, tile, t);
        else
            tile_f32(n_panels, 1, job, piece, tile, t);
    }
}

static void matmul_f32(expand_fn *expand, const struct eng_matmul_job *job, struct eng_span row, struct eng_span token, float *tile)
{
    struct piece piece;
    for (size_t r = row.begin; r < row.end; r += piece.n_panels * ENG_PANEL_ROWS) {
        piece.row = r;
        piece.n_panels = row.end - r > (TILE_PANELS - 1) * ENG_PANEL_ROWS ? TILE_PANELS : 1;
        for (size_t c = 0; c < job->w->n_cols; c += PIECE_COLUMNS) {
            piece.column = c;
            piece.n_columns = least(PIECE_COLUMNS, job->w->n_cols - c);
            for (size_t p = 0; p < piece.n_panels; p++)
                expand(job, &piece, p, tile);
            if (piece.n_panels == TILE_PANELS)
                tiles_f32(TILE_PANELS, job, &piece, tile, token);
            else
                tiles_f32(1, job, &piece, tile, token);
        }
    }
}

/* ---- one token of plain weights ---- */

ENG_INLINE void direct_f32(enum eng_type type, const struct eng_matmul_job *job, size_t row, size_t token)
{
    const size_t n_cols = job->w->n_cols, columns_per_line = type == ENG_TYPE_F32 ? 1 : 2;
    const uint8_t *panel = panel_of(job, row);
    const float *x = job->x + token * job->ldx;
    vf16 sum = vf_set1(0.0f);
    for (size_t c = 0; c < n_cols; c++) {
        if (c % columns_per_line == 0)
            fetch_ahead(panel + c / columns_per_line * 64, 64);
        sum = vf_fma(load_column(type, panel, c), vf_set1(x[c]), sum);
    }
    store_rows(job, row, token, sum);
}

ENG_INLINE void matmul_plain_f32(enum eng_type type, expand_fn *expand, const struct eng_matmul_job *job, struct eng_span row,
                                 struct eng_span token, float *tile)
{
    if (token.end - token.begin > 1) {
        matmul_f32(expand, job, row, token, tile);
        return;
    }
    for (size_t r = row.begin; r < row.end; r += ENG_PANEL_ROWS)
        direct_f32(type, job, r, token.begin);
}

#endif
