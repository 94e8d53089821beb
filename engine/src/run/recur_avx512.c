/* recur_avx512.c - the loops of recurrent layers with one 512-bit register per 16 lanes (AVX-512 F, DQ). */
#include "run/recur_tables.h"

#if defined(__AVX512F__)
#include "kernels/simd/avx512.h"

#define RECUR_ROUND(x) _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define RECUR_SCALE(p, n) _mm512_scalef_ps(p, n)
#define RECUR_TILE 8
#define RECUR_NAME "avx512"
#define RECUR_TABLE eng_recur_avx512
#include "run/recur_body.h"
#endif
