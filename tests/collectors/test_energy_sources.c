/* test_energy_sources.c - energy sources of boards and graphics cards, each on a fake tree with a known answer: no such hardware was at hand.
 * perf_event_open, the reads of its counters and the mailbox of a Raspberry Pi are answered here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/clock.h"
#include "collectors/odpm_text.h"
#include "collectors/pmic_reply.h"
#include "energy_bench.h"

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
ssize_t __real_read(int fd, void *buf, size_t n);
ssize_t __wrap_read(int fd, void *buf, size_t n);
int __wrap_ioctl(int fd, unsigned long request, ...);

#define COUNTERS_MAX 16

static struct pretended {
    int open_errno; /* every open fails with it */
    size_t n;
    bool stands_still;
    struct { int fd; uint32_t type; uint64_t config; int pid, cpu; uint64_t count; } counter[COUNTERS_MAX];
} pmu;

static struct {
    char text[1200];
    int n_asked, fails_from; /* 0: never */
    uint32_t firmware_error;
} firmware;

long __wrap_syscall(long number, ...)
{
    va_list args;
    va_start(args, number);
    const struct perf_event_attr *attr = va_arg(args, void *);
    const int pid = va_arg(args, int), cpu = va_arg(args, int);
    va_end(args);
    assert_int_equal(number, SYS_perf_event_open);
    if (pmu.open_errno) {
        errno = pmu.open_errno;
        return -1;
    }
    assert_true(pmu.n < COUNTERS_MAX);
    const int fd = dup(2);
    pmu.counter[pmu.n].fd = fd;
    pmu.counter[pmu.n].type = attr->type;
    pmu.counter[pmu.n].config = attr->config;
    pmu.counter[pmu.n].pid = pid;
    pmu.counter[pmu.n++].cpu = cpu;
    return fd;
}

ssize_t __wrap_read(int fd, void *buf, size_t n)
{
    for (size_t i = 0; i < pmu.n; i++)
        if (pmu.counter[i].fd == fd && n == sizeof(pmu.counter[i].count)) {
            memcpy(buf, &pmu.counter[i].count, n);
            pmu.counter[i].count += !pmu.stands_still; /* 2^-32 J */
            return (ssize_t)n;
        }
    return __real_read(fd, buf, n);
}

static int setup(void **state)
{
    memset(&pmu, 0, sizeof(pmu));
    memset(&firmware, 0, sizeof(firmware));
    return bench_setup(state);
}

static void put_files(struct bench *b, const char *dir, const char *const (*files)[2], size_t n)
{
    char path[256];
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i][0]);
        fake_tree_put(&b->tree, path, files[i][1]);
    }
}
#define PUT(b, dir, files) put_files(b, dir, files, sizeof(files) / sizeof((files)[0]))

/* ---- rapl_perf ---- */

#define PMU "/sys/bus/event_source/devices/power"
#define SCALE "2.3283064365386962890625e-10" /* 2^-32 J */

static void put_power_pmu(struct bench *b)
{
    static const char *const files[][2] = {
        {"type", "13"}, {"cpumask", "0,8"},
        {"events/energy-pkg", "event=0x02"}, {"events/energy-pkg.scale", SCALE}, {"events/energy-pkg.unit", "Joules"},
        {"events/energy-ram", "event=0x03"}, {"events/energy-ram.scale", SCALE}, {"events/energy-ram.unit", "Joules"},
        {"events/energy-cores", "event=0x01"}, {"events/energy-cores.scale", SCALE}, {"events/energy-cores.unit", "Joules"},
        {"events/energy-psys", "event=0x05"}, {"events/energy-psys.scale", SCALE}, {"events/energy-psys.unit", "Joules"},
        {"events/energy-new", "event=0x09"}, {"events/energy-new.scale", SCALE}, {"events/energy-new.unit", "Furlongs"},
    };
    PUT(b, PMU, files);
    fake_tree_put(&b->tree, "/sys/devices/system/cpu/cpu0/topology/physical_package_id", "0");
    fake_tree_put(&b->tree, "/sys/devices/system/cpu/cpu8/topology/physical_package_id", "1");
}

static void count_joules(uint64_t config, int cpu, double joules)
{
    for (size_t i = 0; i < pmu.n; i++)
        if (pmu.counter[i].config == config && pmu.counter[i].cpu == cpu)
            pmu.counter[i].count += (uint64_t)(joules * 4294967296.0);
}

