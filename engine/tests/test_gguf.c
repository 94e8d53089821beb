/* test_gguf.c - the container: what the builder wrote is read back, and every kind of damage is refused with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gguf_build.h"
#include "model/gguf.h"

/* A copy of exactly n bytes, so that a sanitizer sees the first byte read too far. */
static int parse_copy(const uint8_t *bytes, size_t n, struct eng_error *err)
{
    uint8_t *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    if (n)
        memcpy(copy, bytes, n);
    struct eng_gguf g;
    const int rc = eng_gguf_parse(&g, "f.gguf", copy, n, err);
    if (rc == ENG_OK)
        eng_gguf_release(&g);
    free(copy);
    return rc;
}

static void assert_refused(const uint8_t *bytes, size_t n, int code, const char *text)
{
    struct eng_error err = {0};
    const int rc = parse_copy(bytes, n, &err);
    if (rc != code || !strstr(err.text, text) || strncmp(err.text, "f.gguf: ", 8) != 0 || strchr(err.text, '\n'))
        fail_msg("expected %d '%s', got %d '%s'", code, text, rc, err.text);
}

static void values_are_read_back(void **state)
{
    (void)state;
    static const char *const words[] = {"one", "", "three"};
    const int32_t numbers[] = {-1, 2};
    const int16_t small = -7;
    const double pi = 3.25;
    struct gguf_build *b = gguf_build_new();
    gguf_build_u32(b, "u", 77);
    gguf_build_f32(b, "f", 0.5f);
    gguf_build_bool(b, "b", true);
    gguf_build_str(b, "s", "text");
    gguf_build_strs(b, "words", words, 3);
    gguf_build_i32s(b, "numbers", numbers, 2);
    gguf_build_raw(b, "i16", ENG_GGUF_I16, &small, 2);
    gguf_build_raw(b, "f64", ENG_GGUF_F64, &pi, 8);
    const uint64_t ne[] = {32, 3};
    const uint8_t data[3 * 18] = {1, 2, 3};
    gguf_build_tensor(b, "t", ENG_TYPE_Q4_0, 2, ne, data, sizeof(data));
    gguf_build_random(b, "v", ENG_TYPE_F32, 0, 5, 0.0f, 1.0f);

    size_t n;
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    struct eng_gguf g;
    struct eng_error err = {0};
    assert_int_equal(eng_gguf_parse(&g, "f.gguf", bytes, n, &err), ENG_OK);
    uint32_t u = 0;
    float f = 0;
    bool flag = false;
    struct eng_gguf_str s;
    const struct eng_gguf_kv *array;
    assert_int_equal(eng_gguf_get_u32(&g, "u", true, &u, &err), ENG_OK);
    assert_int_equal(u, 77);
    assert_int_equal(eng_gguf_get_f32(&g, "f", true, &f, &err), ENG_OK);
    assert_true(f == 0.5f);
    assert_int_equal(eng_gguf_get_f32(&g, "f64", true, &f, &err), ENG_OK);
    assert_true(f == 3.25f);
    assert_int_equal(eng_gguf_get_bool(&g, "b", true, &flag, &err), ENG_OK);
    assert_true(flag);
    assert_int_equal(eng_gguf_get_str(&g, "s", true, &s, &err), ENG_OK);
    assert_int_equal(s.n, 4);
    assert_memory_equal(s.data, "text", 4);
    assert_int_equal(eng_gguf_get_array(&g, "words", true, ENG_GGUF_STRING, &array, &err), ENG_OK);
    assert_int_equal(array->n, 3);
    const uint8_t *cursor = array->data;
    for (size_t i = 0; i < 3; i++) {
        s = eng_gguf_next_str(&cursor);
        assert_int_equal(s.n, strlen(words[i]));
        assert_memory_equal(s.data, words[i], s.n);
    }

    assert_int_equal(eng_gguf_get_u32(&g, "i16", true, &u, &err), ENG_EFORMAT); /* negative */
    assert_non_null(strstr(err.text, "-7"));
    assert_int_equal(eng_gguf_get_u32(&g, "s", true, &u, &err), ENG_EFORMAT); /* another kind */
    assert_int_equal(eng_gguf_get_u32(&g, "absent", true, &u, &err), ENG_EFORMAT);
    u = 5;
    assert_int_equal(eng_gguf_get_u32(&g, "absent", false, &u, &err), ENG_OK);
    assert_int_equal(u, 5);

    const struct eng_gguf_tensor *t = eng_gguf_find_tensor(&g, "t");
    assert_non_null(t);
    assert_int_equal(t->n_elems, 96);
    assert_int_equal(t->n_bytes, 54);
    assert_memory_equal(t->data, data, sizeof(data));
    assert_non_null(eng_gguf_find_tensor(&g, "v"));
    assert_null(eng_gguf_find_tensor(&g, "w"));
    eng_gguf_release(&g);
    gguf_build_free(b);
}

