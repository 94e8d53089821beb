/* test_perf.c - hardware counters of processors that this machine is not: perf_event_open(2) is answered by the test (a stand-in for
 * hybrid and busy PMUs). Each descriptor is a file that holds the reading at start and the one at stop, as read(2) would give them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collectors/sampler.h"
#include "fake_tree.h"

#define MS 1000000u
#define DEVICES "/sys/bus/event_source/devices/"
enum { CYCLES, INSTRUCTIONS, CACHE_GENERIC_MISSES = 3 }; /* perf_hw_id */

long __wrap_syscall(long number, ...);

struct open_request { /* first fields of perf_event_attr (linux/perf_event.h) */
    uint32_t type, size;
    uint64_t config;
};

struct answer { /* to one event on one PMU; the first row that fits counts */
    uint32_t type;
    uint64_t config;
    int error;           /* errno, or 0 */
    bool only_in_groups; /* the error is for members of a group */
    uint64_t readings[6];/* start: count, enabled, running; stop: the same */
};

struct asked {
    uint32_t type;
    uint64_t config;
    int group_fd, fd;
};

static const struct answer *answers; /* ends with type UINT32_MAX */
static struct asked asked[64];
static size_t n_asked;

static int answer_with(const struct answer *a)
{
    const int fd = memfd_create("counter", MFD_CLOEXEC);
    assert_int_equal(pwrite(fd, a->readings, sizeof(a->readings), 0), sizeof(a->readings));
    return fd;
}

long __wrap_syscall(long number, ...)
{
    va_list args;
    va_start(args, number);
    const struct open_request *attr = va_arg(args, void *);
    (void)va_arg(args, int);
    assert_int_equal(va_arg(args, int), -1); /* every processor */
    const int group_fd = va_arg(args, int);
    va_end(args);
    assert_int_equal(number, SYS_perf_event_open);
    uint64_t bits;
    memcpy(&bits, (const char *)attr + 40, sizeof(bits));
    assert_true(bits >> 1 & 1); /* inherit: threads made later count */
    struct asked *a = &asked[n_asked++ % 64];
    *a = (struct asked){.type = attr->type, .config = attr->config, .group_fd = group_fd, .fd = -1};
    errno = ENOENT;
    for (const struct answer *row = answers; row->type != UINT32_MAX; row++) {
        if (row->type != attr->type || row->config != attr->config || (row->only_in_groups && group_fd < 0))
            continue;
        errno = row->error;
        return row->error ? -1 : (a->fd = answer_with(row));
    }
    return -1;
}

static void put_hybrid(const struct fake_tree *tree)
{
    fake_tree_put(tree, DEVICES "cpu_core/cpus", "0-3");
    fake_tree_put(tree, DEVICES "cpu_core/type", "4");
    fake_tree_put(tree, DEVICES "cpu_atom/cpus", "4-7");
    fake_tree_put(tree, DEVICES "cpu_atom/type", "10");
    fake_tree_put(tree, DEVICES "uncore_imc/cpumask", "0");
    fake_tree_put(tree, DEVICES "uncore_imc/type", "20");
    fake_tree_put(tree, DEVICES "cpu_off/cpus", "");
    fake_tree_put(tree, DEVICES "cpu_off/type", "30");
}

static void one_trial(const struct fake_tree *tree, const struct answer *rows, struct mb_record *record)
{
    const struct mb_collect_env env = fake_env(tree, 2 * MS);
    struct mb_collect_set *set;
    struct mb_error err = {0};
    answers = rows;
    memset(record, 0, sizeof(*record));
    if (mb_collect_open(&set, "counters", &env, &err))
        fail_msg("%s", err.text);
    n_asked = n_asked > 64 ? 64 : n_asked;
    mb_collect_start(set);
    mb_collect_stop(set);
    assert_int_equal(mb_collect_read(set, record, NULL), 0);
    mb_collect_close(set);
}

static double value(const struct mb_record *r, enum mb_metric metric, const char *scope)
{
    return known_value(r, metric, scope, "perf_event");
}

#define SOFTWARE {1, 1, 0, false, {0, 0, 0, 5000, 1000, 1000}}
#define ON(pmu, event) ((uint64_t)(pmu) << 32 | (event))
#define END {UINT32_MAX, 0, 0, false, {0}}

