/* doctor_system.c - checks of memory, power, kernel settings, collectors, the clock and this binary. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "build_info.h"
#include "harness/doctor.h"
#include "harness/machine_cpu.h"

static const double gib = 1073741824.0;

void mb_check_build(struct mb_doctor *d)
{
    const bool slow = *MB_SANITIZER || strncmp(MB_BUILD_TYPE, "Rel", 3) != 0;
    mb_find(d, slow ? MB_VERDICT_BAD : MB_VERDICT_OK, NULL, slow ? "`cmake -S . -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build`" : NULL,
            "%s build%s%s, %s", *MB_BUILD_TYPE ? MB_BUILD_TYPE : "untyped", *MB_SANITIZER ? " with sanitizer " : "", MB_SANITIZER, MB_COMPILER);
}

void mb_check_memory_limit(struct mb_doctor *d)
{
    const double limit = (double)mb_machine_memory_limit(d->root);
    if (limit <= 0)
        mb_find(d, MB_VERDICT_OK, NULL, NULL, "no limit in this control group");
    else
        mb_find(d, limit < gib ? MB_VERDICT_WARN : MB_VERDICT_NOTE, NULL, "models must fit with their cache; else raise memory.max (`docker run --memory`)",
                "%.2f GiB", limit / gib);
}

void mb_check_memory(struct mb_doctor *d)
{
    const json_t *available = mb_doctor_condition(d, "memory_available_bytes"), *total = json_object_get(d->facts, "memory_bytes");
    if (!available)
        return;
    const double share = json_is_null(total) ? 1 : json_number_value(available) / json_number_value(total);
    mb_find(d, share < 0.1 ? MB_VERDICT_WARN : MB_VERDICT_OK, NULL, share < 0.1 ? "end what holds memory: `ps aux --sort=-rss | head`" : NULL,
            "%.1f of %.1f GiB available", json_number_value(available) / gib, json_number_value(total) / gib);
}

static unsigned count_zram(const char *root)
{
    char **names = NULL, path[128];
    size_t n = 0;
    unsigned n_used = 0;
    int64_t bytes;
    if (mb_sys_list(root, "/sys/block", "zram", &names, &n, NULL))
        return 0;
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "/sys/block/%.40s/disksize", names[i]);
        n_used += mb_sys_read_i64(root, path, &bytes, NULL) == MB_OK && bytes > 0;
    }
    mb_sys_list_free(names, n);
    return n_used;
}

void mb_check_swap(struct mb_doctor *d)
{
    const json_t *total = mb_doctor_condition(d, "swap_total_bytes");
    if (!total)
        return;
    const double used = json_number_value(json_object_get(d->conditions, "swap_used_bytes"));
    const unsigned n_zram = count_zram(d->root);
    if (json_integer_value(total) == 0) {
        mb_find(d, MB_VERDICT_OK, NULL, NULL, "none");
        return;
    }
    mb_find(d, used > 0 ? MB_VERDICT_WARN : MB_VERDICT_NOTE, NULL, "`sudo swapoff -a` while measuring", "%.2f of %.2f GiB used%s", used / gib,
            json_number_value(total) / gib, n_zram ? ", compressed memory (zram) among it" : "");
}

void mb_check_power(struct mb_doctor *d)
{
    const json_t *mains = json_object_get(d->conditions, "mains"), *battery = json_object_get(d->conditions, "battery_percent");
    char charge[32] = "";
    if (json_is_integer(battery))
        snprintf(charge, sizeof(charge), ", battery at %d %%", (int)json_integer_value(battery));
    if (json_is_boolean(mains))
        mb_find(d, json_is_true(mains) ? MB_VERDICT_OK : MB_VERDICT_WARN, NULL, json_is_true(mains) ? NULL : "plug it in, unless prompts per charge are the question",
                "%s%s", json_is_true(mains) ? "mains" : "on battery", charge);
    else if (*charge)
        mb_find(d, MB_VERDICT_NOTE, NULL, "see that it is plugged in", "mains unknown%s", charge);
    else
        mb_doctor_condition(d, "mains"); /* says why */
}

void mb_check_huge_pages(struct mb_doctor *d)
{
    const char *mode = json_string_value(mb_doctor_condition(d, "transparent_hugepages"));
    if (!mode)
        return;
    const bool never = strcmp(mode, "never") == 0;
    mb_find(d, never ? MB_VERDICT_WARN : MB_VERDICT_OK, NULL, never ? "`echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled`" : NULL, "%s", mode);
}

