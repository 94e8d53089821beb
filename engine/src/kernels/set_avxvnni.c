/* set_avxvnni.c - the kernel set for AVX-VNNI. All but the integer products is that of AVX2. */
#include "base/cpu_features.h"
#include "kernels/sets.h"

extern const struct eng_kernel_set eng_set_avxvnni;
const struct eng_kernel_set eng_set_avxvnni = {
    .name = "avxvnni",
    .cpu_need = ENG_CPU_AVX2 | ENG_CPU_AVX_VNNI,
    .packed = true,
    .q8 = eng_kernels_q8_avxvnni,
    .f32 = eng_kernels_f32_avx2,
    .quantize = eng_quantize_q8_avx2,
    .vector = &eng_vector_ops_avx2,
};
