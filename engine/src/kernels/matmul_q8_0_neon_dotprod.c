/* matmul_q8_0_neon_dotprod.c - q8_0 weights on NEON with dot products, by 8-bit activations. */
#include "kernels/simd/neon.h"

#include "kernels/body/matmul_q8.h"
#include "kernels/set_neon_dotprod.h"

static void rows_q8(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token)
{
    matmul_q8(ENG_TYPE_Q8_0, job, row, token);
}

const struct eng_kernel eng_q8_0_q8_neon_dotprod = {"q8_0_q8_neon_dotprod", ENG_TYPE_Q8_0, ENG_ACT_Q8, 1e-10, rows_q8};