void mb_check_aslr(struct mb_doctor *d)
{
    const char *level = json_string_value(mb_doctor_condition(d, "address_randomisation"));
    if (!level)
        return;
    const bool on = level[0] != '0';
    mb_find(d, on ? MB_VERDICT_NOTE : MB_VERDICT_OK, NULL,
            on ? "more processes rather than more repetitions, or `meltbench doctor --tune -- meltbench ...`" : NULL, "%s (randomize_va_space %s)",
            on ? "on" : "off", level);
}

void mb_check_perf_event(struct mb_doctor *d)
{
    int64_t level;
    struct mb_error err = {0};
    if (mb_sys_read_i64(d->root, "/proc/sys/kernel/perf_event_paranoid", &level, &err)) {
        mb_find_unknown(d, err.text);
        return;
    }
    static const char fix[] = "`sudo sysctl kernel.perf_event_paranoid=1`";
    if (level <= 1)
        mb_find(d, MB_VERDICT_OK, NULL, NULL, "perf_event_paranoid %" PRId64 ": our processes' counters, user and kernel", level);
    else if (level == 2)
        mb_find(d, MB_VERDICT_NOTE, NULL, fix, "perf_event_paranoid 2: our processes' counters, without the kernel's part (root: all)");
    else
        mb_find(d, MB_VERDICT_WARN, NULL, fix, "perf_event_paranoid %" PRId64 ": no counters but for root and CAP_PERFMON", level);
}

/* What there is in one line, each that is missing in its own, with the reason. */
void mb_check_collectors(struct mb_doctor *d)
{
    const json_t *sensors = json_object_get(d->facts, "sensors"), *row;
    struct mb_strbuf found = {0};
    size_t i;
    json_array_foreach(sensors, i, row)
        if (json_is_true(json_object_get(row, "available")))
            mb_strbuf_printf(&found, "%s%s", found.n_bytes ? ", " : "", json_string_value(json_object_get(row, "collector")));
    mb_find(d, found.n_bytes ? MB_VERDICT_OK : MB_VERDICT_WARN, NULL, NULL, "found: %s", found.n_bytes ? found.text : "none");
    mb_strbuf_release(&found);
    json_array_foreach(sensors, i, row)
        if (!json_is_true(json_object_get(row, "available")))
            mb_find(d, MB_VERDICT_NOTE, json_string_value(json_object_get(row, "collector")), NULL, "missing: %s",
                    json_string_value(json_object_get(row, "note")));
}

static double read_cost_ns(void)
{
    enum { N_READS = 20000 };
    const uint64_t begin_ns = mb_clock_ns();
    uint64_t end_ns = begin_ns;
    for (int i = 0; i < N_READS; i++)
        end_ns = mb_clock_ns();
    return (double)(end_ns - begin_ns) / N_READS;
}

void mb_check_clock(struct mb_doctor *d)
{
    char source[64];
    struct timespec stated = {0};
    struct mb_error err = {0};
    if (mb_sys_read_text(d->root, "/sys/devices/system/clocksource/clocksource0/current_clocksource", source, sizeof(source), &err))
        snprintf(source, sizeof(source), "unknown source (current_clocksource cannot be read)");
    const int no_getres = clock_getres(CLOCK_MONOTONIC_RAW, &stated);
    const uint64_t step_ns = mb_clock_resolution_ns();
    const double cost_ns = read_cost_ns();
    const bool slow = cost_ns > 200 || step_ns > 1000;
    char getres[32] = "unknown";
    if (!no_getres)
        snprintf(getres, sizeof(getres), "%ld ns", stated.tv_nsec);
    mb_find(d, slow ? MB_VERDICT_WARN : MB_VERDICT_OK, NULL, slow ? "see available_clocksource beside it; `clocksource=tsc` on the kernel's command line" : NULL,
            "%s: stated resolution %s, smallest step seen %" PRIu64 " ns, a read costs %.0f ns", source, getres, step_ns, cost_ns);
}

void mb_check_page_size(struct mb_doctor *d)
{
    const long n_bytes = sysconf(_SC_PAGESIZE);
    mb_find(d, n_bytes == 4096 ? MB_VERDICT_OK : MB_VERDICT_NOTE, NULL, NULL, "%ld bytes", n_bytes);
}
