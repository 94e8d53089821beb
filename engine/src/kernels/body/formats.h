/**
 * body/formats.h - from packed blocks to codes, scales and minima in registers: 16 rows x 32 columns at a time. The only place that
 * knows what a type's fields mean. @f is a constant wherever this is inlined, so nothing of the choices is left.
 */
#ifndef ENG_KERNELS_BODY_FORMATS_H
#define ENG_KERNELS_BODY_FORMATS_H

#include "kernels/kernel.h"
#include "kernels/panel_formats.h"

ENG_INLINE size_t format_field_bytes(const struct eng_panel_format *f) /* of one block of a panel */
{
    return (size_t)ENG_PANEL_ROWS * (f->field[0].bytes * f->field[0].count + f->field[1].bytes * f->field[1].count);
}

ENG_INLINE size_t format_code_bytes(const struct eng_panel_format *f) /* of 32 columns of a panel */
{
    return 64 * (size_t)(f->low.bits + f->high.bits);
}

ENG_INLINE size_t format_block_bytes(const struct eng_panel_format *f)
{
    return format_field_bytes(f) + f->n_elems / ENG_BLOCK * format_code_bytes(f);
}

/* The unsigned codes, groups of 4 columns: x = d (code - offset) + m. */
ENG_INLINE void load_codes(const struct eng_panel_format *f, const uint8_t *p, vi16 code[8])
{
    const int low = f->low.bits, high = f->high.bits;
    ENG_UNROLL
    for (int g = 0; g < 8; g++)
        code[g] = low == 8 ? vi_load(p + 64 * g) : vi_bit_field(vi_load(p + 64 * (g % low)), low * (g / low), low);
    if (high) {
        ENG_UNROLL
        for (int g = 0; g < 8; g++)
            code[g] = vi_or(code[g], vi_bit_field_to(vi_load(p + 64 * low + 64 * (g % high)), high * (g / high), high, low));
    }
    if (f->values) {
        const vi16 table = vi_table(f->values);
        ENG_UNROLL
        for (int g = 0; g < 8; g++)
            code[g] = vi_look_up(table, code[g]);
    }
}

ENG_INLINE vi16 word_bits(const uint8_t *words, int word, int shift, int mask) /* of field numbers of 4 bytes: word of each row */
{
    return vi_and(vi_shift_right(vi_load(words + 64 * word), shift), vi_set1(mask));
}

/* q4_k, q5_k: number k of 6 bits, of 8 scales (at = 0) or 8 minima (at = 1). */
ENG_INLINE vi16 number_k4(const uint8_t *words, int k, int at)
{
    if (k < 4)
        return word_bits(words, at, 8 * k, 63);
    return vi_or(word_bits(words, 2, 8 * (k - 4) + 4 * at, 15), vi_shift_left(word_bits(words, at, 8 * (k - 4) + 6, 3), 4));
}

ENG_INLINE vi16 number_k3(const uint8_t *words, int k)
{
    const vi16 low = word_bits(words, k % 8 / 4, 8 * (k % 4) + 4 * (k / 8), 15);
    return vi_or(low, vi_shift_left(word_bits(words, 2, 8 * (k % 4) + 2 * (k / 4), 3), 4));
}

ENG_INLINE vf16 power_of_two_half(vi16 e) /* 2^(e - 128) as a product of two normal numbers: exact, subnormal or not */
{
    const vi16 half = vi_shift_right(e, 1), minus = vi_set1(-64);
    return vf_mul(vf_exp2_int(vi_add(half, minus)), vf_exp2_int(vi_add(vi_sub(e, half), minus)));
}

/* Scales and minima of columns [32 s, 32 s + 32) of a block: one, or one for each 16. d has at most 19 significant bits, so that a
 * product with a code is exact. @fields: the block. */
ENG_INLINE void load_scales(const struct eng_panel_format *f, const uint8_t *fields, int s, vf16 d[2], vf16 m[2])
{
    const uint8_t *second = fields + 2 * ENG_PANEL_ROWS, *words = fields + (size_t)ENG_PANEL_ROWS * f->field[0].bytes * f->field[0].count;
    if (f->scales == ENG_SCALES_E8M0) {
        d[0] = power_of_two_half(vi_load_u8(fields));
        return;
    }
    d[0] = vf_load_half(fields);
    switch (f->scales) {
    case ENG_SCALES_HALF:
        if (f->has_min)
            m[0] = vf_load_half(second);
        return;
    case ENG_SCALES_XS: {
        const vi16 high = vi_and(vi_shift_right(vi_load_u16(second), 2 * s), vi_set1(3));
        const vi16 number = vi_or(word_bits(words, 0, 4 * s, 15), vi_shift_left(high, 4));
        d[0] = vf_mul(d[0], vf_from_int(vi_add(number, vi_set1(-32))));
        return;
    }
    case ENG_SCALES_K4:
        d[0] = vf_mul(d[0], vf_from_int(number_k4(words, s, 0)));
        m[0] = vf_mul(vf_negate(vf_load_half(second)), vf_from_int(number_k4(words, s, 1)));
        return;
    default:
        break;
    }
    const vf16 all = d[0];
    ENG_UNROLL
    for (int h = 0; h < 2; h++) {
        const int k = 2 * s + h;
        if (f->scales == ENG_SCALES_K6) {
            d[h] = vf_mul(all, vf_from_int(vi_signed_byte(vi_load(words + 64 * (k / 4)), k % 4)));
        } else if (f->scales == ENG_SCALES_K3) {
            d[h] = vf_mul(all, vf_from_int(vi_add(number_k3(words, k), vi_set1(-32))));
        } else {
            d[h] = vf_mul(all, vf_from_int(word_bits(words, k / 4, 8 * (k % 4), 15)));
            m[h] = vf_mul(vf_negate(vf_load_half(second)), vf_from_int(word_bits(words, k / 4, 8 * (k % 4) + 4, 15)));
        }
    }
}

/* One column of f32, f16 or bf16 weights. */
ENG_INLINE vf16 load_column(enum eng_type type, const uint8_t *panel, size_t column)
{
    if (type == ENG_TYPE_F32)
        return vf_load((const float *)(const void *)panel + column * ENG_PANEL_ROWS);
    const uint8_t *p = panel + column * 2 * ENG_PANEL_ROWS;
    return type == ENG_TYPE_F16 ? vf_load_half(p) : vf_from_bits(vi_shift_left(vi_load_u16(p), 16));
}

#endif
