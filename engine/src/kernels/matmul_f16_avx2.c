/* matmul_f16_avx2.c - f16 weights on AVX2, by f32 activations. */
#include "kernels/simd/avx2.h"

#include "kernels/body/matmul_f32.h"
#include "kernels/set_avx2.h"

static void rows_f32(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token)
{
    matmul_f32(ENG_TYPE_F16, job, row, token);
}

const struct eng_kernel eng_f16_f32_avx2 = {"f16_f32_avx2", ENG_TYPE_F16, ENG_ACT_F32, 1e-10, rows_f32};
