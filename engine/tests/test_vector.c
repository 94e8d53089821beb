/* test_vector.c - the vector operations of every set that this CPU can run: against the reference, and at their edges. */
#include "kernel_case.h"

#define MAX_N 8200
#define GUARD 12345.0f

typedef void vector_check(const struct eng_vector_ops *ops);

static const size_t lengths[] = {0, 1, 2, 15, 16, 17, 31, 63, 64, 65, 128, 511, 512, 513, 576, 1536, 8192, MAX_N};
#define N_LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static float a[MAX_N + 1], b[MAX_N + 1], y[MAX_N + 1], want[MAX_N + 1];
static uint16_t h[MAX_N + 1], h_want[MAX_N + 1];

static void fill(enum fill what, uint64_t seed)
{
    for (size_t i = 0; i <= MAX_N; i++) {
        a[i] = case_value(what, i, &seed);
        b[i] = case_value(FILL_NORMAL, i, &seed);
        h[i] = eng_f32_to_f16(a[i]);
        y[i] = want[i] = GUARD;
        h_want[i] = 0x1234;
    }
}

/* Every table: the reference too where its own truth is at hand. */
static void for_each_set(vector_check *check, bool with_reference)
{
    size_t n;
    const struct eng_kernel_set *const *sets = eng_kernel_sets(&n);
    for (size_t i = 0; i < (with_reference ? n : n - 1); i++) {
        if (eng_kernel_set_possible(sets[i]))
            check(sets[i]->vector);
    }
}

static void assert_near(const char *set, const char *op, size_t n, double got, double expected, double bound)
{
    if (!(fabs(got - expected) <= bound))
        fail_msg("%s %s, n = %zu: %.9g instead of %.9g (bound %.3g)", set, op, n, got, expected, bound);
}

static void check_dot(const struct eng_vector_ops *ops)
{
    for (size_t i = 0; i < N_LENGTHS; i++) {
        const size_t n = lengths[i];
        double sum = 0.0, half = 0.0, magnitude = 0.0;
        fill(FILL_NORMAL, i);
        for (size_t k = 0; k < n; k++) {
            sum += (double)a[k] * (double)b[k];
            half += (double)eng_f16_to_f32(h[k]) * (double)b[k];
            magnitude += fabs((double)a[k] * (double)b[k]);
        }
        const double bound = 0x1p-24 * 16 * magnitude; /* 512 terms in 64 lanes: 8 roundings, then the tree */
        assert_near(ops->name, "dot_f32", n, (double)ops->dot_f32(a, b, n), sum, bound);
        assert_near(ops->name, "dot_f16", n, (double)ops->dot_f16(h, b, n), half, bound * 1.001);
    }
}

static void test_dot(void **state)
{
    (void)state;
    for_each_set(check_dot, true);
}

static void check_elementwise(const struct eng_vector_ops *ops)
{
    const struct eng_vector_ops *ref = eng_vector_ref();
    for (size_t i = 0; i < N_LENGTHS; i++) {
        const size_t n = lengths[i];
        fill(FILL_NORMAL, 50 + i);
        memcpy(y, b, n * sizeof(*y));
        memcpy(want, b, n * sizeof(*y));
        ops->axpy_f32(y, 0.37f, a, n);
        ref->axpy_f32(want, 0.37f, a, n);
        assert_memory_equal(y, want, sizeof(y)); /* one FMA each: the same bits, and nothing behind n */
        ops->axpy_f16(y, -1.7f, h, n);
        ref->axpy_f16(want, -1.7f, h, n);
        assert_memory_equal(y, want, sizeof(y));
        ops->add(y, a, n);
        ref->add(want, a, n);
        assert_memory_equal(y, want, sizeof(y));
    }
}

static void test_axpy_and_add(void **state)
{
    (void)state;
    for_each_set(check_elementwise, false);
}

static void check_to_f16(const struct eng_vector_ops *ops)
{
    static const float odd[] = {65519.0f, 65520.0f, -65536.0f, INFINITY, -INFINITY, 1e-8f,
                                5.9604645e-8f, 2.9802322e-8f, 2.98023221e-8f, -0.0f, 6.1e-5f};
    for (int f = 0; f < FILL_N; f++)
        for (size_t i = 0; i < N_LENGTHS; i++) {
            fill((enum fill)f, i);
            for (size_t k = 0; k < sizeof(odd) / sizeof(odd[0]); k++)
                a[3 * k + 1] = odd[k];
            uint16_t got[MAX_N + 1];
            memcpy(got, h_want, sizeof(got));
            ops->to_f16(got, a, lengths[i]);
            eng_vector_ref()->to_f16(h_want, a, lengths[i]);
            assert_memory_equal(got, h_want, sizeof(got));
        }
}

static void test_to_f16(void **state)
{
    (void)state;
    for_each_set(check_to_f16, false);
}

static void check_rms_norm(const struct eng_vector_ops *ops)
{
    static const enum fill fills[] = {FILL_NORMAL, FILL_HUGE, FILL_TINY, FILL_ZERO, FILL_SPIKES};
    for (size_t f = 0; f < 5; f++)
        for (size_t i = 1; i < N_LENGTHS; i++) {
            const size_t n = lengths[i];
            double squares = 0.0;
            fill(fills[f], i);
            for (size_t k = 0; k < n; k++)
                squares += (double)a[k] * (double)a[k];
            const double scale = 1.0 / sqrt(squares / (double)n + 1e-5);
            ops->rms_norm(y, a, b, n, 1e-5f);
            for (size_t k = 0; k < n; k++) {
                const double expected = (double)a[k] * scale * (double)b[k];
                assert_near(ops->name, "rms_norm", n, (double)y[k], expected, fabs(expected) * 1.5e-6 + 1e-44);
            }
            assert_true(y[n] == GUARD);
            memcpy(want, a, n * sizeof(*a));
            ops->rms_norm(want, want, b, n, 1e-5f); /* in place */
            assert_memory_equal(y, want, n * sizeof(*y));
        }
}

