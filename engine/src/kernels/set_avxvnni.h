/** set_avxvnni.h - the rows that the AVX-VNNI files export, and the table over them. */
#ifndef ENG_KERNELS_SET_AVXVNNI_H
#define ENG_KERNELS_SET_AVXVNNI_H

#include "kernels/kernel.h"

extern const struct eng_kernel eng_q8_0_q8_avxvnni, eng_q4_0_q8_avxvnni, eng_q4_1_q8_avxvnni;

#endif
