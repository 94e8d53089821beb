/** set_neon.h - the rows that the NEON files export, and the table over them. */
#ifndef ENG_KERNELS_SET_NEON_H
#define ENG_KERNELS_SET_NEON_H

#include "kernels/kernel.h"

extern const struct eng_kernel eng_f32_f32_neon, eng_f16_f32_neon, eng_q8_0_q8_neon, eng_q8_0_f32_neon,
    eng_q4_0_q8_neon, eng_q4_0_f32_neon, eng_q4_1_q8_neon, eng_q4_1_f32_neon;
extern const struct eng_vector_ops eng_vector_ops_neon;
void eng_quantize_q8_neon(const float *x, size_t n, struct eng_q8_group *group, size_t slot);

#endif
