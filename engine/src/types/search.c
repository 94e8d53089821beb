/* search.c - one accumulating loop for each way of rounding, one solution for each kind of fit. */
#include "types/search.h"

#include "types/encode.h"

#define WHOLE 12582912.0f /* 1.5 2^23: added and taken away again it leaves the nearest whole number, ties to even */
#define N_TABLE 16

void eng_weigh(const float *x, size_t n, float *w)
{
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    const float rms = sqrtf(sum / (float)n);
    for (size_t i = 0; i < n; i++)
        w[i] = rms + fabsf(x[i]);
}

struct sums { /* over elements, weighted: codes q, remainders r = v - q; one of each for every try */
    float q[ENG_MAX_TRIES], qq[ENG_MAX_TRIES], r[ENG_MAX_TRIES], qr[ENG_MAX_TRIES], rr[ENG_MAX_TRIES];
};

/* Rounded to whole codes in [low, high], after a push of less than half a code up or down. */
static void add_whole(float y, float w, const float *restrict steps, const float *restrict push, int n_tries, float low, float high,
                      struct sums *restrict s)
{
    for (int t = 0; t < n_tries; t++) {
        const float v = y * steps[t];
        float q = (v + push[t] + WHOLE) - WHOLE;
        q = q > low ? q : low;
        q = q < high ? q : high;
        const float r = v - q, wq = w * q, wr = w * r;
        s->q[t] += wq;
        s->qq[t] += wq * q;
        s->r[t] += wr;
        s->qr[t] += wr * q;
        s->rr[t] += wr * r;
    }
}

/* Rounded to a table: value[k] and all the steps up from it whose middle is not above v. */
static void add_table(float y, float w, const float *restrict steps, int n_tries, const float *restrict value, const float *restrict middle,
                      struct sums *restrict s)
{
    for (int t = 0; t < n_tries; t++) {
        const float v = y * steps[t];
        float q = value[0];
        for (int k = 1; k < N_TABLE; k++)
            q = v >= middle[k] ? value[k] : q;
        const float r = v - q, wr = w * r;
        s->qq[t] += w * q * q;
        s->qr[t] += wr * q;
        s->rr[t] += wr * r;
    }
}

/* What rounding to codes in [low, high] leaves under given scales and minima. */
static void add_error(float x, float w, const float *restrict steps, const float *restrict scale, const float *restrict min, int n_tries,
                      float low, float high, float *restrict error)
{
    for (int t = 0; t < n_tries; t++) {
        const float y = x - min[t];
        float q = (y * steps[t] + WHOLE) - WHOLE;
        q = q > low ? q : low;
        q = q < high ? q : high;
        const float rest = y - scale[t] * q;
        error[t] += w * (rest * rest);
    }
}

/* With v = steps (x - low) = q + r, least squares of r on 1 and q corrects the scale 1 / steps and the minimum low that made v. */
struct eng_fit eng_fit_affine(const float *x, const float *w, size_t n, int top, const struct eng_tries *tries)
{
    const struct eng_range range = eng_range(x, n);
    const float low = range.low < 0.0f ? range.low : 0.0f, span = range.high - low;
    float steps[ENG_MAX_TRIES], push[ENG_MAX_TRIES], sum_w = 0.0f, least = INFINITY;
    struct sums s = {0};
    struct eng_fit best = {span / (float)top, low};
    if (!(span > 0.0f))
        return (struct eng_fit){0.0f, low};
    for (int t = 0; t < tries->n; t++) {
        steps[t] = ((float)top + tries->first + tries->step * (float)(t / 2)) / span;
        push[t] = t % 2 ? 0.25f : -0.25f;
    }
    for (size_t i = 0; i < n; i++) {
        add_whole(x[i] - low, w[i], steps, push, tries->n, 0.0f, (float)top, &s);
        sum_w += w[i];
    }
    for (int t = 0; t < tries->n; t++) {
        const float det = sum_w * s.qq[t] - s.q[t] * s.q[t];
        float a = (sum_w * s.qr[t] - s.q[t] * s.r[t]) / det, b = (s.qq[t] * s.r[t] - s.q[t] * s.qr[t]) / det;
        if (low * steps[t] + b > 0.0f) { /* a minimum above 0 cannot be written: 0, then, and the best scale for it */
            b = -low * steps[t];
            a = (s.qr[t] - b * s.q[t]) / s.qq[t];
        }
        const float error = (s.rr[t] - 2.0f * (a * s.qr[t] + b * s.r[t]) + a * a * s.qq[t] + 2.0f * a * b * s.q[t] + b * b * sum_w) /
                            (steps[t] * steps[t]);
        if (det > 0.0f && error < least) {
            least = error;
            best = (struct eng_fit){(1.0f + a) / steps[t], low + b / steps[t]};
        }
    }
    return best;
}

