/* test_types_expand.c - the integer view of a block says what decode() says, for any bytes whatsoever. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "type_golden.h"

#define GUARD 16 /* bytes beyond each array that expand() may not touch */

static bool same(float a, float b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof(a)) == 0;
}

/* As decode(), bit for bit: scale code is exact in f32 (expand.h), so that only the minimum's addition rounds. */
static void check_block(const struct eng_type_traits *traits, const uint8_t *block)
{
    float x[256], scale[16 + GUARD], min[16 + GUARD];
    int8_t code[256 + GUARD];
    const size_t n = traits->block_elems;
    memset(code, 0x5a, sizeof(code));
    memset(scale, 0x5a, sizeof(scale));
    memset(min, 0x5a, sizeof(min));
    traits->decode(block, x, n);
    traits->expand(block, code, scale, min);
    for (size_t i = 0; i < n; i++) {
        const float y = scale[i / 16] * (float)code[i] + min[i / 16];
        if (!same(x[i], y))
            fail_msg("%s: element %zu decodes to %.9g, expands to %.9g", traits->name, i, (double)x[i], (double)y);
    }
    for (size_t i = 0; i < GUARD; i++)
        assert_int_equal(code[n + i], 0x5a);
    for (size_t i = n / 16; i < n / 16 + GUARD; i++)
        assert_true(memcmp(&scale[i], "ZZZZ", 4) == 0 && memcmp(&min[i], "ZZZZ", 4) == 0);
}

static void test_random_bytes(void **state)
{
    const struct eng_type_traits *traits;
    uint64_t seed = 4;
    (void)state;
    for (size_t t = 0; (traits = type_golden_traits(t)) != NULL; t++)
        for (size_t i = 0; i < 2000 && traits->expand; i++) {
            uint8_t block[256 + 1];
            type_golden_random_bytes(&seed, block, sizeof(block));
            check_block(traits, block + i % 2);
        }
}

static void test_golden_bytes(void **state)
{
    static struct type_golden g;
    const struct eng_type_traits *traits;
    (void)state;
    if (!type_golden_present())
        skip();
    for (size_t t = 0; (traits = type_golden_traits(t)) != NULL; t++)
        for (size_t i = 0; i < TYPE_GOLDEN_INPUTS && traits->expand; i++) {
            type_golden_read(type_golden_inputs[i], traits, &g);
            for (size_t b = 0; b < g.n_bytes; b += traits->block_bytes)
                check_block(traits, g.bytes + b);
        }
}

/* Whole numbers are what kernels multiply: every quantized format has this view, the three floating-point ones do not need it. */
static void test_who_has_it(void **state)
{
    const struct eng_type_traits *traits;
    (void)state;
    for (size_t t = 0; (traits = type_golden_traits(t)) != NULL; t++) {
        assert_int_equal(traits->expand != NULL, traits->block_elems > 1);
        assert_true(traits->block_elems == 1 || (traits->block_elems % 32 == 0 && traits->block_elems <= 256));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_golden_bytes),
        cmocka_unit_test(test_who_has_it),
    };
    return cmocka_run_group_tests_name("types_expand", tests, NULL, NULL);
}
