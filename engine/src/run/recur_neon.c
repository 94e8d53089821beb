/* recur_neon.c - the loops of recurrent layers with four 128-bit registers per 16 lanes (Armv8 Advanced SIMD, always there on 64-bit Arm). */
#include "run/recur_tables.h"

#if defined(__aarch64__)
#include "kernels/simd/neon.h"

#define RECUR_TILE 4
#define RECUR_NAME "neon"
#define RECUR_TABLE eng_recur_neon
#include "run/recur_body.h"
#endif
