/* test_memory.c - the machine's memory, pressure and what of a process others share: fake trees, and one real pair of processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collectors/sampler.h"
#include "fake_tree.h"

#define MIB (1u << 20)
#define MS 1000000u

static struct mb_collect_set *open_set(const char *selection, const struct fake_tree *tree)
{
    const struct mb_collect_env env = fake_env(tree, 2 * MS);
    struct mb_collect_set *set;
    struct mb_error err = {0};
    if (mb_collect_open(&set, selection, &env, &err))
        fail_msg("%s", err.text);
    return set;
}

static void finish(struct mb_collect_set *set, struct mb_record *r)
{
    mb_collect_stop(set);
    memset(r, 0, sizeof(*r));
    assert_int_equal(mb_collect_read(set, r, NULL), 0);
}

static void close_all(struct mb_collect_set *set, struct mb_record *r, struct fake_tree *tree)
{
    mb_record_release(r);
    mb_collect_close(set);
    fake_tree_remove(tree);
}

static void expect_reason(const struct mb_record *r, enum mb_metric metric, const char *scope, const char *source, const char *says)
{
    const char *reason = absent_reason(r, metric, scope, source);
    if (!strstr(reason, says))
        fail_msg("%s of %s: '%s' does not say '%s'", mb_metric_rows[metric].name, source, reason, says);
}

/* --- pressure -------------------------------------------------------------------------------------------------- */

static void put_pressure(const struct fake_tree *tree, const char *name, unsigned long some_us, unsigned long full_us)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "/proc/pressure/%s", name);
    snprintf(text, sizeof(text), "some avg10=1.53 avg60=0.87 avg300=1.73 total=%lu\nfull avg10=0.00 avg60=0.13 avg300=0.96 total=%lu", some_us, full_us);
    fake_tree_put(tree, path, text);
}

static void pressure_is_the_rise_of_the_totals(void **state)
{
    (void)state;
    struct fake_tree tree;
    struct mb_record r;
    fake_tree_make(&tree);
    put_pressure(&tree, "memory", 1000, 400);
    put_pressure(&tree, "cpu", 77000000, 0);
    put_pressure(&tree, "io", 5, 5);
    struct mb_collect_set *set = open_set("pressure", &tree);
    mb_collect_start(set);
    put_pressure(&tree, "memory", 3500, 450);
    put_pressure(&tree, "cpu", 77000123, 0);
    finish(set, &r);
    assert_true(known_value(&r, MB_METRIC_PRESSURE_SOME_NS, "memory", "pressure") == 2500e3);
    assert_true(known_value(&r, MB_METRIC_PRESSURE_FULL_NS, "memory", "pressure") == 50e3);
    assert_true(known_value(&r, MB_METRIC_PRESSURE_SOME_NS, "cpu", "pressure") == 123e3);
    assert_true(known_value(&r, MB_METRIC_PRESSURE_SOME_NS, "io", "pressure") == 0);
    assert_true(known_value(&r, MB_METRIC_PRESSURE_FULL_NS, "io", "pressure") == 0);
    assert_null(find_metric(&r, MB_METRIC_PRESSURE_FULL_NS, "cpu", "pressure")); /* not defined for a machine */
    close_all(set, &r, &tree);
}

static void pressure_that_is_off_or_broken_is_unknown(void **state)
{
    (void)state;
    struct fake_tree tree;
    struct mb_record r;
    fake_tree_make(&tree);
    struct mb_collect_set *set = open_set("pressure", &tree);
    mb_collect_start(set);
    finish(set, &r);
    expect_reason(&r, MB_METRIC_PRESSURE_SOME_NS, "", "pressure", "psi=1");
    mb_record_release(&r);
    mb_collect_close(set);

    put_pressure(&tree, "memory", 1000, 1000); /* io is missing, cpu becomes garbage, memory goes back */
    put_pressure(&tree, "cpu", 1000, 0);
    set = open_set("pressure", &tree);
    mb_collect_start(set);
    put_pressure(&tree, "memory", 900, 1001);
    fake_tree_put(&tree, "/proc/pressure/cpu", "some avg10=0.00 avg60=0.00");
    finish(set, &r);
    expect_reason(&r, MB_METRIC_PRESSURE_SOME_NS, "memory", "pressure", "went back");
    assert_true(known_value(&r, MB_METRIC_PRESSURE_FULL_NS, "memory", "pressure") == 1e3);
    expect_reason(&r, MB_METRIC_PRESSURE_SOME_NS, "cpu", "pressure", "psi=1");
    expect_reason(&r, MB_METRIC_PRESSURE_FULL_NS, "io", "pressure", "psi=1");
    close_all(set, &r, &tree);
}

