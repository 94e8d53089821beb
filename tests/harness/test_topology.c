/* test_topology.c - what hwloc says of machines that this one is not: synthetic, as XML, and from a fake tree of /sys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../collectors/fake_tree.h"
#include "harness/machine_topology.h"

/* NULL with the reason printed where hwloc is not there: the program works without it. */
static json_t *read_topology(const char *described)
{
    json_t *t = mb_machine_topology(described);
    const char *why = json_string_value(json_object_get(t, "absent"));
    assert_non_null(t);
    if (!why || !strstr(why, "libhwloc"))
        return t;
    print_message("skipped: %s\n", why);
    json_decref(t);
    return NULL;
}

#define READ_OR_SKIP(t, described)       \
    json_t *t = read_topology(described); \
    if (!t)                              \
        skip()

static json_int_t number(const json_t *t, const char *key)
{
    assert_true(json_is_integer(json_object_get(t, key)));
    return json_integer_value(json_object_get(t, key));
}

static void a_described_machine_is_read(void **state)
{
    (void)state;
    READ_OR_SKIP(t, "Package:2 [NUMANode(memory=1073741824)] L3Cache:1(size=33554432) L2Cache:4(size=1048576) Core:1 PU:2");
    assert_int_equal(number(t, "packages"), 2);
    assert_int_equal(number(t, "cores"), 8);
    assert_int_equal(number(t, "cpus"), 16);
    const json_t *nodes = json_object_get(t, "nodes"), *caches = json_object_get(t, "caches");
    assert_int_equal(json_array_size(nodes), 2);
    assert_string_equal(json_string_value(json_array_get(nodes, 1)), "8-15");
    assert_int_equal(json_array_size(caches), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(caches, 0), "type")), "L2Cache");
    assert_int_equal(number(json_array_get(caches, 0), "bytes"), 1048576);
    assert_int_equal(number(json_array_get(caches, 0), "count"), 8);
    assert_int_equal(json_array_size(json_object_get(t, "kinds")), 0);
    assert_string_equal(json_string_value(json_object_get(t, "synthetic")), /* amounts of memory are left out */
                        "Package:2 [NUMANode] L3Cache:1(size=33554432) L2Cache:4(size=1048576) Core:1 PU:2");
    json_decref(t);
}

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n<topology version=\"2.0\">\n"
#define SETS(c) " cpuset=\"" c "\" complete_cpuset=\"" c "\" nodeset=\"0x1\" complete_nodeset=\"0x1\""

/* A Package of two cores of two kinds on one node; @host, @memory and @l2 are what may differ. */
static char *xml(const char *host, const char *memory, const char *l2)
{
    static char text[4096];
    snprintf(text, sizeof(text),
             XML_HEAD "<object type=\"Machine\" os_index=\"0\"" SETS("0x3") " allowed_cpuset=\"0x3\" allowed_nodeset=\"0x1\" gp_index=\"1\">"
             "<info name=\"HostName\" value=\"%s\"/>"
             "<object type=\"NUMANode\" os_index=\"0\"" SETS("0x3") " gp_index=\"2\" local_memory=\"%s\"><page_type size=\"4096\" count=\"%s\"/></object>"
             "<object type=\"L2Cache\"" SETS("0x1") " gp_index=\"3\" cache_size=\"%s\" depth=\"2\" cache_linesize=\"64\" cache_associativity=\"8\" cache_type=\"0\">"
             "<object type=\"Core\" os_index=\"0\"" SETS("0x1") " gp_index=\"4\"><object type=\"PU\" os_index=\"0\"" SETS("0x1") " gp_index=\"5\"/></object></object>"
             "<object type=\"L2Cache\"" SETS("0x2") " gp_index=\"6\" cache_size=\"131072\" depth=\"2\" cache_linesize=\"64\" cache_associativity=\"8\" cache_type=\"0\">"
             "<object type=\"Core\" os_index=\"1\"" SETS("0x2") " gp_index=\"7\"><object type=\"PU\" os_index=\"1\"" SETS("0x2") " gp_index=\"8\"/></object></object>"
             "</object>"
             "<cpukind cpuset=\"0x2\" forced_efficiency=\"0\"><info name=\"CoreType\" value=\"IntelAtom\"/><info name=\"FrequencyMaxMHz\" value=\"3400\"/>"
             "<info name=\"FrequencyBaseMHz\" value=\"1100\"/></cpukind>"
             "<cpukind cpuset=\"0x1\" forced_efficiency=\"1\"><info name=\"CoreType\" value=\"IntelCore\"/><info name=\"FrequencyMaxMHz\" value=\"4500\"/></cpukind>"
             "</topology>", host, memory, memory, l2);
    return text;
}

static char *digest_of(const char *described)
{
    json_t *t = mb_machine_topology(described);
    const char *hex = json_string_value(json_object_get(t, "xml_sha256"));
    assert_non_null(hex);
    char *copy = strdup(hex);
    json_decref(t);
    return copy;
}

