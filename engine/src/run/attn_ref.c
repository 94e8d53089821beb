/* attn_ref.c - attention in plain C: the reference for the other sets, and what runs where there is no vector unit. */
#include "run/attn_tables.h"

#include "kernels/simd/portable.h"
#include "types/types.h"

ENG_INLINE vf16 vf_load_half(const void *p)
{
    const uint16_t *half = p;
    float lane[16];
    for (int i = 0; i < 16; i++)
        lane[i] = eng_f16_to_f32(half[i]);
    return vf_load(lane);
}

ENG_INLINE vf16 vf_set1_half(const uint16_t *p) { return vf_set1(eng_f16_to_f32(*p)); }

ENG_INLINE vf16 vf_load_bytes(const void *p)
{
    const int8_t *code = p;
    float lane[16];
    for (int i = 0; i < 16; i++)
        lane[i] = (float)code[i];
    return vf_load(lane);
}

/* Nibbles of 16 bytes, less 8: the low ones or, with @shift 4, the high ones. */
ENG_INLINE vf16 load_nibbles(const uint8_t *code, int shift)
{
    float lane[16];
    for (int i = 0; i < 16; i++)
        lane[i] = (float)((code[i] >> shift & 15) - 8);
    return vf_load(lane);
}

ENG_INLINE vf16 vf_load_low(const void *p) { return load_nibbles(p, 0); }
ENG_INLINE vf16 vf_load_high(const void *p) { return load_nibbles(p, 4); }

ENG_INLINE float vf_top(vf16 v)
{
    float lane[16], top;
    vf_store(lane, v);
    top = lane[0];
    for (int i = 1; i < 16; i++)
        top = lane[i] > top ? lane[i] : top;
    return top;
}

ENG_INLINE vf16 vf_times_exp2(vf16 p, vi16 whole, vf16 n, vf16 x, float limit)
{
    (void)n;
    return vf_zero_below(vf_mul(p, vf_exp2_int(whole)), x, limit);
}

#define ATTN_GROUP 1
#define ATTN_COLUMNS(rows) 1
#define ATTN_NAME "ref"
#define ATTN_TABLE eng_attn_ref
#include "run/attn_body.h"
