/* machine_facts.c - see machine_facts.h. */
#include "harness/machine_facts.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "base/sysroot.h"
#include "collectors/collector.h"
#include "harness/machine_cpu.h"
#include "harness/machine_topology.h"

enum { MEMORY_STEP_BYTES = 16 << 20, MAX_SAMPLES = 16 }; /* MemTotal moves by some pages between kernels */

long long mb_machine_memory_kib(const char *root, const char *row)
{
    char *meminfo = mb_machine_slurp(root, "/proc/meminfo");
    const size_t n = strlen(row);
    long long kib = -1;
    for (const char *line = meminfo; line && *line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        if (strncmp(line, row, n) == 0 && line[n] == ':')
            sscanf(line + n + 1, "%lld", &kib);
    free(meminfo);
    return kib;
}

static void set_text(json_t *object, const char *key, const char *root, const char *path, json_t *absent)
{
    char text[256];
    struct mb_error err = {0};
    if (mb_sys_read_text(root, path, text, sizeof(text), &err) == MB_OK) {
        json_object_set_new(object, key, json_string(text));
        return;
    }
    json_object_set_new(object, key, json_null());
    if (absent)
        json_object_set_new(absent, key, json_string(err.text));
}

/* Distinct governors of all frequency policies, "performance" or "powersave, schedutil". */
static json_t *governors(const char *root, json_t *absent)
{
    char **policies = NULL;
    size_t n = 0;
    struct mb_error err = {0};
    struct mb_strbuf all = {0};
    if (mb_sys_list(root, "/sys/devices/system/cpu/cpufreq", "policy", &policies, &n, &err) == MB_OK && n == 0)
        mb_fail(&err, MB_ENOENT, "/sys/devices/system/cpu/cpufreq: no frequency policy");
    for (size_t i = 0; i < n; i++) {
        char path[320], governor[64];
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpufreq/%.64s/scaling_governor", policies[i]);
        if (mb_sys_read_text(root, path, governor, sizeof(governor), &err) == MB_OK && !strstr(mb_strbuf_text(&all), governor))
            mb_strbuf_printf(&all, "%s%s", all.n_bytes ? ", " : "", governor);
    }
    mb_sys_list_free(policies, n);
    json_t *value = all.n_bytes ? json_string(all.text) : json_null();
    if (!all.n_bytes && absent)
        json_object_set_new(absent, "governor", json_string(err.text));
    mb_strbuf_release(&all);
    return value;
}

/* Every collector that could run here, and why the others cannot. */
static json_t *sensors(const char *root)
{
    size_t n;
    const struct mb_collector_ops *const *ops = mb_collectors(&n);
    const struct mb_collect_env env = {.root = root, .pid = getpid(), .period_ns = 10000000u, .max_samples = MAX_SAMPLES, .options = ""};
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) {
        struct mb_error why = {0};
        if (strcmp(ops[i]->group, "test") == 0)
            continue;
        const int rc = ops[i]->probe(&env, &why);
        json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "collector", ops[i]->name, "available", rc == MB_OK, "note", why.text));
    }
    return list;
}

static bool exists(const char *root, const char *path)
{
    char full[PATH_MAX];
    snprintf(full, sizeof(full), "%s%s", root, path);
    return access(full, F_OK) == 0;
}

/* Signs of a guest or a container; "none seen" is no proof. */
static json_t *virtualisation(const char *root, const json_t *flags)
{
    struct mb_strbuf signs = {0};
    char vendor[128];
    size_t i;
    json_t *flag;
    json_array_foreach(flags, i, flag)
        if (strcmp(json_string_value(flag), "hypervisor") == 0)
            mb_strbuf_puts(&signs, "virtual machine (CPU flag hypervisor)");
    if (mb_sys_read_text(root, "/proc/device-tree/hypervisor/compatible", vendor, sizeof(vendor), NULL) == MB_OK)
        mb_strbuf_printf(&signs, "%svirtual machine (%s)", signs.n_bytes ? ", " : "", vendor);
    if (mb_sys_read_text(root, "/sys/class/dmi/id/sys_vendor", vendor, sizeof(vendor), NULL) == MB_OK && strstr(vendor, "QEMU"))
        mb_strbuf_printf(&signs, "%s%s", signs.n_bytes ? ", " : "", vendor);
    if (exists(root, "/.dockerenv") || exists(root, "/run/.containerenv"))
        mb_strbuf_printf(&signs, "%scontainer", signs.n_bytes ? ", " : "");
    json_t *value = json_string(signs.n_bytes ? signs.text : "none seen");
    mb_strbuf_release(&signs);
    return value;
}

static json_t *cgroup(const char *root)
{
    const double cpus = mb_machine_cpu_quota(root);
    const uint64_t bytes = mb_machine_memory_limit(root);
    return json_pack("{s:o, s:o}", "cpus", cpus > 0 ? json_real(cpus) : json_null(), "memory_bytes",
                     bytes ? json_integer((json_int_t)bytes) : json_null());
}

