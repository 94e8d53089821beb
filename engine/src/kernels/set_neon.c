/* set_neon.c - the kernel set for NEON. */
#include "base/cpu_features.h"
#include "kernels/sets.h"

extern const struct eng_kernel_set eng_set_neon;
const struct eng_kernel_set eng_set_neon = {
    .name = "neon",
    .cpu_need = ENG_CPU_NEON,
    .packed = true,
    .q8 = eng_kernels_q8_neon,
    .f32 = eng_kernels_f32_neon,
    .quantize = eng_quantize_q8_neon,
    .vector = &eng_vector_ops_neon,
};