static void the_power_pmu_is_read_per_package(void **state)
{
    struct bench *b = *state;
    put_power_pmu(b);
    bench_open(b, "rapl_perf", 10 * MS);
    assert_int_equal(pmu.n, 7); /* three domains of two packages, one psys */
    for (size_t i = 0; i < pmu.n; i++) {
        assert_int_equal(pmu.counter[i].type, 13);
        assert_int_equal(pmu.counter[i].pid, -1);
    }
    b->ops->start(b->state);
    bench_run(b, 10, 1000);
    count_joules(2, 0, 20);
    count_joules(2, 8, 10);
    count_joules(3, 0, 2);
    count_joules(1, 0, 15);
    count_joules(5, 0, 50);
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(fabs(bench_energy(b, "package-0") - 20e6) < 0.1);
    assert_true(fabs(bench_energy(b, "package-1") - 10e6) < 0.1);
    assert_true(fabs(bench_energy(b, "package-0/dram") - 2e6) < 0.1);
    assert_true(fabs(bench_energy(b, "package-0/core") - 15e6) < 0.1);
    assert_true(fabs(bench_energy(b, "psys") - 50e6) < 0.1);
    assert_true(fabs(bench_energy(b, "") - 32e6) < 0.1); /* packages and dram: not cores, not psys */
    assert_non_null(strstr(bench_no_energy(b, "package-0/new"), "is not understood"));
}

static void a_forbidden_or_missing_power_pmu_says_so(void **state)
{
    struct bench *b = *state;
    struct mb_error why;
    assert_non_null(strstr(bench_absent(b, "rapl_perf", &why), "perf has no energy counters"));
    put_power_pmu(b);
    fake_tree_put(&b->tree, "/proc/sys/kernel/perf_event_paranoid", "2");
    pmu.open_errno = EACCES;
    assert_non_null(strstr(bench_absent(b, "rapl_perf", &why), "perf_event_paranoid is 2; run `sudo sysctl kernel.perf_event_paranoid=0`"));
    pmu.open_errno = 0;
    pmu.stands_still = true;
    assert_non_null(strstr(bench_absent(b, "rapl_perf", &why), "stand still: usual in virtual machines"));
    fake_tree_put(&b->tree, PMU "/cpumask", "");
    assert_non_null(strstr(bench_absent(b, "rapl_perf", &why), "names no processor"));
}

/* ---- ina3221 ---- */

#define I2C "/sys/bus/i2c/drivers/"

static void put_orin_nano(struct bench *b)
{
    static const char *const files[][2] = {
        {"in1_label", "VDD_IN"}, {"in1_input", "5000"}, {"curr1_input", "1000"}, {"in2_label", "VDD_CPU_GPU_CV"}, {"in2_input", "5000"},
        {"curr2_input", "400"},  {"in3_label", "NC"},   {"in3_input", "5000"},   {"curr3_input", "7"},           {"in4_input", "12"},
        {"curr4_input", "1400"}, {"update_interval", "20"},
    };
    PUT(b, I2C "ina3221/1-0040/hwmon/hwmon3", files);
    fake_tree_put(&b->tree, I2C "ina3221/bind", "");
    fake_tree_put(&b->tree, "/proc/device-tree/model", "NVIDIA Jetson Orin Nano Developer Kit");
}

static void jetson_rails_make_the_boards_total(void **state)
{
    struct bench *b = *state;
    put_orin_nano(b);
    bench_open(b, "ina3221", 1 * MS);
    b->ops->start(b->state);
    bench_run(b, 1, 2500);
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(fabs(bench_energy(b, "VDD_IN") - 12.5e6) < 1);
    assert_true(fabs(bench_energy(b, "VDD_CPU_GPU_CV") - 5e6) < 1);
    assert_true(fabs(bench_energy(b, "") - 12.5e6) < 1); /* the children are in VDD_IN already */
    assert_int_equal(b->record.n_metrics, 3 * 3); /* two rails and the total: not the NC rail, not the sum channel */
    const size_t n = find_stream(&b->record, "power_uw", "VDD_IN")->n;
    assert_true(n > 100 && n < 160); /* about every 20 ms, not every poll: each read is a bus transfer */
}

static void an_unknown_board_has_rails_but_no_total(void **state)
{
    struct bench *b = *state;
    put_orin_nano(b);
    fake_tree_put(&b->tree, "/proc/device-tree/model", "Acme Board");
    bench_open(b, "ina3221", 10 * MS);
    b->ops->start(b->state);
    bench_run(b, 10, 2500);
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(bench_energy(b, "VDD_IN") > 0);
    assert_non_null(strstr(bench_no_energy(b, ""), "not known for this board ('Acme Board'"));
}

