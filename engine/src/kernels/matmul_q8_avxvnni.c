/* matmul_q8_avxvnni.c - weights of every type on AVX2 with AVX-VNNI, by activations rounded to 8 bits. */
#include "kernels/simd/avx2.h"

#define KERNEL_SET "avxvnni"
#define KERNEL_LIST eng_kernels_q8_avxvnni
#include "kernels/body/kernels_q8.h"
