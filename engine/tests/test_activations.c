/* test_activations.c - activations, soft cap, layer norm, scale and clamp of every set that this CPU can run, against formulas in double,
 * within what kernels/vector.h promises; at their edges; nothing behind the end is written. */
#include "kernel_case.h"

#define MAX_N 1200
#define GUARD 12345.0f

static const size_t lengths[] = {1, 2, 15, 16, 17, 31, 33, 64, 127, 512, 513, 1024, MAX_N};
#define N_LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static float x[MAX_N + 1], up[MAX_N + 1], y[MAX_N + 1], again[MAX_N + 1];

static double exact_silu(double v) { return v / (1 + exp(-v)); }
static double exact_gelu(double v) { return 0.5 * v * (1 + tanh(sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))); }
static double exact_relu2(double v) { return v > 0 ? v * v : 0; }
static double exact_sigmoid(double v) { return 1 / (1 + exp(-v)); }

static void near(const char *set, const char *op, double at, double got, double expected, double bound)
{
    if (!(fabs(got - expected) <= bound))
        fail_msg("%s %s(%.9g): %.9g instead of %.9g (bound %.3g)", set, op, at, got, expected, bound);
}

static double magnitude(double a, double b)
{
    return fabs(a) > fabs(b) ? fabs(a) : fabs(b);
}

static void for_each_set(void (*check)(const struct eng_vector_ops *ops))
{
    size_t n;
    const struct eng_kernel_set *const *sets = eng_kernel_sets(&n);
    for (size_t i = 0; i < n; i++)
        if (eng_kernel_set_possible(sets[i]))
            check(sets[i]->vector);
}

/* Values from -reach to reach, the middle among them, y guarded. */
static void fill(size_t n, float reach)
{
    for (size_t i = 0; i <= MAX_N; i++) {
        x[i] = reach * (float)((double)(i * 7919 % 2401) / 1200.0 - 1.0);
        up[i] = 1.0f + (float)(i % 5);
        y[i] = GUARD;
    }
    x[n / 2] = 0.0f;
}

static void check_maps(const struct eng_vector_ops *ops)
{
    const struct {
        const char *name;
        void (*map)(float *y, const float *x, size_t n);
        double (*exact)(double v);
    } maps[] = {{"silu", ops->silu, exact_silu}, {"gelu", ops->gelu, exact_gelu}, {"relu2", ops->relu2, exact_relu2},
                {"sigmoid", ops->sigmoid, exact_sigmoid}};
    static const float reaches[] = {1e-3f, 4.0f, 90.0f, 1e4f};
    for (size_t m = 0; m < 4; m++) {
        for (size_t r = 0; r < 4; r++) {
            for (size_t i = 0; i < N_LENGTHS; i++) {
                const size_t n = lengths[i];
                fill(n, reaches[r]);
                maps[m].map(y, x, n);
                for (size_t k = 0; k < n; k++) {
                    const double e = maps[m].exact((double)x[k]);
                    near(ops->name, maps[m].name, (double)x[k], (double)y[k], e, 3e-7 * magnitude(e, (double)x[k]));
                }
                assert_true(y[n] == GUARD);
                memcpy(again, x, sizeof again);
                maps[m].map(again, again, n); /* in place */
                assert_memory_equal(again, y, n * sizeof *y);
            }
        }
        const float odd[] = {NAN, -1e30f, 1e30f};
        maps[m].map(y, odd, 3);
        assert_true(isnan(y[0]));
        assert_true(fabsf(y[1]) < 1e-5f); /* all of these vanish far to the left */
        assert_true(y[2] >= 1.0f);
    }
}

static void test_maps(void **state)
{
    (void)state;
    for_each_set(check_maps);
}

static void check_gelu_mul(const struct eng_vector_ops *ops)
{
    for (size_t i = 0; i < N_LENGTHS; i++) {
        const size_t n = lengths[i];
        fill(n, 8.0f);
        ops->gelu_mul(y, x, up, n);
        for (size_t k = 0; k < n; k++) {
            const double e = (double)up[k] * exact_gelu((double)x[k]);
            near(ops->name, "gelu_mul", (double)x[k], (double)y[k], e, 4e-7 * magnitude(e, (double)x[k] * (double)up[k]));
        }
        assert_true(y[n] == GUARD);
    }
}

static void test_gelu_mul(void **state)
{
    (void)state;
    for_each_set(check_gelu_mul);
}

