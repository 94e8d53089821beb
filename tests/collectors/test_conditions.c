/* test_conditions.c - clocks, temperatures and throttling on a fake tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake_tree.h"

#define MS 1000000u
#define CPUFREQ "/sys/devices/system/cpu/cpufreq/"
#define THERMAL "/sys/class/thermal/"

struct trial {
    struct fake_tree tree;
    const struct mb_collector_ops *ops;
    void *state;
    struct mb_record record;
    uint64_t now_ns;
};

static int setup(void **state)
{
    struct trial *t = calloc(1, sizeof(*t));
    fake_tree_make(&t->tree);
    t->now_ns = mb_clock_ns();
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct trial *t = *state;
    if (t->state)
        t->ops->close(t->state);
    free(t->state);
    mb_record_release(&t->record);
    fake_tree_remove(&t->tree);
    free(t);
    return 0;
}

static void begin(struct trial *t, const char *name)
{
    const struct mb_collect_env env = fake_env(&t->tree, 10 * MS);
    struct mb_error err = {0};
    t->ops = mb_collector_find(name);
    t->state = calloc(1, t->ops->state_size);
    if (t->ops->open(t->state, &env, &err))
        fail_msg("%s", err.text);
    t->ops->start(t->state);
    t->ops->poll(t->state, t->now_ns);
}

static void later(struct trial *t)
{
    t->now_ns += 1000u * MS; /* more than the period of any slow source */
    sleep_ms(1);             /* stamps are real: let them differ */
    t->ops->poll(t->state, t->now_ns);
}

static void end(struct trial *t)
{
    sleep_ms(1);
    t->ops->stop(t->state);
    assert_int_equal(t->ops->read(t->state, &t->record, NULL), 0);
}

static double value(struct trial *t, enum mb_metric metric, const char *scope)
{
    return known_value(&t->record, metric, scope, t->ops->name);
}

static const char *reason(struct trial *t, enum mb_metric metric, const char *scope)
{
    return absent_reason(&t->record, metric, scope, t->ops->name);
}

static void clocks_give_mean_and_least(void **state)
{
    struct trial *t = *state;
    fake_tree_put(&t->tree, CPUFREQ "policy0/scaling_cur_freq", "1800000");
    fake_tree_put(&t->tree, CPUFREQ "policy0/scaling_governor", "schedutil");
    fake_tree_put(&t->tree, CPUFREQ "policy4/scaling_cur_freq", "2400000");
    fake_tree_put(&t->tree, CPUFREQ "policy8/scaling_cur_freq", "<unknown>");
    begin(t, "cpufreq");
    fake_tree_put(&t->tree, CPUFREQ "policy0/scaling_cur_freq", "600000");
    later(t);
    t->ops->poll(t->state, t->now_ns + MS); /* too soon: not read */
    fake_tree_put(&t->tree, CPUFREQ "policy0/scaling_cur_freq", "1800000");
    end(t);
    assert_true(value(t, MB_METRIC_FREQ_MEAN_KHZ, "policy0") == 1400000);
    assert_true(value(t, MB_METRIC_FREQ_MIN_KHZ, "policy0") == 600000);
    assert_true(value(t, MB_METRIC_FREQ_MEAN_KHZ, "policy4") == 2400000);
    assert_non_null(strstr(reason(t, MB_METRIC_FREQ_MEAN_KHZ, "policy8"), "no frequency"));
    assert_true(value(t, MB_METRIC_FREQ_MEAN_KHZ, "") == 1900000);
    assert_true(value(t, MB_METRIC_FREQ_MIN_KHZ, "") == 600000);
    assert_int_equal(find_stream(&t->record, "freq_khz", "policy0")->n, 3);
    assert_int_equal(find_stream(&t->record, "freq_khz", "policy8")->n_errors, 3);
}

