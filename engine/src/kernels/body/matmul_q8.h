/**
 * body/matmul_q8.h - quantized weights times activations rounded to 8 bits; written once on the primitives of simd/.
 *
 * Formula  y[t][r] = sum over spans of 16 or 32 columns: d_w[r] S d_x[t] ( + m_w[r] d_x[t] sum q ),  S = sum (code[r] - offset) q[t].
 * S is an exact integer. Its sum starts at the bits of 1.5 2^23, so that it ends as the bits of the float 1.5 2^23 + S (|S| < 2^20), and
 * one FMA with -1.5 2^23 d_w (exact, d_w is short) gives S d_w, rounded once, without a conversion. Per (row, token) the spans are
 * added in order into one f32: the bits depend on nothing else, not on which of the two ways below was taken.
 *
 * One token: codes go from the packed block to registers and into the product (direct_q8); one stream is read.
 * More: a piece of TILE_PANELS panels is expanded to bytes, f32 scales and minima in L1 (or, for types without panels, from the file's
 * blocks), then all tokens pass by it (tiles_q8). Unpacking is paid once for all tokens, and one routine serves every type.
 * Cost     per 32 columns of 16 rows and token: 8 dot instructions, 2 FMA (3 with minima; 4 and 6 with spans of 16).
 */
#ifndef ENG_KERNELS_BODY_MATMUL_Q8_H
#define ENG_KERNELS_BODY_MATMUL_Q8_H

#include "kernels/body/dots.h"
#include "kernels/body/tiles.h"

#define MAGIC 12582912.0f   /* 1.5 2^23 */

/* What a routine is made for; constants. @width: bits of the codes, where an instruction set makes a difference of it. */
struct kind {
    int span, width;
    bool has_min;
};

ENG_INLINE size_t record_bytes(struct kind k) /* 32 expanded columns of a panel: codes (dots.h), d [16] per span, m likewise */
{
    return 512 + (k.has_min ? 2u : 1u) * 64u * (32u / (unsigned)k.span);
}

ENG_INLINE float *record_scales(uint8_t *record)
{
    return (float *)(void *)(record + 512);
}

/* Codes of 8 bits may have to be signed for the dot instruction. */
ENG_INLINE int dot_width(const struct eng_panel_format *f)
{
    return f->offset == 128 ? 8 : DOT_WIDTH(f->low.bits + f->high.bits);
}

ENG_INLINE int32_t dot_offset(const struct eng_panel_format *f)
{
    return f->offset == 128 && !DOT_UNSIGNED_BYTES ? 0 : f->offset;
}

/* Where unsigned bytes can be dotted all expanded codes get one offset, 128, whose part of the sum is in the activations already. */
ENG_INLINE int32_t tile_offset(const struct eng_panel_format *f)
{
    return DOT_UNSIGNED_BYTES ? 128 : dot_offset(f);
}

ENG_INLINE void load_dot_codes(const struct eng_panel_format *f, const uint8_t *p, vi16 code[8])
{
    load_codes(f, p, code);
    if (f->offset == 128 && !DOT_UNSIGNED_BYTES) {
        ENG_UNROLL
        for (int g = 0; g < 8; g++)
            code[g] = vi_flip_bytes(code[g]);
    }
}

/* sum q of span h of a group, and the integer that its sum of products starts at. */
ENG_INLINE int32_t span_sum(struct kind k, int h, const struct eng_q8_group *group, size_t slot)
{
    const int32_t low = group->sum_low_q[slot];
    return k.span == 32 ? group->sum_q[slot] : h == 0 ? low : group->sum_q[slot] - low;
}

ENG_INLINE float span_sum_x(struct kind k, int h, const struct eng_q8_group *group, size_t slot) /* d_x sum q */
{
    return k.span == 32 ? group->sum[slot] : group->d[slot] * (float)span_sum(k, h, group, slot);
}

/* ---- one token, straight from the panels ---- */

