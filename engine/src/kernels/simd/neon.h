/** simd/neon.h - the primitives of body/ for aarch64 NEON: 16 lanes are four q registers. The integer dot products are usdot and usmmla
 * with __ARM_FEATURE_MATMUL_INT8, sdot with __ARM_FEATURE_DOTPROD, else widening multiplies. */
#ifndef ENG_KERNELS_SIMD_NEON_H
#define ENG_KERNELS_SIMD_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/inline.h"

typedef float32x4x4_t vf16;
typedef int32x4x4_t vi16;

#define TILE_PANELS 1 /* panels and tokens that a kernel carries at a time: 4 sums of 4 registers, codes and activations in 32 */
#define TILE_Q8 4
#define TILE_F32 4

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

ENG_INLINE vi16 vi_byte(vi16 v, int k)
{
    EACH4(v, vandq_s32(vshlq_s32(v.val[i], vdupq_n_s32(-8 * k)), vdupq_n_s32(255)));
    return v;
}

/* ---- packed weights ---- */

ENG_INLINE vf16 vf_from_bits(vi16 n) { vf16 v; EACH4(v, vreinterpretq_f32_s32(n.val[i])); return v; }
ENG_INLINE vf16 vf_negate(vf16 v) { EACH4(v, vnegq_f32(v.val[i])); return v; }
ENG_INLINE void vi_store(void *p, vi16 v) { ENG_UNROLL for (int i = 0; i < 4; i++) vst1q_u8((uint8_t *)p + 16 * i, vreinterpretq_u8_s32(v.val[i])); }
ENG_INLINE vi16 vi_sub(vi16 a, vi16 b) { EACH4(a, vsubq_s32(a.val[i], b.val[i])); return a; }
ENG_INLINE vi16 vi_or(vi16 a, vi16 b) { EACH4(a, vorrq_s32(a.val[i], b.val[i])); return a; }
ENG_INLINE vi16 vi_shift_left(vi16 v, int n) { EACH4(v, vshlq_s32(v.val[i], vdupq_n_s32(n))); return v; }

ENG_INLINE vi16 vi_shift_right(vi16 v, int n) /* zeros come in */
{
    EACH4(v, vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(v.val[i]), vdupq_n_s32(-n))));
    return v;
}

ENG_INLINE vi16 vi_load_u16(const void *p)
{
    vi16 v;
    EACH4(v, vreinterpretq_s32_u32(vmovl_u16(vreinterpret_u16_u8(vld1_u8((const uint8_t *)p + 8 * i)))));
    return v;
}

ENG_INLINE vi16 vi_load_u8(const void *p)
{
    const uint8x16_t bytes = vld1q_u8(p);
    const uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_high_u8(bytes);
    return (vi16){{vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(low))), vreinterpretq_s32_u32(vmovl_high_u16(low)),
                   vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(high))), vreinterpretq_s32_u32(vmovl_high_u16(high))}};
}

ENG_INLINE vi16 vi_signed_byte(vi16 v, int k)
{
    EACH4(v, vshrq_n_s32(vshlq_s32(v.val[i], vdupq_n_s32(24 - 8 * k)), 24));
    return v;
}

ENG_INLINE vi16 vi_flip_bytes(vi16 v) { EACH4(v, veorq_s32(v.val[i], vdupq_n_s32((int32_t)0x80808080u))); return v; }

ENG_INLINE vi16 vi_mask_bytes(vi16 v, int mask) { EACH4(v, vandq_s32(v.val[i], vreinterpretq_s32_u8(vdupq_n_u8((uint8_t)mask)))); return v; }

ENG_INLINE vi16 vi_add_bytes(vi16 v, int n) { EACH4(v, vreinterpretq_s32_u8(vaddq_u8(vreinterpretq_u8_s32(v.val[i]), vdupq_n_u8((uint8_t)n)))); return v; }

/* Bits [shift, shift + bits) of each byte; and the same moved to bit @to. */
ENG_INLINE vi16 vi_bit_field(vi16 v, int shift, int bits) { return vi_mask_bytes(vi_shift_right(v, shift), (1 << bits) - 1); }

ENG_INLINE vi16 vi_bit_field_to(vi16 v, int shift, int bits, int to)
{
    return vi_mask_bytes(shift > to ? vi_shift_right(v, shift - to) : vi_shift_left(v, to - shift), ((1 << bits) - 1) << to);
}

/* 16 values + 128, and a look-up of each byte in them. */
ENG_INLINE vi16 vi_table(const int8_t values[16])
{
    vi16 v;
    EACH4(v, vreinterpretq_s32_s8(vld1q_s8(values)));
    return vi_flip_bytes(v);
}

