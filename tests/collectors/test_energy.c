/* test_energy.c - RAPL and hwmon on fake trees with known energy. Most run on a clock of their own (mb_clock_ns is wrapped), so the
 * answers are exact; one runs in real time through the sampler thread and is bounded by what the ticking thread wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "collectors/sampler.h"
#include "energy_bench.h"

#define POWERCAP "/sys/class/powercap/"

static void put_zone(struct bench *b, const char *dir, const char *name, int64_t uj, int64_t range_uj)
{
    char path[128];
    snprintf(path, sizeof(path), POWERCAP "%s/name", dir);
    fake_tree_put(&b->tree, path, name);
    snprintf(path, sizeof(path), POWERCAP "%s/energy_uj", dir);
    fake_tree_put_number(&b->tree, path, uj);
    snprintf(path, sizeof(path), POWERCAP "%s/max_energy_range_uj", dir);
    if (range_uj)
        fake_tree_put_number(&b->tree, path, range_uj);
}

static void set_zone(struct bench *b, const char *dir, int64_t uj)
{
    char path[128];
    snprintf(path, sizeof(path), POWERCAP "%s/energy_uj", dir);
    fake_tree_put_number(&b->tree, path, uj);
}

/* 15 W for 10 s over a counter of 2 J that starts just below its end: 75 wraps. */
static void rapl_undoes_every_wrap(void **state)
{
    struct bench *b = *state;
    const int64_t range = 2000000, begin = 1990000;
    put_zone(b, "intel-rapl:0", "package-0", begin, range);
    bench_open(b, "rapl", 10 * MS);
    uint64_t now = 5000u * MS;
    atomic_store(&bench_now_ns, now);
    b->ops->start(b->state);
    int64_t true_uj = 0;
    for (int i = 0; i < 1000; i++) {
        now += 10 * MS;
        true_uj += 150000;
        atomic_store(&bench_now_ns, now);
        set_zone(b, "intel-rapl:0", (begin + true_uj) % range);
        b->ops->poll(b->state, now);
    }
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(bench_energy(b, "package-0") == (double)true_uj);
    assert_true(bench_energy(b, "") == (double)true_uj);
    assert_true(known_value(&b->record, MB_METRIC_POWER_MEAN_UW, "package-0", "rapl") == 15e6);
    const struct mb_record_stream *s = find_stream(&b->record, "power_uw", "package-0");
    assert_int_equal(s->n, 1000);
    for (size_t i = 0; i < s->n; i++)
        assert_int_equal(s->value[i], 15000000);
}

/* The next trial starts from zero, whatever the counter says. */
static void rapl_trials_do_not_leak_into_each_other(void **state)
{
    struct bench *b = *state;
    put_zone(b, "intel-rapl:0", "package-0", 100, 2000000);
    bench_open(b, "rapl", 10 * MS);
    int64_t counted = 100;
    for (int trial = 1; trial <= 3; trial++) { /* each smaller than the last: a total left over would look like a wrap */
        atomic_store(&bench_now_ns, (uint64_t)trial * 1000u * MS);
        b->ops->start(b->state);
        atomic_fetch_add(&bench_now_ns, 100 * MS);
        counted += (4 - trial) * 1000;
        set_zone(b, "intel-rapl:0", counted);
        b->ops->poll(b->state, mb_clock_ns());
        b->ops->stop(b->state);
        bench_read(b);
        assert_true(bench_energy(b, "package-0") == (4 - trial) * 1000);
        assert_int_equal(find_stream(&b->record, "power_uw", "package-0")->n, 1);
    }
}

static void rapl_adds_packages_and_dram_only(void **state)
{
    struct bench *b = *state;
    static const struct { const char *dir, *name, *scope; int64_t uj; } zones[] = {
        {"intel-rapl:0", "package-0", "package-0", 1000},    {"intel-rapl:0:0", "core", "package-0/core", 300},
        {"intel-rapl:0:1", "dram", "package-0/dram", 70},     {"intel-rapl:1", "package-1", "package-1", 5000},
        {"intel-rapl:1:0", "uncore", "package-1/uncore", 11}, {"intel-rapl:2", "psys", "psys", 100000},
        {"intel-rapl-mmio:0", "package-0", NULL, 999},
    };
    fake_tree_put(&b->tree, POWERCAP "intel-rapl/enabled", "1");
    for (size_t i = 0; i < 7; i++)
        put_zone(b, zones[i].dir, zones[i].name, 0, 1 << 30);
    bench_open(b, "rapl", 10 * MS);
    b->ops->start(b->state);
    for (size_t i = 0; i < 7; i++)
        set_zone(b, zones[i].dir, zones[i].uj);
    bench_pass_ms(1000);
    b->ops->stop(b->state);
    bench_read(b);
    for (size_t i = 0; i < 6; i++)
        assert_true(bench_energy(b, zones[i].scope) == (double)zones[i].uj);
    assert_true(bench_energy(b, "") == 1000 + 70 + 5000);
    size_t n = 0;
    for (size_t i = 0; i < b->record.n_metrics; i++)
        n += b->record.metrics[i].metric == MB_METRIC_ENERGY_UJ;
    assert_int_equal(n, 7); /* six zones and the total: the mirror is not a zone of its own */
}

