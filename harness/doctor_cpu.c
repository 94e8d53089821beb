/* doctor_cpu.c - checks of processors: clock rates, sharing, load, limits, heat. Files: Documentation/admin-guide/pm/cpufreq,
 * Documentation/ABI/testing/sysfs-devices-system-cpu, cgroups(7), Documentation/driver-api/thermal/sysfs-api. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sysroot.h"
#include "collectors/throttle.h"
#include "harness/doctor.h"
#include "harness/machine.h"
#include "harness/machine_cpu.h"
#include "harness/proc_load.h"

#define CPUFREQ "/sys/devices/system/cpu/cpufreq"
#define THERMAL "/sys/class/thermal"

enum { BUSY_SPAN_MS = 250, BUSY_MOST = 3, WARM_MILLI_C = 75000, HOT_MILLI_C = 90000 };

void mb_check_virtual(struct mb_doctor *d)
{
    const char *signs = json_string_value(json_object_get(d->facts, "virtualisation"));
    if (signs && strcmp(signs, "none seen") != 0)
        mb_find(d, MB_VERDICT_NOTE, NULL, "compare only with figures of the same guest; watch the noise grade", "%s", signs);
    else
        mb_find(d, MB_VERDICT_OK, NULL, NULL, "no sign of a virtual machine or container");
}

void mb_check_processors(struct mb_doctor *d)
{
    const struct mb_cores online = mb_machine_cores(d->root, 0), usable = mb_machine_cores(d->root, 1);
    const bool fewer = usable.n_logical < online.n_logical;
    mb_find(d, fewer ? MB_VERDICT_NOTE : MB_VERDICT_OK, NULL, fewer ? "give the whole machine: `taskset -cp` shows the affinity, cpuset the group's" : NULL,
            "%u of %u processors usable, `threads: auto` is %u", usable.n_logical, online.n_logical, mb_machine_physical_cores(d->root));
}

void mb_check_smt(struct mb_doctor *d)
{
    int64_t active;
    struct mb_error err = {0};
    const struct mb_cores cores = mb_machine_cores(d->root, 0);
    if (mb_sys_read_i64(d->root, "/sys/devices/system/cpu/smt/active", &active, &err)) {
        if (cores.n_logical == cores.n_physical)
            mb_find_unknown(d, err.text);
        else
            mb_find(d, MB_VERDICT_NOTE, NULL, NULL, "on: %u threads on %u cores", cores.n_logical, cores.n_physical);
        return;
    }
    mb_find(d, active ? MB_VERDICT_NOTE : MB_VERDICT_OK, NULL,
            active ? "keep to `threads: auto`, or `echo off | sudo tee /sys/devices/system/cpu/smt/control`" : NULL,
            "%s: %u threads on %u cores", active ? "on" : "off", cores.n_logical, cores.n_physical);
}

struct policy { char name[24], governor[32]; int64_t min_khz, max_khz, hardware_khz; unsigned n_like; };

static int64_t policy_khz(const char *root, const char *policy, const char *file)
{
    char path[128];
    int64_t khz;
    snprintf(path, sizeof(path), CPUFREQ "/%.23s/%s", policy, file);
    return mb_sys_read_i64(root, path, &khz, NULL) ? -1 : khz;
}

static struct policy read_policy(const char *root, const char *name)
{
    struct policy p = {.min_khz = policy_khz(root, name, "scaling_min_freq"), .max_khz = policy_khz(root, name, "scaling_max_freq"),
                       .hardware_khz = policy_khz(root, name, "cpuinfo_max_freq"), .n_like = 1};
    char path[128];
    snprintf(p.name, sizeof(p.name), "%.23s", name);
    snprintf(path, sizeof(path), CPUFREQ "/%s/scaling_governor", p.name);
    if (mb_sys_read_text(root, path, p.governor, sizeof(p.governor), NULL))
        p.governor[0] = '\0';
    return p;
}

static void find_policy(struct mb_doctor *d, const struct policy *p)
{
    char like[32] = "", range[96] = ", limits unknown";
    const bool limited = p->max_khz > 0 && p->hardware_khz > 0 && p->max_khz < p->hardware_khz;
    const bool fixed = strcmp(p->governor, "performance") == 0;
    if (p->n_like > 1)
        snprintf(like, sizeof(like), " (and %u like it)", p->n_like - 1);
    if (p->min_khz > 0 && p->max_khz > 0)
        snprintf(range, sizeof(range), ", %.0f to %.0f MHz of %.0f", (double)p->min_khz / 1e3, (double)p->max_khz / 1e3,
                 (double)(p->hardware_khz > 0 ? p->hardware_khz : p->max_khz) / 1e3);
    mb_find(d, fixed && !limited ? MB_VERDICT_OK : MB_VERDICT_WARN, p->name,
            !fixed ? "`sudo cpupower frequency-set -g performance`" : limited ? "`sudo cpupower frequency-set -u` with the hardware's maximum" : NULL,
            "%s%s%s", *p->governor ? p->governor : "governor unreadable", range, like);
}

void mb_check_governor(struct mb_doctor *d)
{
    char **names = NULL;
    size_t n = 0, n_kinds = 0;
    struct mb_error err = {0};
    if (mb_sys_list(d->root, CPUFREQ, "policy", &names, &n, &err) || n == 0) {
        mb_sys_list_free(names, n);
        mb_find_unknown(d, *err.text ? err.text : CPUFREQ ": no frequency policy");
        return;
    }
    struct policy *kinds = calloc(n, sizeof(*kinds));
    for (size_t i = 0; kinds && i < n; i++) {
        const struct policy p = read_policy(d->root, names[i]);
        size_t k = 0;
        while (k < n_kinds && (strcmp(kinds[k].governor, p.governor) != 0 || kinds[k].min_khz != p.min_khz || kinds[k].max_khz != p.max_khz ||
                               kinds[k].hardware_khz != p.hardware_khz))
            k++;
        if (k < n_kinds)
            kinds[k].n_like++;
        else
            kinds[n_kinds++] = p;
    }
    for (size_t k = 0; k < n_kinds; k++)
        find_policy(d, &kinds[k]);
    d->failed |= !kinds;
    free(kinds);
    mb_sys_list_free(names, n);
}

void mb_check_boost(struct mb_doctor *d)
{
    const json_t *boost = mb_doctor_condition(d, "boost");
    if (boost && json_is_true(boost))
        mb_find(d, MB_VERDICT_NOTE, NULL, "for steadier figures: `echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo`, else `echo 0` into cpufreq/boost", "on");
    else if (boost)
        mb_find(d, MB_VERDICT_OK, NULL, NULL, "off");
}

void mb_check_load(struct mb_doctor *d)
{
    const json_t *load = mb_doctor_condition(d, "loadavg");
    if (!load)
        return;
    const double one = json_number_value(json_array_get(load, 0)), n = mb_machine_cores(d->root, 0).n_logical;
    const enum mb_verdict verdict = one < 0.1 * n ? MB_VERDICT_OK : one < 0.3 * n ? MB_VERDICT_NOTE : one < n ? MB_VERDICT_WARN : MB_VERDICT_BAD;
    mb_find(d, verdict, NULL, verdict > MB_VERDICT_NOTE ? "stop other work and wait a minute" : NULL, "%.2f, %.2f, %.2f (1, 5, 15 minutes) on %.0f processors", one,
            json_number_value(json_array_get(load, 1)), json_number_value(json_array_get(load, 2)), n);
}

void mb_check_processes(struct mb_doctor *d)
{
    struct mb_busy busy[BUSY_MOST];
    struct mb_error err = {0};
    struct mb_strbuf text = {0};
    const int n = mb_busiest(d->root, *d->root ? 0 : BUSY_SPAN_MS, busy, BUSY_MOST, &err);
    if (n < 0) {
        mb_find_unknown(d, err.text);
        return;
    }
    for (int i = 0; i < n; i++)
        mb_strbuf_printf(&text, "%s%s (%ld) %.0f %%", i ? ", " : "", busy[i].name, (long)busy[i].pid, 100 * busy[i].cpus);
    if (n)
        mb_find(d, busy[0].cpus > 0.2 ? MB_VERDICT_WARN : MB_VERDICT_NOTE, NULL, busy[0].cpus > 0.2 ? "stop what need not run" : NULL,
                "%s of a processor", mb_strbuf_text(&text));
    else
        mb_find(d, MB_VERDICT_OK, NULL, NULL, "no other process above 1 %% of a processor");
    mb_strbuf_release(&text);
}

void mb_check_steal(struct mb_doctor *d)
{
    struct mb_cpu_ticks ticks;
    struct mb_error err = {0};
    if (mb_cpu_ticks_read(d->root, &ticks, &err)) {
        mb_find_unknown(d, err.text);
        return;
    }
    const double percent = ticks.all ? 100.0 * (double)ticks.steal / (double)ticks.all : 0;
    const enum mb_verdict verdict = percent < 0.1 ? MB_VERDICT_OK : percent < 1 ? MB_VERDICT_NOTE : percent < 5 ? MB_VERDICT_WARN : MB_VERDICT_BAD;
    mb_find(d, verdict, NULL, verdict > MB_VERDICT_NOTE ? "use a machine with processors of its own" : NULL, "%.2f %% of the time since boot", percent);
}

void mb_check_cpu_limit(struct mb_doctor *d)
{
    const double quota = mb_machine_cpu_quota(d->root);
    const uint32_t n = mb_machine_cores(d->root, 1).n_logical;
    if (quota <= 0)
        mb_find(d, MB_VERDICT_OK, NULL, NULL, "no quota in this control group");
    else if (quota < n)
        mb_find(d, MB_VERDICT_WARN, NULL, "no more threads than the quota, or lift it: `docker run` without --cpus, cpu.max to max", "%.2f of %u processors", quota, n);
    else
        mb_find(d, MB_VERDICT_NOTE, NULL, NULL, "%.2f processors, no less than the %u that are usable", quota, n);
}

void mb_check_group_throttle(struct mb_doctor *d)
{
    struct mb_group_throttle t;
    struct mb_error err = {0};
    if (mb_group_throttle_read(d->root, &t, &err)) {
        mb_find_unknown(d, err.text);
        return;
    }
    const bool often = t.n_periods && t.n_throttled * 100 > t.n_periods;
    mb_find(d, often ? MB_VERDICT_WARN : t.n_throttled ? MB_VERDICT_NOTE : MB_VERDICT_OK, NULL,
            t.n_throttled ? "lift the quota (see cpu_limit); each run stores whether it was stopped" : NULL,
            "stopped in %llu of %llu periods, %.1f s in all, since the group was made", (unsigned long long)t.n_throttled, (unsigned long long)t.n_periods,
            (double)t.throttled_ns * 1e-9);
}

void mb_check_pressure(struct mb_doctor *d)
{
    struct mb_cpu_pressure p;
    struct mb_error err = {0};
    if (mb_cpu_pressure_read(d->root, &p, &err)) {
        mb_find_unknown(d, err.text);
        return;
    }
    const enum mb_verdict verdict = p.avg60_percent < 1 ? MB_VERDICT_OK : p.avg60_percent < 10 ? MB_VERDICT_NOTE : MB_VERDICT_WARN;
    mb_find(d, verdict, NULL, verdict > MB_VERDICT_NOTE ? "stop other work and wait a minute" : NULL, "something waited for a processor in %.1f %% of the last minute",
            p.avg60_percent);
}

void mb_check_isolated(struct mb_doctor *d)
{
    char isolated[128] = "", ticking[128] = "", fix[200];
    struct mb_error err = {0};
    const bool known = mb_sys_read_text(d->root, "/sys/devices/system/cpu/isolated", isolated, sizeof(isolated), &err) == MB_OK;
    if (mb_sys_read_text(d->root, "/sys/devices/system/cpu/nohz_full", ticking, sizeof(ticking), NULL) || strcmp(ticking, "(null)") == 0)
        ticking[0] = '\0';
    if (!known) {
        mb_find_unknown(d, err.text);
    } else if (!*isolated) {
        mb_find(d, MB_VERDICT_OK, NULL, NULL, "none: the scheduler places everything everywhere");
    } else {
        snprintf(fix, sizeof(fix), "`taskset -c %s meltbench ...` runs there; without it these processors stay idle", isolated);
        mb_find(d, MB_VERDICT_NOTE, NULL, fix, "processors %s%s%s", isolated, *ticking ? ", without a tick: " : "", ticking);
    }
}

void mb_check_temperature(struct mb_doctor *d)
{
    const json_t *zone = mb_doctor_condition(d, "hottest_zone");
    if (!zone)
        return;
    const json_int_t milli_c = json_integer_value(json_object_get(d->conditions, "hottest_milli_c"));
    const enum mb_verdict verdict = milli_c < WARM_MILLI_C ? MB_VERDICT_OK : milli_c < HOT_MILLI_C ? MB_VERDICT_WARN : MB_VERDICT_BAD;
    mb_find(d, verdict, json_string_value(zone), verdict ? "let it cool; plans wait by `protocol: cooldown: auto`" : NULL, "%.1f degrees C, the hottest zone",
            (double)milli_c / 1e3);
}

/* Those that act on speed and are above state 0. Returns how many were read. */
static size_t active_cooling(struct mb_doctor *d, char **names, size_t n, struct mb_strbuf *active)
{
    char path[128], type[40];
    int64_t state, most;
    size_t n_read = 0;
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof(path), THERMAL "/%.40s/cur_state", names[i]);
        if (mb_sys_read_i64(d->root, path, &state, NULL))
            continue;
        snprintf(path, sizeof(path), THERMAL "/%.40s/max_state", names[i]);
        if (mb_sys_read_i64(d->root, path, &most, NULL))
            most = -1;
        snprintf(path, sizeof(path), THERMAL "/%.40s/type", names[i]);
        if (mb_sys_read_text(d->root, path, type, sizeof(type), NULL))
            snprintf(type, sizeof(type), "%.39s", names[i]);
        n_read++;
        if (state > 0 && !throttle_is_fan(type))
            mb_strbuf_printf(active, "%s%s at %lld of %lld", active->n_bytes ? ", " : "", type, (long long)state, (long long)most);
    }
    return n_read;
}