ENG_INLINE vf16 add_span(struct kind k, int h, const vi16 code[8], vf16 d, vf16 m, int32_t offset, const struct eng_q8_group *group,
                         size_t slot, vf16 sum)
{
    const int n_groups = k.span / 4;
    const int32_t start = ENG_DOT_START - offset * span_sum(k, h, group, slot);
    vi16 acc[2] = {acc_begin(k.width, start), acc_begin(k.width, 0)}; /* two, so that one need not wait for the other */
    ENG_UNROLL
    for (int g = 0; g < n_groups; g++)
        acc[g % 2] = acc_dot(k.width, acc[g % 2], code[h * n_groups + g], vi_set1(eng_load_i32(group->q[slot] + h * k.span + 4 * g)));
    const vi16 all = vi_add(acc_end(k.width, acc[0], start), acc_end(k.width, acc[1], 0));
    sum = vf_fma(vf_fma(vf_from_bits(all), d, vf_mul(d, vf_set1(-MAGIC))), vf_set1(group->d[slot]), sum);
    return k.has_min ? vf_fma(m, vf_set1(span_sum_x(k, h, group, slot)), sum) : sum;
}

ENG_INLINE void direct_q8(const struct eng_panel_format *f, const struct eng_matmul_job *job, struct eng_span row, size_t token)
{
    const struct kind k = {f->span, dot_width(f), f->has_min};
    const size_t bytes = format_block_bytes(f), slot = token % ENG_Q8_TOKENS;
    for (size_t r = row.begin; r < row.end; r += ENG_PANEL_ROWS) {
        const uint8_t *block = panel_of(job, r);
        const struct eng_q8_group *group = job->q8 + token / ENG_Q8_TOKENS * (job->w->n_cols / ENG_BLOCK);
        vf16 sum = vf_set1(0.0f);
        for (size_t b = 0; b < job->shape.n_blocks; b++, block += bytes) {
            ENG_UNROLL
            for (int s = 0; s < f->n_elems / ENG_BLOCK; s++, group++) {
                vi16 code[8];
                vf16 d[2], m[2] = {vf_set1(0.0f), vf_set1(0.0f)};
                fetch_ahead(block + bytes * (size_t)s / (f->n_elems / ENG_BLOCK), bytes / (f->n_elems / ENG_BLOCK));
                load_dot_codes(f, block + format_field_bytes(f) + (size_t)s * format_code_bytes(f), code);
                load_scales(f, block, s, d, m);
                ENG_UNROLL
                for (int h = 0; h < 32 / f->span; h++)
                    sum = add_span(k, h, code, d[h], m[h], dot_offset(f), group, slot, sum);
            }
        }
        store_rows(job, r, token, sum);
    }
}

/* ---- more tokens: expanded pieces, [32 columns][panel] records ---- */

ENG_INLINE void expand_panel_q8(const struct eng_panel_format *f, const struct eng_matmul_job *job, const struct piece *piece, size_t p,
                                uint8_t *tile)
{
    const struct kind k = {f->span, 8, f->has_min};
    const size_t bytes = format_block_bytes(f), step = piece->n_panels * record_bytes(k);
    const uint8_t *block = panel_of(job, piece->row + p * ENG_PANEL_ROWS) + piece->column / f->n_elems * bytes;
    uint8_t *record = tile + p * record_bytes(k);
    for (size_t c = 0; c < piece->n_columns; c += f->n_elems, block += bytes) {
        ENG_UNROLL
        for (int s = 0; s < f->n_elems / ENG_BLOCK; s++, record += step) {
            vi16 code[8];
            vf16 d[2], m[2];
            load_dot_codes(f, block + format_field_bytes(f) + (size_t)s * format_code_bytes(f), code);
            load_scales(f, block, s, d, m);
            ENG_UNROLL
            for (int g = 0; g < 8; g++)
                code[g] = f->offset == tile_offset(f) ? code[g] : vi_add_bytes(code[g], tile_offset(f) - dot_offset(f));
            dot_store(record, code);
            ENG_UNROLL
            for (int h = 0; h < 32 / f->span; h++) {
                vf_store(record_scales(record) + 16 * h, d[h]);
                if (f->has_min)
                    vf_store(record_scales(record) + 16 * (32 / f->span + h), m[h]);
            }
        }
    }
}

