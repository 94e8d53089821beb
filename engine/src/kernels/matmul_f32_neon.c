/* matmul_f32_neon.c - weights of every type on NEON, by activations in f32. */
#include "kernels/simd/neon.h"

#define KERNEL_SET "neon"
#define KERNEL_LIST eng_kernels_f32_neon
#include "kernels/body/kernels_f32.h"
