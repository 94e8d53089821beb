/* matmul_q8_avx512vnni.c - weights of every type on AVX-512 VNNI, by activations rounded to 8 bits. */
#include "kernels/simd/avx512.h"

#define KERNEL_SET "avx512vnni"
#define KERNEL_LIST eng_kernels_q8_avx512vnni
#include "kernels/body/kernels_q8.h"
#include "kernels/body/round.h"

void eng_quantize_q8_avx512vnni(const float *x, size_t n, struct eng_q8_group *group, size_t slot)
{
    quantize_q8(x, n, group, slot);
}
