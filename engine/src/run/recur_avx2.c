/* recur_avx2.c - the loops of recurrent layers with two 256-bit registers per 16 lanes (AVX2, FMA). */
#include "run/recur_tables.h"

#if defined(__AVX2__)
#include "kernels/simd/avx2.h"

#define RECUR_TILE 4
#define RECUR_NAME "avx2"
#define RECUR_TABLE eng_recur_avx2
#include "run/recur_body.h"
#endif
