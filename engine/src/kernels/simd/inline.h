/** simd/inline.h - how primitives are compiled: always into their caller, loops over tokens and groups flat. */
#ifndef ENG_KERNELS_SIMD_INLINE_H
#define ENG_KERNELS_SIMD_INLINE_H

#include <stdint.h>
#include <string.h>

#define ENG_INLINE static inline __attribute__((always_inline, unused))
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define ENG_UNROLL _Pragma("GCC unroll 16")
#else /* bounds that only optimising makes constant: GCC would warn; and instrumented code gets no faster, only longer to compile */
#define ENG_UNROLL
#endif

ENG_INLINE int32_t eng_load_i32(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

#endif
