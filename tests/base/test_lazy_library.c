/* A library that is loaded when it is first needed: its functions work, and a missing one is a sentence that says what to install. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/lazy_library.h"

static void functions_are_found_and_work(void **state)
{
    (void)state;
    static const char *const files[] = {"libdoes-not-exist.so.9", "libm.so.6", NULL}, *const names[] = {"floor", "ceil"};
    static const struct mb_lazy_library library = {"rounding", "libc6", files, names, 2};
    mb_lazy_function f[2];
    struct mb_error err = {0};
    for (int again = 0; again < 2; again++) {
        assert_int_equal(mb_lazy_load(&library, f, &err), MB_OK);
        assert_true(((double (*)(double))f[0])(1.5) == 1.0);
        assert_true(((double (*)(double))f[1])(1.5) == 2.0);
    }
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    static const char *const none[] = {"libdoes-not-exist.so.9", NULL}, *const here[] = {"libm.so.6", NULL};
    static const char *const names[] = {"floor", "no_such_function"};
    static const struct mb_lazy_library absent = {"SHA-256", "libssl3", none, names, 2}, old = {"rounding", "libc6", here, names, 2};
    mb_lazy_function f[2];
    struct mb_error err = {0};
    assert_int_equal(mb_lazy_load(&absent, f, &err), MB_ENOTSUP);
    assert_string_equal(err.text, "SHA-256 needs libdoes-not-exist.so.9, which is not installed here: apt-get install libssl3");
    assert_int_equal(mb_lazy_load(&old, f, &err), MB_ENOTSUP);
    assert_non_null(strstr(err.text, "no_such_function()"));
    assert_null(strchr(err.text, '\n'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(functions_are_found_and_work), cmocka_unit_test(what_is_missing_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
