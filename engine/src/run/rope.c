/* rope.c - angles in double, rotation in float; see rope.h. */
#include "run/rope.h"

#include <math.h>
#include <string.h>

void eng_rope_frequencies(const struct eng_hparams *hp, double *freq)
{
    for (uint32_t i = 0; i < hp->n_rope / 2; i++) {
        const double factor = hp->rope_factors ? (double)hp->rope_factors[i] : 1.0;
        freq[i] = pow((double)hp->rope_base, -2.0 * i / hp->n_rope) / factor / (double)hp->rope_scale;
    }
}

void eng_rope_turn(const double *freq, uint32_t n_rope, uint32_t position, float *turn)
{
    for (uint32_t i = 0; i < n_rope / 2; i++) {
        double s, c;
        sincos(position * freq[i], &s, &c);
        turn[2 * i] = (float)c;
        turn[2 * i + 1] = (float)s;
    }
}

void eng_rope_apply(float *y, const float *x, uint32_t n_heads, uint32_t d_head, uint32_t n_rope, const float *turn)
{
    for (uint32_t h = 0; h < n_heads; h++, x += d_head, y += d_head) {
        for (uint32_t i = 0; i < n_rope; i += 2) {
            const float a = x[i], b = x[i + 1], c = turn[i], s = turn[i + 1];
            y[i] = a * c - b * s;
            y[i + 1] = a * s + b * c;
        }
        if (y != x)
            memcpy(y + n_rope, x + n_rope, (d_head - n_rope) * sizeof *x);
    }
}
