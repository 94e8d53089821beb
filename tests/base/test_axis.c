/* Lists of values: what a user may write behind a flag or in a plan, and which name was probably meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/axis.h"

/* Items joined by " | ", or the error in "!". */
static const char *expanded(enum mb_axis_kind kind, const char *text, char *buf, size_t cap)
{
    char **items = NULL;
    size_t n = 0, at = 0;
    struct mb_error err = {0};
    buf[0] = '\0';
    if (mb_axis_list_expand(kind, text, &items, &n, &err))
        snprintf(buf, cap, "!%s", err.text);
    else
        for (size_t i = 0; i < n && at < cap; i++)
            at += (size_t)snprintf(buf + at, cap - at, "%s%s", i ? " | " : "", items[i]);
    mb_axis_list_free(items, n);
    return buf;
}

static void lists_and_ranges_expand(void **state)
{
    (void)state;
    static const struct { enum mb_axis_kind kind; const char *text, *items; } rows[] = {
        {MB_AXIS_KIND_COUNT, "2", "2"},
        {MB_AXIS_KIND_COUNT, "1,2,4", "1 | 2 | 4"},
        {MB_AXIS_KIND_COUNT, " 1 , 2 ", "1 | 2"},
        {MB_AXIS_KIND_COUNT, "1-4", "1 | 2 | 3 | 4"},
        {MB_AXIS_KIND_COUNT, "256-1024+256", "256 | 512 | 768 | 1024"},
        {MB_AXIS_KIND_COUNT, "1-8*2", "1 | 2 | 4 | 8"},
        {MB_AXIS_KIND_COUNT, "1-9*2", "1 | 2 | 4 | 8"},
        {MB_AXIS_KIND_COUNT, "5-5", "5"},
        {MB_AXIS_KIND_COUNT, "0,7-8", "0 | 7 | 8"},
        {MB_AXIS_KIND_COUNT, "auto,2", "auto | 2"},
        {MB_AXIS_KIND_COUNT, "4294967294-4294967295", "4294967294 | 4294967295"},
        {MB_AXIS_KIND_METHOD, "none,verify:layer=20,draft=4", "none | verify:layer=20,draft=4"},
        {MB_AXIS_KIND_METHOD, "verify,layer=20,none", "verify:layer=20 | none"},
        {MB_AXIS_KIND_METHOD, "streaming:sink=4, window=256", "streaming:sink=4,window=256"},
        {MB_AXIS_KIND_TEXT, "a.gguf,b.gguf", "a.gguf | b.gguf"},
        {MB_AXIS_KIND_TEXT, "x=1.gguf,y=2.gguf", "x=1.gguf | y=2.gguf"},
        {MB_AXIS_KIND_TEXT, "null:prefill_us=1,token_us=2,b.gguf", "null:prefill_us=1,token_us=2 | b.gguf"},
    };
    char buf[512];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(expanded(rows[i].kind, rows[i].text, buf, sizeof(buf)), rows[i].items);
}

static void bad_lists_name_the_item(void **state)
{
    (void)state;
    static const struct { enum mb_axis_kind kind; const char *text, *in_message; } rows[] = {
        {MB_AXIS_KIND_COUNT, "", "empty item"},
        {MB_AXIS_KIND_COUNT, "1,,2", "empty item"},
        {MB_AXIS_KIND_COUNT, "1,2,", "empty item"},
        {MB_AXIS_KIND_COUNT, "two", "'two'"},
        {MB_AXIS_KIND_COUNT, "-1", "'-1'"},
        {MB_AXIS_KIND_COUNT, "1.5", "'1.5'"},
        {MB_AXIS_KIND_COUNT, "4-1", "backwards; write 1-4"},
        {MB_AXIS_KIND_COUNT, "1-8+0", "never ends"},
        {MB_AXIS_KIND_COUNT, "1-8*1", "never ends"},
        {MB_AXIS_KIND_COUNT, "0-8*2", "never ends"},
        {MB_AXIS_KIND_COUNT, "1-8*2x", "'1-8*2x'"},
        {MB_AXIS_KIND_COUNT, "1-", "'1-'"},
        {MB_AXIS_KIND_COUNT, "4294967296", "'4294967296'"},
        {MB_AXIS_KIND_COUNT, "99999999999999999999999999", "whole number"},
        {MB_AXIS_KIND_COUNT, "1-4294967295", "more than 4096"},
        {MB_AXIS_KIND_COUNT, "1-4096,1", "more than 4096"},
        {MB_AXIS_KIND_METHOD, "layer=20", "method in front"},
    };
    char buf[700];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *message = expanded(rows[i].kind, rows[i].text, buf, sizeof(buf));
        assert_int_equal(message[0], '!');
        assert_non_null(strstr(message, rows[i].in_message));
    }
}

static void a_list_of_4096_is_the_longest(void **state)
{
    (void)state;
    char **items = NULL;
    size_t n = 0;
    struct mb_error err = {0};
    assert_int_equal(mb_axis_list_expand(MB_AXIS_KIND_COUNT, "1-4096", &items, &n, &err), MB_OK);
    assert_int_equal(n, 4096);
    assert_string_equal(items[4095], "4096");
    /* a setting in a second text does not reach into the first */
    assert_int_equal(mb_axis_list_expand(MB_AXIS_KIND_METHOD, "layer=1", &items, &n, &err), MB_EINVAL);
    mb_axis_list_free(items, n);
}

static void nearest_is_what_was_meant(void **state)
{
    (void)state;
    static const char *const keys[] = {"threads", "backend", "early_exit", "token_reduction", "quant", "x"};
    static const struct { const char *word, *meant; } rows[] = {
        {"thread", "threads"}, {"treads", "threads"}, {"Threads", "threads"}, {"thraeds", "threads"}, {"early-exit", "early_exit"},
        {"backends", "backend"}, {"qaunt", "quant"}, {"token_reductoin", "token_reduction"}, {"workload", NULL}, {"", NULL}, {"zq", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *found = mb_nearest(rows[i].word, keys, sizeof(keys) / sizeof(keys[0]));
        if (rows[i].meant) {
            assert_non_null(found);
            assert_string_equal(found, rows[i].meant);
        } else {
            assert_null(found);
        }
    }
    char endless[4096];
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    assert_null(mb_nearest(endless, keys, 6));
}

static void every_axis_is_a_key_and_a_flag_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < MB_AXIS_N; i++) {
        const struct mb_axis_row *row = &mb_axis_rows[i];
        assert_int_equal(mb_axis_find(row->key), i);
        assert_true(strlen(row->help) > 0 && strlen(row->column) > 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(row->key, mb_axis_rows[j].key);
            assert_string_not_equal(row->column, mb_axis_rows[j].column);
            if (row->short_flag && mb_axis_rows[j].short_flag)
                assert_string_not_equal(row->short_flag, mb_axis_rows[j].short_flag);
        }
    }
    assert_int_equal(mb_axis_find("early-exit"), MB_AXIS_EARLY_EXIT);
    assert_int_equal(mb_axis_find("cache_type-k"), MB_AXIS_CACHE_TYPE_K);
    assert_int_equal(mb_axis_find("early"), -1);
    assert_int_equal(mb_axis_find("early_exits"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_ranges_expand),
        cmocka_unit_test(bad_lists_name_the_item),
        cmocka_unit_test(a_list_of_4096_is_the_longest),
        cmocka_unit_test(nearest_is_what_was_meant),
        cmocka_unit_test(every_axis_is_a_key_and_a_flag_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
