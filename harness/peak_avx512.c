/* peak_avx512.c - AVX-512 with VNNI. */
#include "harness/peak.h"

#include <immintrin.h>

typedef __m512 vec_f;
typedef __m512i vec_i;
enum { LANES = 16, DOT_OPS = 128, N_ACC = 24 };

#define OPAQUE(v) __asm__ volatile("" : "+v"(v))

static inline vec_f set_f(float x) { return _mm512_set1_ps(x); }
static inline vec_f fma_f(vec_f a, vec_f b, vec_f c) { return _mm512_fmadd_ps(a, b, c); }
static inline vec_i set_i(char x) { return _mm512_set1_epi8(x); }
static inline vec_i dot_i(vec_i sum, vec_i a, vec_i b) { return _mm512_dpbusd_epi32(sum, a, b); }
static inline vec_i load_i(const void *p) { return _mm512_loadu_si512(p); }
static inline vec_i xor_i(vec_i a, vec_i b) { return _mm512_xor_si512(a, b); }
static inline uint64_t first_i(vec_i v) { return (uint64_t)_mm_cvtsi128_si64(_mm512_castsi512_si128(v)); }

#include "harness/peak_body.h"

const struct mb_peak mb_peak_avx512vnni = {"avx512vnni", "avx512f avx512bw avx512vl avx512_vnni", peak_f32, peak_int8, peak_read};
