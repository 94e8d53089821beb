/** body/round.h - activations to 8 bits: the same operations as eng_quantize_q8_ref(), hence the same bits. */
#ifndef ENG_KERNELS_BODY_ROUND_H
#define ENG_KERNELS_BODY_ROUND_H

#include "kernels/kernel.h"

ENG_INLINE void quantize_block(const float *x, struct eng_q8_group *group, size_t slot)
{
    const vf16 low = vf_load(x), high = vf_load(x + 16);
    const vi16 magnitude = vi_set1(0x7fffffff);
    const int32_t top = vi_top(vi_max(vi_and(vi_bits(low), magnitude), vi_and(vi_bits(high), magnitude))); /* NaN is largest */
    float amax, d, inverse = 0.0f;
    memcpy(&amax, &top, sizeof(amax));
    if (amax >= ENG_Q8_SMALLEST && amax <= ENG_Q8_LARGEST) {
        d = amax / 127.0f;
        inverse = 127.0f / amax;
    } else {
        d = amax >= ENG_Q8_SMALLEST || amax != amax ? amax / 127.0f : 0.0f;
    }
    const bool usable = inverse != 0.0f; /* else codes are 0, whatever x is */
    const vf16 scale = vf_set1(inverse);
    const vi16 a = usable ? vi_round(vf_mul(low, scale)) : vi_set1(0), b = usable ? vi_round(vf_mul(high, scale)) : vi_set1(0);
    const int32_t sum_low = vi_sum(a), sum = sum_low + vi_sum(b);
    vi_store_bytes(group->q[slot], a);
    vi_store_bytes(group->q[slot] + 16, b);
    group->d[slot] = d;
    group->sum[slot] = d * (float)sum;
    group->sum_q[slot] = sum;
    group->start128[slot] = ENG_DOT_START - 128 * sum;
    group->sum_low_q[slot] = sum_low;
}

ENG_INLINE void quantize_q8(const float *x, size_t n, struct eng_q8_group *group, size_t slot)
{
    for (size_t b = 0; b < n / ENG_BLOCK; b++)
        quantize_block(x + b * ENG_BLOCK, group + b, slot);
}

#endif
