/*
 * kquant.c - the search of a block of a k type, in two stages: the best scale and minimum of each group by itself (search.h); then these as
 * whole multiples of the block's halves, where every whole number is also tried one up and one down, for the rounding of one can be made
 * up for by the other and by the codes.
 */
#include "types/kquant.h"

#include "types/encode.h"
#include "types/types.h"

#define BLOCK 256

/* The pair of whole numbers next to (s, m) that fits best once they are multiplied by the unit. */
static void refine_pair(const float *x, const float *w, const struct eng_k_affine_rule *rule, struct eng_fit unit, uint8_t *s, uint8_t *m)
{
    struct eng_fit pairs[12];
    uint8_t near_s[12], near_m[12];
    for (int t = 0; t < 12; t++) { /* first the pair itself, which also fills the vector up */
        const int k = t < 9 ? (t + 4) % 9 : 4;
        near_s[t] = (uint8_t)eng_whole((float)(*s + k / 3 - 1), 0, rule->scale_top);
        near_m[t] = (uint8_t)eng_whole((float)(*m + k % 3 - 1), 0, rule->scale_top);
        pairs[t] = (struct eng_fit){unit.scale * (float)near_s[t], unit.min * (float)near_m[t]};
    }
    const int best = eng_least_error(x, w, rule->group_elems, pairs, 12, 0, rule->top);
    *s = near_s[best];
    *m = near_m[best];
}

void eng_k_affine(const float *x, const struct eng_k_affine_rule *rule, struct eng_k_affine *out)
{
    const size_t n = rule->group_elems, n_groups = BLOCK / n;
    const float top = (float)rule->scale_top;
    struct eng_fit fit[16];
    float w[BLOCK], most_scale = 0.0f, most_min = 0.0f;
    for (size_t g = 0; g < n_groups; g++) {
        eng_weigh(x + g * n, n, w + g * n);
        fit[g] = eng_fit_affine(x + g * n, w + g * n, n, rule->top, &rule->tries);
        most_scale = fit[g].scale > most_scale ? fit[g].scale : most_scale;
        most_min = -fit[g].min > most_min ? -fit[g].min : most_min;
    }
    out->d = eng_f32_to_f16(most_scale / top);
    out->dmin = eng_f32_to_f16(most_min / top);
    const struct eng_fit unit = {eng_half_to_f32(out->d), -eng_half_to_f32(out->dmin)};
    for (size_t g = 0; g < n_groups; g++) {
        out->s[g] = (uint8_t)eng_whole(fit[g].scale * (most_scale > 0.0f ? top / most_scale : 0.0f), 0, rule->scale_top);
        out->m[g] = (uint8_t)eng_whole(-fit[g].min * (most_min > 0.0f ? top / most_min : 0.0f), 0, rule->scale_top);
        refine_pair(x + g * n, w + g * n, rule, unit, &out->s[g], &out->m[g]);
        eng_whole_codes(x + g * n, n, unit.scale * (float)out->s[g], unit.min * (float)out->m[g], 0, rule->top, out->code + g * n);
    }
}

static int refine_scale(const float *x, const float *w, const struct eng_k_signed_rule *rule, float d, int s)
{
    struct eng_fit pairs[4];
    int near[4];
    for (int t = 0; t < 4; t++) {
        near[t] = eng_whole((float)(s + (t == 3 ? 0 : (t + 1) % 3 - 1)), -rule->scale_half, rule->scale_half - 1);
        pairs[t] = (struct eng_fit){d * (float)near[t], 0.0f};
    }
    return near[eng_least_error(x, w, 16, pairs, 4, -rule->half, rule->half - 1)];
}

void eng_k_signed(const float *x, const struct eng_k_signed_rule *rule, struct eng_k_signed *out)
{
    float w[BLOCK], scales[16];
    for (size_t g = 0; g < 16; g++) {
        eng_weigh(x + 16 * g, 16, w + 16 * g);
        scales[g] = eng_fit_signed(x + 16 * g, w + 16 * g, 16, -rule->half, rule->half - 1, &rule->tries);
    }
    const float extreme = eng_extreme(scales, 16), half = (float)rule->scale_half;
    out->d = eng_f32_to_f16(extreme / -half);
    const float d = eng_half_to_f32(out->d);
    for (size_t g = 0; g < 16; g++) {
        const int s = extreme != 0.0f ? eng_whole(scales[g] * (-half / extreme), -rule->scale_half, rule->scale_half - 1) : 0;
        out->s[g] = (int8_t)refine_scale(x + 16 * g, w + 16 * g, rule, d, s);
        eng_whole_codes(x + 16 * g, 16, d * (float)out->s[g], 0.0f, -rule->half, rule->half - 1, out->code + 16 * g);
    }
}
