/* matmul_f32_avx2.c - weights of every type on AVX2, by activations in f32. */
#include "kernels/simd/avx2.h"

#define KERNEL_SET "avx2"
#define KERNEL_LIST eng_kernels_f32_avx2
#include "kernels/body/kernels_f32.h"
