/* matmul_q8_neon_dotprod.c - weights of every type on NEON with dot products, by activations rounded to 8 bits. */
#include "kernels/simd/neon.h"

#define KERNEL_SET "neon_dotprod"
#define KERNEL_LIST eng_kernels_q8_neon_dotprod
#include "kernels/body/kernels_q8.h"