static void a_missing_rail_leaves_no_total(void **state)
{
    struct bench *b = *state;
    put_orin_nano(b);
    fake_tree_put(&b->tree, "/proc/device-tree/model", "Jetson AGX Orin Developer Kit");
    bench_open(b, "ina3221", 10 * MS);
    b->ops->start(b->state);
    bench_run(b, 10, 2500);
    b->ops->stop(b->state);
    bench_read(b);
    assert_non_null(strstr(bench_no_energy(b, ""), "rail VDD_GPU_SOC, part of this board's total"));
}

/* TX2 with JetPack 4: milliwatts by iio, module and carrier board beside each other. */
static void jetpack_4_reads_milliwatts(void **state)
{
    struct bench *b = *state;
    static const char *const module[][2] = {{"rail_name_0", "VDD_IN"}, {"in_power0_input", "3000"}, {"rail_name_1", "VDD_SYS_CPU"},
                                            {"in_power1_input", "900"}, {"rail_name_2", "NC"}, {"in_power2_input", "1"}};
    static const char *const carrier[][2] = {{"rail_name_0", "VDD_MUX"}, {"in_power0_input", "4500"}, {"rail_name_1", "VDD_5V0_IO_SYS"}};
    PUT(b, I2C "ina3221x/0-0041/iio:device1", module);
    PUT(b, I2C "ina3221x/0-0042/iio:device2", carrier);
    fake_tree_put(&b->tree, "/proc/device-tree/model", "quill");
    bench_open(b, "ina3221", 10 * MS);
    b->ops->start(b->state);
    bench_run(b, 10, 2000);
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(fabs(bench_energy(b, "VDD_IN") - 6e6) < 1);
    assert_true(fabs(bench_energy(b, "VDD_MUX") - 9e6) < 1);
    assert_true(fabs(bench_energy(b, "") - 15e6) < 1);
    assert_null(find_metric(&b->record, MB_METRIC_ENERGY_UJ, "NC", "ina3221"));
    assert_non_null(strstr(bench_no_energy(b, "VDD_5V0_IO_SYS"), "in_power1_input"));
    assert_null(find_metric(&b->record, MB_METRIC_ENERGY_UJ, "0-0042/2", "ina3221")); /* no label, no value: no rail */
}

/* ---- pi_pmic ---- */

/* The form of a Raspberry Pi 5's answer: all currents, then all voltages; values made up, so that every rail has its own power. */
static const char *const pmic_rails[] = {"3V7_WL_SW", "3V3_SYS", "1V8_SYS", "DDR_VDD2", "DDR_VDDQ", "1V1_SYS",
                                         "0V8_SW", "VDD_CORE", "3V3_DAC", "3V3_ADC", "0V8_AON", "HDMI"};

static void pmic_answer(char *text, size_t cap, double amps)
{
    size_t at = 0;
    for (int i = 0; i < 12; i++)
        at += (size_t)snprintf(text + at, cap - at, "   %s_A current(%d)=%.8fA\n", pmic_rails[i], i, amps * (i + 1));
    for (int i = 0; i < 12; i++)
        at += (size_t)snprintf(text + at, cap - at, "   %s_V volt(%d)=%.8fV\n", pmic_rails[i], 8 + i, 1.5);
    snprintf(text + at, cap - at, "   EXT5V_V volt(24)=5.14875000V\n   BATT_V volt(25)=0.00488160V");
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    uint32_t *words = va_arg(args, void *);
    va_end(args);
    (void)fd;
    assert_int_equal(request >> 8 & 0xff, 100);
    assert_int_equal(words[0], 263 * 4);
    assert_int_equal(words[2], 0x00030080);
    assert_string_equal((char *)(words + 6), "pmic_read_adc");
    if (++firmware.n_asked >= firmware.fails_from && firmware.fails_from) {
        errno = EIO;
        return -1;
    }
    words[5] = firmware.firmware_error;
    memcpy(words + 6, firmware.text, 1024); /* no NUL within when the text is longer */
    return 0;
}