static void probe_names_the_governor(void **state)
{
    struct trial *t = *state;
    const struct mb_collect_env env = fake_env(&t->tree, 10 * MS);
    struct mb_error why = {0};
    assert_int_equal(mb_collector_find("cpufreq")->probe(&env, &why), MB_ENOTSUP);
    fake_tree_put(&t->tree, CPUFREQ "policy0/scaling_cur_freq", "1800000");
    fake_tree_put(&t->tree, CPUFREQ "policy0/scaling_governor", "schedutil");
    assert_int_equal(mb_collector_find("cpufreq")->probe(&env, &why), MB_OK);
    assert_string_equal(why.text, "clock of policy0 (schedutil)");
}

static void put_zone(struct trial *t, const char *dir, const char *type, const char *value_file, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), THERMAL "%s/type", dir);
    fake_tree_put(&t->tree, path, type);
    snprintf(path, sizeof(path), THERMAL "%s/%s", dir, value_file);
    fake_tree_put(&t->tree, path, text);
}

static void temperatures_leave_garbage_out(void **state)
{
    struct trial *t = *state;
    put_zone(t, "thermal_zone0", "cpu-thermal", "temp", "41000");
    put_zone(t, "thermal_zone1", "skin", "temp", "-274000");
    put_zone(t, "thermal_zone2", "cpu-thermal", "temp", "200001");
    put_zone(t, "thermal_zone10", "gpu", "temp", "39000");
    begin(t, "thermal");
    put_zone(t, "thermal_zone0", "cpu-thermal", "temp", "67500");
    put_zone(t, "thermal_zone10", "gpu", "temp", "nothing");
    later(t);
    put_zone(t, "thermal_zone0", "cpu-thermal", "temp", "52000");
    end(t);
    assert_true(value(t, MB_METRIC_TEMP_MAX_MILLI_C, "") == 67500);
    assert_true(value(t, MB_METRIC_TEMP_MAX_MILLI_C, "cpu-thermal") == 67500);
    assert_true(value(t, MB_METRIC_TEMP_MAX_MILLI_C, "gpu") == 39000);
    assert_non_null(strstr(reason(t, MB_METRIC_TEMP_MAX_MILLI_C, "skin"), "no believable temperature"));
    assert_non_null(strstr(reason(t, MB_METRIC_TEMP_MAX_MILLI_C, "cpu-thermal@thermal_zone2"), "no believable"));
    assert_int_equal(find_stream(&t->record, "temp_milli_c", "skin")->n, 0);
    assert_int_equal(find_stream(&t->record, "temp_milli_c", "skin")->n_errors, 3);
    assert_int_equal(find_stream(&t->record, "temp_milli_c", "gpu")->n_errors, 2);
    assert_non_null(strstr(reason(t, MB_METRIC_THROTTLE_COUNT, ""), "no throttle count"));
    assert_non_null(strstr(reason(t, MB_METRIC_THROTTLE_STATE, ""), "no cooling device"));
}

static void put_throttle(struct trial *t, int cpu, int package, int core, int core_count, int package_count)
{
    char path[128];
    const struct { const char *file; int value; } files[] = {
        {"topology/physical_package_id", package}, {"topology/core_id", core},
        {"thermal_throttle/core_throttle_count", core_count}, {"thermal_throttle/package_throttle_count", package_count},
    };
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/%s", cpu, files[i].file);
        fake_tree_put_number(&t->tree, path, files[i].value);
    }
}

/* Two hyperthreads of core 0 and one of core 1 show three core files and three package files: two cores, one package. */
static void throttling_counts_each_core_and_package_once(void **state)
{
    struct trial *t = *state;
    put_throttle(t, 0, 0, 0, 10, 100);
    put_throttle(t, 1, 0, 0, 10, 100);
    put_throttle(t, 2, 0, 1, 20, 100);
    begin(t, "thermal");
    put_throttle(t, 0, 0, 0, 13, 105);
    put_throttle(t, 1, 0, 0, 13, 105);
    put_throttle(t, 2, 0, 1, 21, 105);
    end(t);
    assert_true(value(t, MB_METRIC_THROTTLE_COUNT, "core") == 4);
    assert_true(value(t, MB_METRIC_THROTTLE_COUNT, "package") == 5);
    assert_true(value(t, MB_METRIC_THROTTLE_COUNT, "") == 9);
    assert_string_equal(reason(t, MB_METRIC_TEMP_MAX_MILLI_C, ""), "no thermal zone");
}