/* ---- damage to the fixed header ---- */

static void header_damage_is_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint64_t value;
        size_t n;
        int code;
        const char *text;
    } cases[] = {
        {0, 0x47475546, 4, ENG_EFORMAT, "wrong magic at byte 0"},
        {4, 1, 4, ENG_ENOTSUP, "GGUF version 1"},
        {4, 0x03000000, 4, ENG_ENOTSUP, "big-endian"},
        {4, 9, 4, ENG_EFORMAT, "version 9 at byte 4"},
        {8, UINT64_MAX, 8, ENG_EFORMAT, "tensor count of 18446744073709551615 at byte 8"},
        {8, 1u << 20, 8, ENG_EFORMAT, "tensor count of 1048576 at byte 8"},
        {16, UINT64_MAX / 16, 8, ENG_EFORMAT, "key count"},
        {16, 500, 8, ENG_EFORMAT, "key count of 500 at byte 16"},
        {24, UINT64_MAX, 8, ENG_EFORMAT, "key at byte 32 needs 18446744073709551615 bytes"},
        {24, 0, 8, ENG_EFORMAT, "key of 0 bytes at byte 24"},
        {33, 99, 4, ENG_EFORMAT, "value type 99 at byte 33"},
        {33, ENG_GGUF_STRING, 4, ENG_EFORMAT, "truncated"},
        {33, ENG_GGUF_BOOL, 4, ENG_EFORMAT, "neither 0 nor 1"},
    };
    struct gguf_build *b = gguf_build_new();
    gguf_build_u32(b, "k", 0x00ffffff);
    gguf_build_u32(b, "another", 7);
    size_t n;
    const uint8_t *good = gguf_build_bytes(b, &n);
    struct eng_error err = {0};
    assert_int_equal(parse_copy(good, n, &err), ENG_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bad[256];
        assert_true(n <= sizeof(bad));
        memcpy(bad, good, n);
        memcpy(bad + cases[i].at, &cases[i].value, cases[i].n);
        assert_refused(bad, n, cases[i].code, cases[i].text);
    }
    gguf_build_free(b);
}

/* ---- damage that the builder writes ---- */

static void add_array(struct gguf_build *b, uint32_t elem_type, uint64_t n, const void *data, size_t n_bytes)
{
    uint8_t bytes[128];
    memcpy(bytes, &elem_type, 4);
    memcpy(bytes + 4, &n, 8);
    if (n_bytes)
        memcpy(bytes + 12, data, n_bytes);
    gguf_build_raw(b, "array", ENG_GGUF_ARRAY, bytes, 12 + n_bytes);
}

static void array_overflow(struct gguf_build *b)
{
    add_array(b, ENG_GGUF_U64, UINT64_MAX / 8 + 2, NULL, 0);
}
static void array_too_long(struct gguf_build *b)
{
    add_array(b, ENG_GGUF_STRING, 1000, NULL, 0);
}
static void array_bad_type(struct gguf_build *b)
{
    add_array(b, 13, 0, NULL, 0);
}

