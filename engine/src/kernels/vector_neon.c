/* vector_neon.c - the vector operations on NEON. */
#include "kernels/simd/neon.h"

#include "kernels/body/vector.h"
#include "kernels/sets.h"

const struct eng_vector_ops eng_vector_ops_neon = VECTOR_OPS("neon");
