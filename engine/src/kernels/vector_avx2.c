/* vector_avx2.c - the vector operations on AVX2. */
#include "kernels/simd/avx2.h"

#include "kernels/body/vector.h"
#include "kernels/sets.h"

const struct eng_vector_ops eng_vector_ops_avx2 = VECTOR_OPS("avx2");
