/* attn_neon.c - attention with four 128-bit registers per 16 lanes (Armv8 Advanced SIMD, always there on 64-bit Arm). */
#include "run/attn_tables.h"

#if defined(__aarch64__)
#include "kernels/simd/neon.h"

ENG_INLINE vf16 bytes_to_floats(int8x16_t b)
{
    const int16x8_t low = vmovl_s8(vget_low_s8(b)), high = vmovl_s8(vget_high_s8(b));
    const vi16 v = {{vmovl_s16(vget_low_s16(low)), vmovl_s16(vget_high_s16(low)), vmovl_s16(vget_low_s16(high)), vmovl_s16(vget_high_s16(high))}};
    return vf_from_int(v);
}

ENG_INLINE vf16 vf_load_bytes(const void *p) { return bytes_to_floats(vld1q_s8(p)); }

ENG_INLINE vf16 vf_set1_half(const uint16_t *p)
{
    const float32x4_t v = vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(*p)));
    return (vf16){{v, v, v, v}};
}

ENG_INLINE vf16 vf_load_low(const void *p)
{
    return bytes_to_floats(vsubq_s8(vreinterpretq_s8_u8(vandq_u8(vld1q_u8(p), vdupq_n_u8(15))), vdupq_n_s8(8)));
}

ENG_INLINE vf16 vf_load_high(const void *p)
{
    return bytes_to_floats(vsubq_s8(vreinterpretq_s8_u8(vshrq_n_u8(vld1q_u8(p), 4)), vdupq_n_s8(8)));
}

ENG_INLINE vf16 vf_times_exp2(vf16 p, vi16 whole, vf16 n, vf16 x, float limit)
{
    (void)n;
    return vf_zero_below(vf_mul(p, vf_exp2_int(whole)), x, limit);
}

#define ATTN_GROUP 6
#define ATTN_COLUMNS(rows) ((rows) <= 1 ? 4 : (rows) <= 3 ? 2 : 1) /* 6 x 1: 24 sums, 4 loads and a broadcast of 32 registers */
#define ATTN_NAME "neon"
#define ATTN_TABLE eng_attn_neon
#include "run/attn_body.h"
#endif