/* 600 of 1000 ns on P cores, 400 on E cores, one counter each all the time. */
static void kinds_of_cores_are_rows_and_add_up(void **state)
{
    (void)state;
    static const struct answer rows[] = {
        SOFTWARE,
        {0, ON(4, CYCLES), 0, false, {100, 50, 20, 3100, 1050, 620}}, {0, ON(10, CYCLES), 0, false, {7, 50, 30, 807, 1050, 430}},
        {0, ON(4, INSTRUCTIONS), 0, false, {0, 0, 0, 9000, 1000, 600}}, {0, ON(10, INSTRUCTIONS), 0, false, {0, 0, 0, 1600, 1000, 400}}, END,
    };
    struct fake_tree tree;
    struct mb_record r;
    fake_tree_make(&tree);
    put_hybrid(&tree);
    one_trial(&tree, rows, &r);
    assert_true(value(&r, MB_METRIC_CYCLES, "") == 3800);
    assert_true(value(&r, MB_METRIC_CYCLES, "cpu_core") == 3000);
    assert_true(value(&r, MB_METRIC_CYCLES, "cpu_atom") == 800);
    assert_true(value(&r, MB_METRIC_INSTRUCTIONS, "") == 10600);
    assert_true(value(&r, MB_METRIC_INSTRUCTIONS, "cpu_atom") == 1600);
    assert_true(value(&r, MB_METRIC_COUNTER_SHARE, "cycles") == 1);
    assert_true(value(&r, MB_METRIC_COUNTER_SHARE, "cycles/cpu_core") == 0.6);
    assert_true(value(&r, MB_METRIC_COUNTER_SHARE, "instructions/cpu_atom") == 0.4);
    assert_int_equal(find_metric(&r, MB_METRIC_CYCLES, "", "perf_event")->origin, MB_ORIGIN_MEASURED);
    assert_non_null(strstr(absent_reason(&r, MB_METRIC_CACHE_MISSES, "", "perf_event"), "cpu_atom: not offered by this machine (ENOENT)"));
    assert_null(find_metric(&r, MB_METRIC_CACHE_MISSES, "cpu_core", "perf_event"));
    assert_null(find_metric(&r, MB_METRIC_COUNTER_SHARE, "cache_misses", "perf_event"));
    mb_record_release(&r);
    fake_tree_remove(&tree);
}

/* Half of the time on a counter: twice the count, and no claim to have measured it. */
static void a_shared_counter_is_an_estimate(void **state)
{
    (void)state;
    static const struct answer rows[] = {
        SOFTWARE,
        {0, ON(4, CYCLES), 0, false, {0, 0, 0, 1500, 1000, 300}}, {0, ON(10, CYCLES), 0, false, {0, 0, 0, 400, 1000, 200}},
        {0, ON(4, INSTRUCTIONS), 0, false, {0, 0, 0, 1000, 1000, 500}}, {0, ON(10, INSTRUCTIONS), 0, false, {0, 0, 0, 0, 1000, 0}}, END,
    };
    struct fake_tree tree;
    struct mb_record r;
    fake_tree_make(&tree);
    put_hybrid(&tree);
    one_trial(&tree, rows, &r);
    assert_true(value(&r, MB_METRIC_CYCLES, "") == 3800);
    assert_int_equal(find_metric(&r, MB_METRIC_CYCLES, "", "perf_event")->origin, MB_ORIGIN_ESTIMATED);
    assert_true(value(&r, MB_METRIC_CYCLES, "cpu_core") == 3000);
    assert_int_equal(find_metric(&r, MB_METRIC_CYCLES, "cpu_core", "perf_event")->origin, MB_ORIGIN_ESTIMATED);
    assert_true(value(&r, MB_METRIC_COUNTER_SHARE, "cycles") == 0.5);
    assert_true(value(&r, MB_METRIC_INSTRUCTIONS, "") == 2000);
    assert_non_null(strstr(absent_reason(&r, MB_METRIC_INSTRUCTIONS, "cpu_atom", "perf_event"), "never scheduled on this kind of core"));
    mb_record_release(&r);
    fake_tree_remove(&tree);
}

static void without_kinds_there_is_one_counter(void **state)
{
    (void)state;
    static const struct answer rows[] = {SOFTWARE, {0, CYCLES, 0, false, {1, 1, 1, 11, 11, 11}}, {0, INSTRUCTIONS, 0, false, {0, 9, 9, 0, 19, 9}}, END};
    struct fake_tree tree;
    struct mb_record r;
    fake_tree_make(&tree);
    fake_tree_put(&tree, DEVICES "armv8_cortex_a72/cpus", "0-3");
    fake_tree_put(&tree, DEVICES "armv8_cortex_a72/type", "8");
    one_trial(&tree, rows, &r);
    assert_true(value(&r, MB_METRIC_CYCLES, "") == 10);
    assert_null(find_metric(&r, MB_METRIC_CYCLES, "armv8_cortex_a72", "perf_event"));
    assert_true(value(&r, MB_METRIC_COUNTER_SHARE, "instructions") == 0);
    assert_non_null(strstr(absent_reason(&r, MB_METRIC_INSTRUCTIONS, "", "perf_event"), "never scheduled on a counter"));
    mb_record_release(&r);
    fake_tree_remove(&tree);
}

static const struct asked *last_asked(uint32_t type, uint64_t config)
{
    for (size_t i = n_asked; i-- > 0;)
        if (asked[i].type == type && asked[i].config == config)
            return &asked[i];
    fail_msg("event %u:%llx was not opened", type, (unsigned long long)config);
    return NULL;
}

