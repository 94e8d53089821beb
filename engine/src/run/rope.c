/* rope.c - angles in double, rotation in float; see rope.h. */
#include "run/rope.h"

#include <math.h>
#include <string.h>

/* The pair that turns @turns times in the trained context. */
static double pair_of(const struct eng_rope *rope, double turns)
{
    return rope->n_rot * log(rope->n_ctx_orig / (turns * 2 * M_PI)) / (2 * log((double)rope->base));
}

/* How much of pair i stays as trained: 1 fast, 0 slow. */
static double kept_share(const struct eng_rope *rope, uint32_t i)
{
    const double first = fmax(0, floor(pair_of(rope, (double)rope->beta_fast)));
    const double last = fmin(rope->n_rot - 1, ceil(pair_of(rope, (double)rope->beta_slow)));
    const double at = (i - first) / fmax(0.001, last - first);
    return 1 - fmin(1, fmax(0, at));
}

void eng_rope_frequencies(const struct eng_rope *rope, uint32_t n_ctx, double *freq)
{
    const float *factors = n_ctx > rope->n_ctx_orig && rope->factors_long ? rope->factors_long : rope->factors;
    for (uint32_t i = 0; i < rope->n_rot / 2; i++) {
        const double f = pow((double)rope->base, -2.0 * i / rope->n_rot) / (factors ? (double)factors[i] : 1.0);
        const double kept = rope->yarn ? kept_share(rope, i) : 0;
        freq[i] = f / (double)rope->scale * (1 - kept) + f * kept;
    }
}

void eng_rope_turn(const struct eng_rope *rope, const double *freq, uint32_t position, float *turn)
{
    const uint32_t n = rope->n_rot / 2;
    const bool halves = rope->kind == ENG_ROPE_HALVES;
    for (uint32_t i = 0; i < n; i++) {
        double s, c;
        sincos(position * freq[i], &s, &c);
        turn[halves ? i : 2 * i] = (float)(c * (double)rope->magnitude);
        turn[halves ? n + i : 2 * i + 1] = (float)(s * (double)rope->magnitude);
    }
}

static void turn_pairs(float *y, const float *x, uint32_t n_rot, const float *turn)
{
    for (uint32_t i = 0; i < n_rot; i += 2) {
        const float a = x[i], b = x[i + 1], c = turn[i], s = turn[i + 1];
        y[i] = a * c - b * s;
        y[i + 1] = a * s + b * c;
    }
}

static void turn_halves(float *y, const float *x, uint32_t n_rot, const float *turn)
{
    const uint32_t n = n_rot / 2;
    for (uint32_t i = 0; i < n; i++) {
        const float a = x[i], b = x[n + i], c = turn[i], s = turn[n + i];
        y[i] = a * c - b * s;
        y[n + i] = a * s + b * c;
    }
}

void eng_rope_apply(const struct eng_rope *rope, float *y, const float *x, uint32_t n_heads, uint32_t d_head, uint32_t first,
                    const float *turn)
{
    for (uint32_t h = 0; h < n_heads; h++, x += d_head, y += d_head) {
        if (y != x)
            memcpy(y, x, d_head * sizeof *x);
        if (rope->kind == ENG_ROPE_HALVES)
            turn_halves(y + first, y + first, rope->n_rot, turn);
        else
            turn_pairs(y + first, y + first, rope->n_rot, turn);
    }
}
