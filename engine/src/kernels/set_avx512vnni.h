/** set_avx512vnni.h - the rows that the AVX-512 VNNI files export, and the table over them. */
#ifndef ENG_KERNELS_SET_AVX512VNNI_H
#define ENG_KERNELS_SET_AVX512VNNI_H

#include "kernels/kernel.h"

extern const struct eng_kernel eng_f32_f32_avx512vnni, eng_f16_f32_avx512vnni, eng_q8_0_q8_avx512vnni, eng_q8_0_f32_avx512vnni,
    eng_q4_0_q8_avx512vnni, eng_q4_0_f32_avx512vnni, eng_q4_1_q8_avx512vnni, eng_q4_1_f32_avx512vnni;
extern const struct eng_vector_ops eng_vector_ops_avx512vnni;
void eng_quantize_q8_avx512vnni(const float *x, size_t n, struct eng_q8_group *group, size_t slot);

#endif
