/** simd/avx2.h - the primitives of body/ for AVX2, FMA and F16C: 16 lanes are a pair of ymm registers. With __AVXVNNI__ the integer
 * dot products are vpdpbusd; without, they go through 16 bits. */
#ifndef ENG_KERNELS_SIMD_AVX2_H
#define ENG_KERNELS_SIMD_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/inline.h"

typedef struct { __m256 a, b; } vf16;
typedef struct { __m256i a, b; } vi16;

#define TILE_PANELS 1 /* panels and tokens that a kernel carries at a time: 4 sums of 2 registers, codes and activations in 16 */
#define TILE_Q8 4
#define TILE_F32 4

ENG_INLINE vf16 vf_set1(float v) { return (vf16){_mm256_set1_ps(v), _mm256_set1_ps(v)}; }
ENG_INLINE vf16 vf_load(const float *p) { return (vf16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
ENG_INLINE void vf_store(float *p, vf16 v) { _mm256_storeu_ps(p, v.a); _mm256_storeu_ps(p + 8, v.b); }
ENG_INLINE vf16 vf_add(vf16 x, vf16 y) { return (vf16){_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
ENG_INLINE vf16 vf_sub(vf16 x, vf16 y) { return (vf16){_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
ENG_INLINE vf16 vf_mul(vf16 x, vf16 y) { return (vf16){_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
ENG_INLINE vf16 vf_div(vf16 x, vf16 y) { return (vf16){_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
ENG_INLINE vf16 vf_max(vf16 x, vf16 y) { return (vf16){_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; } /* y where either is NaN */
ENG_INLINE vf16 vf_min(vf16 x, vf16 y) { return (vf16){_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; } /* likewise */

ENG_INLINE vf16 vf_fma(vf16 x, vf16 y, vf16 z) /* x y + z */
{
    return (vf16){_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}

ENG_INLINE vf16 vf_load_half(const void *p)
{
    const __m128i *v = p;
    return (vf16){_mm256_cvtph_ps(_mm_loadu_si128(v)), _mm256_cvtph_ps(_mm_loadu_si128(v + 1))};
}

ENG_INLINE void vf_store_half(void *p, vf16 v)
{
    _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    _mm_storeu_si128((__m128i *)p + 1, _mm256_cvtps_ph(v.b, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

ENG_INLINE vi16 vi_set1(int32_t v) { return (vi16){_mm256_set1_epi32(v), _mm256_set1_epi32(v)}; }
ENG_INLINE vi16 vi_add(vi16 x, vi16 y) { return (vi16){_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)}; }
ENG_INLINE vi16 vi_max(vi16 x, vi16 y) { return (vi16){_mm256_max_epi32(x.a, y.a), _mm256_max_epi32(x.b, y.b)}; }
ENG_INLINE vi16 vi_and(vi16 x, vi16 y) { return (vi16){_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)}; }
ENG_INLINE vi16 vi_round(vf16 v) { return (vi16){_mm256_cvtps_epi32(v.a), _mm256_cvtps_epi32(v.b)}; } /* to nearest even */
ENG_INLINE vf16 vf_from_int(vi16 v) { return (vf16){_mm256_cvtepi32_ps(v.a), _mm256_cvtepi32_ps(v.b)}; }
ENG_INLINE vi16 vi_bits(vf16 v) { return (vi16){_mm256_castps_si256(v.a), _mm256_castps_si256(v.b)}; }

ENG_INLINE vi16 vi_load(const void *p)
{
    const __m256i *v = p;
    return (vi16){_mm256_loadu_si256(v), _mm256_loadu_si256(v + 1)};
}

ENG_INLINE int32_t vi_sum(vi16 v)
{
    const __m256i s = _mm256_add_epi32(v.a, v.b);
    __m128i t = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
    t = _mm_add_epi32(t, _mm_shuffle_epi32(t, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(t, _mm_shuffle_epi32(t, 0xb1)));
}

ENG_INLINE int32_t vi_top(vi16 v)
{
    const __m256i s = _mm256_max_epi32(v.a, v.b);
    __m128i t = _mm_max_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
    t = _mm_max_epi32(t, _mm_shuffle_epi32(t, 0x4e));
    return _mm_cvtsi128_si32(_mm_max_epi32(t, _mm_shuffle_epi32(t, 0xb1)));
}

ENG_INLINE float vf_sum(vf16 v)
{
    const __m256 s = _mm256_add_ps(v.a, v.b);
    __m128 t = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    t = _mm_add_ps(t, _mm_movehl_ps(t, t));
    return _mm_cvtss_f32(_mm_add_ss(t, _mm_shuffle_ps(t, t, 1)));
}

ENG_INLINE float vf_top(vf16 v)
{
    const __m256 s = _mm256_max_ps(v.a, v.b);
    __m128 t = _mm_max_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    t = _mm_max_ps(t, _mm_movehl_ps(t, t));
    return _mm_cvtss_f32(_mm_max_ss(t, _mm_shuffle_ps(t, t, 1)));
}

ENG_INLINE void vi_store_bytes(int8_t *p, vi16 v) /* values fit a signed byte */
{
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(v.a, v.b), 0xd8); /* undo the interleaving of 128-bit halves */
    _mm_storeu_si128((__m128i *)p, _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

ENG_INLINE vf16 vf_exp2_int(vi16 n) /* 2^n for n in [-126, 127] */
{
    const __m256i bias = _mm256_set1_epi32(127);
    return (vf16){_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n.a, bias), 23)),
                  _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n.b, bias), 23))};
}

ENG_INLINE vf16 vf_zero_below(vf16 v, vf16 x, float limit) /* v, and 0 where x < limit; NaN in x keeps v */
{
    const __m256 l = _mm256_set1_ps(limit);
    return (vf16){_mm256_and_ps(v.a, _mm256_cmp_ps(x.a, l, _CMP_NLT_UQ)), _mm256_and_ps(v.b, _mm256_cmp_ps(x.b, l, _CMP_NLT_UQ))};
}

ENG_INLINE vi16 vi_byte(vi16 v, int i)
{
    const __m256i mask = _mm256_set1_epi32(255);
    return (vi16){_mm256_and_si256(_mm256_srli_epi32(v.a, 8 * i), mask), _mm256_and_si256(_mm256_srli_epi32(v.b, 8 * i), mask)};
}

/* ---- packed weights ---- */

ENG_INLINE vf16 vf_from_bits(vi16 v) { return (vf16){_mm256_castsi256_ps(v.a), _mm256_castsi256_ps(v.b)}; }
ENG_INLINE vi16 vi_sub(vi16 x, vi16 y) { return (vi16){_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)}; }
ENG_INLINE vi16 vi_or(vi16 x, vi16 y) { return (vi16){_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)}; }
ENG_INLINE vi16 vi_shift_right(vi16 v, int n) { return (vi16){_mm256_srli_epi32(v.a, n), _mm256_srli_epi32(v.b, n)}; } /* zeros come in */
ENG_INLINE vi16 vi_shift_left(vi16 v, int n) { return (vi16){_mm256_slli_epi32(v.a, n), _mm256_slli_epi32(v.b, n)}; }

ENG_INLINE vf16 vf_negate(vf16 v)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (vf16){_mm256_xor_ps(v.a, sign), _mm256_xor_ps(v.b, sign)};
}

ENG_INLINE vi16 vi_load_u8(const void *p)
{
    const __m128i v = _mm_loadu_si128((const __m128i *)p);
    return (vi16){_mm256_cvtepu8_epi32(v), _mm256_cvtepu8_epi32(_mm_srli_si128(v, 8))};
}

ENG_INLINE vi16 vi_load_u16(const void *p)
{
    const __m128i *v = p;
    return (vi16){_mm256_cvtepu16_epi32(_mm_loadu_si128(v)), _mm256_cvtepu16_epi32(_mm_loadu_si128(v + 1))};
}

ENG_INLINE void vi_store(void *p, vi16 v)
{
    _mm256_storeu_si256((__m256i *)p, v.a);
    _mm256_storeu_si256((__m256i *)p + 1, v.b);
}

ENG_INLINE vi16 vi_signed_byte(vi16 v, int i)
{
    const vi16 top = vi_shift_left(v, 24 - 8 * i);
    return (vi16){_mm256_srai_epi32(top.a, 24), _mm256_srai_epi32(top.b, 24)};
}

ENG_INLINE vi16 vi_flip_bytes(vi16 v)
{
    const __m256i flip = _mm256_set1_epi8(-128);
    return (vi16){_mm256_xor_si256(v.a, flip), _mm256_xor_si256(v.b, flip)};
}

ENG_INLINE vi16 vi_mask_bytes(vi16 v, int mask)
{
    const __m256i m = _mm256_set1_epi8((char)mask);
    return (vi16){_mm256_and_si256(v.a, m), _mm256_and_si256(v.b, m)};
}

ENG_INLINE vi16 vi_add_bytes(vi16 v, int n)
{
    const __m256i add = _mm256_set1_epi8((char)n);
    return (vi16){_mm256_add_epi8(v.a, add), _mm256_add_epi8(v.b, add)};
}

/* Bits [shift, shift + bits) of each byte; and the same moved to bit @to. */
ENG_INLINE vi16 vi_bit_field(vi16 v, int shift, int bits) { return vi_mask_bytes(vi_shift_right(v, shift), (1 << bits) - 1); }

ENG_INLINE vi16 vi_bit_field_to(vi16 v, int shift, int bits, int to)
{
    return vi_mask_bytes(shift > to ? vi_shift_right(v, shift - to) : vi_shift_left(v, to - shift), ((1 << bits) - 1) << to);
}

/* 16 values + 128, and a look-up of each byte in them. */
ENG_INLINE vi16 vi_table(const int8_t values[16])
{
    const __m256i v = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)values));
    return vi_flip_bytes((vi16){v, v});
}

ENG_INLINE vi16 vi_look_up(vi16 table, vi16 codes)
{
    return (vi16){_mm256_shuffle_epi8(table.a, codes.a), _mm256_shuffle_epi8(table.b, codes.b)};
}

/* Integer sums of products of codes and signed activations, 4 columns at a time. */
#if defined(__AVXVNNI__)

#define DOT_UNSIGNED_BYTES 1 /* codes of 8 bits are taken as they are */
#define DOT_WIDTH(bits) 8    /* fewer bits make no difference */

ENG_INLINE vi16 acc_begin(int width, int32_t start) { (void)width; return vi_set1(start); }
ENG_INLINE vi16 acc_end(int width, vi16 acc, int32_t start) { (void)width; (void)start; return acc; }

ENG_INLINE vi16 acc_dot(int width, vi16 acc, vi16 codes, vi16 four)
{
    (void)width;
    return (vi16){_mm256_dpbusd_avx_epi32(acc.a, codes.a, four.a), _mm256_dpbusd_avx_epi32(acc.b, codes.b, four.b)};
}

#else

/* vpmaddubsw adds two products in 16 bits: codes of 8 bits are signed and go in as their absolute values, with the signs on the other
 * side (2 x 128 x 127 < 2^15); codes of up to 7 bits go in as they are (2 x 127 x 127); sums of up to 8 groups of codes of 4 bits
 * stay in 16 bits (8 x 2 x 15 x 127 = 30480) until the end. */
#define DOT_UNSIGNED_BYTES 0
#define DOT_WIDTH(bits) ((bits) <= 4 ? 4 : 6)

ENG_INLINE __m256i widen_add(__m256i sum, __m256i pairs) { return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))); }

ENG_INLINE vi16 acc_begin(int width, int32_t start) { return vi_set1(width == 4 ? 0 : start); }

ENG_INLINE __m256i acc_dot_half(int width, __m256i acc, __m256i codes, __m256i four)
{
    if (width == 8)
        return widen_add(acc, _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(four, codes)));
    const __m256i pairs = _mm256_maddubs_epi16(codes, four);
    return width == 4 ? _mm256_add_epi16(acc, pairs) : widen_add(acc, pairs);
}

ENG_INLINE vi16 acc_dot(int width, vi16 acc, vi16 codes, vi16 four)
{
    return (vi16){acc_dot_half(width, acc.a, codes.a, four.a), acc_dot_half(width, acc.b, codes.b, four.b)};
}

ENG_INLINE vi16 acc_end(int width, vi16 acc, int32_t start)
{
    if (width != 4)
        return acc;
    const __m256i first = _mm256_set1_epi32(start);
    return (vi16){widen_add(first, acc.a), widen_add(first, acc.b)};
}

#endif

#endif