static void the_pmics_text_is_parsed(void **state)
{
    (void)state;
    struct mb_pmic_rail rails[MB_PMIC_RAILS_MAX];
    char text[1200];
    pmic_answer(text, sizeof(text), 0.1);
    const size_t n = mb_pmic_parse(text, rails);
    assert_int_equal(n, 14);
    for (size_t i = 0; i < 12; i++) {
        assert_string_equal(rails[i].name, pmic_rails[i]);
        assert_true(rails[i].has_amps && rails[i].has_volts);
        assert_true(fabs(rails[i].amps - 0.1 * (double)(i + 1)) < 1e-8 && rails[i].volts == 1.5);
    }
    assert_string_equal(rails[12].name, "EXT5V");
    assert_false(rails[12].has_amps);
    for (size_t cut = 0; cut < strlen(text); cut++) { /* however it is cut off, no rail gets a wrong value */
        char part[1200];
        snprintf(part, sizeof(part), "%.*s", (int)cut, text);
        const size_t n_part = mb_pmic_parse(part, rails);
        for (size_t i = 0; i < n_part && i < 12; i++)
            assert_true((!rails[i].has_amps || fabs(rails[i].amps - 0.1 * (double)(i + 1)) < 1e-8) &&
                        (!rails[i].has_volts || rails[i].volts == 1.5));
    }
}

static void garbage_from_the_pmic_is_passed_over(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "\n\n\n", "error=1 error_msg=\"Command not registered\"", "X_A", "X_A ", "_A current(0)=1A", "X_A current(0)=1", "X_A current(0)=1V",
        "X_A current(0)=A", "X_A current(0)=nanA", "X_A current(0)=infA", "X_A current(0)=1e9A", "X_A current=1A", "X_A current(0)1A",
        "X_A volt(0)=1A", "X_B current(0)=1A", "A current(0)=1A", "X_A current(0)=1AA", "X_A current(0)=\n1A", "=", "_A =",
        "A_RAIL_WITH_A_NAME_THAT_IS_FAR_TOO_LONG_A current(0)=1A", "\xff\xfe_A current(\xff",
    };
    struct mb_pmic_rail rails[MB_PMIC_RAILS_MAX];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (mb_pmic_parse(bad[i], rails))
            fail_msg("'%s' gave a rail", bad[i]);
    char many[4000] = "";
    for (int i = 0; i < 60; i++)
        snprintf(many + strlen(many), 40, "R%d_A current(%d)=1.0A\n", i, i);
    assert_int_equal(mb_pmic_parse(many, rails), MB_PMIC_RAILS_MAX);
    assert_int_equal(mb_pmic_parse("X_A current(0)=1.5A\r\nX_V volt(1)=2V \r\n", rails), 1);
    assert_true(rails[0].has_amps && rails[0].has_volts && rails[0].amps * rails[0].volts == 3);
}

static void pi_5_rails_add_up(void **state)
{
    struct bench *b = *state;
    fake_tree_put(&b->tree, "/dev/vcio", "");
    pmic_answer(firmware.text, sizeof(firmware.text), 0.02);
    bench_open(b, "pi_pmic", 10 * MS);
    b->ops->start(b->state);
    bench_run(b, 10, 1000);
    pmic_answer(firmware.text, sizeof(firmware.text), 0.04);
    bench_run(b, 10, 1000);
    b->ops->stop(b->state);
    bench_read(b);
    /* 1.5 V x 0.02 A x (1 + ... + 12) = 2.34 W for the first second, twice that for the next; both ends of the step within one sample */
    assert_true(fabs(bench_energy(b, "") - 7.02e6) < 0.02 * 7.02e6);
    assert_true(fabs(bench_energy(b, "VDD_CORE") - 0.03 * 8 * 3e6) < 0.02 * 0.72e6);
    assert_null(find_metric(&b->record, MB_METRIC_ENERGY_UJ, "EXT5V", "pi_pmic"));
    assert_int_equal(b->record.n_metrics, 3 * 13);
    firmware.fails_from = 1;
    b->ops->start(b->state);
    bench_run(b, 10, 1000);
    b->ops->stop(b->state);
    bench_read(b);
    assert_non_null(strstr(bench_no_energy(b, ""), "could not be read at both ends"));
}

static void no_pi_5_says_what_it_lacks(void **state)
{
    struct bench *b = *state;
    struct mb_error why;
    assert_non_null(strstr(bench_absent(b, "pi_pmic", &why), "not a Raspberry Pi"));
    fake_tree_put(&b->tree, "/dev/vcio", "");
    snprintf(firmware.text, sizeof(firmware.text), "error=1 error_msg=\"Command not registered\"");
    assert_non_null(strstr(bench_absent(b, "pi_pmic", &why), "only the Raspberry Pi 5"));
    memset(firmware.text, 'x', 1100); /* no end */
    assert_non_null(strstr(bench_absent(b, "pi_pmic", &why), "names no rail"));
    firmware.firmware_error = 1;
    assert_non_null(strstr(bench_absent(b, "pi_pmic", &why), "only the Raspberry Pi 5"));
}

