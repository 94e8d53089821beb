/* test_placement.c - where threads may run: lists as people write them, quotas of cgroups, cores of described machines, and real threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cpu_list.h"
#include "base/placement.h"
#include "base/pool.h"

static void is_list(const cpu_set_t *set, const char *expected)
{
    char text[256];
    assert_string_equal(eng_cpu_list_format(set, text, sizeof text), expected);
}

static void lists_are_read_and_written(void **state)
{
    static const char *const good[][2] = {{"0", "0"}, {"0x1", "0"}, {"0x5", "0+2"}, {"0-3+8", "0-3+8"}, {"8,0-3", "0-3+8"}, {"0XfF", "0-7"},
                                          {"3+3+3", "3"}, {"1023", "1023"}, {"0x100000000", "32"}};
    static const char *const wrong[] = {"", "x", "0x", "0x0", "0xg", "-1", "3-1", "1-", "1,,2", "1 2", "1024", "0-99999999999999999999", "2+"};
    cpu_set_t set;
    struct eng_error err;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(eng_cpu_list_parse(good[i][0], &set, &err), ENG_OK);
        is_list(&set, good[i][1]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (eng_cpu_list_parse(wrong[i], &set, &err) != ENG_EINVAL)
            fail_msg("'%s' was taken", wrong[i]);
        assert_non_null(strstr(err.text, "0-3+8"));
    }
    char small[8];
    assert_int_equal(eng_cpu_list_parse("0+2+4+6+8+10+12", &set, &err), ENG_OK);
    assert_non_null(strstr(eng_cpu_list_format(&set, small, sizeof small), "..."));
    assert_true(strlen(small) < sizeof small);
}

/* --- quotas ----------------------------------------------------------------------------------------------------- */