/* The same without a minimum: v = steps x = q + r. */
static float best_scale(const struct sums *s, const float *steps, int n_tries)
{
    float least = INFINITY, scale = 0.0f;
    for (int t = 0; t < n_tries; t++) {
        const float a = s->qr[t] / s->qq[t], error = (s->rr[t] - a * s->qr[t]) / (steps[t] * steps[t]);
        if (s->qq[t] > 0.0f && error < least) {
            least = error;
            scale = (1.0f + a) / steps[t];
        }
    }
    return scale;
}

static void lay_on_ends(float extreme, int low, int high, const struct eng_tries *tries, float *steps)
{
    for (int t = 0; t < tries->n; t++) {
        const float more = tries->first + tries->step * (float)(t / 2);
        steps[t] = (t % 2 ? (float)high + more : (float)low - more) / extreme;
    }
}

float eng_fit_signed(const float *x, const float *w, size_t n, int low, int high, const struct eng_tries *tries)
{
    const float push[ENG_MAX_TRIES] = {0.0f};
    float steps[ENG_MAX_TRIES];
    struct sums s = {0};
    lay_on_ends(eng_extreme(x, n), low, high, tries, steps);
    for (size_t i = 0; i < n; i++)
        add_whole(x[i], w[i], steps, push, tries->n, (float)low, (float)high, &s);
    return best_scale(&s, steps, tries->n);
}

float eng_fit_table(const float *x, const float *w, size_t n, const int8_t value[16], const struct eng_tries *tries)
{
    float steps[ENG_MAX_TRIES], f[N_TABLE], middle[N_TABLE] = {0};
    struct sums s = {0};
    lay_on_ends(eng_extreme(x, n), value[0], value[N_TABLE - 1], tries, steps);
    for (int k = 0; k < N_TABLE; k++) {
        f[k] = value[k];
        middle[k] = k > 0 ? 0.5f * (f[k] + f[k - 1]) : 0.0f;
    }
    for (size_t i = 0; i < n; i++)
        add_table(x[i], w[i], steps, tries->n, f, middle, &s);
    return best_scale(&s, steps, tries->n);
}

void eng_whole_codes(const float *x, size_t n, float scale, float min, int low, int high, uint8_t *code)
{
    const float inverse = scale != 0.0f ? 1.0f / scale : 0.0f, f_low = (float)low, f_high = (float)high;
    for (size_t i = 0; i < n; i++) {
        float q = ((x[i] - min) * inverse + WHOLE) - WHOLE;
        q = q > f_low ? q : f_low;
        q = q < f_high ? q : f_high;
        code[i] = (uint8_t)((int)q - low);
    }
}

int eng_least_error(const float *x, const float *w, size_t n, const struct eng_fit *pairs, int n_pairs, int low, int high)
{
    float steps[ENG_MAX_TRIES], scale[ENG_MAX_TRIES], min[ENG_MAX_TRIES], error[ENG_MAX_TRIES] = {0};
    int best = 0;
    for (int t = 0; t < n_pairs; t++) {
        scale[t] = pairs[t].scale;
        min[t] = pairs[t].min;
        steps[t] = scale[t] != 0.0f ? 1.0f / scale[t] : 0.0f;
    }
    for (size_t i = 0; i < n; i++)
        add_error(x[i], w[i], steps, scale, min, n_pairs, (float)low, (float)high, error);
    for (int t = 1; t < n_pairs; t++)
        best = error[t] < error[best] ? t : best;
    return best;
}

uint8_t eng_table_code(float v, const int8_t value[16])
{
    uint32_t code = 0;
    for (int k = 1; k < N_TABLE; k++)
        code += v >= 0.5f * (float)(value[k - 1] + value[k]);
    return (uint8_t)code;
}
