/** simd/avx512.h - the primitives of body/ for AVX-512 F, BW, VL, DQ and VNNI: 16 lanes are one zmm register. */
#ifndef ENG_KERNELS_SIMD_AVX512_H
#define ENG_KERNELS_SIMD_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/inline.h"

typedef __m512 vf16;  /* 16 floats */
typedef __m512i vi16; /* 16 int32, or 64 bytes */

#define TILE_PANELS 2 /* panels and tokens that a kernel carries at a time: 16 sums, codes and activations in 32 registers */
#define TILE_Q8 8
#define TILE_F32 8

ENG_INLINE vf16 vf_set1(float v) { return _mm512_set1_ps(v); }
ENG_INLINE vf16 vf_load(const float *p) { return _mm512_loadu_ps(p); }
ENG_INLINE void vf_store(float *p, vf16 v) { _mm512_storeu_ps(p, v); }
ENG_INLINE vf16 vf_load_half(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
ENG_INLINE vf16 vf_add(vf16 a, vf16 b) { return _mm512_add_ps(a, b); }
ENG_INLINE vf16 vf_sub(vf16 a, vf16 b) { return _mm512_sub_ps(a, b); }
ENG_INLINE vf16 vf_mul(vf16 a, vf16 b) { return _mm512_mul_ps(a, b); }
ENG_INLINE vf16 vf_div(vf16 a, vf16 b) { return _mm512_div_ps(a, b); }
ENG_INLINE vf16 vf_max(vf16 a, vf16 b) { return _mm512_max_ps(a, b); } /* b where either is NaN */
ENG_INLINE vf16 vf_min(vf16 a, vf16 b) { return _mm512_min_ps(a, b); } /* likewise */
ENG_INLINE vf16 vf_fma(vf16 a, vf16 b, vf16 c) { return _mm512_fmadd_ps(a, b, c); } /* a b + c */

ENG_INLINE void vf_store_half(void *p, vf16 v)
{
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

ENG_INLINE vi16 vi_set1(int32_t v) { return _mm512_set1_epi32(v); }
ENG_INLINE vi16 vi_load(const void *p) { return _mm512_loadu_si512(p); }
ENG_INLINE vi16 vi_add(vi16 a, vi16 b) { return _mm512_add_epi32(a, b); }
ENG_INLINE vi16 vi_max(vi16 a, vi16 b) { return _mm512_max_epi32(a, b); }
ENG_INLINE vi16 vi_and(vi16 a, vi16 b) { return _mm512_and_si512(a, b); }
ENG_INLINE vi16 vi_round(vf16 v) { return _mm512_cvtps_epi32(v); }     /* to nearest even */
ENG_INLINE vf16 vf_from_int(vi16 v) { return _mm512_cvtepi32_ps(v); }
ENG_INLINE vi16 vi_bits(vf16 v) { return _mm512_castps_si512(v); }
ENG_INLINE int32_t vi_sum(vi16 v) { return _mm512_reduce_add_epi32(v); }
ENG_INLINE int32_t vi_top(vi16 v) { return _mm512_reduce_max_epi32(v); }
ENG_INLINE float vf_sum(vf16 v) { return _mm512_reduce_add_ps(v); }
ENG_INLINE float vf_top(vf16 v) { return _mm512_reduce_max_ps(v); }
ENG_INLINE void vi_store_bytes(int8_t *p, vi16 v) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(v)); }
/* 2^n for n in [-126, 127] */
ENG_INLINE vf16 vf_exp2_int(vi16 n) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23)); }

/* v, and 0 where x < limit; NaN in x keeps v */
ENG_INLINE vf16 vf_zero_below(vf16 v, vf16 x, float limit)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(limit), _CMP_NLT_UQ), v);
}

ENG_INLINE vi16 vi_byte(vi16 v, int i) { return _mm512_and_si512(_mm512_srli_epi32(v, (unsigned)(8 * i)), _mm512_set1_epi32(255)); }

/* ---- packed weights ---- */

ENG_INLINE vf16 vf_from_bits(vi16 v) { return _mm512_castsi512_ps(v); }
ENG_INLINE vf16 vf_negate(vf16 v) { return _mm512_xor_ps(v, _mm512_set1_ps(-0.0f)); }
ENG_INLINE vi16 vi_load_u8(const void *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }
ENG_INLINE vi16 vi_load_u16(const void *p) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)); }
ENG_INLINE void vi_store(void *p, vi16 v) { _mm512_storeu_si512(p, v); }
ENG_INLINE vi16 vi_sub(vi16 a, vi16 b) { return _mm512_sub_epi32(a, b); }
ENG_INLINE vi16 vi_or(vi16 a, vi16 b) { return _mm512_or_si512(a, b); }
ENG_INLINE vi16 vi_shift_right(vi16 v, int n) { return _mm512_srli_epi32(v, (unsigned)n); } /* zeros come in */
ENG_INLINE vi16 vi_shift_left(vi16 v, int n) { return _mm512_slli_epi32(v, (unsigned)n); }
ENG_INLINE vi16 vi_signed_byte(vi16 v, int i) { return _mm512_srai_epi32(_mm512_slli_epi32(v, (unsigned)(24 - 8 * i)), 24); }
ENG_INLINE vi16 vi_flip_bytes(vi16 v) { return _mm512_xor_si512(v, _mm512_set1_epi8(-128)); }

ENG_INLINE vi16 vi_add_bytes(vi16 v, int n) { return _mm512_add_epi8(v, _mm512_set1_epi8((char)n)); }

/* Bits [shift, shift + bits) of each byte; and the same moved to bit @to. */
ENG_INLINE vi16 vi_bit_field(vi16 v, int shift, int bits)
{
    return _mm512_and_si512(_mm512_srli_epi32(v, (unsigned)shift), _mm512_set1_epi8((char)((1 << bits) - 1)));
}

ENG_INLINE vi16 vi_bit_field_to(vi16 v, int shift, int bits, int to)
{
    const __m512i moved = shift > to ? _mm512_srli_epi32(v, (unsigned)(shift - to)) : _mm512_slli_epi32(v, (unsigned)(to - shift));
    return _mm512_and_si512(moved, _mm512_set1_epi8((char)(((1 << bits) - 1) << to)));
}

/* 16 values + 128, and a look-up of each byte in them. */
ENG_INLINE vi16 vi_table(const int8_t values[16])
{
    return vi_flip_bytes(_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)values)));
}

ENG_INLINE vi16 vi_look_up(vi16 table, vi16 codes) { return _mm512_shuffle_epi8(table, codes); }

/* Integer sums of products of unsigned codes and signed activations, 4 columns at a time. */
#define DOT_UNSIGNED_BYTES 1 /* codes of 8 bits are taken as they are */
#define DOT_WIDTH(bits) 8    /* fewer bits make no difference */

ENG_INLINE vi16 acc_begin(int width, int32_t start) { (void)width; return _mm512_set1_epi32(start); }
ENG_INLINE vi16 acc_dot(int width, vi16 acc, vi16 codes, vi16 four) { (void)width; return _mm512_dpbusd_epi32(acc, codes, four); }
ENG_INLINE vi16 acc_end(int width, vi16 acc, int32_t start) { (void)width; (void)start; return acc; }

#endif
