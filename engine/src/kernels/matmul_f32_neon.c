/* matmul_f32_neon.c - f32 weights on NEON, by f32 activations. */
#include "kernels/simd/neon.h"

#include "kernels/body/matmul_f32.h"
#include "kernels/set_neon.h"

static void rows_f32(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token)
{
    matmul_f32(ENG_TYPE_F32, job, row, token);
}

const struct eng_kernel eng_f32_f32_neon = {"f32_f32_neon", ENG_TYPE_F32, ENG_ACT_F32, 1e-10, rows_f32};
