/* vector_ref.c - the vector operations in portable C: sums in double, exp from libm. The others are measured against these. */
#include <math.h>

#include "kernels/sets.h"
#include "types/types.h"

static float dot_f32(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return (float)sum;
}

static float dot_f16(const uint16_t *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)eng_f16_to_f32(a[i]) * (double)b[i];
    return (float)sum;
}

static void axpy_f32(float *y, float s, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fmaf(s, x[i], y[i]);
}

static void axpy_f16(float *y, float s, const uint16_t *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = fmaf(s, eng_f16_to_f32(x[i]), y[i]);
}

static void to_f16(uint16_t *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = eng_f32_to_f16(x[i]);
}

static void rms_norm(float *y, const float *x, const float *w, size_t n, float eps)
{
    double squares = 0.0;
    for (size_t i = 0; i < n; i++)
        squares += (double)x[i] * (double)x[i];
    const float scale = (float)(1.0 / sqrt(squares / (double)n + (double)eps));
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * scale * w[i];
}

static void silu_mul(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = up[i] * (gate[i] / (1.0f + expf(-gate[i])));
}

static void softmax(float *x, size_t n)
{
    float top = -INFINITY;
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        top = x[i] > top ? x[i] : top;
    if (top == -INFINITY)
        top = 0.0f; /* nothing allowed: all zeros below, not NaN */
    for (size_t i = 0; i < n; i++) {
        x[i] = expf(x[i] - top);
        sum += (double)x[i];
    }
    const float scale = sum > 0.0 || sum != sum ? (float)(1.0 / sum) : 0.0f;
    for (size_t i = 0; i < n; i++)
        x[i] *= scale;
}

static void add(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

static void layer_norm(float *y, const float *x, const float *w, const float *b, size_t n, float eps)
{
    double sum = 0.0, spread = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i];
    const double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        spread += ((double)x[i] - mean) * ((double)x[i] - mean);
    const double scale = 1.0 / sqrt(spread / (double)n + (double)eps);
    for (size_t i = 0; i < n; i++)
        y[i] = (float)(((double)x[i] - mean) * scale) * (w ? w[i] : 1.0f) + (b ? b[i] : 0.0f);
}

static void silu(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] / (1.0f + expf(-x[i]));
}

static float gelu1(float x)
{
    return x / (1.0f + expf(-1.5957691216f * (x + 0.044715f * x * x * x))); /* (1 + tanh(u)) / 2 = 1 / (1 + exp(-2 u)) */
}

static void gelu(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = gelu1(x[i]);
}

static void gelu_mul(float *y, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = gelu1(gate[i]) * up[i];
}

static void relu2(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] < 0.0f ? 0.0f : x[i] * x[i];
}

static void sigmoid(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = 1.0f / (1.0f + expf(-x[i]));
}

static void softcap(float *y, const float *x, float cap, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = cap * tanhf(x[i] / cap);
}

static void scale(float *y, float s, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = s * x[i];
}

static void clamp(float *y, float limit, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] > limit ? limit : x[i] < -limit ? -limit : x[i];
}

const struct eng_vector_ops eng_vector_ops_ref = {
    .name = "ref", .dot_f32 = dot_f32, .dot_f16 = dot_f16, .axpy_f32 = axpy_f32, .axpy_f16 = axpy_f16, .to_f16 = to_f16,
    .rms_norm = rms_norm, .silu_mul = silu_mul, .softmax = softmax, .add = add, .layer_norm = layer_norm, .silu = silu, .gelu = gelu,
    .gelu_mul = gelu_mul, .relu2 = relu2, .sigmoid = sigmoid, .softcap = softcap, .scale = scale, .clamp = clamp,
};

const struct eng_vector_ops *eng_vector_ref(void)
{
    return &eng_vector_ops_ref;
}
