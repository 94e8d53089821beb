/* peak_neon.c - 64-bit Arm; built twice, the second time (PEAK_DOTPROD) with the 8-bit dot product of Armv8.2. */
#include "harness/peak.h"

#include <arm_neon.h>

typedef float32x4_t vec_f;
typedef int8x16_t vec_i;
enum { LANES = 4, DOT_OPS = 32, N_ACC = 24 };

#define OPAQUE(v) __asm__ volatile("" : "+w"(v))

static inline vec_f set_f(float x) { return vdupq_n_f32(x); }
static inline vec_f fma_f(vec_f a, vec_f b, vec_f c) { return vfmaq_f32(c, a, b); }
static inline vec_i set_i(signed char x) { return vdupq_n_s8(x); }
static inline vec_i load_i(const void *p) { return vld1q_s8(p); }
static inline vec_i xor_i(vec_i a, vec_i b) { return veorq_s8(a, b); }
static inline uint64_t first_i(vec_i v) { return (uint64_t)vgetq_lane_s64(vreinterpretq_s64_s8(v), 0); }

static inline vec_i dot_i(vec_i sum, vec_i a, vec_i b)
{
    const int32x4_t s = vreinterpretq_s32_s8(sum);
#ifdef PEAK_DOTPROD
    return vreinterpretq_s8_s32(vdotq_s32(s, a, b));
#else
    const int16x8_t products = vmlal_s8(vmull_s8(vget_low_s8(a), vget_low_s8(b)), vget_high_s8(a), vget_high_s8(b));
    return vreinterpretq_s8_s32(vpadalq_s16(s, products));
#endif
}

#include "harness/peak_body.h"

#ifdef PEAK_DOTPROD
const struct mb_peak mb_peak_neon_dotprod = {"neon_dotprod", "asimd asimddp", peak_f32, peak_int8, peak_read};
#else
const struct mb_peak mb_peak_neon = {"neon", "asimd", peak_f32, peak_int8, peak_read};
#endif
