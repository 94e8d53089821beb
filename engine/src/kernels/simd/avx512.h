/** simd/avx512.h - the primitives of body/ for AVX-512 F, BW, VL, DQ and VNNI: 16 lanes are one zmm register. */
#ifndef ENG_KERNELS_SIMD_AVX512_H
#define ENG_KERNELS_SIMD_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/inline.h"

typedef __m512 vf16;  /* 16 floats */
typedef __m512i vi16; /* 16 int32, or 64 bytes */

#define TILE_Q8 8  /* tokens that a kernel carries at a time: accumulators, codes and temporaries fill the 32 registers */
#define TILE_F32 8
#define CHAINS_F32 2 /* sums per result, so that an FMA need not wait for the one before */

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

ENG_INLINE vi16 vi_low_nibbles(vi16 v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
ENG_INLINE vi16 vi_high_nibbles(vi16 v) { return _mm512_and_si512(_mm512_srli_epi16(v, 4), _mm512_set1_epi8(15)); }
ENG_INLINE vi16 vi_byte(vi16 v, int i) { return _mm512_and_si512(_mm512_srli_epi32(v, (unsigned)(8 * i)), _mm512_set1_epi32(255)); }

#define DOT_BYTES_OFFSET 1 /* dots_bytes() takes code + 128: the body starts its sums at the bias that undoes it */
ENG_INLINE vi16 vi_for_dot(vi16 codes) { return codes; }

/* sum[t] += sum over 32 columns of code x q for 16 rows and n tokens; codes[8] are groups of 4 columns.
 * Tokens go innermost: n independent sums hide the instruction's latency, one after the other would not. */
ENG_INLINE void dots_bytes(size_t n, const vi16 codes[8], const int8_t (*q)[32], vi16 sum[])
{
    if (n == 1) { /* two sums, for the same reason */
        vi16 other = _mm512_setzero_si512();
        ENG_UNROLL
        for (int g = 0; g < 8; g += 2) {
            sum[0] = _mm512_dpbusd_epi32(sum[0], codes[g], _mm512_set1_epi32(eng_load_i32(q[0] + 4 * g)));
            other = _mm512_dpbusd_epi32(other, codes[g + 1], _mm512_set1_epi32(eng_load_i32(q[0] + 4 * g + 4)));
        }
        sum[0] = _mm512_add_epi32(sum[0], other);
        return;
    }
    ENG_UNROLL
    for (int g = 0; g < 8; g++) {
        ENG_UNROLL
        for (size_t t = 0; t < n; t++)
            sum[t] = _mm512_dpbusd_epi32(sum[t], codes[g], _mm512_set1_epi32(eng_load_i32(q[t] + 4 * g)));
    }
}

ENG_INLINE void dots_nibbles(size_t n, const vi16 codes[8], const int8_t (*q)[32], vi16 sum[]) { dots_bytes(n, codes, q, sum); }

#endif
