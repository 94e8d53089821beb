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

#define TILE_Q8 4
#define TILE_F32 4
#define CHAINS_F32 1 /* sums per result, so that an FMA need not wait for the one before */

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

ENG_INLINE vi16 vi_low_nibbles(vi16 v)
{
    const __m256i mask = _mm256_set1_epi8(15);
    return (vi16){_mm256_and_si256(v.a, mask), _mm256_and_si256(v.b, mask)};
}

ENG_INLINE vi16 vi_high_nibbles(vi16 v)
{
    return vi_low_nibbles((vi16){_mm256_srli_epi16(v.a, 4), _mm256_srli_epi16(v.b, 4)});
}

ENG_INLINE vi16 vi_byte(vi16 v, int i)
{
    const __m256i mask = _mm256_set1_epi32(255);
    return (vi16){_mm256_and_si256(_mm256_srli_epi32(v.a, 8 * i), mask), _mm256_and_si256(_mm256_srli_epi32(v.b, 8 * i), mask)};
}

#if defined(__AVXVNNI__)

#define DOT_BYTES_OFFSET 1 /* dots_bytes() takes code + 128: the body starts its sums at the bias that undoes it */
ENG_INLINE vi16 vi_for_dot(vi16 codes) { return codes; }

/* sum[t] += sum over 32 columns of code x q for 16 rows and n tokens; codes[8] are groups of 4 columns. */
ENG_INLINE void dots_bytes(size_t n, const vi16 codes[8], const int8_t (*q)[32], vi16 sum[])
{
    ENG_UNROLL
    for (int g = 0; g < 8; g++) {
        ENG_UNROLL
        for (size_t t = 0; t < n; t++) {
            const __m256i four = _mm256_set1_epi32(eng_load_i32(q[t] + 4 * g));
            sum[t] = (vi16){_mm256_dpbusd_avx_epi32(sum[t].a, codes[g].a, four), _mm256_dpbusd_avx_epi32(sum[t].b, codes[g].b, four)};
        }
    }
}

ENG_INLINE void dots_nibbles(size_t n, const vi16 codes[8], const int8_t (*q)[32], vi16 sum[]) { dots_bytes(n, codes, q, sum); }

#else

/* vpmaddubsw adds two products in 16 bits, too few for code + 128: bytes are made signed, nibbles fit as they are. */
#define DOT_BYTES_OFFSET 0
ENG_INLINE vi16 vi_for_dot(vi16 codes)
{
    const __m256i flip = _mm256_set1_epi8(-128);
    return (vi16){_mm256_xor_si256(codes.a, flip), _mm256_xor_si256(codes.b, flip)};
}

ENG_INLINE __m256i dot_bytes_half(__m256i sum, __m256i codes, __m256i q)
{
    const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(q, codes)); /* <= 2 x 128 x 127 < 2^15 */
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/* sum[t] += sum over 32 columns of code x q for 16 rows and n tokens; codes[8] are groups of 4 columns. */
ENG_INLINE void dots_bytes(size_t n, const vi16 codes[8], const int8_t (*q)[32], vi16 sum[])
{
    ENG_UNROLL
    for (int g = 0; g < 8; g++) {
        ENG_UNROLL
        for (size_t t = 0; t < n; t++) {
            const __m256i four = _mm256_set1_epi32(eng_load_i32(q[t] + 4 * g));
            sum[t] = (vi16){dot_bytes_half(sum[t].a, codes[g].a, four), dot_bytes_half(sum[t].b, codes[g].b, four)};
        }
    }
}

/* Eight groups x 2 x 15 x 127 = 30480 stay below 2^15: one widening for the whole block. */
ENG_INLINE vi16 dot_nibbles(const vi16 codes[8], const int8_t *q, vi16 sum)
{
    __m256i a = _mm256_setzero_si256(), b = a;
    const __m256i ones = _mm256_set1_epi16(1);
    ENG_UNROLL
    for (int g = 0; g < 8; g++) {
        const __m256i four = _mm256_set1_epi32(eng_load_i32(q + 4 * g));
        a = _mm256_add_epi16(a, _mm256_maddubs_epi16(codes[g].a, four));
        b = _mm256_add_epi16(b, _mm256_maddubs_epi16(codes[g].b, four));
    }
    return (vi16){_mm256_add_epi32(sum.a, _mm256_madd_epi16(a, ones)), _mm256_add_epi32(sum.b, _mm256_madd_epi16(b, ones))};
}

ENG_INLINE void dots_nibbles(size_t n, const vi16 codes[8], const int8_t (*q)[32], vi16 sum[])
{
    ENG_UNROLL
    for (size_t t = 0; t < n; t++)
        sum[t] = dot_nibbles(codes, q[t], sum[t]);
}

#endif

#endif
