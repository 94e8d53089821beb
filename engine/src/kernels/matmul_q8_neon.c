/* matmul_q8_neon.c - weights of every type on NEON, by activations rounded to 8 bits. */
#include "kernels/simd/neon.h"

#define KERNEL_SET "neon"
#define KERNEL_LIST eng_kernels_q8_neon
#include "kernels/body/kernels_q8.h"
#include "kernels/body/round.h"

void eng_quantize_q8_neon(const float *x, size_t n, struct eng_q8_group *group, size_t slot)
{
    quantize_q8(x, n, group, slot);
}
