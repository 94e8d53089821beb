/* matmul_q8_neon_i8mm.c - weights of every type on NEON with 8-bit matrix products, by activations rounded to 8 bits. */
#include "kernels/simd/neon.h"

#define KERNEL_SET "neon_i8mm"
#define KERNEL_LIST eng_kernels_q8_neon_i8mm
#include "kernels/body/kernels_q8.h"