static void check_softcap(const struct eng_vector_ops *ops)
{
    static const float caps[] = {0.5f, 30.0f, 50.0f};
    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < N_LENGTHS; i++) {
            const size_t n = lengths[i];
            fill(n, 200.0f);
            ops->softcap(y, x, caps[c], n);
            for (size_t k = 0; k < n; k++)
                near(ops->name, "softcap", (double)x[k], (double)y[k], (double)caps[c] * tanh((double)x[k] / (double)caps[c]),
                     3e-7 * (double)caps[c]);
            assert_true(y[n] == GUARD);
        }
    }
    const float far[] = {1e30f, -1e30f, NAN};
    ops->softcap(y, far, 30.0f, 3);
    assert_true(y[0] == 30.0f && y[1] == -30.0f && isnan(y[2]));
}

static void test_softcap(void **state)
{
    (void)state;
    for_each_set(check_softcap);
}

static void check_scale_and_clamp(const struct eng_vector_ops *ops)
{
    for (size_t i = 0; i < N_LENGTHS; i++) {
        const size_t n = lengths[i];
        fill(n, 3.0f);
        ops->scale(y, 0.37f, x, n);
        for (size_t k = 0; k < n; k++)
            assert_true(y[k] == 0.37f * x[k]);
        assert_true(y[n] == GUARD);
        ops->clamp(y, 1.5f, x, n);
        for (size_t k = 0; k < n; k++)
            assert_true(y[k] == (x[k] > 1.5f ? 1.5f : x[k] < -1.5f ? -1.5f : x[k]));
        assert_true(y[n] == GUARD);
    }
    const float bad = NAN;
    ops->clamp(y, 1.0f, &bad, 1);
    assert_true(isnan(y[0]));
}

static void test_scale_and_clamp(void **state)
{
    (void)state;
    for_each_set(check_scale_and_clamp);
}

/* @middle far from 0: the variance must not be a difference of large squares. */
static void layer_norm_case(const struct eng_vector_ops *ops, size_t n, double middle, const float *w, const float *b)
{
    double sum = 0, spread = 0;
    for (size_t k = 0; k < n; k++) {
        x[k] += (float)middle;
        sum += (double)x[k];
    }
    for (size_t k = 0; k < n; k++)
        spread += ((double)x[k] - sum / (double)n) * ((double)x[k] - sum / (double)n);
    const double scale = 1 / sqrt(spread / (double)n + 1e-5), slack = 1e-6 + fabs(middle) * 1.2e-7 * scale;
    ops->layer_norm(y, x, w, b, n, 1e-5f);
    for (size_t k = 0; k < n; k++) {
        const double plain = ((double)x[k] - sum / (double)n) * scale;
        const double e = plain * (w ? (double)w[k] : 1) + (b ? (double)b[k] : 0);
        near(ops->name, "layer_norm", (double)x[k], (double)y[k], e, slack * (1 + fabs(e)) * (w ? 5 : 1));
    }
    assert_true(y[n] == GUARD);
    memcpy(again, x, sizeof again);
    ops->layer_norm(again, again, w, b, n, 1e-5f); /* in place */
    assert_memory_equal(again, y, n * sizeof *y);
}

static void check_layer_norm(const struct eng_vector_ops *ops)
{
    static float bias[MAX_N + 1];
    for (size_t i = 0; i <= MAX_N; i++)
        bias[i] = (float)(i % 3) - 1.0f;
    for (size_t i = 0; i < N_LENGTHS; i++) {
        for (int middle = 0; middle < 3; middle++) {
            const double at[] = {0, -2.5, 1000};
            fill(lengths[i], 3.0f);
            layer_norm_case(ops, lengths[i], at[middle], up, bias);
            fill(lengths[i], 3.0f);
            layer_norm_case(ops, lengths[i], at[middle], NULL, NULL);
            fill(lengths[i], 3.0f);
            layer_norm_case(ops, lengths[i], at[middle], up, NULL);
        }
    }
}

static void test_layer_norm(void **state)
{
    (void)state;
    for_each_set(check_layer_norm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps),    cmocka_unit_test(test_gelu_mul),        cmocka_unit_test(test_softcap),
        cmocka_unit_test(test_scale_and_clamp), cmocka_unit_test(test_layer_norm),
    };
    return cmocka_run_group_tests_name("activations", tests, NULL, NULL);
}
