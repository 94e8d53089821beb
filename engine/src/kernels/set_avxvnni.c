/* set_avxvnni.c - the kernel set for AVX-VNNI. All but the integer dot products is that of AVX2. */
#include "base/cpu_features.h"
#include "kernels/set_avx2.h"
#include "kernels/set_avxvnni.h"

static const struct eng_kernel *const kernels[] = {
    &eng_f32_f32_avx2, &eng_f16_f32_avx2, &eng_q8_0_q8_avxvnni, &eng_q8_0_f32_avx2,
    &eng_q4_0_q8_avxvnni, &eng_q4_0_f32_avx2, &eng_q4_1_q8_avxvnni, &eng_q4_1_f32_avx2,
    NULL,
};

extern const struct eng_kernel_set eng_set_avxvnni;
const struct eng_kernel_set eng_set_avxvnni = {
    .name = "avxvnni",
    .cpu_need = ENG_CPU_AVX2 | ENG_CPU_AVX_VNNI,
    .packed = true,
    .kernels = kernels,
    .quantize = eng_quantize_q8_avx2,
    .vector = &eng_vector_ops_avx2,
};
