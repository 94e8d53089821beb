/** attn_tables.h - one attention table per instruction set; attn_select.c picks. A set that this build lacks has no table. */
#ifndef ENG_RUN_ATTN_TABLES_H
#define ENG_RUN_ATTN_TABLES_H

#include "run/attn_kernel.h"

extern const struct eng_attn_ops eng_attn_ref;
#if defined(__x86_64__)
extern const struct eng_attn_ops eng_attn_avx2, eng_attn_avx512;
#elif defined(__aarch64__)
extern const struct eng_attn_ops eng_attn_neon;
#endif

#endif
