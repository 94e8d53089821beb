/* What `meltbench doctor` finds on machines made of files, and the rule of its noise grade on made-up samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../collectors/fake_tree.h"
#include "harness/doctor.h"
#include "harness/noise.h"
#include "harness/proc_load.h"

#define CPU "/sys/devices/system/cpu"

struct scene { struct fake_tree tree; struct mb_doctor doctor; };

static void begin(struct scene *s)
{
    fake_tree_make(&s->tree);
    fake_tree_put(&s->tree, CPU "/online", "0-3");
    fake_tree_put(&s->tree, "/proc/loadavg", "0.02 0.10 0.20 1/100 4242");
    fake_tree_put(&s->tree, "/proc/stat", "cpu 100 0 100 9800 0 0 0 0 0 0\ncpu0 1 2 3");
    fake_tree_put(&s->tree, "/proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 6291456 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB");
    fake_tree_put(&s->tree, "/proc/sys/kernel/randomize_va_space", "0");
    fake_tree_put(&s->tree, "/proc/sys/kernel/perf_event_paranoid", "1");
    fake_tree_put(&s->tree, "/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never");
}

static void examine(struct scene *s)
{
    struct mb_error err = {0};
    assert_int_equal(mb_doctor_examine(&s->doctor, s->tree.root, &err), MB_OK);
}

static void end(struct scene *s)
{
    mb_doctor_release(&s->doctor);
    fake_tree_remove(&s->tree);
}

static void put_policy(const struct scene *s, const char *policy, const char *governor, int max_khz, int hardware_khz)
{
    char path[128];
    snprintf(path, sizeof(path), CPU "/cpufreq/%s/scaling_governor", policy);
    fake_tree_put(&s->tree, path, governor);
    snprintf(path, sizeof(path), CPU "/cpufreq/%s/scaling_min_freq", policy);
    fake_tree_put_number(&s->tree, path, 600000);
    snprintf(path, sizeof(path), CPU "/cpufreq/%s/scaling_max_freq", policy);
    fake_tree_put_number(&s->tree, path, max_khz);
    snprintf(path, sizeof(path), CPU "/cpufreq/%s/cpuinfo_max_freq", policy);
    fake_tree_put_number(&s->tree, path, hardware_khz);
}

/* The finding of a check (and subject, unless NULL) must have this verdict and text. */
static const struct mb_finding *expect(const struct scene *s, const char *check, const char *subject, enum mb_verdict verdict, const char *text)
{
    for (size_t i = 0; i < s->doctor.n; i++) {
        const struct mb_finding *f = &s->doctor.findings[i];
        if (strcmp(f->check, check) != 0 || (subject && strcmp(f->subject, subject) != 0))
            continue;
        assert_string_equal(f->text, text);
        assert_string_equal(mb_verdict_name(f->verdict), mb_verdict_name(verdict));
        assert_true(strlen(f->why) > 20);
        return f;
    }
    fail_msg("no finding of %s %s", check, subject ? subject : "");
    return NULL;
}

