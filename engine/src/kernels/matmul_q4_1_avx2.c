/* matmul_q4_1_avx2.c - q4_1 weights on AVX2, by 8-bit and by f32 activations. */
#include "kernels/simd/avx2.h"

#include "kernels/body/matmul_f32.h"
#include "kernels/body/matmul_q8.h"
#include "kernels/set_avx2.h"

static void rows_q8(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token)
{
    matmul_q8(ENG_TYPE_Q4_1, job, row, token);
}

const struct eng_kernel eng_q4_1_q8_avx2 = {"q4_1_q8_avx2", ENG_TYPE_Q4_1, ENG_ACT_Q8, 1e-10, rows_q8};

static void rows_f32(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token)
{
    matmul_f32(ENG_TYPE_Q4_1, job, row, token);
}

const struct eng_kernel eng_q4_1_f32_avx2 = {"q4_1_f32_avx2", ENG_TYPE_Q4_1, ENG_ACT_F32, 1e-10, rows_f32};
