/** recur_tables.h - one table of recurrent loops per instruction set; recur_select.c picks. A set that this build lacks has no table. */
#ifndef ENG_RUN_RECUR_TABLES_H
#define ENG_RUN_RECUR_TABLES_H

#include "run/recur_kernel.h"

extern const struct eng_recur_ops eng_recur_portable;
#if defined(__x86_64__)
extern const struct eng_recur_ops eng_recur_avx2, eng_recur_avx512;
#elif defined(__aarch64__)
extern const struct eng_recur_ops eng_recur_neon;
#endif

#endif
