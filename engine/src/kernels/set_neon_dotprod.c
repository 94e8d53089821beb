/* set_neon_dotprod.c - the kernel set for NEON with dot products. All but the integer dot products is that of NEON. */
#include "base/cpu_features.h"
#include "kernels/set_neon.h"
#include "kernels/set_neon_dotprod.h"

static const struct eng_kernel *const kernels[] = {
    &eng_f32_f32_neon, &eng_f16_f32_neon, &eng_q8_0_q8_neon_dotprod, &eng_q8_0_f32_neon,
    &eng_q4_0_q8_neon_dotprod, &eng_q4_0_f32_neon, &eng_q4_1_q8_neon_dotprod, &eng_q4_1_f32_neon,
    NULL,
};

extern const struct eng_kernel_set eng_set_neon_dotprod;
const struct eng_kernel_set eng_set_neon_dotprod = {
    .name = "neon_dotprod",
    .cpu_need = ENG_CPU_NEON | ENG_CPU_DOTPROD,
    .packed = true,
    .kernels = kernels,
    .quantize = eng_quantize_q8_neon,
    .vector = &eng_vector_ops_neon,
};