/* --- the machine's memory -------------------------------------------------------------------------------------- */

static const char meminfo[] = "MemTotal:        4026728 kB\nMemFree:          123456 kB\nMemAvailable:    2097152 kB\nBuffers:            1000 kB";

static void what_the_machine_swapped_is_told(void **state)
{
    (void)state;
    struct fake_tree tree;
    struct mb_record r;
    const double page = (double)sysconf(_SC_PAGESIZE);
    fake_tree_make(&tree);
    fake_tree_put(&tree, "/proc/meminfo", meminfo);
    fake_tree_put(&tree, "/proc/vmstat", "nr_free_pages 1\npgpgin 12\npswpin 100\npswpout 200\npgfault 3");
    fake_tree_put(&tree, "/sys/block/zram0/disksize", "1073741824");
    fake_tree_put(&tree, "/sys/block/zram0/mm_stat", "  8192  100  4096  0  4096  0  0  0  0");
    fake_tree_put(&tree, "/sys/block/zram1/disksize", "0");
    fake_tree_put(&tree, "/sys/block/zram1/mm_stat", "  0 0 0 0 0 0 0 0 0");
    struct mb_collect_set *set = open_set("system_mem", &tree);
    mb_collect_start(set);
    fake_tree_put(&tree, "/proc/vmstat", "nr_free_pages 1\npgpgin 12\npswpin 103\npswpout 264\npgfault 3");
    fake_tree_put(&tree, "/sys/block/zram0/mm_stat", "  270336  90000  98304  0  98304  0  0  0  0");
    finish(set, &r);
    assert_true(known_value(&r, MB_METRIC_SWAPPED_IN_BYTES, "", "system_mem") == 3 * page);
    assert_true(known_value(&r, MB_METRIC_SWAPPED_OUT_BYTES, "", "system_mem") == 64 * page);
    assert_true(known_value(&r, MB_METRIC_AVAILABLE_BYTES, "", "system_mem") == 2097152.0 * 1024);
    assert_true(known_value(&r, MB_METRIC_ZRAM_BYTES, "zram0", "system_mem") == 98304);
    assert_null(find_metric(&r, MB_METRIC_ZRAM_BYTES, "zram1", "system_mem")); /* not in use */
    close_all(set, &r, &tree);
}

static void a_machine_that_does_not_tell_is_unknown(void **state)
{
    (void)state;
    struct fake_tree tree;
    struct mb_record r;
    fake_tree_make(&tree);
    fake_tree_put(&tree, "/proc/meminfo", "MemTotal: 1000 kB\nMemFree: 10 kB");
    fake_tree_put(&tree, "/proc/vmstat", "nr_free_pages 1\npgfault 3");
    fake_tree_put(&tree, "/sys/block/zram0/disksize", "1073741824");
    fake_tree_put(&tree, "/sys/block/zram0/mm_stat", "garbage");
    struct mb_collect_set *set = open_set("system_mem", &tree);
    mb_collect_start(set);
    finish(set, &r);
    expect_reason(&r, MB_METRIC_AVAILABLE_BYTES, "", "system_mem", "no MemAvailable");
    expect_reason(&r, MB_METRIC_SWAPPED_IN_BYTES, "", "system_mem", "CONFIG_SWAP");
    expect_reason(&r, MB_METRIC_SWAPPED_OUT_BYTES, "", "system_mem", "CONFIG_SWAP");
    expect_reason(&r, MB_METRIC_ZRAM_BYTES, "zram0", "system_mem", "could not be read");
    mb_record_release(&r);
    mb_collect_close(set);
    fake_tree_remove(&tree);

    fake_tree_make(&tree);
    fake_tree_put(&tree, "/proc/meminfo", meminfo);
    set = open_set("system_mem", &tree);
    mb_collect_start(set);
    finish(set, &r);
    expect_reason(&r, MB_METRIC_SWAPPED_IN_BYTES, "", "system_mem", "/proc/vmstat");
    close_all(set, &r, &tree);
}

/* --- the process ------------------------------------------------------------------------------------------------ */

