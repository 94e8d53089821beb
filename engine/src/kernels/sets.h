/** sets.h - what the files of the instruction sets give each other and select.c: lists of kernels, rounding, vector operations. */
#ifndef ENG_KERNELS_SETS_H
#define ENG_KERNELS_SETS_H

#include "kernels/kernel.h"

extern const struct eng_vector_ops eng_vector_ops_ref;

extern const struct eng_kernel eng_kernels_q8_avx2[], eng_kernels_f32_avx2[];
extern const struct eng_vector_ops eng_vector_ops_avx2;
void eng_quantize_q8_avx2(const float *x, size_t n, struct eng_q8_group *group, size_t slot);

extern const struct eng_kernel eng_kernels_q8_avxvnni[];

extern const struct eng_kernel eng_kernels_q8_avx512vnni[], eng_kernels_f32_avx512vnni[];
extern const struct eng_vector_ops eng_vector_ops_avx512vnni;
void eng_quantize_q8_avx512vnni(const float *x, size_t n, struct eng_q8_group *group, size_t slot);

extern const struct eng_kernel eng_kernels_q8_neon[], eng_kernels_f32_neon[];
extern const struct eng_vector_ops eng_vector_ops_neon;
void eng_quantize_q8_neon(const float *x, size_t n, struct eng_q8_group *group, size_t slot);

extern const struct eng_kernel eng_kernels_q8_neon_dotprod[];

extern const struct eng_kernel eng_kernels_q8_neon_i8mm[];

#endif
