/* test_sysroot.c - reads of /sys and /proc below a root: values, absence, refusal, order of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/sysroot.h"

ssize_t __real_pread64(int fd, void *buf, size_t n, off64_t offset);
ssize_t __wrap_pread64(int fd, void *buf, size_t n, off64_t offset);

static int next_errno[4]; /* errors to give first, then the real read */
static int n_calls;

ssize_t __wrap_pread64(int fd, void *buf, size_t n, off64_t offset)
{
    const int error = n_calls < 4 ? next_errno[n_calls] : 0;
    n_calls++;
    if (!error)
        return __real_pread64(fd, buf, n, offset);
    errno = error;
    return -1;
}

static int setup(void **state)
{
    const char *tmp = getenv("TMPDIR");
    char *root = malloc(128), path[256];
    snprintf(root, 128, "%.100s/mb-sys-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof(path), "%s/sys", root);
    assert_int_equal(mkdir(path, 0755), 0);
    memset(next_errno, 0, sizeof(next_errno));
    n_calls = 0;
    *state = root;
    return 0;
}

static int teardown(void **state)
{
    char command[256];
    snprintf(command, sizeof(command), "rm -rf '%s'", (char *)*state);
    assert_int_equal(system(command), 0);
    free(*state);
    return 0;
}

static void put(const char *root, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/sys/%s", root, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void numbers_are_read_and_checked(void **state)
{
    const char *root = *state;
    static const struct { const char *text; int rc; int64_t value; } cases[] = {
        {"42\n", MB_OK, 42}, {"-274000\n", MB_OK, -274000}, {"0000000017\n", MB_OK, 17}, {"7", MB_OK, 7}, {"12 kB\n", MB_OK, 12},
        {"9223372036854775807\n", MB_OK, INT64_MAX}, {"9223372036854775808\n", MB_EFORMAT, 0}, {"", MB_EFORMAT, 0},
        {"\n", MB_EFORMAT, 0}, {"on\n", MB_EFORMAT, 0}, {"0x10\n", MB_EFORMAT, 0}, {"1.5\n", MB_EFORMAT, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t value = -1;
        struct mb_error err = {0};
        put(root, "n", cases[i].text);
        assert_int_equal(mb_sys_read_i64(root, "/sys/n", &value, &err), cases[i].rc);
        if (cases[i].rc == MB_OK)
            assert_true(value == cases[i].value);
        else
            assert_non_null(strstr(err.text, "/sys/n: '"));
    }
}

static void text_loses_its_newline_and_fits_the_buffer(void **state)
{
    const char *root = *state;
    char text[16];
    put(root, "t", "schedutil \n\n");
    assert_int_equal(mb_sys_read_text(root, "/sys/t", text, sizeof(text), NULL), MB_OK);
    assert_string_equal(text, "schedutil");
    put(root, "t", "a name much longer than the buffer");
    assert_int_equal(mb_sys_read_text(root, "/sys/t", text, sizeof(text), NULL), MB_OK);
    assert_int_equal(strlen(text), 15);
}

static void an_open_attribute_is_read_again(void **state)
{
    const char *root = *state;
    int64_t value;
    put(root, "n", "1\n");
    const int fd = mb_sys_open(root, "/sys/n", NULL);
    assert_true(fd >= 0);
    assert_int_equal(mb_sys_pread_i64(fd, &value), MB_OK);
    put(root, "n", "2\n");
    assert_int_equal(mb_sys_pread_i64(fd, &value), MB_OK);
    assert_int_equal(value, 2);
    close(fd);
}

static void writing_reaches_the_file_below_the_root(void **state)
{
    const char *root = *state;
    int64_t value;
    struct mb_error err = {0};
    assert_int_equal(mb_sys_open_write(root, "/sys/command", &err), MB_ENOENT); /* nothing is created */
    put(root, "command", "0\n");
    const int fd = mb_sys_open_write(root, "/sys/command", &err);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "5", 1, 0), 1);
    assert_int_equal(mb_sys_pread_i64(fd, &value), MB_EIO); /* it is not for reading */
    close(fd);
    assert_int_equal(mb_sys_read_i64(root, "/sys/command", &value, NULL), MB_OK);
    assert_int_equal(value, 5);
}

static void absence_says_which_path(void **state)
{
    const char *root = *state;
    int64_t value;
    struct mb_error err = {0};
    char **names = NULL;
    size_t n = 7;
    assert_int_equal(mb_sys_read_i64(root, "/sys/none", &value, &err), MB_ENOENT);
    assert_string_equal(err.text, "/sys/none: No such file or directory");
    assert_int_equal(mb_sys_list(root, "/sys/none", "", &names, &n, &err), MB_ENOENT);
    assert_null(names);
    assert_int_equal(n, 0);
    assert_true(mb_sys_open(root, "/sys/none", NULL) == MB_ENOENT);
}

static void reading_errors_are_told_and_interrupts_are_not(void **state)
{
    const char *root = *state;
    int64_t value;
    struct mb_error err = {0};
    put(root, "n", "5\n");
    next_errno[0] = EINTR;
    assert_int_equal(mb_sys_read_i64(root, "/sys/n", &value, &err), MB_OK);
    assert_int_equal(value, 5);
    n_calls = 0;
    next_errno[0] = ENODEV;
    assert_int_equal(mb_sys_read_i64(root, "/sys/n", &value, &err), MB_EIO);
    assert_string_equal(err.text, "/sys/n: No such device");
    assert_int_equal(mb_sys_read_i64(root, "/sys", &value, &err), MB_EIO); /* a folder in place of the file */
}

static void names_come_in_natural_order(void **state)
{
    const char *root = *state;
    static const char *const files[] = {"zone10", "zone2", "zone0", "other", ".zone1"};
    char **names;
    size_t n;
    for (size_t i = 0; i < 5; i++)
        put(root, files[i], "");
    assert_int_equal(mb_sys_list(root, "/sys", "zone", &names, &n, NULL), MB_OK);
    assert_int_equal(n, 3);
    assert_string_equal(names[0], "zone0");
    assert_string_equal(names[1], "zone2");
    assert_string_equal(names[2], "zone10");
    mb_sys_list_free(names, n);
    assert_int_equal(mb_sys_list(root, "/sys", "nothing", &names, &n, NULL), MB_OK);
    assert_int_equal(n, 0);
    mb_sys_list_free(names, n);
}

static void without_a_root_it_is_the_machine(void **state)
{
    (void)state;
    char text[32];
    assert_int_equal(mb_sys_read_text("", "/proc/self/comm", text, sizeof(text), NULL), MB_OK);
    assert_string_equal(text, "test_sysroot");
    assert_int_equal(mb_sys_read_text(NULL, "/proc/self/comm", text, sizeof(text), NULL), MB_OK);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(numbers_are_read_and_checked),
        TEST(text_loses_its_newline_and_fits_the_buffer),
        TEST(an_open_attribute_is_read_again),
        TEST(writing_reaches_the_file_below_the_root),
        TEST(absence_says_which_path),
        TEST(reading_errors_are_told_and_interrupts_are_not),
        TEST(names_come_in_natural_order),
        TEST(without_a_root_it_is_the_machine),
    };
    return cmocka_run_group_tests_name("sysroot", tests, NULL, NULL);
}