static void rapl_uses_mmio_where_it_is_alone(void **state)
{
    struct bench *b = *state;
    put_zone(b, "intel-rapl-mmio:0", "package-0", 10, 1000);
    bench_open(b, "rapl", 10 * MS);
    b->ops->start(b->state);
    set_zone(b, "intel-rapl-mmio:0", 5);
    bench_pass_ms(1000);
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(bench_energy(b, "") == 995);
}

static void phase_event(struct bench *b, enum mb_event_kind kind, uint64_t now_ns, int64_t uj)
{
    const struct mb_event event = {.kind = kind, .t_ns = now_ns};
    atomic_store(&bench_now_ns, now_ns);
    set_zone(b, "intel-rapl:0", uj % 1000000);
    b->ops->phase(b->state, &event);
}

/* Prefill 200 ms and 0.9 J (over a wrap, polled in between), decode 500 ms and 0.4 J; load of 50 ms is too short for 1 ms updates. */
static void rapl_splits_long_phases(void **state)
{
    struct bench *b = *state;
    put_zone(b, "intel-rapl:0", "package-0", 500000, 1000000);
    bench_open(b, "rapl", 10 * MS);
    atomic_store(&bench_now_ns, 1000u * MS);
    b->ops->start(b->state);
    phase_event(b, MB_EVENT_LOAD_BEGIN, 1000u * MS, 500000);
    phase_event(b, MB_EVENT_LOAD_END, 1050u * MS, 600000);
    phase_event(b, MB_EVENT_PREFILL_BEGIN, 1100u * MS, 650000);
    atomic_store(&bench_now_ns, 1200u * MS);
    set_zone(b, "intel-rapl:0", 1200000 % 1000000);
    b->ops->poll(b->state, 1200u * MS);
    phase_event(b, MB_EVENT_PREFILL_END, 1300u * MS, 1550000);
    phase_event(b, MB_EVENT_TOKEN, 1300u * MS, 1550000);
    phase_event(b, MB_EVENT_REQUEST_END, 1800u * MS, 1950000);
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(bench_energy(b, "prefill") == 900000);
    assert_true(bench_energy(b, "decode") == 400000);
    assert_true(known_value(&b->record, MB_METRIC_POWER_MEAN_UW, "decode", "rapl") == 800000);
    assert_non_null(strstr(bench_no_energy(b, "load"), "shorter than 100 updates"));
    assert_true(bench_energy(b, "") == 1450000);
}

static void rapl_says_what_it_cannot_know(void **state)
{
    struct bench *b = *state;
    put_zone(b, "intel-rapl:0", "package-0", 5000, 0); /* no modulus */
    put_zone(b, "intel-rapl:1", "package-1", 5000, 10000);
    bench_open(b, "rapl", 10 * MS);
    b->ops->start(b->state);
    set_zone(b, "intel-rapl:0", 100);
    set_zone(b, "intel-rapl:1", 6000);
    b->ops->poll(b->state, mb_clock_ns());
    bench_pass_ms(1000);
    b->ops->stop(b->state);
    bench_read(b);
    assert_non_null(strstr(bench_no_energy(b, "package-0"), "went back"));
    assert_true(bench_energy(b, "package-1") == 1000);
    assert_non_null(strstr(bench_no_energy(b, ""), "went back"));
}

static void only_psys_has_no_total(void **state)
{
    struct bench *b = *state;
    put_zone(b, "intel-rapl:0", "psys", 0, 1000);
    bench_open(b, "rapl", 10 * MS);
    b->ops->start(b->state);
    bench_pass_ms(1000);
    b->ops->stop(b->state);
    bench_read(b);
    assert_non_null(strstr(bench_no_energy(b, "psys"), "stood still for the whole trial of 1000 ms"));
    assert_non_null(strstr(bench_no_energy(b, ""), "no package zone"));
}

