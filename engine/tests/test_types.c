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
        {ENG_TYPE_Q5_0, "00b1ff0f0000c9b8a7a696857463625241302f2e1e0d"},
        {ENG_TYPE_MXFP4, "7e2d3c3c4c4b4b5a5a5959606060616162"},
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
    assert_null(eng_type_traits(4)); /* once q4_2 */
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

/* Every id of engine.h has a row that says so; rows, names and sizes make sense. */
static void test_registry_is_complete(void **state)
{
    static const enum eng_type all[] = {
        ENG_TYPE_F16,    ENG_TYPE_BF16,   ENG_TYPE_Q4_0,    ENG_TYPE_Q4_1,   ENG_TYPE_Q5_0,    ENG_TYPE_Q5_1,  ENG_TYPE_Q8_0,
        ENG_TYPE_Q2_K,   ENG_TYPE_Q3_K,   ENG_TYPE_Q4_K,    ENG_TYPE_Q5_K,   ENG_TYPE_Q6_K,    ENG_TYPE_IQ4_NL, ENG_TYPE_IQ4_XS,
        ENG_TYPE_IQ1_S,  ENG_TYPE_IQ1_M,  ENG_TYPE_IQ2_XXS, ENG_TYPE_IQ2_XS, ENG_TYPE_IQ2_S,   ENG_TYPE_IQ3_XXS, ENG_TYPE_IQ3_S,
        ENG_TYPE_TQ1_0,  ENG_TYPE_TQ2_0,  ENG_TYPE_MXFP4,   ENG_TYPE_NVFP4,  ENG_TYPE_Q1_0,    ENG_TYPE_Q2_0,
    };
    const struct eng_type_traits *traits;
    size_t n = 0;
    (void)state;
    assert_string_equal(eng_type_name(ENG_TYPE_F32), "f32");
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        traits = eng_type_traits(all[i]);
        assert_non_null(traits);
        assert_int_equal(traits->type, all[i]);
        assert_string_equal(eng_type_name(all[i]), traits->name);
        assert_non_null(traits->decode);
        assert_true(traits->block_elems <= 256 && 256 % traits->block_elems == 0 && traits->block_bytes < 2 * 256);
    }
    while (type_golden_traits(n))
        n++;
    assert_int_equal(n, sizeof(all) / sizeof(all[0]));
}

/* FNV-1a over the bits of 64 blocks of random bytes (SplitMix64), decoded; all NaNs count alike. */
static uint64_t decoded_checksum(const struct eng_type_traits *traits)
{
    uint64_t random = 1, hash = 0xcbf29ce484222325u;
    for (size_t b = 0; b < 64; b++) {
        uint8_t block[512];
        float x[256];
        type_golden_random_bytes(&random, block, sizeof(block));
        traits->decode(block, x, traits->block_elems);
        for (size_t i = 0; i < traits->block_elems; i++) {
            uint32_t bits = 0x7fc00000u;
            if (!isnan(x[i]))
                memcpy(&bits, &x[i], sizeof(bits));
            for (int k = 0; k < 4; k++)
                hash = (hash ^ (bits >> 8 * k & 255)) * 0x100000001b3u;
        }
    }
    return hash;
}

/* Recorded with ggml 0.25.3's to_float on the same bytes: what it reads from any block, we read. No data needed. */
static void test_random_blocks_as_ggml(void **state)
{
    static const struct {
        enum eng_type type;
        uint64_t checksum;
    } rows[] = {
        {ENG_TYPE_F16, 0x5362157dca80a6c3u}, {ENG_TYPE_Q4_0, 0xe9e538aad0554d9fu}, {ENG_TYPE_Q4_1, 0xde5865fa90a692c2u},
        {ENG_TYPE_Q5_0, 0xd581d938c1931830u}, {ENG_TYPE_Q5_1, 0x7cf9e1683c9b02d1u}, {ENG_TYPE_Q8_0, 0xd9f422fe4e8b0acbu},
        {ENG_TYPE_Q2_K, 0x6a53ee23729f1f40u}, {ENG_TYPE_Q3_K, 0xad67c289331073c0u}, {ENG_TYPE_Q4_K, 0xa9fe1e7a39b20099u},
        {ENG_TYPE_Q5_K, 0xa29a9f3cb3c2e2b2u}, {ENG_TYPE_Q6_K, 0xebe7838448b2f0c2u}, {ENG_TYPE_IQ2_XXS, 0x38aba141046d4e3du},
        {ENG_TYPE_IQ2_XS, 0xa124db65d9c3fe12u}, {ENG_TYPE_IQ3_XXS, 0x0397ff80efd7a27eu}, {ENG_TYPE_IQ1_S, 0xe65fb85403c63a3fu},
        {ENG_TYPE_IQ4_NL, 0x6866416cddb53fb2u}, {ENG_TYPE_IQ3_S, 0x7d4598850d590024u}, {ENG_TYPE_IQ2_S, 0xb4ecbac7de4cf66fu},
        {ENG_TYPE_IQ4_XS, 0x167b7b0a9f859b11u}, {ENG_TYPE_IQ1_M, 0xa50c085dddaaa545u}, {ENG_TYPE_BF16, 0x0d54d52abe1309d0u},
        {ENG_TYPE_TQ1_0, 0xc448066b0826d434u}, {ENG_TYPE_TQ2_0, 0x6b546f74f829fe2au}, {ENG_TYPE_MXFP4, 0x57499f508781876cu},
        {ENG_TYPE_NVFP4, 0xcd04aeb5e0a34f77u}, {ENG_TYPE_Q1_0, 0x9cc24cfe923af6a5u}, {ENG_TYPE_Q2_0, 0xbc0852537538c4ffu},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct eng_type_traits *traits = eng_type_traits(rows[i].type);
        if (decoded_checksum(traits) != rows[i].checksum)
            fail_msg("%s: decoded random bytes have the checksum 0x%016llx", traits->name, (unsigned long long)decoded_checksum(traits));
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
        cmocka_unit_test(test_registry_is_complete),
        cmocka_unit_test(test_random_blocks_as_ggml),
        cmocka_unit_test(test_encode_odd_values),
    };
    return cmocka_run_group_tests_name("types", tests, NULL, NULL);
}