static void cooling_states_count_unless_they_are_fans(void **state)
{
    struct trial *t = *state;
    put_zone(t, "cooling_device0", "thermal-cpufreq-0", "cur_state", "0");
    put_zone(t, "cooling_device1", "pwm-fan", "cur_state", "0");
    put_zone(t, "cooling_device2", "intel_powerclamp", "cur_state", "-1");
    begin(t, "thermal");
    static const char *const states[] = {"2", "2", "1", "3"};
    for (int i = 0; i < 4; i++) {
        put_zone(t, "cooling_device0", "thermal-cpufreq-0", "cur_state", states[i]);
        put_zone(t, "cooling_device1", "pwm-fan", "cur_state", states[i]);
        later(t);
    }
    end(t);
    assert_true(value(t, MB_METRIC_THROTTLE_COUNT, "thermal-cpufreq-0") == 2);
    assert_true(value(t, MB_METRIC_THROTTLE_COUNT, "intel_powerclamp") == 0);
    assert_true(value(t, MB_METRIC_THROTTLE_COUNT, "") == 2);
    assert_null(find_metric(&t->record, MB_METRIC_THROTTLE_COUNT, "pwm-fan", "thermal"));
    assert_true(value(t, MB_METRIC_THROTTLE_STATE, "thermal-cpufreq-0") == 3);
    assert_true(value(t, MB_METRIC_THROTTLE_STATE, "") == 3);
    assert_null(find_metric(&t->record, MB_METRIC_THROTTLE_STATE, "pwm-fan", "thermal"));
    assert_int_equal(find_stream(&t->record, "cooling_state", "pwm-fan")->value[1], 2); /* shown, not counted */
    assert_int_equal(find_stream(&t->record, "cooling_state", "intel_powerclamp")->value[0], 0);
}

static void put_times(struct trial *t, const char *policy, const char *times)
{
    char path[128];
    snprintf(path, sizeof(path), CPUFREQ "%s/scaling_cur_freq", policy);
    fake_tree_put(&t->tree, path, "600000");
    snprintf(path, sizeof(path), CPUFREQ "%s/stats/time_in_state", policy);
    fake_tree_put(&t->tree, path, times);
}

/* policy0: 100 ticks at 600 MHz, 300 at 1.8 GHz = mean 1.5 GHz. policy4: 200 at 2.4 GHz; together (60 + 540 + 480) / 600 = 1.8 GHz. */
static void time_at_each_clock_is_the_kernels(void **state)
{
    struct trial *t = *state;
    put_times(t, "policy0", "600000 1000\n1200000 50\n1800000 7\n");
    put_times(t, "policy4", "2400000 0");
    put_times(t, "policy6", "600000 5000\n");
    put_times(t, "policy7", "600000 5000\nmany 7\n");
    put_times(t, "policy8", "600000 5000\n");
    fake_tree_put(&t->tree, CPUFREQ "policy9/scaling_cur_freq", "600000");
    begin(t, "cpufreq");
    put_times(t, "policy0", "600000 1100\n1200000 50\n1800000 307\n");
    put_times(t, "policy4", "2400000 200");
    put_times(t, "policy6", "600000 20\n"); /* reset in the trial */
    put_times(t, "policy8", "600000 5099\n");
    end(t);
    assert_true(value(t, MB_METRIC_FREQ_TIME_MEAN_KHZ, "policy0") == 1500000);
    assert_true(value(t, MB_METRIC_FREQ_TIME_SHARE, "policy0/600000") == 0.25);
    assert_true(value(t, MB_METRIC_FREQ_TIME_SHARE, "policy0/1800000") == 0.75);
    assert_null(find_metric(&t->record, MB_METRIC_FREQ_TIME_SHARE, "policy0/1200000", "cpufreq"));
    assert_true(value(t, MB_METRIC_FREQ_TIME_SHARE, "policy4/2400000") == 1);
    assert_true(value(t, MB_METRIC_FREQ_TIME_MEAN_KHZ, "") == 1800000);
    assert_non_null(strstr(reason(t, MB_METRIC_FREQ_TIME_MEAN_KHZ, "policy6"), "was reset"));
    assert_non_null(strstr(reason(t, MB_METRIC_FREQ_TIME_MEAN_KHZ, "policy7"), "could not be read"));
    assert_non_null(strstr(reason(t, MB_METRIC_FREQ_TIME_MEAN_KHZ, "policy8"), "99 ticks of 10 ms"));
    assert_non_null(strstr(reason(t, MB_METRIC_FREQ_TIME_MEAN_KHZ, "policy9"), "no stats/time_in_state"));
}