/* ---- odpm ---- */

#define IIO "/sys/bus/iio/devices/"

static void the_odpm_text_is_parsed(void **state)
{
    (void)state;
    struct mb_odpm_rail rails[MB_ODPM_RAILS_MAX];
    static const char text[] = "t=358400\nCH0(T=358356)[S2M_VDD_CPUCL2], 761330\nCH1[VSYS_PWR_RFFE], 18446744073709551615\n";
    assert_int_equal(mb_odpm_parse(text, rails), 2);
    assert_string_equal(rails[0].name, "S2M_VDD_CPUCL2");
    assert_true(rails[0].t_ms == 358356 && rails[0].uws == 761330);
    assert_true(rails[1].t_ms == 358400 && rails[1].uws == UINT64_MAX);
    for (size_t cut = 0; cut < strlen(text); cut++) { /* however it is cut off, a rail that is given has its own values */
        char part[sizeof(text)];
        snprintf(part, sizeof(part), "%.*s", (int)cut, text);
        const size_t n = mb_odpm_parse(part, rails);
        assert_true(n == 0 || (n == 1 && rails[0].uws == 761330 && rails[0].t_ms == 358356));
    }
    static const char *const bad[] = {"", "\n", "t=\n", "t=5\n", "CH[X], 1\n", "CH0, 1\n", "CH0[], 1\n", "CH0[X] 1\n", "CH0[X], \n", "CH0[X], -1\n",
                                      "CH0[X], 1x\n", "CH0(T=)[X], 1\n", "CH0(T=1[X], 1\n", "CH0[X\n], 1\n", "CH0[X], 99999999999999999999\n",
                                      "CH0[A_NAME_LONGER_THAN_ANY_RAIL_OF_ANY_PHONE_HAS], 1\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (mb_odpm_parse(bad[i], rails))
            fail_msg("'%s' gave a rail", bad[i]);
}

static void put_odpm(struct bench *b, int device, uint64_t ms, uint64_t uws)
{
    char path[80], text[200];
    snprintf(path, sizeof(path), IIO "iio:device%d/energy_value", device);
    snprintf(text, sizeof(text), "t=%llu\nCH0(T=%llu)[VDD_CPU], %llu\nCH1(T=%llu)[VDD_MEM], %llu", (unsigned long long)ms + 3,
             (unsigned long long)ms, (unsigned long long)uws, (unsigned long long)ms, (unsigned long long)uws / 2);
    fake_tree_put(&b->tree, path, text);
}

static void a_pixel_counts_by_its_own_clock(void **state)
{
    struct bench *b = *state;
    struct mb_error why;
    assert_non_null(strstr(bench_absent(b, "odpm", &why), "no on-device power monitor"));
    fake_tree_put(&b->tree, IIO "iio:device0/name", "gyroscope");
    fake_tree_put(&b->tree, IIO "iio:device1/name", "s2mpg12-odpm");
    assert_non_null(strstr(bench_absent(b, "odpm", &why), "energy_value"));
    fake_tree_put(&b->tree, IIO "iio:device1/energy_value", "nothing");
    assert_non_null(strstr(bench_absent(b, "odpm", &why), "names no rail"));
    fake_tree_put(&b->tree, IIO "iio:device2/name", "s2mpg13-odpm");
    put_odpm(b, 1, 70000, 5000);
    put_odpm(b, 2, 70000, 5000);
    bench_open(b, "odpm", 10 * MS);
    for (int trial = 0; trial < 2; trial++) { /* the chip answers with values of the last full 50 ms; 2 W */
        const uint64_t t_chip = 70000 + 20000 * (uint64_t)trial;
        put_odpm(b, 1, t_chip, 5000 + t_chip * 2000);
        b->ops->start(b->state);
        b->ops->poll(b->state, mb_clock_ns());
        for (uint64_t ms = 10; ms <= 10010; ms += 10) {
            bench_pass_ms(10);
            if (ms % 50 == 0)
                put_odpm(b, 1, t_chip + ms, 5000 + (t_chip + ms) * 2000);
            b->ops->poll(b->state, mb_clock_ns());
        }
        b->ops->stop(b->state);
        bench_read(b);
        assert_true(fabs(bench_energy(b, "VDD_CPU") - 20e6) < 1);
        assert_true(fabs(bench_energy(b, "VDD_MEM") - 10e6) < 1);
        assert_true(known_value(&b->record, MB_METRIC_POWER_MEAN_UW, "VDD_CPU", "odpm") == 2e6); /* over the chip's 10 s, not our 10.01 */
        assert_non_null(strstr(bench_no_energy(b, "VDD_CPU@1"), "too short to read twice")); /* the second chip, whose clock stands */
        assert_non_null(strstr(bench_no_energy(b, ""), "no rule which add up"));
    }
}

/* ---- estimated ---- */

static void put_stat(struct bench *b, int user, int idle, int steal)
{
    char text[300];
    snprintf(text, sizeof(text), "cpu  %d 0 50 %d 70 0 0 %d 0 0\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu1 1 2 3 4 5 6 7 8 9 10\nintr 5", user, idle, steal);
    fake_tree_put(&b->tree, "/proc/stat", text);
}

static void an_estimate_is_labelled_and_needs_its_watts(void **state)
{
    struct bench *b = *state;
    struct mb_error why;
    assert_non_null(strstr(bench_absent(b, "estimated", &why), "estimated:tdp=WATTS"));
    struct mb_collect_env env = fake_env(&b->tree, 10 * MS);
    env.options = "tdp=10";
    assert_int_equal(mb_collector_find("estimated")->probe(&env, &why), MB_ENOTSUP);
    assert_non_null(strstr(why.text, "/proc/stat cannot be read"));
    put_stat(b, 1000, 1000, 0);
    static const char *const bad[] = {"tdp=0", "tdp=x", "tdp=10,idle=11", "tpd=10", "tdp=-5", "tdp=1e9"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        env.options = bad[i];
        assert_int_equal(mb_collector_find("estimated")->probe(&env, &why), MB_EINVAL);
    }
    bench_open_with(b, "estimated", "tdp=10,idle=2", 10 * MS);
    b->ops->start(b->state);
    bench_run(b, 100, 10000);
    put_stat(b, 2000, 1900, 100); /* 10 s of two processors: 1000 ticks in use, 900 idle, 100 stolen */
    b->ops->stop(b->state);
    bench_read(b);
    assert_true(fabs(bench_energy(b, "") - (2e6 * 10 + 8e6 * 5)) < 1);
    const struct mb_record_metric *m = find_metric(&b->record, MB_METRIC_ENERGY_UJ, "", "estimated");
    assert_int_equal(m->origin, MB_ORIGIN_ESTIMATED);
    assert_int_equal(find_metric(&b->record, MB_METRIC_POWER_MEAN_UW, "", "estimated")->origin, MB_ORIGIN_ESTIMATED);
    assert_null(find_metric(&b->record, MB_METRIC_ENERGY_ERROR_UJ, "", "estimated")); /* none could be stated */
    for (size_t i = 0; i < b->record.n_streams; i++)
        assert_int_equal(b->record.streams[i].origin, MB_ORIGIN_ESTIMATED);
    fake_tree_put(&b->tree, "/proc/stat", "garbage");
    b->ops->stop(b->state);
    bench_read(b);
    assert_non_null(strstr(bench_no_energy(b, ""), "could not be read"));
}

/* ---- battery ---- */

#define SUPPLY "/sys/class/power_supply/"

static void put_supply(struct bench *b, const char *file, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), SUPPLY "%s", file);
    fake_tree_put(&b->tree, path, text);
}