static void a_good_laptop_is_ok(void **state)
{
    (void)state;
    struct scene s = {0};
    begin(&s);
    put_policy(&s, "policy0", "performance", 3000000, 3000000);
    put_policy(&s, "policy1", "performance", 3000000, 3000000);
    put_policy(&s, "policy2", "performance", 2000000, 2000000);
    fake_tree_put(&s.tree, CPU "/intel_pstate/no_turbo", "1");
    fake_tree_put(&s.tree, CPU "/smt/active", "0");
    fake_tree_put(&s.tree, "/sys/class/power_supply/AC/type", "Mains");
    fake_tree_put(&s.tree, "/sys/class/power_supply/AC/online", "1");
    fake_tree_put(&s.tree, "/sys/class/power_supply/BAT0/type", "Battery");
    fake_tree_put(&s.tree, "/sys/class/power_supply/BAT0/capacity", "81");
    fake_tree_put(&s.tree, "/sys/class/thermal/thermal_zone0/type", "x86_pkg_temp");
    fake_tree_put(&s.tree, "/sys/class/thermal/thermal_zone0/temp", "48500");
    fake_tree_put(&s.tree, "/sys/class/thermal/cooling_device0/type", "Fan");
    fake_tree_put(&s.tree, "/sys/class/thermal/cooling_device0/cur_state", "3");
    fake_tree_put(&s.tree, CPU "/cpu0/thermal_throttle/core_throttle_count", "0");
    examine(&s);
    expect(&s, "governor", "policy0", MB_VERDICT_OK, "performance, 600 to 3000 MHz of 3000 (and 1 like it)");
    expect(&s, "governor", "policy2", MB_VERDICT_OK, "performance, 600 to 2000 MHz of 2000");
    expect(&s, "boost", NULL, MB_VERDICT_OK, "off");
    expect(&s, "smt", NULL, MB_VERDICT_OK, "off: 4 threads on 4 cores");
    expect(&s, "load", NULL, MB_VERDICT_OK, "0.02, 0.10, 0.20 (1, 5, 15 minutes) on 4 processors");
    expect(&s, "steal", NULL, MB_VERDICT_OK, "0.00 % of the time since boot");
    expect(&s, "power", NULL, MB_VERDICT_OK, "mains, battery at 81 %");
    expect(&s, "temperature", "x86_pkg_temp", MB_VERDICT_OK, "48.5 degrees C, the hottest zone");
    expect(&s, "cooling", NULL, MB_VERDICT_OK, "1 cooling devices, none slows the processor"); /* a fan is not throttling */
    expect(&s, "throttle", "counts", MB_VERDICT_OK, "0 events of heat since boot in 1 counters");
    expect(&s, "huge_pages", NULL, MB_VERDICT_OK, "madvise");
    expect(&s, "aslr", NULL, MB_VERDICT_OK, "off (randomize_va_space 0)");
    expect(&s, "perf_event", NULL, MB_VERDICT_OK, "perf_event_paranoid 1: our processes' counters, user and kernel");
    expect(&s, "swap", NULL, MB_VERDICT_OK, "none");
    for (size_t i = 0; i < s.doctor.n; i++)
        assert_true(s.doctor.findings[i].verdict < MB_VERDICT_WARN || strcmp(s.doctor.findings[i].check, "build") == 0 ||
                    strcmp(s.doctor.findings[i].check, "clock") == 0); /* these two are of this process */
    end(&s);
}

static void a_throttled_pi_is_bad(void **state)
{
    (void)state;
    struct scene s = {0};
    begin(&s);
    put_policy(&s, "policy0", "ondemand", 1500000, 2400000);
    fake_tree_put(&s.tree, "/sys/class/thermal/thermal_zone0/type", "cpu-thermal");
    fake_tree_put(&s.tree, "/sys/class/thermal/thermal_zone0/temp", "91000");
    fake_tree_put(&s.tree, "/sys/class/thermal/cooling_device0/type", "cpufreq-cpu0");
    fake_tree_put(&s.tree, "/sys/class/thermal/cooling_device0/cur_state", "2");
    fake_tree_put(&s.tree, "/sys/class/thermal/cooling_device0/max_state", "9");
    fake_tree_put(&s.tree, "/sys/devices/platform/soc/soc:firmware/get_throttled", "50004");
    fake_tree_put(&s.tree, "/proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 419430 kB\nSwapTotal: 2097152 kB\nSwapFree: 1048576 kB");
    fake_tree_put(&s.tree, "/sys/block/zram0/disksize", "2147483648");
    examine(&s);
    const struct mb_finding *f = expect(&s, "governor", "policy0", MB_VERDICT_WARN, "ondemand, 600 to 1500 MHz of 2400");
    assert_string_equal(f->fix, "`sudo cpupower frequency-set -g performance`");
    expect(&s, "temperature", "cpu-thermal", MB_VERDICT_BAD, "91.0 degrees C, the hottest zone");
    expect(&s, "cooling", NULL, MB_VERDICT_BAD, "cpufreq-cpu0 at 2 of 9");
    expect(&s, "throttle", "firmware", MB_VERDICT_BAD, "under-voltage since boot, throttled now (0x50004)");
    expect(&s, "swap", NULL, MB_VERDICT_WARN, "1.00 of 2.00 GiB used, compressed memory (zram) among it");
    expect(&s, "memory", NULL, MB_VERDICT_WARN, "0.4 of 8.0 GiB available");
    end(&s);
}