/* The firmware of a Raspberry Pi, its answers in turn; the last one stays. */
static const char *const *firmware;

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
    (void)fd;
    (void)request;
    va_list args;
    va_start(args, request);
    char *message = va_arg(args, char *);
    va_end(args);
    assert_string_equal(message + 24, "get_throttled"); /* behind six words */
    snprintf(message + 24, 1024, "%s", *firmware);
    firmware += firmware[1] != NULL;
    return 0;
}

static void a_pi_tells_what_came_in_the_trial(void **state)
{
    struct trial *t = *state;
    /* under-voltage once before; throttled comes twice; the soft limit comes and goes between two looks; capped stays clear */
    static const char *const answers[] = {"throttled=0x10000", "throttled=0x50004", "throttled=0x50000", "throttled=0xd0004", NULL};
    firmware = answers;
    fake_tree_put(&t->tree, "/dev/vcio", "");
    begin(t, "thermal");
    later(t);
    later(t);
    end(t);
    assert_true(value(t, MB_METRIC_THROTTLE_COUNT, "pi-throttled") == 2);
    assert_true(value(t, MB_METRIC_THROTTLE_STATE, "pi-throttled") == 1);
    assert_true(value(t, MB_METRIC_THROTTLE_COUNT, "pi-soft-limit") == 1);
    assert_true(value(t, MB_METRIC_THROTTLE_STATE, "pi-soft-limit") == 1);
    assert_true(value(t, MB_METRIC_THROTTLE_COUNT, "pi-capped") == 0);
    assert_non_null(strstr(reason(t, MB_METRIC_THROTTLE_COUNT, "pi-under-voltage"), "set before the trial"));
    assert_non_null(strstr(reason(t, MB_METRIC_THROTTLE_COUNT, ""), "set before the trial"));
}

static void a_pi_that_is_always_throttled_says_so(void **state)
{
    struct trial *t = *state;
    static const char *const answers[] = {"throttled=0x20002", NULL};
    firmware = answers;
    fake_tree_put(&t->tree, "/dev/vcio", "");
    begin(t, "thermal");
    end(t);
    assert_true(value(t, MB_METRIC_THROTTLE_STATE, "pi-capped") == 1);
    assert_true(value(t, MB_METRIC_THROTTLE_COUNT, "pi-capped") == 0); /* it did not come: it was there */
    assert_true(value(t, MB_METRIC_THROTTLE_COUNT, "") == 0);
}

static void firmware_that_talks_rubbish_is_unknown(void **state)
{
    struct trial *t = *state;
    static const char *const answers[] = {"throttled=0x0", "throttled=0x", "error=1 error_msg=\"Command not registered\"", NULL};
    firmware = answers;
    fake_tree_put(&t->tree, "/dev/vcio", "");
    begin(t, "thermal");
    later(t);
    end(t);
    assert_non_null(strstr(reason(t, MB_METRIC_THROTTLE_COUNT, "pi-throttled"), "did not answer"));
    assert_non_null(strstr(reason(t, MB_METRIC_THROTTLE_STATE, "pi-throttled"), "did not answer"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(clocks_give_mean_and_least),
        TEST(probe_names_the_governor),
        TEST(temperatures_leave_garbage_out),
        TEST(throttling_counts_each_core_and_package_once),
        TEST(cooling_states_count_unless_they_are_fans),
        TEST(time_at_each_clock_is_the_kernels),
        TEST(a_pi_tells_what_came_in_the_trial),
        TEST(a_pi_that_is_always_throttled_says_so),
        TEST(firmware_that_talks_rubbish_is_unknown),
    };
    return cmocka_run_group_tests_name("conditions", tests, NULL, NULL);
}