/* Desktops list a dram zone that never counts: the package is all there is to add. */
static void rapl_leaves_out_what_does_not_count(void **state)
{
    struct bench *b = *state;
    put_zone(b, "intel-rapl:0", "package-0", 0, 1 << 30);
    put_zone(b, "intel-rapl:0:0", "dram", 0, 1 << 30);
    bench_open(b, "rapl", 10 * MS);
    b->ops->start(b->state);
    set_zone(b, "intel-rapl:0", 7000);
    bench_pass_ms(1000);
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(bench_energy(b, "") == 7000);
    assert_non_null(strstr(bench_no_energy(b, "package-0/dram"), "stood still"));
    b->ops->start(b->state);
    bench_pass_ms(1000);
    b->ops->stop(b->state);
    bench_read(b);
    assert_non_null(strstr(bench_no_energy(b, ""), "stood still"));
}

static void a_device_that_vanishes_is_counted_and_unknown(void **state)
{
    struct bench *b = *state;
    put_zone(b, "intel-rapl:0", "package-0", 0, 1000000);
    fake_tree_put(&b->tree, HWMON "hwmon0/name", "ina219");
    fake_tree_put_number(&b->tree, HWMON "hwmon0/power1_input", 5000000);
    static const char *const names[] = {"rapl", "hwmon"};
    for (int k = 0; k < 2; k++) {
        bench_open(b, names[k], 10 * MS);
        atomic_store(&bench_now_ns, 1000u * MS);
        b->ops->start(b->state);
        b->ops->poll(b->state, mb_clock_ns());
        atomic_store(&bench_pread_fails, 1);
        for (int i = 0; i < 5; i++)
            b->ops->poll(b->state, atomic_fetch_add(&bench_now_ns, 10 * MS));
        b->ops->stop(b->state);
        atomic_store(&bench_pread_fails, 0);
        bench_read(b);
        assert_non_null(strstr(bench_no_energy(b, ""), "could not be read at both ends"));
        const struct mb_record_stream *s = find_stream(&b->record, "power_uw", k ? "ina219/power1" : "package-0");
        assert_true(s->n_errors >= 5);
    }
}

static void garbage_is_an_error_not_a_number(void **state)
{
    struct bench *b = *state;
    static const char *const garbage[] = {"", "abc", "12x", "-5", "99999999999999999999999", "0x10"};
    put_zone(b, "intel-rapl:0", "package-0", 0, 1000000);
    bench_open(b, "rapl", 10 * MS);
    b->ops->start(b->state);
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        fake_tree_put(&b->tree, POWERCAP "intel-rapl:0/energy_uj", garbage[i]);
        b->ops->poll(b->state, mb_clock_ns());
    }
    set_zone(b, "intel-rapl:0", 1234);
    bench_pass_ms(1000);
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(bench_energy(b, "") == 1234); /* both ends were good: the difference is right */
    assert_int_equal(find_stream(&b->record, "power_uw", "package-0")->n_errors, 6);
}

/* In a child without privileges: EACCES is for real, and the reason names the command that helps. */
static int child_without_rights(const struct fake_tree *tree)
{
    if (setgid(65534) || setuid(65534))
        return 9;
    const struct mb_collect_env env = fake_env(tree, 10 * MS);
    struct mb_error why = {0};
    if (mb_collector_find("rapl")->probe(&env, &why) != MB_ENOTSUP || !strstr(why.text, "Permission denied") ||
        !strstr(why.text, "sudo chmod a+r"))
        return 1;
    if (mb_collector_find("hwmon")->probe(&env, &why) != MB_ENOTSUP || !strstr(why.text, "run as root"))
        return 2;
    if (mb_collector_find("pi_pmic")->probe(&env, &why) != MB_ENOTSUP || !strstr(why.text, "usermod -aG video"))
        return 3;
    if (mb_collector_find("odpm")->probe(&env, &why) != MB_ENOTSUP || !strstr(why.text, "Permission denied; run as root"))
        return 4;
    return 0;
}

