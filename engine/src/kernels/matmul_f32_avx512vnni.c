/* matmul_f32_avx512vnni.c - weights of every type on AVX-512, by activations in f32. */
#include "kernels/simd/avx512.h"

#define KERNEL_SET "avx512vnni"
#define KERNEL_LIST eng_kernels_f32_avx512vnni
#include "kernels/body/kernels_f32.h"