static json_t *architecture(const char *root)
{
    struct utsname name;
    char text[64];
    if (*root)
        return mb_sys_read_text(root, "/proc/sys/kernel/arch", text, sizeof(text), NULL) == MB_OK ? json_string(text) : json_null();
    return uname(&name) == 0 ? json_string(name.machine) : json_null();
}

/* Device-tree strings end with a NUL byte, which cuts them by itself. */
static void set_board(json_t *facts, const char *root)
{
    char text[256];
    if (mb_sys_read_text(root, "/proc/device-tree/model", text, sizeof(text), NULL) &&
        mb_sys_read_text(root, "/sys/class/dmi/id/product_name", text, sizeof(text), NULL)) {
        json_object_set_new(facts, "board", json_null());
        return;
    }
    json_object_set_new(facts, "board", json_string(text));
}

json_t *mb_machine_facts(const char *root)
{
    json_t *facts = json_object();
    const struct mb_cores cores = mb_machine_cores(root, 0);
    const long long kib = mb_machine_memory_kib(root, "MemTotal");
    char *cpu = mb_machine_cpu_name(root);
    json_t *flags = mb_machine_cpu_flags(root);
    json_object_set_new(facts, "cpu", json_string(cpu ? cpu : "unknown"));
    free(cpu);
    json_object_set_new(facts, "arch", architecture(root));
    set_board(facts, root);
    json_object_set_new(facts, "cores_physical", json_integer(cores.n_physical));
    json_object_set_new(facts, "cores_logical", json_integer(cores.n_logical));
    json_object_set_new(facts, "memory_bytes", kib < 0 ? json_null() : json_integer(kib * 1024 / MEMORY_STEP_BYTES * MEMORY_STEP_BYTES));
    set_text(facts, "kernel", root, "/proc/sys/kernel/osrelease", NULL);
    json_object_set_new(facts, "governor", governors(root, NULL));
    json_object_set_new(facts, "virtualisation", virtualisation(root, flags));
    json_object_set_new(facts, "flags", flags);
    json_object_set_new(facts, "caches", mb_machine_caches(root));
    json_object_set_new(facts, "topology", *root ? json_null() : mb_machine_topology(NULL)); /* hwloc takes no root */
    json_object_set_new(facts, "cgroup", cgroup(root));
    json_object_set_new(facts, "sensors", sensors(root));
    return facts;
}

/* What the battery holds when full, uWh: what a charge is worth. Fuel gauges that count charge: uAh x uV of the design. */
static json_t *battery_capacity(const char *root, const char *name)
{
    char path[320];
    int64_t value, microvolt;
    snprintf(path, sizeof(path), "/sys/class/power_supply/%.64s/energy_full", name);
    if (mb_sys_read_i64(root, path, &value, NULL) == MB_OK && value > 0)
        return json_integer(value);
    snprintf(path, sizeof(path), "/sys/class/power_supply/%.64s/charge_full", name);
    if (mb_sys_read_i64(root, path, &value, NULL) || value <= 0)
        return json_null();
    snprintf(path, sizeof(path), "/sys/class/power_supply/%.64s/voltage_min_design", name);
    if (mb_sys_read_i64(root, path, &microvolt, NULL) || microvolt <= 0)
        return json_null();
    return json_integer((json_int_t)((double)value * (double)microvolt * 1e-6));
}

/* Mains and batteries of /sys/class/power_supply (Documentation/ABI/testing/sysfs-class-power). */
static void set_power(json_t *c, const char *root, json_t *absent)
{
    char **names = NULL, path[320], type[32];
    size_t n = 0;
    int64_t number;
    json_t *mains = NULL, *battery = NULL, *capacity = NULL;
    if (mb_sys_list(root, "/sys/class/power_supply", "", &names, &n, NULL))
        n = 0;
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "/sys/class/power_supply/%.64s/type", names[i]);
        if (mb_sys_read_text(root, path, type, sizeof(type), NULL))
            continue;
        const bool is_battery = strcmp(type, "Battery") == 0;
        snprintf(path, sizeof(path), "/sys/class/power_supply/%.64s/%s", names[i], is_battery ? "capacity" : "online");
        if (mb_sys_read_i64(root, path, &number, NULL))
            continue;
        if (is_battery && !battery) {
            battery = json_integer(number);
            capacity = battery_capacity(root, names[i]);
        } else if (!is_battery && (!mains || number)) {
            json_decref(mains);
            mains = json_boolean(number != 0);
        }
    }
    mb_sys_list_free(names, n);
    if (!mains)
        json_object_set_new(absent, "mains", json_string("no mains supply in /sys/class/power_supply"));
    if (!battery)
        json_object_set_new(absent, "battery_percent", json_string("no battery in /sys/class/power_supply"));
    json_object_set_new(c, "mains", mains ? mains : json_null());
    json_object_set_new(c, "battery_percent", battery ? battery : json_null());
    json_object_set_new(c, "battery_full_uwh", capacity ? capacity : json_null());
}

