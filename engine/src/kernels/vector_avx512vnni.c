/* vector_avx512vnni.c - the vector operations on AVX-512 VNNI. */
#include "kernels/simd/avx512.h"

#include "kernels/body/vector.h"
#include "kernels/set_avx512vnni.h"

void eng_quantize_q8_avx512vnni(const float *x, size_t n, struct eng_q8_group *group, size_t slot)
{
    quantize_q8(x, n, group, slot);
}

const struct eng_vector_ops eng_vector_ops_avx512vnni = VECTOR_OPS("avx512vnni");