static void put_number(struct bench *b, const char *file, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    put_supply(b, file, text);
}

/* A trial of @seconds on gauges that answer anew every second; @gauge writes what they show after that many seconds. */
static void run_on_battery(struct bench *b, int seconds, void (*gauge)(struct bench *b, int second))
{
    gauge(b, 0);
    b->ops->start(b->state);
    b->ops->poll(b->state, mb_clock_ns());
    for (int s = 1; s <= seconds; s++) {
        gauge(b, s);
        for (int i = 0; i < 10; i++) {
            b->ops->poll(b->state, mb_clock_ns());
            bench_pass_ms(100);
        }
    }
    b->ops->poll(b->state, mb_clock_ns());
    b->ops->stop(b->state);
    bench_read(b);
}

/* 18 W = 5000 uWh a second, and power that shows it with a little noise. */
static void laptop_gauge(struct bench *b, int second)
{
    put_number(b, "BAT0/energy_now", 50000000 - 5000 * second);
    put_number(b, "BAT0/power_now", 18000000 + (second % 2 ? 1000 : -1000));
}

static void put_laptop(struct bench *b, const char *status)
{
    put_supply(b, "AC/type", "Mains");
    put_supply(b, "BAT0/type", "Battery");
    put_supply(b, "BAT0/present", "1");
    put_supply(b, "BAT0/status", status);
    put_supply(b, "mouse/type", "Battery");
    put_supply(b, "mouse/scope", "Device");
    put_supply(b, "mouse/status", "Discharging");
    put_supply(b, "mouse/energy_now", "1");
    laptop_gauge(b, 0);
}

