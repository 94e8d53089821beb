/* test_memory_forecast.c - what will not fit, on fake machines. The prediction itself: tests/cli/test_cli_memory.c, engine/tests/test_memory_need.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "../collectors/fake_tree.h"
#include "harness/memory_forecast.h"

#define MIB ((uint64_t)1 << 20)

static void the_least_that_is_there_decides(void **state)
{
    (void)state;
    struct fake_tree tree;
    char text[160];
    fake_tree_make(&tree);
    assert_null(mb_memory_shortage(4096 * MIB, 0, tree.root, text, sizeof(text))); /* nothing is known: no alarm */
    fake_tree_put(&tree, "/proc/meminfo", "MemTotal: 4194304 kB\nMemFree: 1024 kB\nMemAvailable: 2097152 kB");
    assert_null(mb_memory_shortage(2048 * MIB, 0, tree.root, text, sizeof(text)));
    assert_string_equal(mb_memory_shortage(2049 * MIB, 0, tree.root, text, sizeof(text)), "needs about 2049 MiB, this machine has available now 2048 MiB");
    assert_string_equal(mb_memory_shortage(513 * MIB, 512, tree.root, text, sizeof(text)), "needs about 513 MiB, protocol.memory_limit_mib allows 512 MiB");
    assert_null(mb_memory_shortage(512 * MIB, 512, tree.root, text, sizeof(text)));
    fake_tree_put(&tree, "/proc/self/cgroup", "0::/box");
    fake_tree_put(&tree, "/sys/fs/cgroup/box/memory.max", "1073741824");
    assert_string_equal(mb_memory_shortage(1025 * MIB, 0, tree.root, text, sizeof(text)), "needs about 1025 MiB, this control group may use 1024 MiB");
    assert_null(mb_memory_shortage(0, 512, tree.root, text, sizeof(text))); /* unknown need */
    fake_tree_remove(&tree);
}

static void a_runner_that_cannot_tell_says_so(void **state)
{
    (void)state;
    const struct mb_cell cell = {.runner = "null", .workload = "micro"};
    struct mb_memory_forecast f;
    mb_memory_forecast(&f, &cell, "");
    assert_int_equal(f.peak_bytes, 0);
    assert_string_equal(f.why_not, "runner null cannot tell its memory beforehand");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_that_is_there_decides),
        cmocka_unit_test(a_runner_that_cannot_tell_says_so),
    };
    return cmocka_run_group_tests_name("memory_forecast", tests, NULL, NULL);
}