#define ANY_KIND ((struct kind){16, 8, true})
#define ANY_OFFSET (DOT_UNSIGNED_BYTES ? 128 : 0)

ENG_INLINE size_t four_codes_at(size_t g, size_t lane) /* of columns 4 g .. 4 g + 3 of a record */
{
    const size_t n = DOT_COLUMNS / 4;
    return 64 * (g - g % n) + 4 * (n * lane + g % n);
}

/* One block of one row, of any type, by its integer view. Padding rows repeat nothing: their lanes are dropped, whatever they hold. */
ENG_INLINE void expand_block_any(const struct eng_type_traits *traits, const uint8_t *block, size_t lane, size_t step, uint8_t *record)
{
    int8_t code[ENG_SUPER_BLOCK];
    float scale[ENG_SUPER_BLOCK / 16], min[ENG_SUPER_BLOCK / 16];
    traits->expand(block, code, scale, min);
    for (size_t c = 0; c < traits->block_elems; c += 32, record += step) {
        for (size_t g = 0; g < 8; g++) {
            uint32_t four;
            memcpy(&four, code + c + 4 * g, 4);
            four ^= DOT_UNSIGNED_BYTES ? 0x80808080u : 0;
            memcpy(record + four_codes_at(g, lane), &four, 4);
        }
        for (size_t h = 0; h < 2; h++) {
            record_scales(record)[16 * h + lane] = scale[c / 16 + h];
            record_scales(record)[16 * (2 + h) + lane] = min[c / 16 + h];
        }
    }
}

static void expand_any_q8(const struct eng_matmul_job *job, const struct piece *piece, uint8_t *tile)
{
    const struct eng_type_traits *traits = job->w->traits;
    const size_t row_bytes = eng_type_row_bytes(traits, job->w->n_cols), n_rows = least(job->w->n_rows - piece->row, piece->n_panels * 16);
    const size_t step = piece->n_panels * record_bytes(ANY_KIND);
    memset(tile, 0, piece->n_columns / 32 * step);
    for (size_t r = 0; r < n_rows; r++) {
        const uint8_t *block = (const uint8_t *)job->w->data + (piece->row + r) * row_bytes + eng_type_row_bytes(traits, piece->column);
        uint8_t *record = tile + r / 16 * record_bytes(ANY_KIND);
        for (size_t c = 0; c < piece->n_columns; c += traits->block_elems, block += traits->block_bytes)
            expand_block_any(traits, block, r % 16, step, record + c / 32 * step);
    }
}

/* ---- tokens pass by a piece ---- */

struct q8_tiles {
    const struct eng_matmul_job *job;
    struct piece piece;
    const uint8_t *tile;
    int32_t offset;
};

typedef uint32_t eight_words __attribute__((vector_size(32))); /* all slots of a group at once: scalar code would fill the dot's ports */

/* What the integer sums of span h start at, for each slot; words, because slots without a token hold anything and may wrap. */
ENG_INLINE const int32_t *span_starts(struct kind k, int h, const struct eng_q8_group *group, int32_t offset, int32_t start[ENG_Q8_TOKENS])
{
    eight_words all, low;
    memcpy(&all, group->sum_q, sizeof(all));
    if (k.span == 16) {
        memcpy(&low, group->sum_low_q, sizeof(low));
        all = h == 0 ? low : all - low;
    }
    all = (uint32_t)ENG_DOT_START - all * (uint32_t)offset;
    memcpy(start, &all, sizeof(all));
    return start;
}