static void put_rollup(const struct fake_tree *tree, const char *pss_line)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", getpid());
    snprintf(text, sizeof(text), "55648a776000-7ffe0d875000 ---p 00000000 00:00 0    [rollup]\nRss:  4096 kB\n%s\nPss_Anon:  7 kB", pss_line);
    fake_tree_put(tree, path, text);
}

static void put_status(const struct fake_tree *tree, const char *swap_line)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "/proc/%d/status", getpid());
    snprintf(text, sizeof(text), "Name:\tworker\nVmHWM:\t 900 kB\nRssAnon:\t 300 kB\nRssFile:\t 200 kB\n%s", swap_line);
    fake_tree_put(tree, path, text);
}

static void shares_and_swap_of_a_process_have_figures_or_reasons(void **state)
{
    (void)state;
    struct fake_tree tree;
    struct mb_record r;
    fake_tree_make(&tree);
    fake_tree_put_process(&tree, getpid(), 300, 200, 900);
    struct mb_collect_set *set = open_set("proc_mem", &tree);
    mb_collect_start(set);
    finish(set, &r);
    expect_reason(&r, MB_METRIC_PSS_BYTES, "", "proc_mem", "smaps_rollup");
    expect_reason(&r, MB_METRIC_SWAP_BYTES, "", "proc_mem", "CONFIG_SWAP");
    mb_record_release(&r);
    mb_collect_close(set);

    put_rollup(&tree, "Pss:     1234 kB");
    put_status(&tree, "VmSwap:\t 56 kB");
    set = open_set("proc_mem", &tree);
    mb_collect_start(set);
    finish(set, &r);
    assert_true(known_value(&r, MB_METRIC_PSS_BYTES, "", "proc_mem") == 1234.0 * 1024);
    assert_true(known_value(&r, MB_METRIC_SWAP_BYTES, "", "proc_mem") == 56.0 * 1024);
    mb_record_release(&r);

    mb_collect_start(set);
    put_rollup(&tree, "Nothing: 1 kB");
    finish(set, &r);
    expect_reason(&r, MB_METRIC_PSS_BYTES, "", "proc_mem", "could not be read");
    close_all(set, &r, &tree);
}

/* 32 MiB that a second process holds too count half. */
static void pages_of_two_processes_count_half(void **state)
{
    (void)state;
    struct mb_record alone, together;
    int to_child[2], to_parent[2];
    char byte = 0;
    assert_int_equal(pipe(to_child) | pipe(to_parent), 0);
    char *p = mmap(NULL, 32 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    memset(p, 1, 32 * MIB);
    struct mb_collect_set *set = open_set("proc_mem", NULL);
    mb_collect_start(set);
    finish(set, &alone);
    if (!find_metric(&alone, MB_METRIC_PSS_BYTES, "", "proc_mem")->reason) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            volatile char sum = 0;
            for (size_t i = 0; i < 32 * MIB; i += 4096)
                sum = (char)(sum + p[i]);
            _exit(write(to_parent[1], &byte, 1) != 1 || read(to_child[0], &byte, 1) != 1);
        }
        assert_int_equal(read(to_parent[0], &byte, 1), 1);
        mb_collect_start(set);
        finish(set, &together);
        assert_int_equal(write(to_child[1], &byte, 1), 1);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        const double fall = known_value(&alone, MB_METRIC_PSS_BYTES, "", "proc_mem") - known_value(&together, MB_METRIC_PSS_BYTES, "", "proc_mem");
        assert_true(fall >= 16.0 * MIB); /* and half of what else the fork shares, which is little */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* their shadow memory is shared as well */
        assert_true(fall < 24.0 * MIB);
#endif
        mb_record_release(&together);
    } else {
        print_message("skipped: %s\n", find_metric(&alone, MB_METRIC_PSS_BYTES, "", "proc_mem")->reason);
    }
    munmap(p, 32 * MIB);
    for (int i = 0; i < 2; i++) {
        close(to_child[i]);
        close(to_parent[i]);
    }
    mb_record_release(&alone);
    mb_collect_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pressure_is_the_rise_of_the_totals),
        cmocka_unit_test(pressure_that_is_off_or_broken_is_unknown),
        cmocka_unit_test(what_the_machine_swapped_is_told),
        cmocka_unit_test(a_machine_that_does_not_tell_is_unknown),
        cmocka_unit_test(shares_and_swap_of_a_process_have_figures_or_reasons),
        cmocka_unit_test(pages_of_two_processes_count_half),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
