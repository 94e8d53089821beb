/** simd/inline.h - how primitives are compiled: always into their caller, loops over tokens and groups flat. */
#ifndef ENG_KERNELS_SIMD_INLINE_H
#define ENG_KERNELS_SIMD_INLINE_H

#include <stdint.h>
#include <string.h>

#define ENG_INLINE static inline __attribute__((always_inline, unused))
#define ENG_UNROLL _Pragma("GCC unroll 16")

ENG_INLINE int32_t eng_load_i32(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

#endif