static void limits_of_a_container_are_found(void **state)
{
    (void)state;
    struct scene s = {0};
    begin(&s);
    fake_tree_put(&s.tree, "/.dockerenv", "");
    fake_tree_put(&s.tree, "/proc/self/cgroup", "0::/box");
    fake_tree_put(&s.tree, "/sys/fs/cgroup/box/cpu.max", "150000 100000");
    fake_tree_put(&s.tree, "/sys/fs/cgroup/box/memory.max", "536870912");
    fake_tree_put(&s.tree, "/proc/sys/kernel/perf_event_paranoid", "4");
    examine(&s);
    expect(&s, "virtual", NULL, MB_VERDICT_NOTE, "container");
    expect(&s, "cpu_limit", NULL, MB_VERDICT_WARN, "1.50 of 4 processors");
    expect(&s, "memory_limit", NULL, MB_VERDICT_WARN, "0.50 GiB");
    expect(&s, "processors", NULL, MB_VERDICT_OK, "4 of 4 processors usable, `threads: auto` is 2");
    expect(&s, "perf_event", NULL, MB_VERDICT_WARN, "perf_event_paranoid 4: no counters but for root and CAP_PERFMON");
    mb_doctor_release(&s.doctor);
    fake_tree_put(&s.tree, "/proc/self/cgroup", "2:memory:/box\n1:cpu,cpuacct:/box");
    fake_tree_put(&s.tree, "/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "50000");
    fake_tree_put(&s.tree, "/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000");
    fake_tree_put(&s.tree, "/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "2147483648");
    examine(&s);
    expect(&s, "cpu_limit", NULL, MB_VERDICT_WARN, "0.50 of 4 processors");
    expect(&s, "memory_limit", NULL, MB_VERDICT_NOTE, "2.00 GiB");
    end(&s);
}

static void sharing_and_isolation_are_found(void **state)
{
    (void)state;
    struct scene s = {0};
    begin(&s);
    fake_tree_put(&s.tree, "/proc/pressure/cpu", "some avg10=0.00 avg60=12.50 avg300=0.00 total=77");
    fake_tree_put(&s.tree, "/proc/self/cgroup", "0::/box");
    fake_tree_put(&s.tree, "/sys/fs/cgroup/box/cpu.stat", "usage_usec 5\nnr_periods 100\nnr_throttled 40\nthrottled_usec 2500000");
    fake_tree_put(&s.tree, CPU "/isolated", "2-3");
    fake_tree_put(&s.tree, CPU "/nohz_full", "3");
    examine(&s);
    expect(&s, "pressure", NULL, MB_VERDICT_WARN, "something waited for a processor in 12.5 % of the last minute");
    expect(&s, "group_throttle", NULL, MB_VERDICT_WARN, "stopped in 40 of 100 periods, 2.5 s in all, since the group was made");
    const struct mb_finding *f = expect(&s, "isolated", NULL, MB_VERDICT_NOTE, "processors 2-3, without a tick: 3");
    assert_non_null(strstr(f->fix, "taskset -c 2-3"));
    mb_doctor_release(&s.doctor);
    fake_tree_put(&s.tree, "/proc/pressure/cpu", "some avg10=0.00 avg60=0.40 avg300=0.00 total=77");
    fake_tree_put(&s.tree, CPU "/isolated", "");
    examine(&s);
    expect(&s, "pressure", NULL, MB_VERDICT_OK, "something waited for a processor in 0.4 % of the last minute");
    expect(&s, "isolated", NULL, MB_VERDICT_OK, "none: the scheduler places everything everywhere");
    end(&s);
}

static void a_bare_machine_has_reasons(void **state)
{
    (void)state;
    static const char *const checks[] = {
#define CHECK(id, why) #id,
#include "harness/doctor.def"
#undef CHECK
    };
    struct scene s = {0};
    fake_tree_make(&s.tree);
    examine(&s);
    for (size_t c = 0; c < sizeof(checks) / sizeof(checks[0]); c++) {
        size_t i = 0;
        while (i < s.doctor.n && strcmp(s.doctor.findings[i].check, checks[c]) != 0)
            i++;
        if (i == s.doctor.n)
            fail_msg("%s has no finding where no file is", checks[c]);
    }
    const struct mb_finding *f = expect(&s, "boost", NULL, MB_VERDICT_NOTE, "unknown: neither intel_pstate/no_turbo nor cpufreq/boost");
    assert_false(f->known);
    expect(&s, "cooling", NULL, MB_VERDICT_NOTE, "unknown: no readable cooling device in /sys/class/thermal");
    expect(&s, "throttle", NULL, MB_VERDICT_NOTE, "unknown: neither thermal_throttle counts (x86) nor the Raspberry Pi firmware's get_throttled");
    end(&s);
}

static void stolen_time_and_load_have_limits(void **state)
{
    (void)state;
    struct scene s = {0};
    begin(&s);
    fake_tree_put(&s.tree, "/proc/stat", "cpu 100 0 100 9100 0 0 0 700 0 0\ncpu0 1 2 3");
    fake_tree_put(&s.tree, "/proc/loadavg", "4.50 1.00 0.50 1/100 4242");
    examine(&s);
    expect(&s, "steal", NULL, MB_VERDICT_BAD, "7.00 % of the time since boot");
    expect(&s, "load", NULL, MB_VERDICT_BAD, "4.50, 1.00, 0.50 (1, 5, 15 minutes) on 4 processors");
    end(&s);
}

static void the_grade_is_the_worst_of_three(void **state)
{
    (void)state;
    static const struct { double p99, gaps, steal; char grade; } rows[] = {
        {1.00, 0, 0, 'A'},         {1.02, 0.001, 0.001, 'A'}, {1.03, 0, 0, 'B'},      {1, 0.004, 0, 'B'},   {1, 0, 0.004, 'B'}, {1.07, 0, 0, 'C'},
        {1, 0.015, 0, 'C'},        {1.2, 0, 0, 'D'},          {1, 0, 0.03, 'D'},      {1.3, 0, 0, 'E'},     {1, 0.06, 0, 'E'},  {1, 0, 0.06, 'E'},
        {1.01, 0.0005, NAN, 'A'},  {1.2, 0.0005, NAN, 'D'},   {NAN, 0, 0, 'E'},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(mb_noise_grade(100, rows[i].p99, rows[i].gaps, rows[i].steal), rows[i].grade);
    assert_int_equal(mb_noise_grade(99, 1, 0, 0), '?');
}

static void the_spread_is_p99_over_the_median(void **state)
{
    (void)state;
    double times[200];
    for (int i = 0; i < 200; i++)
        times[i] = (i * 37) % 200 < 197 ? 1.0 : 1.5; /* 3 of 200 are slow: more than 1 % */
    assert_true(fabs(mb_noise_spread(times, 200) - 1.5) < 1e-12);
    for (int i = 0; i < 200; i++)
        times[i] = i < 2 ? 9.0 : 2.0; /* exactly 1 % */
    assert_true(fabs(mb_noise_spread(times, 200) - 1.0) < 1e-12);
    assert_true(isnan(mb_noise_spread(times, 0)));
}

static void a_measurement_has_its_figures(void **state)
{
    (void)state;
    struct mb_noise noise;
    struct mb_error err = {0};
    assert_int_equal(mb_noise_measure(&noise, "", 0.3, &err), MB_OK);
    assert_true(noise.n_threads >= 1 && noise.n_samples >= 3);
    assert_true(noise.seconds >= 0.2 && noise.median_ns > 1e4);
    assert_true(noise.p99_over_median >= 1 && noise.slowest_over_fastest >= 1);
    assert_true(noise.gap_share >= 0 && noise.gap_share <= 1);
}

static void a_busy_process_is_named(void **state)
{
    (void)state;
    const pid_t pid = fork();
    if (pid == 0)
        for (volatile unsigned i = 0;; i++) {}
    struct mb_busy busy[64];
    struct mb_error err = {0};
    const int n = mb_busiest("", 500, busy, 64, &err);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    int at = 0;
    while (at < n && busy[at].pid != pid)
        at++;
    assert_true(at < n);
    assert_string_equal(busy[at].name, "test_doctor");
    for (int i = 1; i < n; i++)
        assert_true(busy[i - 1].cpus >= busy[i].cpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_laptop_is_ok),
        cmocka_unit_test(a_throttled_pi_is_bad),
        cmocka_unit_test(limits_of_a_container_are_found),
        cmocka_unit_test(sharing_and_isolation_are_found), cmocka_unit_test(a_bare_machine_has_reasons),
        cmocka_unit_test(stolen_time_and_load_have_limits),
        cmocka_unit_test(the_grade_is_the_worst_of_three),
        cmocka_unit_test(the_spread_is_p99_over_the_median),
        cmocka_unit_test(a_measurement_has_its_figures),
        cmocka_unit_test(a_busy_process_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
