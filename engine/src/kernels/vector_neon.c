/* vector_neon.c - the vector operations on NEON. */
#include "kernels/simd/neon.h"

#include "kernels/body/vector.h"
#include "kernels/set_neon.h"

void eng_quantize_q8_neon(const float *x, size_t n, struct eng_q8_group *group, size_t slot)
{
    quantize_q8(x, n, group, slot);
}

const struct eng_vector_ops eng_vector_ops_neon = VECTOR_OPS("neon");
