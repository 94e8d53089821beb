/* test_page_cache.c - a real file on a real file system, thrown out of the page cache and read back in, and what a run stores of it. */
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "campaign.h"
#include "harness/page_cache.h"

#define N_BYTES ((size_t)8 << 20)

static char path[256];

/* In the build's folder: /tmp is often memory, which has nothing to be thrown out to. */
static int begin(void **state)
{
    (void)state;
    char cwd[200];
    if (!getcwd(cwd, sizeof(cwd)))
        return 1;
    snprintf(path, sizeof(path), "%s/page-cache-XXXXXX", cwd);
    const int fd = mkstemp(path);
    char *bytes = calloc(1, N_BYTES);
    const int failed = fd < 0 || !bytes || write(fd, bytes, N_BYTES) != (ssize_t)N_BYTES || fsync(fd); /* dirty pages stay */
    free(bytes);
    if (fd >= 0)
        close(fd);
    return failed;
}

static int end(void **state)
{
    (void)state;
    return unlink(path);
}

static bool can_be_cold(void)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 && fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC;
}

static double share(void)
{
    struct mb_error err = {0};
    double value = -1;
    if (mb_page_cache_resident(path, &value, &err))
        fail_msg("%s", err.text);
    return value;
}

static void warm_is_all_of_it_and_cold_is_none(void **state)
{
    (void)state;
    struct mb_error err = {0};
    assert_int_equal(mb_page_cache_prepare(path, MB_PAGE_CACHE_WARM, &err), MB_OK);
    assert_true(share() == 1);
    assert_int_equal(mb_page_cache_prepare(path, MB_PAGE_CACHE_AS_IS, &err), MB_OK);
    assert_true(share() == 1);
    if (!can_be_cold())
        skip();
    assert_int_equal(mb_page_cache_prepare(path, MB_PAGE_CACHE_COLD, &err), MB_OK);
    assert_true(share() < 0.05);
    const int fd = open(path, O_RDONLY);
    char byte;
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0); /* no reading ahead */
    assert_int_equal(pread(fd, &byte, 1, 4096), 1);
    close(fd);
    assert_true(share() > 0 && share() < 1);
}

static void names_are_those_of_the_plan(void **state)
{
    (void)state;
    for (int i = MB_PAGE_CACHE_AS_IS; i <= MB_PAGE_CACHE_COLD; i++)
        assert_int_equal(mb_page_cache_find(mb_page_cache_name((enum mb_page_cache)i)), i);
    assert_int_equal(mb_page_cache_find("lukewarm"), -1);
}

static void what_cannot_be_looked_at_says_why(void **state)
{
    (void)state;
    struct mb_error err = {0};
    double value;
    assert_int_equal(mb_page_cache_prepare("/nonexistent/model", MB_PAGE_CACHE_COLD, &err), MB_ENOENT);
    assert_non_null(strstr(err.text, "/nonexistent/model"));
    assert_int_equal(mb_page_cache_resident("/nonexistent/model", &value, &err), MB_ENOENT);
    assert_int_equal(mb_page_cache_resident("/dev/null", &value, &err), MB_ENOTSUP);
    assert_int_equal(mb_page_cache_resident("/proc/self/status", &value, &err), MB_ENOTSUP); /* no size, no pages */
    assert_int_equal(mb_page_cache_prepare("/proc/self", MB_PAGE_CACHE_WARM, &err), MB_EIO); /* a folder */
}

static void the_first_repetition_says_what_loading_began_with(void **state)
{
    (void)state;
    static const char metric[] = "SELECT t.kind || t.repetition || ' ' || scope FROM metric JOIN trial t ON t.id = trial_id WHERE name = 'page_cache_resident'";
    const struct campaign_cell cell = {"null:token_us=100", 4, 2, NULL};
    struct campaign c;
    campaign_open(&c, &cell, 1);
    c.cells[0].cell.model_path = path; /* the scripted runner opens nothing: the file stays as it was put */
    c.plan.protocol.page_cache = MB_PAGE_CACHE_WARM;
    assert_int_equal(campaign_run(&c), 0);
    assert_string_equal(campaign_query(&c, metric), "cold0 warm");
    assert_int_equal(campaign_number(&c, "SELECT value = 1 FROM metric WHERE name = 'page_cache_resident'"), 1);
    if (can_be_cold()) {
        assert_int_equal(unlink(c.db), 0);
        c.plan.protocol.page_cache = MB_PAGE_CACHE_COLD;
        c.plan.protocol.warmup = 0;
        assert_int_equal(campaign_run(&c), 0);
        assert_string_equal(campaign_query(&c, metric), "measured0 cold");
        assert_int_equal(campaign_number(&c, "SELECT value < 0.05 FROM metric WHERE name = 'page_cache_resident'"), 1);
    }
    campaign_close(&c);
}

int main(int argc, char **argv)
{
    const int worker = campaign_worker(argc, argv);
    if (worker >= 0)
        return worker;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(warm_is_all_of_it_and_cold_is_none),
        cmocka_unit_test(names_are_those_of_the_plan),
        cmocka_unit_test(what_cannot_be_looked_at_says_why),
        cmocka_unit_test(the_first_repetition_says_what_loading_began_with),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
