/* set_neon.c - the kernel set for NEON. */
#include "base/cpu_features.h"
#include "kernels/set_neon.h"

static const struct eng_kernel *const kernels[] = {
    &eng_f32_f32_neon, &eng_f16_f32_neon, &eng_q8_0_q8_neon, &eng_q8_0_f32_neon,
    &eng_q4_0_q8_neon, &eng_q4_0_f32_neon, &eng_q4_1_q8_neon, &eng_q4_1_f32_neon,
    NULL,
};

extern const struct eng_kernel_set eng_set_neon;
const struct eng_kernel_set eng_set_neon = {
    .name = "neon",
    .cpu_need = ENG_CPU_NEON,
    .packed = true,
    .kernels = kernels,
    .quantize = eng_quantize_q8_neon,
    .vector = &eng_vector_ops_neon,
};
