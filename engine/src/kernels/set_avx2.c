/* set_avx2.c - the kernel set for AVX2. */
#include "base/cpu_features.h"
#include "kernels/set_avx2.h"

static const struct eng_kernel *const kernels[] = {
    &eng_f32_f32_avx2, &eng_f16_f32_avx2, &eng_q8_0_q8_avx2, &eng_q8_0_f32_avx2,
    &eng_q4_0_q8_avx2, &eng_q4_0_f32_avx2, &eng_q4_1_q8_avx2, &eng_q4_1_f32_avx2,
    NULL,
};

extern const struct eng_kernel_set eng_set_avx2;
const struct eng_kernel_set eng_set_avx2 = {
    .name = "avx2",
    .cpu_need = ENG_CPU_AVX2,
    .packed = true,
    .kernels = kernels,
    .quantize = eng_quantize_q8_avx2,
    .vector = &eng_vector_ops_avx2,
};
