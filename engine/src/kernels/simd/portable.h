/** simd/portable.h - the float primitives of body/ in plain C, for CPUs without a set of their own; 16 lanes are four of the compiler's
 * vectors of four (GCC manual, "Vector Extensions"), which every target has or emulates. Lane by lane would mean the same, but under the
 * sanitizers each lane is a check of its own and a file of bodies takes minutes to compile.
 * No fused multiply-add: without the instruction it would be a library call. */
#ifndef ENG_KERNELS_SIMD_PORTABLE_H
#define ENG_KERNELS_SIMD_PORTABLE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/inline.h"

typedef float eng_float4 __attribute__((vector_size(16)));
typedef int32_t eng_int4 __attribute__((vector_size(16)));
typedef uint32_t eng_word4 __attribute__((vector_size(16))); /* integers that may wrap */
typedef struct { eng_float4 a, b, c, d; } vf16;
typedef struct { eng_int4 a, b, c, d; } vi16;

ENG_INLINE eng_float4 four_of(float s) { return (eng_float4){s, s, s, s}; }
ENG_INLINE eng_float4 four_where(eng_int4 mask, eng_float4 yes, eng_float4 no)
{
    return (eng_float4)((mask & (eng_int4)yes) | (~mask & (eng_int4)no));
}
ENG_INLINE eng_float4 four_max(eng_float4 a, eng_float4 b) { return four_where(a > b, a, b); }
ENG_INLINE eng_float4 four_min(eng_float4 a, eng_float4 b) { return four_where(a < b, a, b); }
ENG_INLINE eng_int4 four_round(eng_float4 v) { return (eng_int4)((eng_word4)(v + 0x1.8p23f) - 0x4b400000u); }
ENG_INLINE eng_float4 four_exp2(eng_int4 n) { return (eng_float4)(((eng_word4)n + 127u) << 23); }
ENG_INLINE eng_float4 four_zero_below(eng_float4 v, eng_float4 x, float limit) { return four_where(x < limit, four_of(0.0f), v); }

ENG_INLINE vf16 vf_set1(float s) { return (vf16){four_of(s), four_of(s), four_of(s), four_of(s)}; }
ENG_INLINE vf16 vf_load(const float *p) { vf16 v; memcpy(&v, p, sizeof(v)); return v; }
ENG_INLINE void vf_store(float *p, vf16 v) { memcpy(p, &v, sizeof(v)); }
ENG_INLINE vf16 vf_add(vf16 x, vf16 y) { return (vf16){x.a + y.a, x.b + y.b, x.c + y.c, x.d + y.d}; }
ENG_INLINE vf16 vf_sub(vf16 x, vf16 y) { return (vf16){x.a - y.a, x.b - y.b, x.c - y.c, x.d - y.d}; }
ENG_INLINE vf16 vf_mul(vf16 x, vf16 y) { return (vf16){x.a * y.a, x.b * y.b, x.c * y.c, x.d * y.d}; }
ENG_INLINE vf16 vf_div(vf16 x, vf16 y) { return (vf16){x.a / y.a, x.b / y.b, x.c / y.c, x.d / y.d}; }
ENG_INLINE vf16 vf_fma(vf16 x, vf16 y, vf16 z) { return vf_add(vf_mul(x, y), z); }

ENG_INLINE vf16 vf_max(vf16 x, vf16 y) /* y where either is NaN */
{
    return (vf16){four_max(x.a, y.a), four_max(x.b, y.b), four_max(x.c, y.c), four_max(x.d, y.d)};
}

ENG_INLINE vf16 vf_min(vf16 x, vf16 y) /* likewise */
{
    return (vf16){four_min(x.a, y.a), four_min(x.b, y.b), four_min(x.c, y.c), four_min(x.d, y.d)};
}

/* To nearest even for |v| < 2^22: adding 1.5 2^23 leaves the integer in the low bits. NaN gives some integer. */
ENG_INLINE vi16 vi_round(vf16 v) { return (vi16){four_round(v.a), four_round(v.b), four_round(v.c), four_round(v.d)}; }

ENG_INLINE vf16 vf_from_int(vi16 n)
{
    return (vf16){__builtin_convertvector(n.a, eng_float4), __builtin_convertvector(n.b, eng_float4),
                  __builtin_convertvector(n.c, eng_float4), __builtin_convertvector(n.d, eng_float4)};
}

ENG_INLINE vf16 vf_exp2_int(vi16 n) /* 2^n for n in [-126, 127] */
{
    return (vf16){four_exp2(n.a), four_exp2(n.b), four_exp2(n.c), four_exp2(n.d)};
}

ENG_INLINE vf16 vf_zero_below(vf16 v, vf16 x, float limit) /* v, and 0 where x < limit; NaN in x keeps v */
{
    return (vf16){four_zero_below(v.a, x.a, limit), four_zero_below(v.b, x.b, limit), four_zero_below(v.c, x.c, limit),
                  four_zero_below(v.d, x.d, limit)};
}

ENG_INLINE float vf_sum(vf16 v)
{
    const eng_float4 s = (v.a + v.b) + (v.c + v.d);
    return (s[0] + s[1]) + (s[2] + s[3]);
}

#endif
