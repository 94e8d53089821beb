/* attn_avx512.c - attention with one 512-bit register per 16 lanes (AVX-512 F, BW, VL, DQ, VNNI: the set avx512vnni). */
#include "run/attn_tables.h"

#if defined(__AVX512F__)
#include "kernels/simd/avx512.h"

ENG_INLINE vf16 bytes_to_floats(__m128i v) { return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(v)); }
ENG_INLINE vf16 vf_load_bytes(const void *p) { return bytes_to_floats(_mm_loadu_si128((const __m128i *)p)); }
ENG_INLINE vf16 vf_set1_half(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_set1_epi16((short)*p)); }

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
    (void)whole;
    return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x, _mm512_set1_ps(limit), _CMP_NLT_UQ), p, n);
}

#define ATTN_GROUP 6
#define ATTN_COLUMNS(rows) 4 /* 6 x 4 sums, 4 loads and a broadcast: 29 of 32 registers */
#define ATTN_NAME "avx512"
#define ATTN_TABLE eng_attn_avx512
#include "run/attn_body.h"
#endif
