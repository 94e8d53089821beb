/* set_neon_dotprod.c - the kernel set for NEON with dot products. All but the integer products is that of NEON. */
#include "base/cpu_features.h"
#include "kernels/sets.h"

extern const struct eng_kernel_set eng_set_neon_dotprod;
const struct eng_kernel_set eng_set_neon_dotprod = {
    .name = "neon_dotprod",
    .cpu_need = ENG_CPU_NEON | ENG_CPU_DOTPROD,
    .packed = true,
    .q8 = eng_kernels_q8_neon_dotprod,
    .f32 = eng_kernels_f32_neon,
    .quantize = eng_quantize_q8_neon,
    .vector = &eng_vector_ops_neon,
};