static void a_laptops_battery_counts_down(void **state)
{
    struct bench *b = *state;
    put_laptop(b, "Discharging");
    bench_open(b, "battery", 10 * MS);
    run_on_battery(b, 200, laptop_gauge);
    const double truth = 18e6 * 200;
    assert_true(fabs(bench_energy(b, "BAT0/energy") - truth) < 1);
    assert_true(fabs(bench_energy(b, "BAT0/power") - truth) < 0.001 * truth);
    assert_true(bench_energy(b, "") == bench_energy(b, "BAT0/energy")); /* one of the two ways, never both */
    assert_true(bench_error(b, "") >= 18e6 && bench_error(b, "") < 20.1e6); /* 18 W x a second, seen as up to 1.1 s */
    assert_null(find_metric(&b->record, MB_METRIC_ENERGY_UJ, "mouse/energy", "battery"));
    run_on_battery(b, 20, laptop_gauge);
    assert_non_null(strstr(bench_no_energy(b, ""), "shorter than 100 updates of the source (1"));
}

static void on_mains_a_battery_says_nothing(void **state)
{
    struct bench *b = *state;
    struct mb_error why;
    assert_non_null(strstr(bench_absent(b, "battery", &why), "no battery here"));
    put_laptop(b, "Full");
    assert_string_equal(bench_absent(b, "battery", &why), "BAT0 is 'Full', not discharging: unplug the charger (on mains a battery does not show "
                                                          "what the machine uses)");
    put_supply(b, "BAT0/present", "0");
    assert_non_null(strstr(bench_absent(b, "battery", &why), "no battery that runs this machine"));
}

static void plugged_in_gauge(struct bench *b, int second)
{
    laptop_gauge(b, second);
    put_supply(b, "BAT0/status", second == 100 ? "Charging" : "Discharging");
}

static void a_charger_in_the_trial_spoils_it(void **state)
{
    struct bench *b = *state;
    put_laptop(b, "Discharging");
    bench_open(b, "battery", 10 * MS);
    run_on_battery(b, 200, plugged_in_gauge);
    static const char wanted[] = "BAT0 was 'Discharging' and became 'Charging': the trial did not run on the battery alone";
    assert_string_equal(bench_no_energy(b, ""), wanted);
    assert_string_equal(bench_no_energy(b, "BAT0/energy"), wanted);
    run_on_battery(b, 200, laptop_gauge); /* the next trial is good again */
    assert_true(bench_energy(b, "") > 0);
}

/* A phone: 4.0 V falling to 3.8 V, 1000 uAh a second out (a brisk 14 W), and a current in mA with the maker's own sign. */
static void phone_gauge(struct bench *b, int second)
{
    put_number(b, "battery/charge_counter", 3000000 - 1000 * second);
    put_number(b, "battery/voltage_now", 4000000 - 1000 * second);
    put_number(b, "battery/current_now", -3600 + second % 2);
}

static double phone_truth_uj(int seconds) /* sum over seconds of 1000 uAh x the mean voltage of that second */
{
    double uj = 0;
    for (int s = 1; s <= seconds; s++)
        uj += 1000e-6 * 3600 * (4.0 - 0.001 * (s - 0.5)) * 1e6;
    return uj;
}

static void put_phone(struct bench *b)
{
    put_supply(b, "battery/type", "Battery");
    put_supply(b, "battery/status", "Discharging");
    phone_gauge(b, 0);
}