static void put(const char *root, const char *path, const char *text)
{
    char full[700];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *p = strchr(full + strlen(root) + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        mkdir(full, 0700);
        *p = '/';
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void the_tightest_group_counts(void **state)
{
    char root[] = "/tmp/eng-placement-XXXXXX", remove[64];
    (void)state;
    assert_non_null(mkdtemp(root));
    assert_int_equal(eng_cpu_quota(root), 0); /* no cgroups at all */
    put(root, "/proc/self/cgroup", "0::/a/b\n");
    put(root, "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    assert_int_equal(eng_cpu_quota(root), 0);
    put(root, "/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
    assert_int_equal(eng_cpu_quota(root), 2); /* one and a half: two threads can be at work */
    put(root, "/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
    assert_int_equal(eng_cpu_quota(root), 1);
    put(root, "/proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/old\n");
    put(root, "/sys/fs/cgroup/cpu/old/cpu.cfs_quota_us", "300000\n");
    put(root, "/sys/fs/cgroup/cpu/old/cpu.cfs_period_us", "100000\n");
    assert_int_equal(eng_cpu_quota(root), 3);
    put(root, "/sys/fs/cgroup/cpu/old/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(eng_cpu_quota(root), 0);
    snprintf(remove, sizeof remove, "rm -r '%s'", root);
    assert_int_equal(system(remove), 0);
}

/* --- described machines ----------------------------------------------------------------------------------------- */

static bool load(struct eng_topology *t, const char *described)
{
    struct eng_error err = {0};
    const int rc = eng_topology_load(t, described, &err);
    if (rc == ENG_ENOTSUP && strstr(err.text, "hwloc")) {
        print_message("skipped: %s\n", err.text);
        return false;
    }
    if (rc != ENG_OK)
        fail_msg("%s", err.text);
    return true;
}

static void all_cpus(cpu_set_t *set)
{
    memset(set, 0xff, sizeof *set);
}

static void hardware_threads_share_a_core(void **state)
{
    struct eng_topology t;
    cpu_set_t usable, sets[6];
    (void)state;
    all_cpus(&usable);
    if (!load(&t, "pack:1 core:4 pu:2"))
        skip();
    assert_int_equal(t.n_cores, 4);
    assert_int_equal(t.n_nodes, 1);
    assert_int_equal(t.n_kinds, 1);
    assert_int_equal(eng_placement_spread(&t, &usable, ENG_CORES_ANY, sets, 3), 6);
    is_list(&sets[0], "0-1");
    is_list(&sets[2], "4-5");
    assert_int_equal(eng_placement_spread(&t, &usable, ENG_CORES_ANY, sets, 6), 8);
    is_list(&sets[4], "0-1"); /* more threads than cores: from the first again */
    struct eng_error err;
    assert_int_equal(eng_cpu_list_parse("3+6", &usable, &err), ENG_OK);
    assert_int_equal(eng_placement_spread(&t, &usable, ENG_CORES_ANY, sets, 4), 2);
    is_list(&sets[0], "3");
    is_list(&sets[1], "6");
    is_list(&sets[2], "3");
    assert_int_equal(eng_cpu_list_parse("100", &usable, &err), ENG_OK);
    assert_int_equal(eng_placement_spread(&t, &usable, ENG_CORES_ANY, sets, 2), 0);
    eng_topology_release(&t);
}

static void one_memory_node_is_filled_before_the_next(void **state)
{
    struct eng_topology t;
    cpu_set_t usable, sets[4];
    (void)state;
    all_cpus(&usable);
    if (!load(&t, "[numa] pack:2 [numa] core:3 pu:1"))
        if (!load(&t, "numa:2 core:3 pu:1"))
            skip();
    assert_int_equal(t.n_cores, 6);
    assert_int_equal(eng_placement_spread(&t, &usable, ENG_CORES_ANY, sets, 4), 4);
    is_list(&sets[0], "0");
    is_list(&sets[2], "2");
    is_list(&sets[3], "3");
    eng_topology_release(&t);
}

/* Four slow cores first, as on many phones, then two fast ones. Written as lstopo exports it, with the kinds' efficiency. */
static const char *big_little(void)
{
    static char xml[4000];
    size_t n = (size_t)snprintf(xml, sizeof xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n<topology version=\"2.0\">\n"
                                "<object type=\"Machine\" os_index=\"0\" cpuset=\"0x3f\" complete_cpuset=\"0x3f\" allowed_cpuset=\"0x3f\" nodeset=\"0x1\" "
                                "complete_nodeset=\"0x1\" allowed_nodeset=\"0x1\" gp_index=\"1\">"
                                "<object type=\"NUMANode\" os_index=\"0\" cpuset=\"0x3f\" complete_cpuset=\"0x3f\" nodeset=\"0x1\" complete_nodeset=\"0x1\" "
                                "gp_index=\"2\" local_memory=\"4194304\"/>\n");
    for (int i = 0; i < 6; i++)
        n += (size_t)snprintf(xml + n, sizeof xml - n, "<object type=\"Core\" os_index=\"%d\" cpuset=\"0x%x\" complete_cpuset=\"0x%x\" nodeset=\"0x1\" "
                              "complete_nodeset=\"0x1\" gp_index=\"%d\"><object type=\"PU\" os_index=\"%d\" cpuset=\"0x%x\" complete_cpuset=\"0x%x\" "
                              "nodeset=\"0x1\" complete_nodeset=\"0x1\" gp_index=\"%d\"/></object>\n", i, 1 << i, 1 << i, 10 + i, i, 1 << i, 1 << i, 20 + i);
    snprintf(xml + n, sizeof xml - n, "</object>\n<cpukind cpuset=\"0x0f\" forced_efficiency=\"0\"><info name=\"CoreType\" value=\"IntelAtom\"/></cpukind>\n"
             "<cpukind cpuset=\"0x30\" forced_efficiency=\"1\"><info name=\"CoreType\" value=\"IntelCore\"/></cpukind>\n</topology>\n");
    return xml;
}

static void fast_cores_come_first(void **state)
{
    struct eng_topology t;
    cpu_set_t usable, sets[6];
    (void)state;
    all_cpus(&usable);
    if (!load(&t, big_little()))
        skip();
    assert_int_equal(t.n_cores, 6);
    assert_int_equal(t.n_kinds, 2);
    assert_int_equal(eng_placement_spread(&t, &usable, ENG_CORES_ANY, sets, 4), 4);
    is_list(&sets[0], "4");
    is_list(&sets[1], "5");
    is_list(&sets[2], "0");
    assert_int_equal(eng_placement_spread(&t, &usable, ENG_CORES_PERFORMANCE, sets, 3), 2);
    is_list(&sets[2], "4");
    assert_int_equal(eng_placement_spread(&t, &usable, ENG_CORES_EFFICIENCY, sets, 4), 4);
    is_list(&sets[0], "0");
    CPU_CLR(4, &usable);
    CPU_CLR(5, &usable);
    assert_int_equal(eng_placement_spread(&t, &usable, ENG_CORES_PERFORMANCE, sets, 1), 1); /* the fastest of those that may be used */
    is_list(&sets[0], "0");
    eng_topology_release(&t);
}

/* --- this machine ------------------------------------------------------------------------------------------------ */

static void what_is_not_here_is_refused_by_name(void **state)
{
    cpu_set_t usable;
    struct eng_error err = {0};
    (void)state;
    eng_cpus_usable(&usable);
    assert_int_equal(eng_cpu_mask_check(NULL, &err), ENG_OK);
    assert_int_equal(eng_cpu_mask_check("all", &err), ENG_OK);
    assert_int_equal(eng_cpu_mask_check("fast", &err), ENG_EINVAL);
    assert_non_null(strstr(err.text, "'fast'"));
    assert_non_null(strstr(err.text, "performance"));
    if (CPU_ISSET(1001, &usable))
        return;
    assert_int_equal(eng_cpu_mask_check("1001", &err), ENG_ENOTSUP);
    assert_non_null(strstr(err.text, "processor 1001"));
}

struct seen { cpu_set_t sets[8]; };

static void note_affinity(void *arg, uint32_t i_task, uint32_t i_worker)
{
    struct seen *s = arg;
    (void)i_task;
    assert_int_equal(sched_getaffinity(0, sizeof s->sets[0], &s->sets[i_worker]), 0);
    usleep(1000);
}

/* Threads, the caller's own too, stay within the mask; afterwards the caller is free again. */
static void threads_run_where_the_mask_says(void **state)
{
    cpu_set_t before, after, one;
    struct eng_error err = {0};
    (void)state;
    eng_cpus_usable(&before);
    size_t last = 0;
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        last = CPU_ISSET(i, &before) ? i : last;
    char mask[32];
    snprintf(mask, sizeof mask, "%zu", last);
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    struct eng_pool *pool;
    assert_int_equal(eng_pool_open_masked(&pool, 3, mask, &err), ENG_OK);
    struct seen seen;
    for (size_t i = 0; i < 8; i++)
        seen.sets[i] = one; /* workers that got no task say nothing */
    for (int run = 0; run < 20; run++)
        eng_pool_run(pool, note_affinity, &seen, 6);
    for (size_t i = 0; i < 3; i++)
        assert_true(CPU_EQUAL(&seen.sets[i], &one));
    eng_pool_close(pool);
    eng_cpus_usable(&after);
    assert_true(CPU_EQUAL(&before, &after));
}

static void count_worker(void *arg, uint32_t i_task, uint32_t i_worker)
{
    uint32_t *n = arg;
    (void)i_task;
    __atomic_fetch_add(&n[i_worker], 1, __ATOMIC_RELAXED);
    usleep(200);
}

/* One usable processor and four threads wanted: one works, and nothing else runs beside it. */
static void no_more_threads_than_processors(void **state)
{
    struct eng_pool *pool;
    struct eng_error err = {0};
    uint32_t n[4] = {0};
    (void)state;
    const struct eng_placement one = {.n_usable = 1};
    assert_int_equal(eng_pool_open_on(&pool, 4, &one, &err), ENG_OK);
    assert_int_equal(eng_pool_threads(pool), 1);
    for (int run = 0; run < 20; run++)
        eng_pool_run(pool, count_worker, n, 4);
    eng_pool_close(pool);
    assert_int_equal(n[0], 80);
    const struct eng_placement three = {.n_usable = 3};
    assert_int_equal(eng_pool_open_on(&pool, 4, &three, &err), ENG_OK);
    assert_int_equal(eng_pool_threads(pool), 3);
    eng_pool_close(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read_and_written),
        cmocka_unit_test(the_tightest_group_counts),
        cmocka_unit_test(hardware_threads_share_a_core),
        cmocka_unit_test(one_memory_node_is_filled_before_the_next),
        cmocka_unit_test(fast_cores_come_first),
        cmocka_unit_test(what_is_not_here_is_refused_by_name),
        cmocka_unit_test(threads_run_where_the_mask_says),
        cmocka_unit_test(no_more_threads_than_processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
