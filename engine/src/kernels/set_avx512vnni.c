/* set_avx512vnni.c - the kernel set for AVX-512 VNNI. */
#include "base/cpu_features.h"
#include "kernels/sets.h"

extern const struct eng_kernel_set eng_set_avx512vnni;
const struct eng_kernel_set eng_set_avx512vnni = {
    .name = "avx512vnni",
    .cpu_need = ENG_CPU_AVX2 | ENG_CPU_AVX512 | ENG_CPU_AVX512_VNNI,
    .packed = true,
    .q8 = eng_kernels_q8_avx512vnni,
    .f32 = eng_kernels_f32_avx512vnni,
    .quantize = eng_quantize_q8_avx512vnni,
    .vector = &eng_vector_ops_avx512vnni,
};