void mb_check_cooling(struct mb_doctor *d)
{
    char **names = NULL;
    size_t n = 0;
    struct mb_strbuf active = {0};
    if (mb_sys_list(d->root, THERMAL, "cooling_device", &names, &n, NULL))
        n = 0;
    const size_t n_read = active_cooling(d, names, n, &active);
    if (n_read == 0)
        mb_find_unknown(d, "no readable cooling device in " THERMAL);
    else if (active.n_bytes)
        mb_find(d, MB_VERDICT_BAD, NULL, "let it cool, give it air, and begin again", "%s", mb_strbuf_text(&active));
    else
        mb_find(d, MB_VERDICT_OK, NULL, NULL, "%zu cooling devices, none slows the processor", n_read);
    mb_strbuf_release(&active);
    mb_sys_list_free(names, n);
}

/* Raspberry Pi: bits 0..3 are now, 16..19 since boot (raspberrypi.com, os documentation, vcgencmd get_throttled). */
static bool find_pi(struct mb_doctor *d)
{
    static const char *const names[4] = {"under-voltage", "frequency capped", "throttled", "soft temperature limit"};
    char text[32];
    struct mb_strbuf now = {0};
    if (mb_sys_read_text(d->root, "/sys/devices/platform/soc/soc:firmware/get_throttled", text, sizeof(text), NULL))
        return false;
    const unsigned long bits = strtoul(text, NULL, 16);
    for (int i = 0; i < 4; i++)
        if (bits >> i & 1u || bits >> (16 + i) & 1u)
            mb_strbuf_printf(&now, "%s%s %s", now.n_bytes ? ", " : "", names[i], bits >> i & 1u ? "now" : "since boot");
    mb_find(d, bits & 15u ? MB_VERDICT_BAD : bits ? MB_VERDICT_WARN : MB_VERDICT_OK, "firmware", bits ? "a stronger power supply, a fan; reboot clears the bits" : NULL,
            "%s (0x%lx)", now.n_bytes ? now.text : "never throttled", bits);
    mb_strbuf_release(&now);
    return true;
}

void mb_check_throttle(struct mb_doctor *d)
{
    struct throttle t = {0};
    struct mb_error err = {0};
    const bool pi = find_pi(d);
    int64_t n = 0;
    if (throttle_open(&t, d->root, &err)) {
        d->failed = true;
        return;
    }
    throttle_start(&t);
    for (size_t i = 0; i < t.n; i++)
        n += t.counters[i].begin > 0 ? t.counters[i].begin : 0;
    if (t.n)
        mb_find(d, n ? MB_VERDICT_NOTE : MB_VERDICT_OK, "counts", n ? "the noise measurement and each run say whether they rise" : NULL,
                "%lld events of heat since boot in %zu counters", (long long)n, t.n);
    else if (!pi)
        mb_find_unknown(d, "neither thermal_throttle counts (x86) nor the Raspberry Pi firmware's get_throttled");
    throttle_close(&t);
}