static void forbidden_names_the_remedy(void **state)
{
    struct bench *b = *state;
    char path[256];
    if (getuid() != 0) {
        print_message("skipped: only root can drop its rights for this test\n");
        skip();
    }
    put_zone(b, "intel-rapl:0", "package-0", 0, 1000);
    fake_tree_put_number(&b->tree, HWMON "hwmon0/power1_input", 1);
    fake_tree_put(&b->tree, "/dev/vcio", "");
    fake_tree_put(&b->tree, "/sys/bus/iio/devices/iio:device0/name", "s2mpg10-odpm");
    fake_tree_put(&b->tree, "/sys/bus/iio/devices/iio:device0/energy_value", "t=1");
    static const char *const closed[] = {POWERCAP "intel-rapl:0/energy_uj", HWMON "hwmon0/power1_input", "/dev/vcio",
                                         "/sys/bus/iio/devices/iio:device0/energy_value"};
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", b->tree.root, closed[i]);
        assert_int_equal(chmod(path, 0400), 0);
    }
    const pid_t pid = fork();
    if (pid == 0)
        _exit(child_without_rights(&b->tree));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* 5 W plus 10 W for 30 ms of every 100 ms, read every 2 ms for 10 s: 8 W x 10 s. */
static void hwmon_integrates_bursts(void **state)
{
    struct bench *b = *state;
    fake_tree_put(&b->tree, HWMON "hwmon0/name", "ina226");
    fake_tree_put_number(&b->tree, HWMON "hwmon0/power1_input", 15000000);
    bench_open(b, "hwmon", 2 * MS);
    b->ops->start(b->state);
    for (uint64_t ms = 0; ms <= 10000; ms += 2) {
        atomic_store(&bench_now_ns, (1000 + ms) * MS);
        fake_tree_put_number(&b->tree, HWMON "hwmon0/power1_input", ms % 100 < 30 ? 15000000 : 5000000);
        b->ops->poll(b->state, mb_clock_ns());
    }
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(fabs(bench_energy(b, "ina226/power1") - 80e6) < 0.01 * 80e6);
    assert_true(bench_energy(b, "") == bench_energy(b, "ina226/power1")); /* one rail: it is the total */
    assert_true(fabs(known_value(&b->record, MB_METRIC_POWER_MEAN_UW, "", "hwmon") - 8e6) < 0.08e6);
}

static void hwmon_counts_each_rail_once(void **state)
{
    struct bench *b = *state;
    static const char *const files[][2] = {
        {"hwmon0/name", "xe"},          {"hwmon0/energy1_input", "1000"},  {"hwmon0/power1_input", "77"}, /* one rail, two views */
        {"hwmon1/name", "ina219"},      {"hwmon1/power1_input", "4000000"}, {"hwmon1/in1_input", "5000"}, {"hwmon1/curr1_input", "800"},
        {"hwmon2/name", "amdgpu"},      {"hwmon2/power1_average", "30000000"}, {"hwmon2/power1_label", "PPT"},
        {"hwmon3/name", "BAT0"},        {"hwmon3/power1_input", "9000000"}, {"hwmon3/device/type", "Battery"},
        {"hwmon4/name", "coretemp"},    {"hwmon4/temp1_input", "40000"},
        {"hwmon5/name", "ina219"},      {"hwmon5/power1_input", "1"},
    };
    char path[128];
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "/sys/class/hwmon/%s", files[i][0]);
        fake_tree_put(&b->tree, path, files[i][1]);
    }
    bench_open(b, "hwmon", 1 * MS);
    b->ops->start(b->state);
    for (int i = 0; i <= 100; i++) { /* 10 ms each */
        fake_tree_put_number(&b->tree, HWMON "hwmon0/energy1_input", 1000 + 40 * i);
        b->ops->poll(b->state, mb_clock_ns());
        if (i < 100)
            bench_pass_ms(10);
    }
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(bench_energy(b, "xe/energy1") == 4000);
    assert_true(fabs(bench_energy(b, "ina219/power1") - 4e6) < 1e-3);
    assert_true(fabs(bench_energy(b, "PPT") - 30e6) < 1e-3);
    assert_true(fabs(bench_energy(b, "ina219/power1@hwmon5") - 1) < 1e-9);
    assert_int_equal(b->record.n_metrics, 3 * 4 + 2); /* four rails and the total that is unknown */
}

static void a_graphics_card_is_not_the_machine(void **state)
{
    struct bench *b = *state;
    fake_tree_put(&b->tree, HWMON "hwmon0/name", "i915");
    fake_tree_put_number(&b->tree, HWMON "hwmon0/energy1_input", 0);
    fake_tree_put(&b->tree, HWMON "hwmon1/name", "coretemp");
    bench_open(b, "hwmon", 10 * MS);
    b->ops->start(b->state);
    for (int i = 0; i <= 200; i++) {
        fake_tree_put_number(&b->tree, HWMON "hwmon0/energy1_input", 4294000000ll + i * 10000); /* beyond 32 bits: the driver extends */
        if (i == 0)
            b->ops->start(b->state);
        b->ops->poll(b->state, mb_clock_ns());
        bench_pass_ms(10);
    }
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(bench_energy(b, "i915/energy1") == 2e6);
    assert_non_null(strstr(bench_no_energy(b, ""), "a graphics card only"));
}