static void kinds_and_caches_that_differ_are_told_apart(void **state)
{
    (void)state;
    READ_OR_SKIP(t, xml("a", "1000", "262144"));
    const json_t *kinds = json_object_get(t, "kinds"), *slow = json_array_get(kinds, 0), *fast = json_array_get(kinds, 1);
    assert_int_equal(json_array_size(kinds), 2);
    assert_string_equal(json_string_value(json_object_get(slow, "cpus")), "1");
    assert_string_equal(json_string_value(json_object_get(slow, "type")), "IntelAtom");
    assert_int_equal(number(slow, "base_mhz"), 1100);
    assert_int_equal(number(fast, "max_mhz"), 4500);
    assert_true(json_is_null(json_object_get(fast, "base_mhz")) && json_is_null(json_object_get(fast, "capacity")));
    assert_int_equal(json_array_size(json_object_get(t, "caches")), 2);
    json_decref(t);
}

static void the_digest_is_of_the_machine_only(void **state)
{
    (void)state;
    READ_OR_SKIP(t, xml("a", "1000", "262144"));
    json_decref(t);
    char *first = digest_of(xml("a", "1000", "262144")), *moved = digest_of(xml("renamed", "9999", "262144")), *other = digest_of(xml("a", "1000", "524288"));
    assert_string_equal(first, moved);
    assert_string_not_equal(first, other);
    free(first);
    free(moved);
    free(other);
}

static void rubbish_is_absent_with_a_reason(void **state)
{
    (void)state;
    static const char *const rubbish[] = {"<topology", "<?xml version=\"1.0\"?><nothing/>", "Core:many", "Package:-1"};
    READ_OR_SKIP(t, "PU:1");
    json_decref(t);
    for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
        t = mb_machine_topology(rubbish[i]);
        assert_string_equal(json_string_value(json_object_get(t, "absent")), "hwloc cannot read the topology");
        json_decref(t);
    }
}

/* hwloc itself reads the tree of a big.LITTLE board, as it would on one. */
static void a_board_is_read_from_its_sys(void **state)
{
    (void)state;
    struct fake_tree tree;
    READ_OR_SKIP(none, "PU:1");
    json_decref(none);
    fake_tree_make(&tree);
    fake_tree_put(&tree, "/sys/devices/system/cpu/online", "0-7\n");
    fake_tree_put(&tree, "/sys/devices/system/cpu/possible", "0-7\n");
    for (int i = 0; i < 8; i++) {
        char path[120], mask[16];
        const struct { const char *file; const char *text; } files[] = {
            {"topology/physical_package_id", "0\n"}, {"topology/core_id", NULL}, {"topology/core_cpus", mask}, {"topology/thread_siblings", mask},
            {"cpu_capacity", i < 4 ? "446\n" : "1024\n"}, {"cpufreq/cpuinfo_max_freq", i < 4 ? "1800000\n" : "2400000\n"}};
        snprintf(mask, sizeof(mask), "%02x\n", 1 << i);
        for (size_t k = 0; k < sizeof(files) / sizeof(files[0]); k++) {
            snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/%s", i, files[k].file);
            if (files[k].text)
                fake_tree_put(&tree, path, files[k].text);
            else
                fake_tree_put_number(&tree, path, i);
        }
    }
    setenv("HWLOC_FSROOT", tree.root, 1);
    setenv("HWLOC_THISSYSTEM", "0", 1);
    setenv("HWLOC_COMPONENTS", "linux,stop", 1);
    json_t *t = mb_machine_topology(NULL);
    unsetenv("HWLOC_FSROOT");
    unsetenv("HWLOC_THISSYSTEM");
    unsetenv("HWLOC_COMPONENTS");
    const json_t *kinds = json_object_get(t, "kinds"), *little = json_array_get(kinds, 0), *big = json_array_get(kinds, 1);
    assert_int_equal(number(t, "cores"), 8);
    assert_int_equal(json_array_size(kinds), 2);
    assert_string_equal(json_string_value(json_object_get(little, "cpus")), "0-3");
    assert_int_equal(number(little, "capacity"), 446);
    assert_int_equal(number(little, "max_mhz"), 1800);
    assert_string_equal(json_string_value(json_object_get(big, "cpus")), "4-7");
    assert_int_equal(number(big, "max_mhz"), 2400);
    json_decref(t);
    fake_tree_remove(&tree);
}

static void this_machine_is_the_same_twice(void **state)
{
    (void)state;
    READ_OR_SKIP(a, NULL);
    json_t *b = mb_machine_topology(NULL);
    assert_true(json_equal(a, b));
    assert_true(number(a, "cpus") >= 1);
    assert_int_equal(strlen(json_string_value(json_object_get(a, "xml_sha256"))), 64);
    json_decref(a);
    json_decref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_described_machine_is_read),
        cmocka_unit_test(kinds_and_caches_that_differ_are_told_apart),
        cmocka_unit_test(the_digest_is_of_the_machine_only),
        cmocka_unit_test(rubbish_is_absent_with_a_reason),
        cmocka_unit_test(a_board_is_read_from_its_sys),
        cmocka_unit_test(this_machine_is_the_same_twice),
    };
    return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
