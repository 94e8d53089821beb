/* set_avx2.c - the kernel set for AVX2. */
#include "base/cpu_features.h"
#include "kernels/sets.h"

extern const struct eng_kernel_set eng_set_avx2;
const struct eng_kernel_set eng_set_avx2 = {
    .name = "avx2",
    .cpu_need = ENG_CPU_AVX2,
    .packed = true,
    .q8 = eng_kernels_q8_avx2,
    .f32 = eng_kernels_f32_avx2,
    .quantize = eng_quantize_q8_avx2,
    .vector = &eng_vector_ops_avx2,
};
