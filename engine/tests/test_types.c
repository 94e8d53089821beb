/* test_types.c - the registry of weight formats, half precision, known blocks, odd values. Recorded bytes: test_types_golden.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "type_golden.h"

/* x[j] = (j - 11) / 8; bytes from ggml, as noted in the design notes (techniques.md 4.1). */
static void test_known_block(void **state)
{
    static const struct {
        uint32_t type;
        const char *hex;
    } rows[] = {
        {ENG_TYPE_Q4_0, "00b56c6c5c5b4b4a4a3a3929282818170706"},
        {ENG_TYPE_Q4_1, "223480bd80809191a2a2b3b3c4c4d5d5e6e6f7f7"},
        {ENG_TYPE_Q8_0, "0a25bac0c7cdd4dae0e7edf3fa00060d131920262c333940464c53595f666c72797f"},
    };
    float x[32];
    (void)state;
    for (int j = 0; j < 32; j++)
        x[j] = (float)(j - 11) / 8.0f;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct eng_type_traits *traits = eng_type_traits(rows[i].type);
        uint8_t bytes[64];
        char hex[129] = "";
        traits->encode(x, bytes, 32);
        for (uint32_t b = 0; b < traits->block_bytes; b++)
            snprintf(hex + 2 * b, 3, "%02x", bytes[b]);
        assert_string_equal(hex, rows[i].hex);
    }
}

static void test_half_round_trip(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        const float f = eng_f16_to_f32((uint16_t)h);
        const uint16_t back = eng_f32_to_f16(f);
        if ((h & 0x7c00) == 0x7c00 && (h & 0x3ff)) {
            assert_true(isnan(f));
            assert_int_equal(back & 0x7c00, 0x7c00);
            assert_true(back & 0x3ff);
        } else {
            assert_int_equal(back, h);
        }
    }
}

/* Between two neighbouring halves the middle goes to the even one, anything beyond it to the nearer one. */
static void test_half_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7bff; h++) {
        const float low = eng_f16_to_f32((uint16_t)h), high = eng_f16_to_f32((uint16_t)(h + 1)), middle = low + (high - low) / 2;
        assert_int_equal(eng_f32_to_f16(middle), h & 1 ? h + 1 : h);
        assert_int_equal(eng_f32_to_f16(nextafterf(middle, 0.0f)), h);
        assert_int_equal(eng_f32_to_f16(nextafterf(middle, INFINITY)), h + 1);
    }
    assert_int_equal(eng_f32_to_f16(65519.0f), 0x7bff);
    assert_int_equal(eng_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(eng_f32_to_f16(-INFINITY), 0xfc00);
    assert_int_equal(eng_f32_to_f16(-0.0f), 0x8000);
}

static void test_row_bytes(void **state)
{
    (void)state;
    assert_int_equal(eng_type_row_bytes(eng_type_traits(ENG_TYPE_Q4_1), 576), 360);
    assert_int_equal(eng_type_row_bytes(eng_type_traits(ENG_TYPE_F16), 5), 10);
    assert_int_equal(eng_type_row_bytes(eng_type_traits(ENG_TYPE_Q8_0), 33), 0);
    assert_int_equal(eng_type_row_bytes(eng_type_traits(ENG_TYPE_F32), SIZE_MAX / 2), 0);
    assert_int_equal(eng_type_row_bytes(eng_type_traits(ENG_TYPE_Q8_0), SIZE_MAX - 31), 0);
}

static void test_unknown_types(void **state)
{
    (void)state;
    assert_null(eng_type_traits(4));
    assert_null(eng_type_traits(ENG_TYPE_LIMIT));
    assert_null(eng_type_traits(UINT32_MAX));
    assert_string_equal(eng_type_name(ENG_TYPE_Q4_1), "q4_1");
    assert_string_equal(eng_type_name((enum eng_type)4711), "unknown");
}

/* Anything a float can be goes through an encoder without undefined behaviour (UBSan watches). */
static void test_encode_odd_values(void **state)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-45f, -1e-45f, 1e-39f, 0.0f, -0.0f, 7e4f, 1.0f};
    const struct eng_type_traits *traits;
    (void)state;
    for (size_t t = 0; (traits = type_golden_traits(t)) != NULL; t++)
        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]) && traits->encode; i++)
            for (size_t k = 0; k < sizeof(odd) / sizeof(odd[0]); k++) {
                float x[256], back[256];
                uint8_t bytes[256 * 2];
                const size_t n = traits->block_elems;
                for (size_t j = 0; j < n; j++)
                    x[j] = j % 32 == 5 ? odd[i] : odd[k];
                traits->encode(x, bytes, n);
                traits->decode(bytes, back, n);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_block),
        cmocka_unit_test(test_half_round_trip),
        cmocka_unit_test(test_half_rounds_to_nearest_even),
        cmocka_unit_test(test_row_bytes),
        cmocka_unit_test(test_unknown_types),
        cmocka_unit_test(test_encode_odd_values),
    };
    return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