/* One span of @n_panels x 16 rows for n tokens. Sums lie in memory, [panel][token][16]: the registers are for the integers. */
ENG_INLINE void tile_span(struct kind k, int h, size_t n_panels, size_t n, const uint8_t *record, const struct eng_q8_group *group, size_t slot,
                          int32_t offset, float *sum)
{
    const int n_groups = k.span / DOT_COLUMNS;
    const size_t next = n > 1;
    vi16 acc[TILE_PANELS][TILE_Q8];
    int32_t own[ENG_Q8_TOKENS];
    const int32_t *start = DOT_UNSIGNED_BYTES && k.span == 32 ? group->start128 : span_starts(k, h, group, offset, own);
    ENG_UNROLL
    for (size_t p = 0; p < n_panels; p++) {
        ENG_UNROLL
        for (size_t t = 0; t < n; t += DOT_TOKENS)
            dot_begin(k.width, &acc[p][t], start + slot + t, next);
    }
    ENG_UNROLL
    for (int g = 0; g < n_groups; g++) {
        dot_codes code[TILE_PANELS];
        ENG_UNROLL
        for (size_t p = 0; p < n_panels; p++)
            code[p] = dot_load(record + p * record_bytes(k) + 16 * DOT_COLUMNS * (h * n_groups + g));
        ENG_UNROLL
        for (size_t t = 0; t < n; t += DOT_TOKENS) {
            const int8_t *q = group->q[slot + t] + h * k.span + DOT_COLUMNS * g;
            ENG_UNROLL
            for (size_t p = 0; p < n_panels; p++)
                dot_add(k.width, &acc[p][t], code[p], q, next);
        }
    }
    ENG_UNROLL
    for (size_t p = 0; p < n_panels; p++) {
        const float *scales = (const float *)(const void *)(record + p * record_bytes(k) + 512);
        const vf16 d = vf_load(scales + 16 * h), c = vf_mul(d, vf_set1(-MAGIC));
        ENG_UNROLL
        for (size_t t = 0; t < n; t += DOT_TOKENS)
            dot_end(k.width, &acc[p][t], start + slot + t);
        ENG_UNROLL
        for (size_t t = 0; t < n; t++) {
            float *to = sum + 16 * (p * n + t);
            vf16 v = vf_fma(vf_from_bits(acc[p][t]), d, c);
            v = vf_fma(v, vf_set1(group->d[slot + t]), vf_load(to));
            if (k.has_min)
                v = vf_fma(vf_load(scales + 16 * (32 / k.span + h)), vf_set1(span_sum_x(k, h, group, slot + t)), v);
            vf_store(to, v);
        }
    }
}

ENG_INLINE void tile_q8(struct kind k, size_t n_panels, size_t n, const struct q8_tiles *a, size_t token)
{
    const struct piece *piece = &a->piece;
    const struct eng_q8_group *group = a->job->q8 + token / ENG_Q8_TOKENS * (a->job->w->n_cols / ENG_BLOCK) + piece->column / ENG_BLOCK;
    const uint8_t *record = a->tile;
    _Alignas(64) float sum[TILE_PANELS * TILE_Q8 * ENG_PANEL_ROWS];
    for (size_t i = 0; i < n_panels * n; i++)
        vf_store(sum + 16 * i, load_rows(a->job, piece->row + i / n * ENG_PANEL_ROWS, token + i % n, piece->column));
    for (size_t c = 0; c < piece->n_columns; c += ENG_BLOCK, record += n_panels * record_bytes(k), group++) {
        ENG_UNROLL
        for (int h = 0; h < 32 / k.span; h++)
            tile_span(k, h, n_panels, n, record, group, n == ENG_Q8_TOKENS ? 0 : token % ENG_Q8_TOKENS, a->offset, sum);
    }
    for (size_t i = 0; i < n_panels * n; i++)
        store_rows(a->job, piece->row + i / n * ENG_PANEL_ROWS, token + i % n, vf_load(sum + 16 * i));
}

ENG_INLINE void tiles_q8(struct kind k, size_t n_panels, const struct q8_tiles *a, struct eng_span token)
{
    for (size_t t = token.begin, n; t < token.end; t += n) {
        n = tile_at(t, token.end, TILE_Q8);
        if (n == 8 && TILE_Q8 >= 8)
            tile_q8(k, n_panels, TILE_Q8, a, t);
        else if (n == 4)
            tile_q8(k, n_panels, 4, a, t);
        else if (n == 2)
            tile_q8(k, n_panels, 2, a, t);
        else
            tile_q8(k, n_panels, 1, a, t);
    }
}

