/** simd/plain.h - the primitives of body/ that attention needs, in portable C: 16 lanes are an array. */
#ifndef ENG_KERNELS_SIMD_PLAIN_H
#define ENG_KERNELS_SIMD_PLAIN_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/inline.h"
#include "types/types.h"

typedef struct { float lane[16]; } vf16;
typedef struct { int32_t lane[16]; } vi16;

#define EACH_LANE for (int i = 0; i < 16; i++)

ENG_INLINE vf16 vf_set1(float s) { vf16 v; EACH_LANE v.lane[i] = s; return v; }
ENG_INLINE vf16 vf_load(const float *p) { vf16 v; EACH_LANE v.lane[i] = p[i]; return v; }
ENG_INLINE void vf_store(float *p, vf16 v) { EACH_LANE p[i] = v.lane[i]; }
ENG_INLINE vf16 vf_add(vf16 a, vf16 b) { EACH_LANE a.lane[i] += b.lane[i]; return a; }
ENG_INLINE vf16 vf_sub(vf16 a, vf16 b) { EACH_LANE a.lane[i] -= b.lane[i]; return a; }
ENG_INLINE vf16 vf_mul(vf16 a, vf16 b) { EACH_LANE a.lane[i] *= b.lane[i]; return a; }
ENG_INLINE vf16 vf_div(vf16 a, vf16 b) { EACH_LANE a.lane[i] /= b.lane[i]; return a; }
ENG_INLINE vf16 vf_max(vf16 a, vf16 b) { EACH_LANE a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; return a; } /* b where either is NaN */
ENG_INLINE vf16 vf_min(vf16 a, vf16 b) { EACH_LANE a.lane[i] = a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; return a; } /* likewise */
ENG_INLINE vf16 vf_fma(vf16 a, vf16 b, vf16 c) { EACH_LANE c.lane[i] += a.lane[i] * b.lane[i]; return c; } /* a b + c, rounded twice */

ENG_INLINE vf16 vf_load_half(const void *p)
{
    const uint16_t *half = p;
    vf16 v;
    EACH_LANE v.lane[i] = eng_f16_to_f32(half[i]);
    return v;
}

ENG_INLINE vi16 vi_round(vf16 v) /* to nearest even; NaN gives 0 */
{
    vi16 n;
    EACH_LANE n.lane[i] = v.lane[i] == v.lane[i] ? (int32_t)lrintf(v.lane[i]) : 0;
    return n;
}

ENG_INLINE vf16 vf_from_int(vi16 n) { vf16 v; EACH_LANE v.lane[i] = (float)n.lane[i]; return v; }
ENG_INLINE vf16 vf_exp2_int(vi16 n) { vf16 v; EACH_LANE v.lane[i] = ldexpf(1.0f, n.lane[i]); return v; }
ENG_INLINE float vf_sum(vf16 v) { float sum = 0.0f; EACH_LANE sum += v.lane[i]; return sum; }
ENG_INLINE float vf_top(vf16 v) { float top = v.lane[0]; EACH_LANE top = v.lane[i] > top ? v.lane[i] : top; return top; }

/* v, and 0 where x < limit; NaN in x keeps v */
ENG_INLINE vf16 vf_zero_below(vf16 v, vf16 x, float limit)
{
    EACH_LANE v.lane[i] = x.lane[i] < limit ? 0.0f : v.lane[i];
    return v;
}

#endif