static void set_hottest(json_t *c, const char *root, json_t *absent)
{
    char **zones = NULL, path[320], name[64], hottest[64] = "";
    size_t n = 0;
    int64_t temp, most = INT64_MIN;
    const int rc = mb_sys_list(root, "/sys/class/thermal", "thermal_zone", &zones, &n, NULL);
    for (size_t i = 0; !rc && i < n; i++) {
        snprintf(path, sizeof(path), "/sys/class/thermal/%.64s/temp", zones[i]);
        if (mb_sys_read_i64(root, path, &temp, NULL) || temp <= most)
            continue;
        most = temp;
        snprintf(path, sizeof(path), "/sys/class/thermal/%.64s/type", zones[i]);
        if (mb_sys_read_text(root, path, name, sizeof(name), NULL))
            snprintf(name, sizeof(name), "%.40s", zones[i]);
        memcpy(hottest, name, sizeof(hottest));
    }
    mb_sys_list_free(zones, n);
    if (!*hottest)
        json_object_set_new(absent, "hottest_zone", json_string("no readable zone in /sys/class/thermal"));
    json_object_set_new(c, "hottest_zone", *hottest ? json_string(hottest) : json_null());
    json_object_set_new(c, "hottest_milli_c", *hottest ? json_integer(most) : json_null());
}

static void set_boost(json_t *c, const char *root, json_t *absent)
{
    int64_t number;
    json_t *boost = NULL;
    if (mb_sys_read_i64(root, "/sys/devices/system/cpu/intel_pstate/no_turbo", &number, NULL) == MB_OK)
        boost = json_boolean(number == 0);
    else if (mb_sys_read_i64(root, "/sys/devices/system/cpu/cpufreq/boost", &number, NULL) == MB_OK)
        boost = json_boolean(number != 0);
    else
        json_object_set_new(absent, "boost", json_string("neither intel_pstate/no_turbo nor cpufreq/boost"));
    json_object_set_new(c, "boost", boost ? boost : json_null());
}

/* The word in brackets of "always [madvise] never". */
static void set_huge_pages(json_t *c, const char *root, json_t *absent)
{
    char text[128];
    struct mb_error err = {0};
    const int rc = mb_sys_read_text(root, "/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text), &err);
    char *open = rc ? NULL : strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
    if (!close) {
        json_object_set_new(absent, "transparent_hugepages", json_string(rc ? err.text : "unexpected text"));
        json_object_set_new(c, "transparent_hugepages", json_null());
        return;
    }
    *close = '\0';
    json_object_set_new(c, "transparent_hugepages", json_string(open + 1));
}

static void set_memory(json_t *c, const char *root)
{
    const long long total = mb_machine_memory_kib(root, "SwapTotal"), left = mb_machine_memory_kib(root, "SwapFree");
    const long long available = mb_machine_memory_kib(root, "MemAvailable");
    json_object_set_new(c, "swap_total_bytes", total < 0 ? json_null() : json_integer(total * 1024));
    json_object_set_new(c, "swap_used_bytes", total < 0 || left < 0 ? json_null() : json_integer((total - left) * 1024));
    json_object_set_new(c, "memory_available_bytes", available < 0 ? json_null() : json_integer(available * 1024));
}

json_t *mb_machine_conditions(const char *root)
{
    json_t *c = json_object(), *absent = json_object();
    char utc[32], text[128];
    double load[3];
    mb_clock_utc(utc, sizeof(utc));
    json_object_set_new(c, "utc", json_string(utc));
    if (mb_sys_read_text(root, "/proc/loadavg", text, sizeof(text), NULL) == MB_OK &&
        sscanf(text, "%lf %lf %lf", &load[0], &load[1], &load[2]) == 3)
        json_object_set_new(c, "loadavg", json_pack("[f, f, f]", load[0], load[1], load[2]));
    else
        json_object_set_new(c, "loadavg", json_null());
    json_object_set_new(c, "governor", governors(root, absent));
    set_boost(c, root, absent);
    set_power(c, root, absent);
    set_hottest(c, root, absent);
    set_huge_pages(c, root, absent);
    set_memory(c, root);
    json_object_set_new(c, "usable_cpus", json_integer(mb_machine_cores(root, 1).n_logical));
    const int here = *root ? 0 : personality(0xffffffff); /* asks, changes nothing */
    if (here != -1 && here & ADDR_NO_RANDOMIZE)
        json_object_set_new(c, "address_randomisation", json_string("0, for this process"));
    else
        set_text(c, "address_randomisation", root, "/proc/sys/kernel/randomize_va_space", absent);
    json_object_set_new(c, "absent", absent);
    return c;
}