typedef void tiles_fn(const struct q8_tiles *a, struct eng_span token);

/* The kinds that formats have; a routine for each, shared by all formats of the kind. */
#define KINDS                                                                                                                            \
    KIND(32, 8, false) KIND(32, 8, true) KIND(16, 8, false) KIND(16, 8, true) KIND(32, 6, false) KIND(32, 6, true) KIND(16, 6, false)     \
    KIND(32, 4, false) KIND(32, 4, true) KIND(16, 4, false) KIND(16, 4, true)

#define KIND(span, width, has_min)                                                                                                       \
    __attribute__((unused, noinline)) static void tiles_##span##_##width##_##has_min(const struct q8_tiles *a, struct eng_span token)     \
    {                                                                                                                                    \
        if (a->piece.n_panels == TILE_PANELS)                                                                                            \
            tiles_q8((struct kind){span, width, has_min}, TILE_PANELS, a, token);                                                        \
        else                                                                                                                             \
            tiles_q8((struct kind){span, width, has_min}, 1, a, token);                                                                  \
    }
KINDS
#undef KIND

ENG_INLINE tiles_fn *tiles_of(struct kind k)
{
#define KIND(s, w, m)                                         \
    if (k.span == s && k.width == w && k.has_min == m)        \
        return tiles_##s##_##w##_##m;
    KINDS
#undef KIND
    return NULL;
}

/* ---- kernels ---- */

ENG_INLINE size_t piece_columns(struct kind k, size_t n_panels, size_t n_elems) /* as many as fit the tile, whole blocks */
{
    return ENG_TILE_BYTES / (n_panels * record_bytes(k)) * ENG_BLOCK / n_elems * n_elems;
}

ENG_INLINE void matmul_q8(const struct eng_panel_format *f, const struct eng_matmul_job *job, struct eng_span row, struct eng_span token,
                          uint8_t *tile)
{
    const struct kind k = {f->span, dot_width(f), f->has_min};
    if (token.end - token.begin == 1) {
        direct_q8(f, job, row, token.begin);
        return;
    }
    struct q8_tiles a = {.job = job, .tile = tile, .offset = tile_offset(f)};
    for (size_t r = row.begin; r < row.end; r += a.piece.n_panels * ENG_PANEL_ROWS) {
        a.piece.row = r;
        a.piece.n_panels = row.end - r > (TILE_PANELS - 1) * ENG_PANEL_ROWS ? TILE_PANELS : 1;
        const size_t most = piece_columns(k, a.piece.n_panels, f->n_elems);
        for (size_t c = 0; c < job->w->n_cols; c += most) {
            a.piece.column = c;
            a.piece.n_columns = least(most, job->w->n_cols - c);
            for (size_t p = 0; p < a.piece.n_panels; p++)
                expand_panel_q8(f, job, &a.piece, p, tile);
            tiles_of(k)(&a, token);
        }
    }
}

__attribute__((unused)) static void matmul_any_q8(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token, void *tile)
{
    struct q8_tiles a = {.job = job, .tile = tile, .offset = ANY_OFFSET};
    for (size_t r = row.begin; r < row.end; r += a.piece.n_panels * ENG_PANEL_ROWS) {
        a.piece.row = r;
        a.piece.n_panels = row.end - r > (TILE_PANELS - 1) * ENG_PANEL_ROWS ? TILE_PANELS : 1;
        const size_t most = piece_columns(ANY_KIND, a.piece.n_panels, job->w->traits->block_elems);
        for (size_t c = 0; c < job->w->n_cols; c += most) {
            a.piece.column = c;
            a.piece.n_columns = least(most, job->w->n_cols - c);
            expand_any_q8(job, &a.piece, tile);
            tiles_of(ANY_KIND)(&a, token);
        }
    }
}

#endif
