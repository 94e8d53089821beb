/* set_neon_i8mm.c - the kernel set for NEON with 8-bit matrix products. All but the integer products is that of NEON. */
#include "base/cpu_features.h"
#include "kernels/sets.h"

extern const struct eng_kernel_set eng_set_neon_i8mm;
const struct eng_kernel_set eng_set_neon_i8mm = {
    .name = "neon_i8mm",
    .cpu_need = ENG_CPU_NEON | ENG_CPU_I8MM,
    .packed = true,
    .q8 = eng_kernels_q8_neon_i8mm,
    .f32 = eng_kernels_f32_neon,
    .quantize = eng_quantize_q8_neon,
    .vector = &eng_vector_ops_neon,
};
