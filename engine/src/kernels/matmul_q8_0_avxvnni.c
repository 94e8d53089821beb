/* matmul_q8_0_avxvnni.c - q8_0 weights on AVX2 with AVX-VNNI, by 8-bit activations. */
#include "kernels/simd/avx2.h"

#include "kernels/body/matmul_q8.h"
#include "kernels/set_avxvnni.h"

static void rows_q8(const struct eng_matmul_job *job, struct eng_span row, struct eng_span token)
{
    matmul_q8(ENG_TYPE_Q8_0, job, row, token);
}

const struct eng_kernel eng_q8_0_q8_avxvnni = {"q8_0_q8_avxvnni", ENG_TYPE_Q8_0, ENG_ACT_Q8, 1e-10, rows_q8};
