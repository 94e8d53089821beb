/* attn_avx2.c - attention with two 256-bit registers per 16 lanes (AVX2, FMA, F16C). Compiled with -mavx2 -mfma -mf16c. */
#include "run/attn_tables.h"

#if defined(__AVX2__)
#include "kernels/simd/avx2.h"

ENG_INLINE vf16 bytes_to_floats(__m128i v)
{
    return (vf16){_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(v)), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(v, v)))};
}

ENG_INLINE vf16 vf_load_bytes(const void *p) { return bytes_to_floats(_mm_loadu_si128((const __m128i *)p)); }

ENG_INLINE vf16 vf_set1_half(const uint16_t *p)
{
    const __m256 v = _mm256_cvtph_ps(_mm_set1_epi16((short)*p));
    return (vf16){v, v};
}

ENG_INLINE vf16 vf_load_low(const void *p)
{
    const __m128i v = _mm_and_si128(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8(15));
    return bytes_to_floats(_mm_sub_epi8(v, _mm_set1_epi8(8)));
}

ENG_INLINE vf16 vf_load_high(const void *p)
{
    const __m128i v = _mm_and_si128(_mm_srli_epi16(_mm_loadu_si128((const __m128i *)p), 4), _mm_set1_epi8(15));
    return bytes_to_floats(_mm_sub_epi8(v, _mm_set1_epi8(8)));
}

ENG_INLINE vf16 vf_times_exp2(vf16 p, vi16 whole, vf16 n, vf16 x, float limit)
{
    (void)n;
    return vf_zero_below(vf_mul(p, vf_exp2_int(whole)), x, limit);
}

#define ATTN_GROUP 6
#define ATTN_COLUMNS(rows) ((rows) <= 1 ? 4 : (rows) <= 3 ? 2 : 1) /* 6 x 1: 12 sums, 2 loads and a broadcast of 16 registers */
#define ATTN_NAME "avx2"
#define ATTN_TABLE eng_attn_avx2
#include "run/attn_body.h"
#endif
