/* attn_avx2.c - attention products with two 256-bit registers per 16 lanes (AVX2, FMA, F16C). Compiled with -mavx2 -mfma -mf16c. */
#include "run/attn_tables.h"

#if defined(__AVX2__)
#include <immintrin.h>

typedef struct {
    __m256 lo, hi;
} vec;

static inline vec vec_zero(void)
{
    return (vec){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

static inline vec vec_load(const float *p)
{
    return (vec){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

static inline vec vec_load_half(const uint16_t *p)
{
    return (vec){_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p)),
                 _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(p + 8)))};
}

static inline void vec_store(float *p, vec v)
{
    _mm256_storeu_ps(p, v.lo);
    _mm256_storeu_ps(p + 8, v.hi);
}

static inline vec vec_scale(vec v, float s)
{
    return (vec){_mm256_mul_ps(v.lo, _mm256_set1_ps(s)), _mm256_mul_ps(v.hi, _mm256_set1_ps(s))};
}

static inline vec vec_fma(vec acc, float s, vec v)
{
    const __m256 b = _mm256_set1_ps(s);
    return (vec){_mm256_fmadd_ps(b, v.lo, acc.lo), _mm256_fmadd_ps(b, v.hi, acc.hi)};
}

#define SCORE_TILES_WIDE 2
#define SCORE_TILES_NARROW 1
#define MIX_CHUNKS 1
#define ATTN_NAME "avx2"
#define ATTN_TABLE eng_attn_avx2
#include "run/attn_body.h"
#endif
