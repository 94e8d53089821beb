/* test_utf8.c - what is no UTF-8 is replaced byte by byte, and a text may come in any pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/utf8.h"

#define BAD "\xef\xbf\xbd"

static const struct { const char *in, *out; } cases[] = {
    {"", ""}, {"plain", "plain"}, {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"}, {"\xff", BAD}, {"\x80", BAD},
    {"a\xc3", "a" BAD}, {"\xe2\x82", BAD BAD}, {"\xf0\x9f\x98", BAD BAD BAD},          /* cut at the end */
    {"\xc0\x80", BAD BAD}, {"\xe0\x9f\xbf", BAD BAD BAD}, {"\xf0\x8f\x80\x80", BAD BAD BAD BAD}, /* longer than need be */
    {"\xed\xa0\x80", BAD BAD BAD}, {"\xf4\x90\x80\x80", BAD BAD BAD BAD}, {"\xf5\x80", BAD BAD}, /* surrogates, beyond the last */
    {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"},
    {"\xe2\x82z", BAD BAD "z"}, {"\xf0\x9f\xc3\xa9", BAD BAD "\xc3\xa9"}, {"\xf0\xf0\x9f\x98\x80", BAD "\xf0\x9f\x98\x80"}, /* cut by another */
};

static void each_byte_that_is_none_is_replaced(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *copy = mb_utf8_copy(cases[i].in);
        assert_non_null(copy);
        assert_string_equal(copy, cases[i].out);
        free(copy);
    }
}

static void add_in_two(const char *in, size_t n, size_t n_first, const char *want)
{
    struct mb_utf8_stream s = {0};
    struct mb_strbuf out = {0};
    mb_utf8_add(&s, in, n_first, &out);
    mb_utf8_add(&s, in + n_first, n - n_first, &out);
    mb_utf8_end(&s, &out);
    assert_string_equal(mb_strbuf_text(&out), want);
    mb_strbuf_release(&out);
}

static void pieces_give_what_the_whole_gives(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t cut = 0; cut <= strlen(cases[i].in); cut++)
            add_in_two(cases[i].in, strlen(cases[i].in), cut, cases[i].out);
    static const unsigned char likely[] = {'a', 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0xff};
    struct mb_rng rng = {3};
    for (unsigned round = 0; round < 3000; round++) {
        char text[12] = "";
        for (size_t i = 0; i + 1 < sizeof(text); i++)
            text[i] = (char)likely[(size_t)(mb_rng_unit(&rng) * sizeof(likely))];
        char *whole = mb_utf8_copy(text);
        assert_non_null(whole);
        add_in_two(text, sizeof(text) - 1, round % sizeof(text), whole);
        free(whole);
    }
}

/* What waits is never more than the beginning of a character. */
static void a_character_is_handed_on_with_its_last_byte(void **state)
{
    (void)state;
    static const struct { const char *piece; size_t n_out; } steps[] = {{"a", 1}, {"\xf0\x9f", 1}, {"\x98", 1}, {"\x80", 5}, {"\xe2\x82", 5}, {"b", 12}};
    struct mb_utf8_stream s = {0};
    struct mb_strbuf out = {0};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        mb_utf8_add(&s, steps[i].piece, strlen(steps[i].piece), &out);
        assert_int_equal(out.n_bytes, steps[i].n_out);
    }
    mb_strbuf_release(&out);
}

static void a_zero_byte_ends_the_text(void **state)
{
    (void)state;
    add_in_two("ab\0cd", 5, 2, "ab");
    add_in_two("ab\0cd", 5, 4, "ab");
    add_in_two("a\xe2\0\x82\xac", 5, 3, "a" BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_that_is_none_is_replaced),
        cmocka_unit_test(pieces_give_what_the_whole_gives),
        cmocka_unit_test(a_character_is_handed_on_with_its_last_byte),
        cmocka_unit_test(a_zero_byte_ends_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