static void array_nested(struct gguf_build *b)
{
    uint8_t inner[108];
    for (int i = 0; i < 9; i++) {
        const uint32_t type = ENG_GGUF_ARRAY;
        const uint64_t n = 1;
        memcpy(inner + 12 * i, &type, 4);
        memcpy(inner + 12 * i + 4, &n, 8);
    }
    add_array(b, ENG_GGUF_ARRAY, 1, inner, sizeof(inner));
}

static void key_twice(struct gguf_build *b)
{
    gguf_build_u32(b, "k", 1);
    gguf_build_u32(b, "k", 1);
}

static void alignment_zero(struct gguf_build *b)
{
    gguf_build_u32(b, "general.alignment", 0);
}
static void alignment_odd(struct gguf_build *b)
{
    gguf_build_u32(b, "general.alignment", 48);
}
static void alignment_huge(struct gguf_build *b)
{
    gguf_build_u32(b, "general.alignment", 1u << 31);
}
static void alignment_text(struct gguf_build *b)
{
    gguf_build_str(b, "general.alignment", "32");
}

static void tensor(struct gguf_build *b, const char *name, uint32_t type, uint64_t cols, uint64_t rows, size_t n_bytes)
{
    static const uint8_t zeros[4096];
    const uint64_t ne[2] = {cols, rows};
    gguf_build_tensor(b, name, type, 2, ne, zeros, n_bytes);
}

static void tensor_zero_dim(struct gguf_build *b)
{
    tensor(b, "t", ENG_TYPE_F32, 8, 0, 0);
}
static void tensor_overflow(struct gguf_build *b)
{
    tensor(b, "t", ENG_TYPE_F32, 1ull << 40, 1ull << 40, 64);
}
static void tensor_size_overflow(struct gguf_build *b)
{
    tensor(b, "t", 28, 1ull << 62, 1, 64);
}
static void tensor_block(struct gguf_build *b)
{
    tensor(b, "t", ENG_TYPE_Q4_0, 33, 1, 64);
}
static void tensor_unknown_type(struct gguf_build *b)
{
    tensor(b, "t", 4, 32, 1, 64);
}
static void tensor_short(struct gguf_build *b)
{
    tensor(b, "t", ENG_TYPE_F32, 1000, 2, 64);
}
static void tensor_no_name(struct gguf_build *b)
{
    tensor(b, "", ENG_TYPE_F32, 8, 1, 32);
}

static void tensor_twice(struct gguf_build *b)
{
    tensor(b, "t", ENG_TYPE_F32, 8, 1, 32);
    tensor(b, "t", ENG_TYPE_F32, 8, 1, 32);
}

static void tensor_overlap(struct gguf_build *b)
{
    tensor(b, "a", ENG_TYPE_F32, 16, 1, 32); /* claims 64 bytes, the next begins after 32 */
    tensor(b, "b", ENG_TYPE_F32, 8, 1, 64);
}

static void tensor_five_dims(struct gguf_build *b)
{
    const uint64_t ne[5] = {1, 1, 1, 1, 1};
    gguf_build_tensor(b, "t", ENG_TYPE_F32, 5, ne, ne, 4);
}

static void tensor_no_dims(struct gguf_build *b)
{
    gguf_build_tensor(b, "t", ENG_TYPE_F32, 0, NULL, "abcd", 4);
}

