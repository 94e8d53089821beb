/* test_textfile.c - text in: what is refused, and in which words; lines. */
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/textfile.h"

static void expect_refused(const void *bytes, size_t n, int code, const char *words)
{
    struct scratch s;
    scratch_make(&s);
    struct mb_text text;
    struct mb_error err = {0};
    assert_int_equal(mb_text_read(&text, scratch_write(&s, "x.txt", bytes, n), &err), code);
    if (!strstr(err.text, words) || !strstr(err.text, "x.txt"))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    assert_null(strchr(err.text, '\n'));
    assert_null(text.bytes);
    scratch_remove(&s);
}

static void test_refuses_what_is_not_text(void **state)
{
    (void)state;
    expect_refused("", 0, MB_EFORMAT, "empty");
    expect_refused(" \n\n", 3, MB_EFORMAT, "empty");
    expect_refused("good\nb\xffgood\n", 12, MB_EFORMAT, "x.txt:2: byte 2 of the line is not valid UTF-8 (0xff)");
    expect_refused("a\xc3", 2, MB_EFORMAT, "x.txt:1: byte 2");
    expect_refused("\xc0\xaf", 2, MB_EFORMAT, "not valid UTF-8");         /* overlong */
    expect_refused("\xe0\x9f\xbf", 3, MB_EFORMAT, "not valid UTF-8");     /* overlong */
    expect_refused("\xf0\x8f\xbf\xbf", 4, MB_EFORMAT, "not valid UTF-8"); /* overlong */
    expect_refused("\xed\xa0\x80", 3, MB_EFORMAT, "not valid UTF-8");     /* surrogate */
    expect_refused("\xf4\x90\x80\x80", 4, MB_EFORMAT, "not valid UTF-8"); /* above U+10FFFF */
    expect_refused("a\n\nb\0c", 6, MB_EFORMAT, "x.txt:3: byte 2 of the line is NUL");
}

static void test_names_what_cannot_be_opened(void **state)
{
    (void)state;
    struct mb_text text;
    struct mb_error err = {0};
    assert_int_equal(mb_text_read(&text, "/nonexistent/file.txt", &err), MB_EIO);
    assert_non_null(strstr(err.text, "/nonexistent/file.txt"));
    assert_int_equal(mb_text_read(&text, "/tmp", &err), MB_EIO);
    assert_non_null(strstr(err.text, "folder"));
}

static void test_keeps_every_byte_of_good_text(void **state)
{
    (void)state;
    static const char good[] = "\xef\xbb\xbf" "z\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80\r\nlast";
    struct scratch s;
    scratch_make(&s);
    struct mb_text text;
    struct mb_error err = {0};
    assert_int_equal(mb_text_read(&text, scratch_text(&s, "x.txt", good), &err), MB_OK);
    assert_string_equal(text.bytes, good + 3); /* without the byte order mark */
    assert_int_equal(text.n_bytes, strlen(good) - 3);
    struct mb_line line = {0};
    size_t at = 0;
    assert_true(mb_text_next_line(&text, &at, &line));
    assert_int_equal(line.n_bytes, strlen("z\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80"));
    assert_int_equal(line.number, 1);
    assert_true(mb_text_next_line(&text, &at, &line));
    assert_int_equal(line.number, 2);
    assert_memory_equal(line.start, "last", line.n_bytes);
    assert_false(mb_text_next_line(&text, &at, &line));
    mb_text_release(&text);
    scratch_remove(&s);
}

static void test_reads_more_than_one_buffer(void **state)
{
    (void)state;
    const size_t n = 300001;
    char *big = malloc(n);
    assert_non_null(big);
    memset(big, 'x', n);
    struct scratch s;
    scratch_make(&s);
    struct mb_text text;
    assert_int_equal(mb_text_read(&text, scratch_write(&s, "x.txt", big, n), NULL), MB_OK);
    assert_int_equal(text.n_bytes, n);
    assert_memory_equal(text.bytes, big, n);
    mb_text_release(&text);
    scratch_remove(&s);
    free(big);
}

static void test_counts_code_points_as_python(void **state)
{
    (void)state;
    assert_int_equal(mb_text_code_points(""), 0);
    assert_int_equal(mb_text_code_points("abc"), 3);
    assert_int_equal(mb_text_code_points("\xc3\xa9t\xc3\xa9"), 3);
    assert_int_equal(mb_text_code_points("\xf0\x9f\x98\x80!"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_what_is_not_text),
        cmocka_unit_test(test_names_what_cannot_be_opened),
        cmocka_unit_test(test_keeps_every_byte_of_good_text),
        cmocka_unit_test(test_reads_more_than_one_buffer),
        cmocka_unit_test(test_counts_code_points_as_python),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
