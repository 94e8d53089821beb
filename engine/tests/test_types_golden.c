/* test_types_golden.c - every format against ggml's recorded bytes: decoding to the last bit, encoding as each format promises. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "type_golden.h"

static void need_data(void)
{
    if (!type_golden_present())
        skip();
}

static void for_all(void (*check)(const struct eng_type_traits *traits, const char *input, const struct type_golden *g))
{
    static struct type_golden g;
    const struct eng_type_traits *traits;
    for (size_t t = 0; (traits = type_golden_traits(t)) != NULL; t++)
        for (size_t i = 0; i < TYPE_GOLDEN_INPUTS; i++) {
            type_golden_read(type_golden_inputs[i], traits, &g);
            check(traits, type_golden_inputs[i], &g);
        }
}

/* Decoded from an odd address: blocks may start anywhere. */
static void check_decode(const struct eng_type_traits *traits, const char *input, const struct type_golden *g)
{
    static float x[TYPE_GOLDEN_N];
    static uint8_t moved[TYPE_GOLDEN_N * 4 + 1];
    memcpy(moved + 1, g->bytes, g->n_bytes);
    traits->decode(moved + 1, x, TYPE_GOLDEN_N);
    for (size_t i = 0; i < TYPE_GOLDEN_N; i++)
        if (memcmp(&x[i], &g->decoded[i], sizeof(x[i])) != 0)
            fail_msg("%s of %s: element %zu is %.9g, not %.9g", traits->name, input, i, (double)x[i], (double)g->decoded[i]);
}

static void test_decode(void **state)
{
    (void)state;
    need_data();
    for_all(check_decode);
}

/* Formats whose quantizer is a formula: the same bytes from the same floats. */
static bool is_formula(const struct eng_type_traits *traits)
{
    static const enum eng_type types[] = {ENG_TYPE_F16, ENG_TYPE_BF16, ENG_TYPE_Q4_0, ENG_TYPE_Q4_1, ENG_TYPE_Q5_0, ENG_TYPE_Q5_1,
                                          ENG_TYPE_Q8_0, ENG_TYPE_MXFP4, ENG_TYPE_NVFP4, ENG_TYPE_TQ1_0, ENG_TYPE_TQ2_0, ENG_TYPE_Q1_0,
                                          ENG_TYPE_Q2_0};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i] == traits->type)
            return true;
    return false;
}

static void check_encode(const struct eng_type_traits *traits, const char *input, const struct type_golden *g)
{
    static uint8_t bytes[TYPE_GOLDEN_N * 4];
    if (!is_formula(traits))
        return;
    traits->encode(g->x, bytes, TYPE_GOLDEN_N);
    for (size_t i = 0; i < g->n_bytes; i++)
        if (bytes[i] != g->bytes[i])
            fail_msg("%s of %s: byte %zu (block %zu) is %02x, not %02x", traits->name, input, i, i / traits->block_bytes, bytes[i],
                     g->bytes[i]);
}

static void test_encode(void **state)
{
    (void)state;
    need_data();
    for_all(check_encode);
}

/* Formats whose quantizer searches: an error at most half a percent above ggml's, on each input. Ours is lower: docs/formats.md. */
static void check_error(const struct eng_type_traits *traits, const char *input, const struct type_golden *g)
{
    static uint8_t bytes[TYPE_GOLDEN_N * 4];
    static float x[TYPE_GOLDEN_N];
    if (!traits->encode || is_formula(traits))
        return;
    traits->encode(g->x, bytes, TYPE_GOLDEN_N);
    traits->decode(bytes, x, TYPE_GOLDEN_N);
    const double ours = type_golden_rel_rmse(g->x, x, TYPE_GOLDEN_N), ggml = type_golden_rel_rmse(g->x, g->decoded, TYPE_GOLDEN_N);
    print_message("%-10s %-8s rel_rmse %.6f, ggml %.6f (%+.2f %%)\n", input, traits->name, ours, ggml, 100.0 * (ours / ggml - 1.0));
    if (!(ours <= 1.005 * ggml))
        fail_msg("%s of %s: relative RMSE %.6f, ggml's is %.6f", traits->name, input, ours, ggml);
}

static void test_searched(void **state)
{
    (void)state;
    need_data();
    for_all(check_error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_searched),
    };
    return cmocka_run_group_tests_name("types_golden", tests, NULL, NULL);
}
