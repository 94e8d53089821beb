/** set_neon_dotprod.h - the rows that the NEON with dot products files export, and the table over them. */
#ifndef ENG_KERNELS_SET_NEON_DOTPROD_H
#define ENG_KERNELS_SET_NEON_DOTPROD_H

#include "kernels/kernel.h"

extern const struct eng_kernel eng_q8_0_q8_neon_dotprod, eng_q4_0_q8_neon_dotprod, eng_q4_1_q8_neon_dotprod;

#endif
