/** set_avx2.h - the rows that the AVX2 files export, and the table over them. */
#ifndef ENG_KERNELS_SET_AVX2_H
#define ENG_KERNELS_SET_AVX2_H

#include "kernels/kernel.h"

extern const struct eng_kernel eng_f32_f32_avx2, eng_f16_f32_avx2, eng_q8_0_q8_avx2, eng_q8_0_f32_avx2,
    eng_q4_0_q8_avx2, eng_q4_0_f32_avx2, eng_q4_1_q8_avx2, eng_q4_1_f32_avx2;
extern const struct eng_vector_ops eng_vector_ops_avx2;
void eng_quantize_q8_avx2(const float *x, size_t n, struct eng_q8_group *group, size_t slot);

#endif