static void hwmon_with_nothing_useful_says_so(void **state)
{
    struct bench *b = *state;
    fake_tree_put(&b->tree, HWMON "hwmon0/name", "coretemp");
    fake_tree_put(&b->tree, HWMON "hwmon0/temp1_input", "40000");
    const struct mb_collect_env env = fake_env(&b->tree, MS);
    struct mb_error why = {0};
    assert_int_equal(mb_collector_find("hwmon")->probe(&env, &why), MB_ENOTSUP);
    assert_non_null(strstr(why.text, "1 chip, none with power"));
}

struct counter { /* a device counting 20 W; what it has counted is known between `done` and `coming` */
    int fd;
    atomic_llong done, coming;
};

#define COUNTER_RANGE 8000000

static void write_counter(void *user, uint64_t elapsed_ns)
{
    struct counter *c = user;
    const long long uj = (long long)(elapsed_ns / 50); /* 20 W = 20 uJ per us: a wrap every 400 ms */
    atomic_store(&c->coming, uj);
    fake_write_number(c->fd, (uj + COUNTER_RANGE / 2) % COUNTER_RANGE);
    atomic_store(&c->done, uj);
}

static void rapl_in_real_time_matches_the_device(void **state)
{
    struct bench *b = *state;
    struct counter c = {0};
    struct fake_ticker ticker;
    put_zone(b, "intel-rapl:0", "package-0", COUNTER_RANGE / 2, COUNTER_RANGE);
    c.fd = fake_tree_open(&b->tree, POWERCAP "intel-rapl:0/energy_uj");
    const struct mb_collect_env env = fake_env(&b->tree, 2 * MS);
    struct mb_collect_set *set;
    atomic_store(&bench_now_ns, 0);
    assert_int_equal(mb_collect_open(&set, "rapl", &env, NULL), 0);
    fake_ticker_start(&ticker, write_counter, &c);
    sleep_ms(20);
    const double begin_low = (double)atomic_load(&c.done);
    mb_collect_start(set);
    const double begin_high = (double)atomic_load(&c.coming);
    sleep_ms(1500);
    const double end_low = (double)atomic_load(&c.done);
    mb_collect_stop(set);
    const double end_high = (double)atomic_load(&c.coming);
    fake_ticker_stop(&ticker);
    b->ops = mb_collector_find("rapl");
    assert_int_equal(mb_collect_read(set, &b->record, NULL), 0);
    mb_collect_close(set);
    close(c.fd);
    const struct mb_record_stream *s = find_stream(&b->record, "power_uw", "package-0");
    for (size_t i = 1; i < s->n; i++)
        if (s->t_ns[i] - s->t_ns[i - 1] > 300 * MS) {
            print_message("skipped: the machine kept the sampler waiting for longer than a wrap\n");
            skip();
        }
    const double uj = bench_energy(b, "package-0"), middle = (end_low + end_high - begin_low - begin_high) / 2;
    assert_true(end_low > 3 * COUNTER_RANGE);
    assert_true(uj >= end_low - begin_high && uj <= end_high - begin_low);
    print_message("real time: %.0f uJ, true %.0f +- %.0f uJ\n", uj, middle, (end_high - end_low + begin_high - begin_low) / 2);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        TEST(rapl_undoes_every_wrap),
        TEST(rapl_trials_do_not_leak_into_each_other),
        TEST(rapl_adds_packages_and_dram_only),
        TEST(rapl_uses_mmio_where_it_is_alone),
        TEST(rapl_splits_long_phases),
        TEST(rapl_says_what_it_cannot_know),
        TEST(only_psys_has_no_total),
        TEST(rapl_leaves_out_what_does_not_count),
        TEST(a_device_that_vanishes_is_counted_and_unknown),
        TEST(garbage_is_an_error_not_a_number),
        TEST(forbidden_names_the_remedy),
        TEST(hwmon_integrates_bursts),
        TEST(hwmon_counts_each_rail_once),
        TEST(a_graphics_card_is_not_the_machine),
        TEST(hwmon_with_nothing_useful_says_so),
        TEST(rapl_in_real_time_matches_the_device),
    };
    return cmocka_run_group_tests_name("energy", tests, NULL, NULL);
}
