/**
 * body/dots.h - the integer sums of a tile, for sets whose instruction dots 4 columns of 16 rows with one token: acc_dot() of simd/.
 * A set with a matrix instruction says DOT_TOKENS, DOT_COLUMNS and has these primitives of its own (simd/neon.h); exact sums are the
 * same either way.
 */
#ifndef ENG_KERNELS_BODY_DOTS_H
#define ENG_KERNELS_BODY_DOTS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/inline.h"

#ifndef DOT_TOKENS
#define DOT_TOKENS 1  /* that go into one dot_add() */
#define DOT_COLUMNS 4 /* likewise: expanded codes lie as u8 [32 / DOT_COLUMNS][16 rows][DOT_COLUMNS] */

typedef vi16 dot_codes;

ENG_INLINE dot_codes dot_load(const void *p) { return vi_load(p); }

ENG_INLINE void dot_store(uint8_t *p, const vi16 code[8]) /* of 32 columns, as load_codes() has them */
{
    ENG_UNROLL
    for (int g = 0; g < 8; g++)
        vi_store(p + 64 * g, code[g]);
}

/* acc[DOT_TOKENS] begin at start[], take DOT_COLUMNS columns of q[] each, and end as sums of 16 rows. The second token is @next slots
 * on: 1, or 0 where a token has no partner. */
ENG_INLINE void dot_begin(int width, vi16 *acc, const int32_t *start, size_t next) { (void)next; *acc = acc_begin(width, *start); }
ENG_INLINE void dot_end(int width, vi16 *acc, const int32_t *start) { *acc = acc_end(width, *acc, *start); }

ENG_INLINE void dot_add(int width, vi16 *acc, dot_codes codes, const int8_t *q, size_t next)
{
    (void)next;
    *acc = acc_dot(width, *acc, codes, vi_set1(eng_load_i32(q)));
}
#endif

#endif
