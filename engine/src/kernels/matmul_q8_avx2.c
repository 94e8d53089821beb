/* matmul_q8_avx2.c - weights of every type on AVX2, by activations rounded to 8 bits. */
#include "kernels/simd/avx2.h"

#define KERNEL_SET "avx2"
#define KERNEL_LIST eng_kernels_q8_avx2
#include "kernels/body/kernels_q8.h"
#include "kernels/body/round.h"

void eng_quantize_q8_avx2(const float *x, size_t n, struct eng_q8_group *group, size_t slot)
{
    quantize_q8(x, n, group, slot);
}
