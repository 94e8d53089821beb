/* vector_avx2.c - the vector operations on AVX2. */
#include "kernels/simd/avx2.h"

#include "kernels/body/vector.h"
#include "kernels/set_avx2.h"

void eng_quantize_q8_avx2(const float *x, size_t n, struct eng_q8_group *group, size_t slot)
{
    quantize_q8(x, n, group, slot);
}

const struct eng_vector_ops eng_vector_ops_avx2 = VECTOR_OPS("avx2");
