/** simd/portable.h - the float primitives of body/ in plain C, for CPUs without a set of their own; 16 lanes are an array, which
 * compilers turn into whatever vectors there are. No fused multiply-add: without the instruction it would be a library call. */
#ifndef ENG_KERNELS_SIMD_PORTABLE_H
#define ENG_KERNELS_SIMD_PORTABLE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/inline.h"

typedef struct { float f[16]; } vf16;
typedef struct { int32_t i[16]; } vi16;

#define EACH16(v, member, expression) \
    do {                              \
        for (int i = 0; i < 16; i++)  \
            (v).member[i] = expression; \
    } while (0)

ENG_INLINE vf16 vf_set1(float s) { vf16 v; EACH16(v, f, s); return v; }
ENG_INLINE vf16 vf_load(const float *p) { vf16 v; memcpy(&v, p, sizeof(v)); return v; }
ENG_INLINE void vf_store(float *p, vf16 v) { memcpy(p, &v, sizeof(v)); }
ENG_INLINE vf16 vf_add(vf16 a, vf16 b) { EACH16(a, f, a.f[i] + b.f[i]); return a; }
ENG_INLINE vf16 vf_sub(vf16 a, vf16 b) { EACH16(a, f, a.f[i] - b.f[i]); return a; }
ENG_INLINE vf16 vf_mul(vf16 a, vf16 b) { EACH16(a, f, a.f[i] * b.f[i]); return a; }
ENG_INLINE vf16 vf_div(vf16 a, vf16 b) { EACH16(a, f, a.f[i] / b.f[i]); return a; }
ENG_INLINE vf16 vf_max(vf16 a, vf16 b) { EACH16(a, f, a.f[i] > b.f[i] ? a.f[i] : b.f[i]); return a; } /* b where either is NaN */
ENG_INLINE vf16 vf_min(vf16 a, vf16 b) { EACH16(a, f, a.f[i] < b.f[i] ? a.f[i] : b.f[i]); return a; } /* likewise */
ENG_INLINE vf16 vf_fma(vf16 a, vf16 b, vf16 c) { EACH16(c, f, a.f[i] * b.f[i] + c.f[i]); return c; }

/* To nearest even for |v| < 2^22: adding 1.5 2^23 leaves the integer in the low bits. NaN gives some integer. */
ENG_INLINE vi16 vi_round(vf16 v)
{
    vi16 n;
    EACH16(v, f, v.f[i] + 0x1.8p23f);
    memcpy(&n, &v, sizeof(n));
    EACH16(n, i, (int32_t)((uint32_t)n.i[i] - 0x4b400000u));
    return n;
}

ENG_INLINE vf16 vf_from_int(vi16 n) { vf16 v; EACH16(v, f, (float)n.i[i]); return v; }

ENG_INLINE vf16 vf_exp2_int(vi16 n) /* 2^n for n in [-126, 127] */
{
    vf16 v;
    EACH16(n, i, (int32_t)((uint32_t)(n.i[i] + 127) << 23));
    memcpy(&v, &n, sizeof(v));
    return v;
}

ENG_INLINE vf16 vf_zero_below(vf16 v, vf16 x, float limit) /* v, and 0 where x < limit; NaN in x keeps v */
{
    EACH16(v, f, x.f[i] < limit ? 0.0f : v.f[i]);
    return v;
}

ENG_INLINE float vf_sum(vf16 v)
{
    float s[4];
    for (int i = 0; i < 4; i++)
        s[i] = (v.f[i] + v.f[i + 4]) + (v.f[i + 8] + v.f[i + 12]);
    return (s[0] + s[1]) + (s[2] + s[3]);
}

#endif
