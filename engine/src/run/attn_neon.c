/* attn_neon.c - attention products with four 128-bit registers per 16 lanes (Armv8 Advanced SIMD, always there on 64-bit Arm). */
#include "run/attn_tables.h"

#if defined(__aarch64__)
#include <arm_neon.h>

typedef struct {
    float32x4_t q[4];
} vec;

static inline vec vec_zero(void)
{
    const float32x4_t z = vdupq_n_f32(0);
    return (vec){{z, z, z, z}};
}

static inline vec vec_load(const float *p)
{
    return (vec){{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
}

static inline float32x4_t half4(const uint16_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

static inline vec vec_load_half(const uint16_t *p)
{
    return (vec){{half4(p), half4(p + 4), half4(p + 8), half4(p + 12)}};
}

static inline void vec_store(float *p, vec v)
{
    for (int i = 0; i < 4; i++)
        vst1q_f32(p + 4 * i, v.q[i]);
}

static inline vec vec_scale(vec v, float s)
{
    for (int i = 0; i < 4; i++)
        v.q[i] = vmulq_n_f32(v.q[i], s);
    return v;
}

static inline vec vec_fma(vec acc, float s, vec v)
{
    for (int i = 0; i < 4; i++)
        acc.q[i] = vfmaq_n_f32(acc.q[i], v.q[i], s);
    return acc;
}

#define SCORE_TILES_WIDE 2
#define SCORE_TILES_NARROW 1
#define MIX_CHUNKS 1
#define ATTN_NAME "neon"
#define ATTN_TABLE eng_attn_neon
#include "run/attn_body.h"
#endif
