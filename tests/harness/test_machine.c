/* The facts of a machine, read from fake trees: a PC under a container's limits, and a big.LITTLE board. */
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

#include "harness/machine.h"

static char root[32];

static int begin(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/mb-machine-XXXXXX");
    assert_non_null(mkdtemp(root));
    return 0;
}

static int end(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof(command), "rm -r '%s'", root);
    return system(command);
}

static void put_bytes(const char *path, const char *bytes, size_t n)
{
    char full[256];
    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = '\0';
        mkdir(full, 0700);
        *p = '/';
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fwrite(bytes, 1, n, f);
    fclose(f);
}

static void put(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

static void put_cpu(unsigned cpu, const char *core_cpus)
{
    char path[96];
    snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology/core_cpus_list", cpu);
    put(path, core_cpus);
}

/* Two cores of two threads each, 8 GiB, in a group of version 2 that may use one and a half processors and 1 GiB. */
static void put_pc(void)
{
    put("/proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Imaginary CPU @ 3 GHz\n"
                         "flags\t\t: fpu avx2 avx512_vnni hypervisor\n\nprocessor\t: 1\nmodel name\t: Imaginary CPU @ 3 GHz\n");
    put("/sys/devices/system/cpu/online", "0-3\n");
    put_cpu(0, "0,2\n");
    put_cpu(1, "1,3\n");
    put_cpu(2, "0,2\n");
    put_cpu(3, "1,3\n");
    put("/proc/meminfo", "MemTotal:        8388608 kB\nMemFree: 5 kB\nMemAvailable:  4194304 kB\nSwapTotal: 2048 kB\nSwapFree: 1024 kB\n");
    put("/proc/sys/kernel/osrelease", "6.1.0-test\n");
    put("/proc/sys/kernel/hostname", "imaginary\n");
    put("/proc/sys/kernel/arch", "x86_64\n");
    put("/proc/loadavg", "0.50 0.25 0.10 1/100 4242\n");
    put("/sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "powersave\n");
    put("/sys/devices/system/cpu/cpufreq/policy1/scaling_governor", "powersave\n");
    put("/sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
    put("/sys/devices/system/cpu/cpu0/cache/index0/level", "1\n");
    put("/sys/devices/system/cpu/cpu0/cache/index0/type", "Data\n");
    put("/sys/devices/system/cpu/cpu0/cache/index0/size", "48K\n");
    put("/sys/devices/system/cpu/cpu0/cache/index0/shared_cpu_list", "0,2\n");
    put("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
    put("/sys/class/power_supply/AC/type", "Mains\n");
    put("/sys/class/power_supply/AC/online", "0\n");
    put("/sys/class/power_supply/BAT0/type", "Battery\n");
    put("/sys/class/power_supply/BAT0/capacity", "77\n");
    put("/sys/class/power_supply/BAT0/charge_full", "4000000\n");
    put("/sys/class/power_supply/BAT0/voltage_min_design", "11400000\n");
    put("/sys/class/thermal/thermal_zone0/type", "acpitz\n");
    put("/sys/class/thermal/thermal_zone0/temp", "30000\n");
    put("/sys/class/thermal/thermal_zone1/type", "x86_pkg_temp\n");
    put("/sys/class/thermal/thermal_zone1/temp", "61000\n");
    put("/proc/self/cgroup", "0::/user/session\n");
    put("/sys/fs/cgroup/user/session/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/user/cpu.max", "150000 100000\n"); /* the parent's limit binds as well */
    put("/sys/fs/cgroup/user/session/memory.max", "1073741824\n");
}

static json_t *parse(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void a_pc_is_read(void **state)
{
    (void)state;
    struct mb_machine m;
    struct mb_error err = {0};
    put_pc();
    assert_int_equal(mb_machine_read(&m, root, &err), MB_OK);
    assert_string_equal(m.device.name, "imaginary");
    assert_string_equal(m.device.cpu, "Imaginary CPU @ 3 GHz");
    assert_string_equal(m.device.kernel, "6.1.0-test");
    assert_int_equal(m.device.n_cores, 2);
    assert_true(m.device.memory_bytes == 8388608ll * 1024);
    assert_int_equal(m.n_physical_cores, 2); /* 1.5 processors are two threads */
    json_t *facts = parse(m.device.facts_json);
    assert_int_equal(json_integer_value(json_object_get(facts, "cores_logical")), 4);
    assert_string_equal(text_at(facts, "arch"), "x86_64");
    assert_string_equal(text_at(facts, "governor"), "powersave");
    assert_non_null(strstr(text_at(facts, "virtualisation"), "virtual machine"));
    assert_int_equal(json_array_size(json_object_get(facts, "flags")), 3);
    const json_t *cache = json_array_get(json_object_get(facts, "caches"), 0);
    assert_int_equal(json_integer_value(json_object_get(cache, "bytes")), 48 * 1024);
    const json_t *cgroup = json_object_get(facts, "cgroup");
    assert_true(json_real_value(json_object_get(cgroup, "cpus")) == 1.5);
    assert_true(json_integer_value(json_object_get(cgroup, "memory_bytes")) == 1073741824);
    assert_true(json_array_size(json_object_get(facts, "sensors")) > 3);
    json_decref(facts);
    mb_machine_release(&m);
}

static void conditions_are_read(void **state)
{
    (void)state;
    struct mb_machine m;
    struct mb_error err = {0};
    put_pc();
    assert_int_equal(mb_machine_read(&m, root, &err), MB_OK);
    json_t *c = parse(m.conditions_json);
    assert_true(json_real_value(json_array_get(json_object_get(c, "loadavg"), 0)) == 0.5);
    assert_true(json_is_false(json_object_get(c, "mains")));
    assert_int_equal(json_integer_value(json_object_get(c, "battery_percent")), 77);
    assert_int_equal(json_integer_value(json_object_get(c, "battery_full_uwh")), 45600000);
    assert_string_equal(text_at(c, "hottest_zone"), "x86_pkg_temp");
    assert_int_equal(json_integer_value(json_object_get(c, "hottest_milli_c")), 61000);
    assert_true(json_is_false(json_object_get(c, "boost")));
    assert_string_equal(text_at(c, "transparent_hugepages"), "madvise");
    assert_int_equal(json_integer_value(json_object_get(c, "swap_used_bytes")), 1024 * 1024);
    /* what is not there is null with a reason */
    assert_true(json_is_null(json_object_get(c, "address_randomisation")));
    assert_non_null(text_at(json_object_get(c, "absent"), "address_randomisation"));
    assert_null(json_object_get(json_object_get(c, "absent"), "mains"));
    json_decref(c);
    mb_machine_release(&m);
}

static void facts_do_not_move_by_themselves(void **state)
{
    (void)state;
    struct mb_machine a, b;
    struct mb_error err = {0};
    put_pc();
    assert_int_equal(mb_machine_read(&a, root, &err), MB_OK);
    put("/proc/loadavg", "9.00 9.00 9.00 1/100 4243\n");
    put("/sys/class/thermal/thermal_zone1/temp", "88000\n");
    put("/sys/class/power_supply/BAT0/capacity", "12\n");
    put("/proc/meminfo", "MemTotal:        8389000 kB\nMemFree: 9 kB\nMemAvailable:  1 kB\nSwapTotal: 2048 kB\nSwapFree: 0 kB\n");
    put("/proc/sys/kernel/hostname", "renamed\n");
    assert_int_equal(mb_machine_read(&b, root, &err), MB_OK);
    assert_string_equal(a.device.facts_json, b.device.facts_json);
    assert_string_not_equal(a.conditions_json, b.conditions_json);
    mb_machine_release(&b);
    put("/sys/devices/system/cpu/cpufreq/policy1/scaling_governor", "performance\n");
    assert_int_equal(mb_machine_read(&b, root, &err), MB_OK);
    assert_string_not_equal(a.device.facts_json, b.device.facts_json); /* another governor gives other figures */
    assert_non_null(strstr(b.device.facts_json, "powersave, performance"));
    mb_machine_release(&a);
    mb_machine_release(&b);
}

static void old_cgroups_limit_too(void **state)
{
    (void)state;
    put_pc();
    put("/proc/self/cgroup", "5:cpu,cpuacct:/box\n4:memory:/box\n0::/\n");
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "50000\n");
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(mb_machine_physical_cores(root), 1); /* half a processor is still one thread */
    put("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
    assert_int_equal(mb_machine_physical_cores(root), 2);
    struct mb_machine m;
    struct mb_error err = {0};
    assert_int_equal(mb_machine_read(&m, root, &err), MB_OK);
    assert_non_null(strstr(m.device.facts_json, "\"cgroup\":{\"cpus\":null,\"memory_bytes\":null}"));
    mb_machine_release(&m);
}

static void a_board_is_read(void **state)
{
    (void)state;
    struct mb_machine m;
    struct mb_error err = {0};
    put("/proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd asimddp\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n\n"
                         "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n\n"
                         "processor\t: 2\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\n"
                         "processor\t: 3\nCPU implementer\t: 0x51\nCPU part\t: 0x804\n");
    put("/sys/devices/system/cpu/online", "0-2,3\n"); /* no topology files: each is a core */
    put_bytes("/proc/device-tree/model", "Imaginary Board Rev 1.2", sizeof("Imaginary Board Rev 1.2"));
    put("/proc/meminfo", "MemTotal:        4000000 kB\n");
    put("/proc/sys/kernel/arch", "aarch64\n");
    assert_int_equal(mb_machine_read(&m, root, &err), MB_OK);
    assert_string_equal(m.device.cpu, "2 x Cortex-A55 + 1 x Cortex-A76 + 1 x core 51:804");
    assert_int_equal(m.n_physical_cores, 4);
    json_t *facts = parse(m.device.facts_json);
    assert_string_equal(text_at(facts, "board"), "Imaginary Board Rev 1.2");
    assert_string_equal(text_at(facts, "arch"), "aarch64");
    assert_int_equal(json_array_size(json_object_get(facts, "flags")), 2);
    json_decref(facts);
    mb_machine_release(&m);
}

static void an_empty_tree_gives_unknowns_not_zeros(void **state)
{
    (void)state;
    struct mb_machine m;
    struct mb_error err = {0};
    assert_int_equal(mb_machine_read(&m, root, &err), MB_OK);
    assert_string_equal(m.device.name, "unknown");
    assert_string_equal(m.device.cpu, "unknown");
    assert_null(m.device.kernel);
    assert_true(m.device.memory_bytes < 0);
    assert_true(m.n_physical_cores >= 1);
    json_t *facts = parse(m.device.facts_json), *c = parse(m.conditions_json);
    assert_true(json_is_null(json_object_get(facts, "memory_bytes")));
    assert_true(json_is_null(json_object_get(c, "hottest_milli_c")));
    assert_true(json_is_null(json_object_get(c, "battery_percent")));
    assert_true(json_is_null(json_object_get(c, "battery_full_uwh")));
    assert_true(json_is_null(json_object_get(c, "boost")));
    json_decref(facts);
    json_decref(c);
    mb_machine_release(&m);
}

/* Text that is no number, no list, or endless: read as unknown. */
static void nonsense_is_survived(void **state)
{
    (void)state;
    static const char *const paths[] = {"/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu/online", "/proc/self/cgroup", "/proc/loadavg",
                                        "/sys/class/thermal/thermal_zone0/temp", "/sys/kernel/mm/transparent_hugepage/enabled",
                                        "/sys/devices/system/cpu/cpu0/cache/index0/level", "/sys/fs/cgroup/cpu.max"};
    static const char *const texts[] = {"", "\n", ":::::\n", "-", "99999999999999999999-", "0-99999999999999999999", "model name", "[", "0::", "0::/../../x\n"};
    char *endless = malloc(3 << 20);
    memset(endless, '9', 3 << 20);
    for (size_t t = 0; t <= sizeof(texts) / sizeof(texts[0]); t++) {
        struct mb_machine m;
        struct mb_error err = {0};
        for (size_t p = 0; p < sizeof(paths) / sizeof(paths[0]); p++) {
            if (t < sizeof(texts) / sizeof(texts[0]))
                put(paths[p], texts[t]);
            else
                put_bytes(paths[p], endless, 3 << 20);
        }
        assert_int_equal(mb_machine_read(&m, root, &err), MB_OK);
        assert_true(m.n_physical_cores >= 1);
        mb_machine_release(&m);
    }
    free(endless);
}

static void this_machine_and_this_binary_are_read(void **state)
{
    (void)state;
    struct mb_machine m, again;
    struct mb_error err = {0};
    char hex[MB_DIGEST_HEX];
    assert_int_equal(mb_machine_read(&m, "", &err), MB_OK);
    assert_int_equal(mb_machine_read(&again, NULL, &err), MB_OK);
    assert_string_equal(m.device.facts_json, again.device.facts_json);
    assert_int_equal(mb_digest_file("/proc/self/exe", hex, NULL, &err), MB_OK);
    assert_string_equal(m.binary_sha256, hex);
    assert_string_equal(m.build.binary_sha256, hex);
    assert_true(strlen(m.build.version) > 0 && strlen(m.build.commit) > 0 && strlen(m.build.compiler) > 0);
    assert_true(m.n_physical_cores >= 1 && m.n_physical_cores <= (uint32_t)m.device.n_cores);
    mb_machine_release(&m);
    mb_machine_release(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pc_is_read, begin, end),
        cmocka_unit_test_setup_teardown(conditions_are_read, begin, end),
        cmocka_unit_test_setup_teardown(facts_do_not_move_by_themselves, begin, end),
        cmocka_unit_test_setup_teardown(old_cgroups_limit_too, begin, end),
        cmocka_unit_test_setup_teardown(a_board_is_read, begin, end),
        cmocka_unit_test_setup_teardown(an_empty_tree_gives_unknowns_not_zeros, begin, end),
        cmocka_unit_test_setup_teardown(nonsense_is_survived, begin, end),
        cmocka_unit_test(this_machine_and_this_binary_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
