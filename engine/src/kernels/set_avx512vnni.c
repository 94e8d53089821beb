/* set_avx512vnni.c - the kernel set for AVX-512 VNNI. */
#include "base/cpu_features.h"
#include "kernels/set_avx512vnni.h"

static const struct eng_kernel *const kernels[] = {
    &eng_f32_f32_avx512vnni, &eng_f16_f32_avx512vnni, &eng_q8_0_q8_avx512vnni, &eng_q8_0_f32_avx512vnni,
    &eng_q4_0_q8_avx512vnni, &eng_q4_0_f32_avx512vnni, &eng_q4_1_q8_avx512vnni, &eng_q4_1_f32_avx512vnni,
    NULL,
};

extern const struct eng_kernel_set eng_set_avx512vnni;
const struct eng_kernel_set eng_set_avx512vnni = {
    .name = "avx512vnni",
    .cpu_need = ENG_CPU_AVX2 | ENG_CPU_AVX512 | ENG_CPU_AVX512_VNNI,
    .packed = true,
    .kernels = kernels,
    .quantize = eng_quantize_q8_avx512vnni,
    .vector = &eng_vector_ops_avx512vnni,
};
