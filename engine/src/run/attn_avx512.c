/* attn_avx512.c - attention products with one 512-bit register per 16 lanes (AVX-512F). Compiled with -mavx512f. */
#include "run/attn_tables.h"

#if defined(__AVX512F__)
#include <immintrin.h>

typedef __m512 vec;

static inline vec vec_zero(void)
{
    return _mm512_setzero_ps();
}

static inline vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline vec vec_load_half(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline void vec_store(float *p, vec v)
{
    _mm512_storeu_ps(p, v);
}

static inline vec vec_scale(vec v, float s)
{
    return _mm512_mul_ps(v, _mm512_set1_ps(s));
}

static inline vec vec_fma(vec acc, float s, vec v)
{
    return _mm512_fmadd_ps(_mm512_set1_ps(s), v, acc);
}

#define SCORE_TILES_WIDE 4
#define SCORE_TILES_NARROW 2
#define MIX_CHUNKS 4
#define ATTN_NAME "avx512"
#define ATTN_TABLE eng_attn_avx512
#include "run/attn_body.h"
#endif
