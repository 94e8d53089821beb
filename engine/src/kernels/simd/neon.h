/** simd/neon.h - the primitives of body/ for aarch64 NEON: 16 lanes are four q registers. With __ARM_FEATURE_DOTPROD the integer
 * dot products are sdot; without, widening multiplies. */
#ifndef ENG_KERNELS_SIMD_NEON_H
#define ENG_KERNELS_SIMD_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/inline.h"

typedef float32x4x4_t vf16;
typedef int32x4x4_t vi16;

#define TILE_Q8 4
#define TILE_F32 4
#define CHAINS_F32 1 /* sums per result, so that an FMA need not wait for the one before */

#define EACH4(v, expression)         \
    do {                             \
        ENG_UNROLL                   \
        for (int i = 0; i < 4; i++)  \
            (v).val[i] = expression; \
    } while (0)

ENG_INLINE vf16 vf_set1(float s) { vf16 v; EACH4(v, vdupq_n_f32(s)); return v; }
ENG_INLINE vf16 vf_load(const float *p) { vf16 v; EACH4(v, vld1q_f32(p + 4 * i)); return v; }
ENG_INLINE void vf_store(float *p, vf16 v) { ENG_UNROLL for (int i = 0; i < 4; i++) vst1q_f32(p + 4 * i, v.val[i]); }
ENG_INLINE vf16 vf_add(vf16 a, vf16 b) { EACH4(a, vaddq_f32(a.val[i], b.val[i])); return a; }
ENG_INLINE vf16 vf_sub(vf16 a, vf16 b) { EACH4(a, vsubq_f32(a.val[i], b.val[i])); return a; }
ENG_INLINE vf16 vf_mul(vf16 a, vf16 b) { EACH4(a, vmulq_f32(a.val[i], b.val[i])); return a; }
ENG_INLINE vf16 vf_div(vf16 a, vf16 b) { EACH4(a, vdivq_f32(a.val[i], b.val[i])); return a; }
ENG_INLINE vf16 vf_max(vf16 a, vf16 b) { EACH4(a, vmaxq_f32(a.val[i], b.val[i])); return a; } /* NaN where either is */
ENG_INLINE vf16 vf_min(vf16 a, vf16 b) { EACH4(a, vminq_f32(a.val[i], b.val[i])); return a; } /* likewise */
ENG_INLINE vf16 vf_fma(vf16 a, vf16 b, vf16 c) { EACH4(c, vfmaq_f32(c.val[i], a.val[i], b.val[i])); return c; } /* a b + c */

ENG_INLINE vf16 vf_load_half(const void *p)
{
    vf16 v;
    EACH4(v, vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8((const uint8_t *)p + 8 * i))));
    return v;
}

ENG_INLINE void vf_store_half(void *p, vf16 v)
{
    ENG_UNROLL
    for (int i = 0; i < 4; i++)
        vst1_u8((uint8_t *)p + 8 * i, vreinterpret_u8_f16(vcvt_f16_f32(v.val[i])));
}

ENG_INLINE vi16 vi_set1(int32_t s) { vi16 v; EACH4(v, vdupq_n_s32(s)); return v; }
ENG_INLINE vi16 vi_load(const void *p) { vi16 v; EACH4(v, vreinterpretq_s32_u8(vld1q_u8((const uint8_t *)p + 16 * i))); return v; }
ENG_INLINE vi16 vi_add(vi16 a, vi16 b) { EACH4(a, vaddq_s32(a.val[i], b.val[i])); return a; }
ENG_INLINE vi16 vi_max(vi16 a, vi16 b) { EACH4(a, vmaxq_s32(a.val[i], b.val[i])); return a; }
ENG_INLINE vi16 vi_and(vi16 a, vi16 b) { EACH4(a, vandq_s32(a.val[i], b.val[i])); return a; }
ENG_INLINE vi16 vi_round(vf16 f) { vi16 v; EACH4(v, vcvtnq_s32_f32(f.val[i])); return v; } /* to nearest even */
ENG_INLINE vf16 vf_from_int(vi16 n) { vf16 v; EACH4(v, vcvtq_f32_s32(n.val[i])); return v; }
ENG_INLINE vi16 vi_bits(vf16 f) { vi16 v; EACH4(v, vreinterpretq_s32_f32(f.val[i])); return v; }
ENG_INLINE int32_t vi_sum(vi16 v) { return vaddvq_s32(vaddq_s32(vaddq_s32(v.val[0], v.val[1]), vaddq_s32(v.val[2], v.val[3]))); }
ENG_INLINE int32_t vi_top(vi16 v) { return vmaxvq_s32(vmaxq_s32(vmaxq_s32(v.val[0], v.val[1]), vmaxq_s32(v.val[2], v.val[3]))); }
ENG_INLINE float vf_sum(vf16 v) { return vaddvq_f32(vaddq_f32(vaddq_f32(v.val[0], v.val[1]), vaddq_f32(v.val[2], v.val[3]))); }
ENG_INLINE float vf_top(vf16 v) { return vmaxvq_f32(vmaxq_f32(vmaxq_f32(v.val[0], v.val[1]), vmaxq_f32(v.val[2], v.val[3]))); }

