/* test_sampler.c - draws follow the distribution that they should (chi-square), and repeat for a seed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "run/sampler.h"

#define N 8
#define DRAWS 20000

static const float logits[N] = {1.0f, 2.5f, -1.0f, 2.5f, 0.0f, 3.0f, -INFINITY, 1.5f};

/* Softmax with temperature over the ids that may come, in double. */
static void expected(float temperature, const int *allowed, double *p)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += p[i] = allowed[i] ? exp((double)logits[i] / (double)temperature) : 0;
    for (int i = 0; i < N; i++)
        p[i] /= sum;
}

/* Pearson's statistic; ids of probability 0 must never come. */
static void check(struct eng_sampling how, const int *allowed)
{
    double p[N], chi2 = 0;
    int count[N] = {0}, dof = -1;
    struct eng_candidate c[N];
    uint64_t state = how.seed;
    expected(how.temperature, allowed, p);
    for (int i = 0; i < DRAWS; i++)
        count[eng_draw(logits, N, &how, &state, c)]++;
    for (int i = 0; i < N; i++) {
        if (p[i] == 0) {
            assert_int_equal(count[i], 0);
            continue;
        }
        chi2 += (count[i] - DRAWS * p[i]) * (count[i] - DRAWS * p[i]) / (DRAWS * p[i]);
        dof++;
    }
    assert_true(dof == 0 || chi2 < 24.3); /* 0.999 quantile for 7 degrees of freedom: 24.3; for fewer, less. Seeds are fixed */
}

static void test_distributions(void **state)
{
    const int all[N] = {1, 1, 1, 1, 1, 1, 0, 1}, top3[N] = {0, 1, 0, 1, 0, 1, 0, 0}, top2[N] = {0, 1, 0, 0, 0, 1, 0, 0}, best[N] = {0, 0, 0, 0, 0, 1};
    (void)state;
    check((struct eng_sampling){.temperature = 1, .seed = 1}, all);
    check((struct eng_sampling){.temperature = 0.5f, .seed = 2}, all);
    check((struct eng_sampling){.temperature = 3, .seed = 3, .top_p = 1}, all);
    check((struct eng_sampling){.temperature = 1, .seed = 4, .top_k = 3}, top3);
    check((struct eng_sampling){.temperature = 1, .seed = 5, .top_k = 2}, top2); /* of two equal ones the lower id */
    check((struct eng_sampling){.temperature = 1, .seed = 6, .top_k = 100}, all);
    check((struct eng_sampling){.temperature = 1, .seed = 7, .top_p = 0.75f}, top3); /* 0.38 + 0.23 + 0.23 = 0.84 */
    check((struct eng_sampling){.temperature = 1, .seed = 8, .top_p = 0.6f}, top2);
    check((struct eng_sampling){.temperature = 1, .seed = 9, .top_p = 0.01f}, best);
    check((struct eng_sampling){.temperature = 1, .seed = 10, .top_k = 3, .top_p = 0.7f}, top2); /* of the three: 0.45, 0.27, 0.27 */
    check((struct eng_sampling){.temperature = 1, .seed = 11, .top_k = 1}, best);
    check((struct eng_sampling){.temperature = 1e-4f, .seed = 12}, best);
}

static void test_seeds_repeat(void **state)
{
    const struct eng_sampling how = {.temperature = 1, .top_p = 0.9f};
    struct eng_candidate c[N];
    uint64_t a = 77, b = 77, other = 78;
    int n_different = 0;
    (void)state;
    for (int i = 0; i < 200; i++) {
        const int32_t id = eng_draw(logits, N, &how, &a, c);
        assert_int_equal(id, eng_draw(logits, N, &how, &b, c));
        n_different += id != eng_draw(logits, N, &how, &other, c);
    }
    assert_true(n_different > 50);
}

static void test_greedy_takes_the_lowest_of_equals(void **state)
{
    const float flat[4] = {1, 1, 1, 1}, two[4] = {0, 5, 3, 5};
    (void)state;
    assert_int_equal(eng_argmax(flat, 4), 0);
    assert_int_equal(eng_argmax(two, 4), 1);
    assert_int_equal(eng_argmax(logits, N), 5);
}

static void test_greedy_finds_the_best_of_any_number(void **state)
{
    float x[1100];
    (void)state;
    for (uint32_t n = 1; n <= 1100; n += n < 40 ? 1 : 53)
        for (uint32_t at = 0; at < n; at += n < 40 ? 1 : 7) {
            for (uint32_t i = 0; i < n; i++)
                x[i] = -10.0f - (float)(i % 11);
            x[at] = -1.0f;
            x[n - 1] = -1.0f; /* an equal one behind, perhaps in another block */
            assert_int_equal(eng_argmax(x, n), at);
        }
}

static void test_settings_are_checked(void **state)
{
    struct eng_error err;
    (void)state;
    assert_int_equal(eng_sampling_check(&(struct eng_sampling){.temperature = 0}, &err), ENG_OK);
    assert_int_equal(eng_sampling_check(&(struct eng_sampling){.temperature = 2, .top_p = 0.5f}, &err), ENG_OK);
    assert_int_equal(eng_sampling_check(&(struct eng_sampling){.temperature = -1}, &err), ENG_EINVAL);
    assert_int_equal(eng_sampling_check(&(struct eng_sampling){.temperature = NAN}, &err), ENG_EINVAL);
    assert_int_equal(eng_sampling_check(&(struct eng_sampling){.temperature = INFINITY}, &err), ENG_EINVAL);
    assert_int_equal(eng_sampling_check(&(struct eng_sampling){.top_p = 1.5f}, &err), ENG_EINVAL);
    assert_int_equal(eng_sampling_check(&(struct eng_sampling){.top_p = NAN}, &err), ENG_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_seeds_repeat),
        cmocka_unit_test(test_greedy_takes_the_lowest_of_equals),
        cmocka_unit_test(test_greedy_finds_the_best_of_any_number),
        cmocka_unit_test(test_settings_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
