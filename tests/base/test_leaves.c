/* The small leaves that everything stands on: growing text, hashes, seeded numbers, fake /sys trees, the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "base/sysroot.h"

static void text_grows_and_is_taken(void **state)
{
    (void)state;
    struct mb_strbuf sb = {0};
    assert_string_equal(mb_strbuf_text(&sb), "");
    for (int i = 0; i < 1000; i++)
        mb_strbuf_printf(&sb, "%d,", i);
    assert_int_equal(sb.n_bytes, 10 * 2 + 90 * 3 + 900 * 4);
    assert_int_equal(strncmp(sb.text, "0,1,2,", 6), 0);
    mb_strbuf_clear(&sb);
    mb_strbuf_puts(&sb, "a");
    mb_strbuf_add(&sb, "bcd", 2);
    char *text = mb_strbuf_take(&sb);
    assert_string_equal(text, "abc");
    assert_null(sb.text);
    free(text);
    text = mb_strbuf_take(&sb); /* nothing in it: an empty text, not NULL */
    assert_string_equal(text, "");
    free(text);
    sb.failed = true;
    mb_strbuf_puts(&sb, "lost");
    assert_null(mb_strbuf_take(&sb));
}

static void hashes_match_published_vectors(void **state)
{
    (void)state;
    char hex[MB_DIGEST_HEX], path[] = "/tmp/mb-digest-XXXXXX";
    uint64_t n_bytes = 0;
    struct mb_error err = {0};
    /* FIPS 180-4 examples */
    assert_int_equal(mb_digest_bytes("abc", 3, hex, &err), MB_OK);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(mb_digest_bytes("", 0, hex, &err), MB_OK);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    const int fd = mkstemp(path);
    assert_int_equal(write(fd, "abc", 3), 3);
    close(fd);
    assert_int_equal(mb_digest_file(path, hex, &n_bytes, &err), MB_OK);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(n_bytes, 3);
    unlink(path);
    assert_int_equal(mb_digest_file(path, hex, NULL, &err), MB_ENOENT);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(mb_digest_file("/", hex, NULL, &err), MB_EIO);
}

static void numbers_are_the_same_everywhere(void **state)
{
    (void)state;
    struct mb_rng rng = {.state = 1234567};
    /* splitmix64.c of Vigna, seed 1234567 */
    assert_true(mb_rng_next(&rng) == 6457827717110365317u);
    assert_true(mb_rng_next(&rng) == 3203168211198807973u);
    size_t order[100], n_moved = 0;
    bool seen[100] = {false};
    for (size_t i = 0; i < 100; i++)
        order[i] = i;
    mb_rng_shuffle(&rng, order, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_false(seen[order[i]]);
        seen[order[i]] = true;
        n_moved += order[i] != i;
    }
    assert_true(n_moved > 80);
    for (int i = 0; i < 1000; i++) {
        const double u = mb_rng_unit(&rng);
        assert_true(u >= 0 && u < 1);
        assert_true(mb_rng_below(&rng, 7) < 7);
    }
}

struct tree { char root[32]; };

static void put(const struct tree *t, const char *path, const char *text)
{
    char full[256];
    snprintf(full, sizeof(full), "%s%s", t->root, path);
    for (char *p = full + strlen(t->root) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(full, 0700);
        *p = '/';
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void remove_tree(const struct tree *t)
{
    char command[64];
    snprintf(command, sizeof(command), "rm -r %s", t->root);
    assert_int_equal(system(command), 0);
}

static void fake_trees_stand_in_for_sys(void **state)
{
    (void)state;
    struct tree t = {"/tmp/mb-sysroot-XXXXXX"};
    struct mb_error err = {0};
    char text[32], **names;
    size_t n;
    int64_t value = 0;
    assert_non_null(mkdtemp(t.root));
    put(&t, "/sys/class/thermal/zone10/temp", "41000\n");
    put(&t, "/sys/class/thermal/zone2/temp", "-5000\n");
    put(&t, "/sys/class/thermal/other/temp", "hot\n");
    assert_int_equal(mb_sys_read_i64(t.root, "/sys/class/thermal/zone2/temp", &value, &err), MB_OK);
    assert_int_equal(value, -5000);
    assert_int_equal(mb_sys_read_text(t.root, "/sys/class/thermal/zone10/temp", text, sizeof(text), &err), MB_OK);
    assert_string_equal(text, "41000");
    assert_int_equal(mb_sys_read_text(t.root, "/sys/class/thermal/zone10/temp", text, 3, &err), MB_OK);
    assert_string_equal(text, "41");
    assert_int_equal(mb_sys_read_i64(t.root, "/sys/class/thermal/other/temp", &value, &err), MB_EFORMAT);
    assert_int_equal(mb_sys_read_i64(t.root, "/sys/class/thermal/zone3/temp", &value, &err), MB_ENOENT);
    assert_non_null(strstr(err.text, "/sys/class/thermal/zone3/temp"));
    assert_int_equal(mb_sys_list(t.root, "/sys/class/thermal", "zone", &names, &n, &err), MB_OK);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "zone2");
    assert_string_equal(names[1], "zone10");
    mb_sys_list_free(names, n);
    assert_int_equal(mb_sys_list(t.root, "/sys/class/nothing", "", &names, &n, &err), MB_ENOENT);
    assert_int_equal(n, 0);
    remove_tree(&t);
}

static void the_clock_goes_forward(void **state)
{
    (void)state;
    const uint64_t t = mb_clock_ns();
    mb_clock_sleep_until_ns(t + 2000000);
    assert_true(mb_clock_ns() >= t + 2000000);
    const uint64_t before = mb_clock_ns();
    mb_clock_sleep_until_ns(before - 1000000000u); /* long past: no sleep of 584 years */
    assert_true(mb_clock_ns() >= before);
    assert_true(mb_clock_resolution_ns() > 0);
    char utc[32];
    mb_clock_utc(utc, sizeof(utc));
    assert_int_equal(strlen(utc), 24);
    assert_true(utc[10] == 'T' && utc[23] == 'Z');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_is_taken),
        cmocka_unit_test(hashes_match_published_vectors),
        cmocka_unit_test(numbers_are_the_same_everywhere),
        cmocka_unit_test(fake_trees_stand_in_for_sys),
        cmocka_unit_test(the_clock_goes_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