static void test_rms_norm(void **state)
{
    (void)state;
    for_each_set(check_rms_norm, true);
}

/* gate / (1 + exp(-gate)): exp within 2e-7 (the header's promise), then a sum, a division and a product of 2^-24 each. */
static void check_silu(const struct eng_vector_ops *ops)
{
    const size_t n = 4001;
    for (int wide = 0; wide < 2; wide++) {
        for (size_t k = 0; k < n; k++) {
            a[k] = (float)((double)k - 2000.0) * (wide ? 0.0435f : 0.005f); /* +-87, +-10 */
            b[k] = 1.0f + (float)(k % 7);
        }
        y[n] = GUARD;
        ops->silu_mul(y, a, b, n);
        for (size_t k = 0; k < n; k++) {
            const double g = (double)a[k], expected = (double)b[k] * g / (1.0 + exp(-g));
            assert_near(ops->name, "silu_mul", k, (double)y[k], expected, fabs(expected) * (2e-7 + 3 * 0x1p-24) + 1e-44);
        }
        assert_true(y[n] == GUARD);
    }
    const float far[] = {-1000.0f, -3e38f, 1000.0f, 3e38f, 0.0f, -100.0f}, one[] = {1, 1, 1, 1, 1, 1};
    ops->silu_mul(y, far, one, 6);
    assert_near(ops->name, "silu_mul(-1000)", 1, (double)y[0], 0.0, 1e-30);
    assert_true(isfinite(y[1]) && y[2] == 1000.0f && y[3] == 3e38f && y[4] == 0.0f);
    assert_near(ops->name, "silu_mul(-100)", 1, (double)y[5], 0.0, 1e-30);
    const float bad = NAN;
    ops->silu_mul(y, &bad, one, 1);
    assert_true(isnan(y[0]));
}

static void test_silu_mul(void **state)
{
    (void)state;
    for_each_set(check_silu, true);
}

static void softmax_case(const struct eng_vector_ops *ops, size_t n)
{
    static double expected[MAX_N];
    double top = -INFINITY, sum = 0.0, total = 0.0;
    memcpy(y, a, n * sizeof(*a));
    for (size_t k = 0; k < n; k++)
        top = (double)a[k] > top ? (double)a[k] : top; /* fmax() here makes gcc 12 for aarch64 crash */
    for (size_t k = 0; k < n; k++) {
        expected[k] = exp((double)a[k] - top);
        sum += expected[k];
    }
    ops->softmax(y, n);
    for (size_t k = 0; k < n; k++) {
        /* x - max is rounded: an error of 2^-24 |x - max| in the exponent */
        const double bound = expected[k] / sum * (1e-6 + 0x1p-24 * fabs((double)a[k] - top)) + 2e-38;
        if (isinf(a[k]))
            assert_true(y[k] == 0.0f);
        else
            assert_near(ops->name, "softmax", n, (double)y[k], expected[k] / sum, bound);
        total += (double)y[k];
    }
    assert_near(ops->name, "softmax sum", n, total, 1.0, 1e-6);
    assert_true(y[n] == GUARD);
}

static void check_softmax(const struct eng_vector_ops *ops)
{
    for (size_t i = 1; i < N_LENGTHS; i++) {
        const size_t n = lengths[i];
        fill(FILL_NORMAL, i);
        softmax_case(ops, n);
        for (size_t k = 0; k < n; k++)
            a[k] *= 30.0f;
        softmax_case(ops, n);
        for (size_t k = 0; k + 1 < n; k += 1 + k % 3) /* masked positions */
            a[k] = -INFINITY;
        softmax_case(ops, n);
        for (size_t k = 0; k < n; k++)
            a[k] = 3.0f;
        softmax_case(ops, n);
    }
}

static void test_softmax(void **state)
{
    (void)state;
    for_each_set(check_softmax, true);
}

static void check_softmax_edges(const struct eng_vector_ops *ops)
{
    float x[33];
    ops->softmax(x, 0);
    for (size_t i = 0; i < 33; i++)
        x[i] = -INFINITY;
    ops->softmax(x, 33);
    for (size_t i = 0; i < 33; i++)
        assert_true(x[i] == 0.0f);
    for (size_t i = 0; i < 33; i++)
        x[i] = i == 20 ? NAN : 1.0f;
    ops->softmax(x, 33); /* not a number must show somewhere */
    assert_true(isnan(x[20]));
    for (size_t i = 0; i < 33; i++)
        x[i] = i == 5 ? 3e38f : -3e38f;
    ops->softmax(x, 33);
    assert_true(x[5] == 1.0f && x[6] == 0.0f);
}

static void test_softmax_edges(void **state)
{
    (void)state;
    for_each_set(check_softmax_edges, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dot),      cmocka_unit_test(test_axpy_and_add), cmocka_unit_test(test_to_f16),
        cmocka_unit_test(test_rms_norm), cmocka_unit_test(test_silu_mul),     cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_softmax_edges),
    };
    return cmocka_run_group_tests_name("vector", tests, NULL, NULL);
}