ENG_INLINE void vi_store_bytes(int8_t *p, vi16 v) /* values fit a signed byte */
{
    const int16x8_t low = vcombine_s16(vmovn_s32(v.val[0]), vmovn_s32(v.val[1]));
    const int16x8_t high = vcombine_s16(vmovn_s32(v.val[2]), vmovn_s32(v.val[3]));
    vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
}

ENG_INLINE vf16 vf_exp2_int(vi16 n) /* 2^n for n in [-126, 127] */
{
    vf16 v;
    EACH4(v, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n.val[i], vdupq_n_s32(127)), 23)));
    return v;
}

ENG_INLINE vf16 vf_zero_below(vf16 v, vf16 x, float limit) /* v, and 0 where x < limit; NaN in x keeps v */
{
    EACH4(v, vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v.val[i]), vcltq_f32(x.val[i], vdupq_n_f32(limit)))));
    return v;
}

ENG_INLINE vi16 vi_low_nibbles(vi16 v) { EACH4(v, vandq_s32(v.val[i], vdupq_n_s32(0x0f0f0f0f))); return v; }

ENG_INLINE vi16 vi_high_nibbles(vi16 v)
{
    EACH4(v, vreinterpretq_s32_u8(vshrq_n_u8(vreinterpretq_u8_s32(v.val[i]), 4)));
    return v;
}

ENG_INLINE vi16 vi_byte(vi16 v, int k)
{
    EACH4(v, vandq_s32(vshlq_s32(v.val[i], vdupq_n_s32(-8 * k)), vdupq_n_s32(255)));
    return v;
}

/* Products here are signed x signed: code + 128 goes back to the code; nibbles are small enough as they are. */
#define DOT_BYTES_OFFSET 0
ENG_INLINE vi16 vi_for_dot(vi16 codes)
{
    EACH4(codes, veorq_s32(codes.val[i], vdupq_n_s32((int32_t)0x80808080u)));
    return codes;
}

/* sum[row] += sum over 4 columns of code x q; @four: the same 4 activations in every lane. */
ENG_INLINE int32x4_t dot4(int32x4_t sum, int32x4_t codes, int8x16_t four)
{
    const int8x16_t c = vreinterpretq_s8_s32(codes);
#if defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, c, four);
#else
    const int16x8_t low = vmull_s8(vget_low_s8(c), vget_low_s8(four)), high = vmull_high_s8(c, four);
    return vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
#endif
}

/* sum[t] += sum over 32 columns of code x q for 16 rows and n tokens; codes[8] are groups of 4 columns. */
ENG_INLINE void dots_bytes(size_t n, const vi16 codes[8], const int8_t (*q)[32], vi16 sum[])
{
    ENG_UNROLL
    for (int g = 0; g < 8; g++) {
        ENG_UNROLL
        for (size_t t = 0; t < n; t++) {
            const int8x16_t four = vreinterpretq_s8_s32(vdupq_n_s32(eng_load_i32(q[t] + 4 * g)));
            EACH4(sum[t], dot4(sum[t].val[i], codes[g].val[i], four));
        }
    }
}

ENG_INLINE void dots_nibbles(size_t n, const vi16 codes[8], const int8_t (*q)[32], vi16 sum[]) { dots_bytes(n, codes, q, sum); }

#endif