static void body_damage_is_refused(void **state)
{
    (void)state;
    static const struct {
        void (*damage)(struct gguf_build *b);
        int code;
        const char *text;
    } cases[] = {
        {array_overflow, ENG_EFORMAT, "value at byte 53 needs"},
        {array_too_long, ENG_EFORMAT, "truncated: string at byte"},
        {array_bad_type, ENG_EFORMAT, "value type 13"},
        {array_nested, ENG_EFORMAT, "nested deeper"},
        {key_twice, ENG_EFORMAT, "key 'k' at byte 41 appears twice"},
        {alignment_zero, ENG_EFORMAT, "general.alignment is 0"},
        {alignment_odd, ENG_EFORMAT, "general.alignment is 48"},
        {alignment_huge, ENG_EFORMAT, "general.alignment is 2147483648"},
        {alignment_text, ENG_EFORMAT, "is of type string"},
        {tensor_zero_dim, ENG_EFORMAT, "dimension 1 is 0"},
        {tensor_overflow, ENG_EFORMAT, "product of its dimensions overflows"},
        {tensor_size_overflow, ENG_EFORMAT, "size overflows"},
        {tensor_block, ENG_EFORMAT, "rows of 33 are no multiple of the 32"},
        {tensor_unknown_type, ENG_ENOTSUP, "type id 4"},
        {tensor_short, ENG_EFORMAT, "truncated: tensor 't' needs 8000 bytes"},
        {tensor_no_name, ENG_EFORMAT, "tensor name of 0 bytes"},
        {tensor_twice, ENG_EFORMAT, "tensor 't' at byte 65 appears twice"},
        {tensor_overlap, ENG_EFORMAT, "'a' and 'b' overlap"},
        {tensor_five_dims, ENG_EFORMAT, "has 5 dimensions"},
        {tensor_no_dims, ENG_EFORMAT, "has 0 dimensions"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gguf_build *b = gguf_build_new();
        size_t n;
        cases[i].damage(b);
        const uint8_t *bytes = gguf_build_bytes(b, &n);
        assert_refused(bytes, n, cases[i].code, cases[i].text);
        gguf_build_free(b);
    }
}

static void misaligned_offset_is_refused(void **state)
{
    (void)state;
    struct gguf_build *b = gguf_build_new();
    size_t n;
    tensor(b, "t", ENG_TYPE_F32, 8, 1, 64);
    uint8_t *bad = malloc(4096);
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    memcpy(bad, bytes, n);
    bad[24 + 8 + 1 + 4 + 16 + 4] = 4; /* the offset */
    assert_refused(bad, n, ENG_EFORMAT, "offset 4 is no multiple of the alignment 32");
    free(bad);
    gguf_build_free(b);
}

static void short_files_are_refused(void **state)
{
    (void)state;
    assert_refused((const uint8_t *)"", 0, ENG_EFORMAT, "0 bytes is too short");
    assert_refused((const uint8_t *)"GGU", 3, ENG_EFORMAT, "3 bytes is too short");
    assert_refused((const uint8_t *)"GGUF\3\0\0", 7, ENG_EFORMAT, "version at byte 4");
}

/* 100 000 keys: a lookup that walks all of them for each would need 10^10 steps, far beyond the test's time limit. */
static void many_keys_are_read_in_linear_time(void **state)
{
    (void)state;
    struct gguf_build *b = gguf_build_new();
    char key[16];
    for (uint32_t i = 0; i < 100000; i++) {
        snprintf(key, sizeof(key), "key.%u", i);
        gguf_build_u32(b, key, i);
    }
    size_t n;
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    struct eng_gguf g;
    struct eng_error err = {0};
    assert_int_equal(eng_gguf_parse(&g, "f.gguf", bytes, n, &err), ENG_OK);
    uint32_t value = 0;
    assert_int_equal(eng_gguf_get_u32(&g, "key.99999", true, &value, &err), ENG_OK);
    assert_int_equal(value, 99999);
    eng_gguf_release(&g);
    gguf_build_free(b);
}

static void a_newline_in_a_name_does_not_break_the_message(void **state)
{
    (void)state;
    struct gguf_build *b = gguf_build_new();
    size_t n;
    tensor(b, "two\nlines", ENG_TYPE_F32, 8, 0, 0);
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    assert_refused(bytes, n, ENG_EFORMAT, "two?lines");
    gguf_build_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read_back),
        cmocka_unit_test(header_damage_is_refused),
        cmocka_unit_test(body_damage_is_refused),
        cmocka_unit_test(misaligned_offset_is_refused),
        cmocka_unit_test(short_files_are_refused),
        cmocka_unit_test(many_keys_are_read_in_linear_time),
        cmocka_unit_test(a_newline_in_a_name_does_not_break_the_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