/* Instructions run in the group of cycles of their own PMU; what the PMU has no room for goes alone. */
static void ratios_come_from_one_group(void **state)
{
    (void)state;
    static const struct answer rows[] = {
        SOFTWARE,
        {0, ON(4, CYCLES), 0, false, {0, 0, 0, 1, 1, 1}}, {0, ON(10, CYCLES), 0, false, {0}},
        {0, ON(4, INSTRUCTIONS), 0, false, {0, 0, 0, 1, 1, 1}}, {0, ON(10, INSTRUCTIONS), 0, false, {0}},
        {0, ON(4, CACHE_GENERIC_MISSES), EINVAL, true, {0}}, {0, ON(4, CACHE_GENERIC_MISSES), 0, false, {0, 0, 0, 77, 1, 1}},
        {0, ON(10, CACHE_GENERIC_MISSES), 0, false, {0}}, END,
    };
    struct fake_tree tree;
    struct mb_record r;
    fake_tree_make(&tree);
    put_hybrid(&tree);
    n_asked = 0;
    one_trial(&tree, rows, &r);
    assert_int_equal(last_asked(0, ON(4, INSTRUCTIONS))->group_fd, last_asked(0, ON(4, CYCLES))->fd);
    assert_int_equal(last_asked(0, ON(10, INSTRUCTIONS))->group_fd, last_asked(0, ON(10, CYCLES))->fd);
    assert_int_equal(last_asked(0, ON(4, CYCLES))->group_fd, -1);
    assert_int_equal(last_asked(0, ON(4, CACHE_GENERIC_MISSES))->group_fd, -1);
    mb_record_release(&r);
    fake_tree_remove(&tree);
}

/* Arm kernels that do not know the upper half of config: the PMU's own numbers, from its events folder; rubbish there is not used. */
static void old_arm_kernels_take_the_pmus_own_numbers(void **state)
{
    (void)state;
    static const struct answer rows[] = {
        SOFTWARE, {8, 0x11, 0, false, {0, 0, 0, 20, 10, 4}}, {9, 0x11, 0, false, {0, 0, 0, 30, 10, 6}}, {8, 0x08, 0, false, {0}}, END,
    };
    struct fake_tree tree;
    struct mb_record r;
    fake_tree_make(&tree);
    static const char *const pmus[] = {"armv8_cortex_a55", "armv8_cortex_a76"}, *const types[] = {"8", "9"}, *const inst[] = {"event=0x08", "event=all"};
    for (int i = 0; i < 2; i++) {
        char path[120];
        snprintf(path, sizeof(path), DEVICES "%s/cpus", pmus[i]);
        fake_tree_put(&tree, path, i ? "4-7" : "0-3");
        snprintf(path, sizeof(path), DEVICES "%s/type", pmus[i]);
        fake_tree_put(&tree, path, types[i]);
        snprintf(path, sizeof(path), DEVICES "%s/events/cpu_cycles", pmus[i]);
        fake_tree_put(&tree, path, "event=0x0011");
        snprintf(path, sizeof(path), DEVICES "%s/events/inst_retired", pmus[i]);
        fake_tree_put(&tree, path, inst[i]);
    }
    one_trial(&tree, rows, &r);
    assert_true(value(&r, MB_METRIC_CYCLES, "") == 50);
    assert_true(value(&r, MB_METRIC_CYCLES, "armv8_cortex_a76") == 30);
    assert_non_null(strstr(absent_reason(&r, MB_METRIC_INSTRUCTIONS, "", "perf_event"), "armv8_cortex_a76: not offered by this machine (ENOENT)"));
    mb_record_release(&r);
    fake_tree_remove(&tree);
}

/* A refusal names the kind of core that it came from, and takes back what had opened on the other. */
static void one_kind_that_refuses_makes_the_sum_unknown(void **state)
{
    (void)state;
    static const struct answer rows[] = {SOFTWARE, {0, ON(10, CYCLES), 0, false, {0, 0, 0, 1, 1, 1}}, {0, ON(4, CYCLES), EACCES, false, {0}}, END};
    struct fake_tree tree;
    struct mb_record r;
    fake_tree_make(&tree);
    put_hybrid(&tree);
    fake_tree_put(&tree, "/proc/sys/kernel/perf_event_paranoid", "3");
    one_trial(&tree, rows, &r);
    assert_non_null(strstr(absent_reason(&r, MB_METRIC_CYCLES, "", "perf_event"), "cpu_core: forbidden (EACCES): kernel.perf_event_paranoid is 3; run"));
    assert_null(find_metric(&r, MB_METRIC_CYCLES, "cpu_atom", "perf_event"));
    mb_record_release(&r);
    fake_tree_remove(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_cores_are_rows_and_add_up),
        cmocka_unit_test(a_shared_counter_is_an_estimate),
        cmocka_unit_test(without_kinds_there_is_one_counter),
        cmocka_unit_test(ratios_come_from_one_group),
        cmocka_unit_test(old_arm_kernels_take_the_pmus_own_numbers),
        cmocka_unit_test(one_kind_that_refuses_makes_the_sum_unknown),
    };
    return cmocka_run_group_tests_name("perf", tests, NULL, NULL);
}
