/* vector_avx512vnni.c - the vector operations on AVX-512 VNNI. */
#include "kernels/simd/avx512.h"

#include "kernels/body/vector.h"
#include "kernels/sets.h"

const struct eng_vector_ops eng_vector_ops_avx512vnni = VECTOR_OPS("avx512vnni");
