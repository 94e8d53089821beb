/* peak_neon.c - 64-bit Arm; built three times: also with the 8-bit dot product of Armv8.2 (PEAK_DOTPROD) and with the 8-bit matrix
 * product of Armv8.6 (PEAK_I8MM). */
#include "harness/peak.h"

#include <arm_neon.h>

typedef float32x4_t vec_f;
typedef int8x16_t vec_i;
enum { LANES = 4, N_ACC = 24 };
#ifdef PEAK_I8MM
enum { DOT_OPS = 64 };
#else
enum { DOT_OPS = 32 };
#endif

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
#if defined(PEAK_I8MM)
    return vreinterpretq_s8_s32(vusmmlaq_s32(s, vreinterpretq_u8_s8(a), b));
#elif defined(PEAK_DOTPROD)
    return vreinterpretq_s8_s32(vdotq_s32(s, a, b));
#else
    const int16x8_t products = vmlal_s8(vmull_s8(vget_low_s8(a), vget_low_s8(b)), vget_high_s8(a), vget_high_s8(b));
    return vreinterpretq_s8_s32(vpadalq_s16(s, products));
#endif
}

#include "harness/peak_body.h"

#if defined(PEAK_I8MM)
const struct mb_peak mb_peak_neon_i8mm = {"neon_i8mm", "asimd i8mm", peak_f32, peak_int8, peak_read};
#elif defined(PEAK_DOTPROD)
const struct mb_peak mb_peak_neon_dotprod = {"neon_dotprod", "asimd asimddp", peak_f32, peak_int8, peak_read};
#else
const struct mb_peak mb_peak_neon = {"neon", "asimd", peak_f32, peak_int8, peak_read};
#endif