ENG_INLINE vi16 vi_look_up(vi16 table, vi16 codes)
{
    EACH4(codes, vreinterpretq_s32_u8(vqtbl1q_u8(vreinterpretq_u8_s32(table.val[i]), vreinterpretq_u8_s32(codes.val[i]))));
    return codes;
}

/* Integer sums of products, 4 columns at a time. Without usdot codes are signed: those of 8 bits lose their offset before, fewer bits
 * are small enough as they are. */
#if defined(__ARM_FEATURE_MATMUL_INT8)
#define DOT_UNSIGNED_BYTES 1
#else
#define DOT_UNSIGNED_BYTES 0
#endif
#define DOT_WIDTH(bits) 8

/* sum[row] += sum over 4 columns of code x q; @four: the same 4 activations in every lane. */
ENG_INLINE int32x4_t dot4(int32x4_t sum, int32x4_t codes, int8x16_t four)
{
#if defined(__ARM_FEATURE_MATMUL_INT8)
    return vusdotq_s32(sum, vreinterpretq_u8_s32(codes), four);
#elif defined(__ARM_FEATURE_DOTPROD)
    return vdotq_s32(sum, vreinterpretq_s8_s32(codes), four);
#else
    const int8x16_t c = vreinterpretq_s8_s32(codes);
    const int16x8_t low = vmull_s8(vget_low_s8(c), vget_low_s8(four)), high = vmull_high_s8(c, four);
    return vaddq_s32(sum, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
#endif
}

ENG_INLINE vi16 acc_begin(int width, int32_t start) { (void)width; return vi_set1(start); }
ENG_INLINE vi16 acc_end(int width, vi16 acc, int32_t start) { (void)width; (void)start; return acc; }

ENG_INLINE vi16 acc_dot(int width, vi16 acc, vi16 codes, vi16 four)
{
    (void)width;
    EACH4(acc, dot4(acc.val[i], codes.val[i], vreinterpretq_s8_s32(four.val[i])));
    return acc;
}

#if defined(__ARM_FEATURE_MATMUL_INT8)

/* usmmla multiplies 2 rows x 8 columns by 8 columns x 2 tokens: twice the products of usdot. In tiles (body/dots.h) a register of codes
 * therefore holds 8 columns of 2 rows, and a pair of sums [2 rows][2 tokens] until its end. */
#define DOT_TOKENS 2
#define DOT_COLUMNS 8

typedef struct { uint8x16_t rows[8]; } dot_codes;

ENG_INLINE dot_codes dot_load(const uint8_t *p)
{
    dot_codes codes;
    ENG_UNROLL
    for (int i = 0; i < 8; i++)
        codes.rows[i] = vld1q_u8(p + 16 * i);
    return codes;
}

ENG_INLINE void dot_store(uint8_t *p, const vi16 code[8])
{
    ENG_UNROLL
    for (int i = 0; i < 16; i++, p += 32) { /* 4 rows: columns 4 g .. from one register, 4 g + 4 .. from the next */
        const int32x4_t a = code[i / 4 * 2].val[i % 4], b = code[i / 4 * 2 + 1].val[i % 4];
        vst1q_u8(p, vreinterpretq_u8_s32(vzip1q_s32(a, b)));
        vst1q_u8(p + 16, vreinterpretq_u8_s32(vzip2q_s32(a, b)));
    }
}

ENG_INLINE void dot_begin(int width, vi16 *acc, const int32_t *start, size_t next)
{
    const int32x4_t pair = vzip1q_s32(vdupq_n_s32(start[0]), vdupq_n_s32(start[next]));
    (void)width;
    ENG_UNROLL
    for (int i = 0; i < 8; i++)
        acc[i / 4].val[i % 4] = pair;
}

ENG_INLINE void dot_add(int width, vi16 *acc, dot_codes codes, const int8_t *q, size_t next)
{
    const int8x16_t pair = vcombine_s8(vld1_s8(q), vld1_s8(q + 32 * next));
    (void)width;
    ENG_UNROLL
    for (int i = 0; i < 8; i++)
        acc[i / 4].val[i % 4] = vusmmlaq_s32(acc[i / 4].val[i % 4], codes.rows[i], pair);
}

ENG_INLINE void dot_end(int width, vi16 *acc, const int32_t *start)
{
    const vi16 a = acc[0], b = acc[1];
    (void)width, (void)start;
    ENG_UNROLL
    for (int i = 0; i < 4; i++) {
        const int32x4_t even = i < 2 ? a.val[2 * i] : b.val[2 * i - 4], odd = i < 2 ? a.val[2 * i + 1] : b.val[2 * i - 3];
        acc[0].val[i] = vuzp1q_s32(even, odd);
        acc[1].val[i] = vuzp2q_s32(even, odd);
    }
}

#endif

#endif