static void a_phone_counts_charge_and_its_current_needs_a_profile(void **state)
{
    struct bench *b = *state;
    put_phone(b);
    bench_open(b, "battery", 10 * MS);
    run_on_battery(b, 200, phone_gauge);
    assert_true(fabs(bench_energy(b, "battery/charge") - phone_truth_uj(200)) < 1e-4 * phone_truth_uj(200));
    assert_true(bench_energy(b, "") == bench_energy(b, "battery/charge"));
    assert_non_null(strstr(bench_no_energy(b, "battery/power"), "battery:profile=NAME says it (acpi, acpi_cmb, spec, milliamp"));

    bench_open_with(b, "battery", "profile=milliamp", 10 * MS);
    run_on_battery(b, 200, phone_gauge);
    assert_true(fabs(bench_energy(b, "battery/power") - phone_truth_uj(200)) < 0.01 * phone_truth_uj(200));
}

static void a_profile_may_be_a_file(void **state)
{
    struct bench *b = *state;
    char path[128], options[160];
    put_phone(b);
    snprintf(path, sizeof(path), "%s/phone.profile", b->tree.root);
    snprintf(options, sizeof(options), "profile=%s", path);
    fake_tree_put(&b->tree, "/phone.profile", "# my phone\ncurrent_ua_per_unit = 1000\ncurrent_sign = -1");
    bench_open_with(b, "battery", options, 10 * MS);
    run_on_battery(b, 200, phone_gauge);
    assert_true(fabs(bench_energy(b, "battery/power") - phone_truth_uj(200)) < 0.01 * phone_truth_uj(200));
    fake_tree_put(&b->tree, "/phone.profile", "current_ua_per_unit = 1000\ncurrent_sign = 1"); /* the wrong way round: current flows in */
    bench_open_with(b, "battery", options, 10 * MS);
    run_on_battery(b, 200, phone_gauge);
    assert_non_null(strstr(bench_no_energy(b, "battery/power"), "could not be read"));
}

static void bad_profiles_are_refused(void **state)
{
    struct bench *b = *state;
    static const struct { const char *text, *says; } bad[] = {
        {"", "no line 'current_ua_per_unit"}, {"current_sign = -1", "no line 'current_ua_per_unit"}, {"nonsense", ":1: 'current_ua"},
        {"current_ua_per_unit = 1000\ncurrent_sign = 2", ":2: "}, {"current_ua_per_unit = -1", ":1: "}, {"current_ua_per_unit = 1 A", ":1: "},
        {"current_ua_per_unit = nan", ":1: "},
    };
    char options[160];
    struct mb_error why = {0};
    struct mb_collect_env env = fake_env(&b->tree, 10 * MS);
    put_phone(b);
    snprintf(options, sizeof(options), "profile=%s/p", b->tree.root);
    env.options = options;
    assert_int_equal(mb_collector_find("battery")->probe(&env, &why), MB_EINVAL);
    assert_non_null(strstr(why.text, "No such file"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fake_tree_put(&b->tree, "/p", bad[i].text);
        assert_int_equal(mb_collector_find("battery")->probe(&env, &why), MB_EINVAL);
        if (!strstr(why.text, bad[i].says))
            fail_msg("'%s' said %s", bad[i].text, why.text);
    }
    env.options = "profile=nokia";
    assert_int_equal(mb_collector_find("battery")->probe(&env, &why), MB_EINVAL);
    assert_non_null(strstr(why.text, "known are acpi, acpi_cmb, spec, milliamp"));
    env.options = "profil=spec";
    assert_int_equal(mb_collector_find("battery")->probe(&env, &why), MB_EINVAL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_power_pmu_is_read_per_package),
        TEST(a_forbidden_or_missing_power_pmu_says_so),
        TEST(jetson_rails_make_the_boards_total),
        TEST(an_unknown_board_has_rails_but_no_total),
        TEST(a_missing_rail_leaves_no_total),
        TEST(jetpack_4_reads_milliwatts),
        TEST(the_pmics_text_is_parsed),
        TEST(garbage_from_the_pmic_is_passed_over),
        TEST(pi_5_rails_add_up),
        TEST(no_pi_5_says_what_it_lacks),
        TEST(the_odpm_text_is_parsed),
        TEST(a_pixel_counts_by_its_own_clock),
        TEST(an_estimate_is_labelled_and_needs_its_watts),
        TEST(a_laptops_battery_counts_down),
        TEST(on_mains_a_battery_says_nothing),
        TEST(a_charger_in_the_trial_spoils_it),
        TEST(a_phone_counts_charge_and_its_current_needs_a_profile),
        TEST(a_profile_may_be_a_file),
        TEST(bad_profiles_are_refused),
    };
    return cmocka_run_group_tests_name("energy_sources", tests, NULL, NULL);
}
