/* peak_avx2.c - AVX2 with FMA; built twice, the second time (PEAK_AVXVNNI) with the 8-bit dot product of AVX-VNNI. */
#include "harness/peak.h"

#include <immintrin.h>

typedef __m256 vec_f;
typedef __m256i vec_i;
enum { LANES = 8, DOT_OPS = 64, N_ACC = 12 };

#define OPAQUE(v) __asm__ volatile("" : "+x"(v))

static inline vec_f set_f(float x) { return _mm256_set1_ps(x); }
static inline vec_f fma_f(vec_f a, vec_f b, vec_f c) { return _mm256_fmadd_ps(a, b, c); }
static inline vec_i set_i(char x) { return _mm256_set1_epi8(x); }
static inline vec_i load_i(const void *p) { return _mm256_loadu_si256(p); }
static inline vec_i xor_i(vec_i a, vec_i b) { return _mm256_xor_si256(a, b); }
static inline uint64_t first_i(vec_i v) { return (uint64_t)_mm_cvtsi128_si64(_mm256_castsi256_si128(v)); }

#ifdef PEAK_AVXVNNI
static inline vec_i dot_i(vec_i sum, vec_i a, vec_i b) { return _mm256_dpbusd_avx_epi32(sum, a, b); }
#else
static inline vec_i dot_i(vec_i sum, vec_i a, vec_i b)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
}
#endif

#include "harness/peak_body.h"

#ifdef PEAK_AVXVNNI
const struct mb_peak mb_peak_avxvnni = {"avxvnni", "avx2 fma avx_vnni", peak_f32, peak_int8, peak_read};
#else
const struct mb_peak mb_peak_avx2 = {"avx2", "avx2 fma", peak_f32, peak_int8, peak_read};
#endif
