/* test_meters.c - external meters on a pseudo terminal (fake_meter.h; no real meter was at hand). Readings and clock are the test's own
 * (mb_clock_ns is wrapped), so energies are known exactly; one test runs in real time through the sampler thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "collectors/line_source.h"
#include "collectors/sampler.h"
#include "collectors/selection.h"
#include "fake_meter.h"
#include "fake_tree.h"

#define MS 1000000ull

uint64_t __real_mb_clock_ns(void);
uint64_t __wrap_mb_clock_ns(void);

static _Atomic uint64_t fake_now_ns;   /* 0: the real clock */
static _Atomic uint64_t fake_step_ns;  /* how far each look at it moves it on */

uint64_t __wrap_mb_clock_ns(void)
{
    return atomic_load(&fake_now_ns) ? atomic_fetch_add(&fake_now_ns, atomic_load(&fake_step_ns)) : __real_mb_clock_ns();
}

struct bench { /* one collector driven by hand */
    struct fake_meter meter;
    const struct mb_collector_ops *ops;
    void *state;
    struct mb_record record;
    uint32_t ms; /* the meter's clock */
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    fake_meter_plug(&b->meter);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    atomic_store(&fake_now_ns, 0);
    atomic_store(&fake_step_ns, 0);
    if (b->state)
        b->ops->close(b->state);
    free(b->state);
    mb_record_release(&b->record);
    fake_meter_unplug(&b->meter);
    free(b);
    return 0;
}

static size_t smartpower3_hello(void *user, uint64_t n, char *text, size_t cap)
{
    (void)user;
    return fake_smartpower3_line(text, cap, (uint32_t)n, 11000, 10000);
}

static size_t constant_hello(void *user, uint64_t n, char *text, size_t cap)
{
    (void)n;
    return (size_t)snprintf(text, cap, "%s", (const char *)user);
}

/* Opens the collector while the meter talks, then stops the clock at 1000 s. @hello NULL: SmartPower 3. With error=10 ten readings are
 * enough for a figure, unless @more_options says otherwise. */
static void open_collector(struct bench *b, const char *name, const char *more_options, const char *hello)
{
    char options[256];
    struct mb_collect_env env = fake_env(NULL, 10 * MS);
    struct mb_error err = {0};
    snprintf(options, sizeof(options), "tty=%s,error=10%s", b->meter.path, more_options);
    env.options = options;
    b->ops = mb_collector_find(name);
    assert_non_null(b->ops);
    b->state = calloc(1, b->ops->state_size);
    fake_meter_talk(&b->meter, 1000, hello ? constant_hello : smartpower3_hello, (void *)(uintptr_t)hello);
    assert_int_equal(b->ops->probe(&env, &err), MB_OK);
    const int rc = b->ops->open(b->state, &env, &err);
    fake_meter_quiet(&b->meter);
    if (rc)
        fail_msg("%s: %s", name, err.text);
    atomic_store(&fake_now_ns, 1000000 * MS);
}

static void poll_now(struct bench *b)
{
    b->ops->poll(b->state, mb_clock_ns());
}

static void pass_ms(unsigned ms)
{
    atomic_fetch_add(&fake_now_ns, ms * MS);
}

/* As the sampler does: a poll at either end. The first line after start counts as cut off at its front. */
static void start(struct bench *b)
{
    b->ops->start(b->state);
    fake_meter_say(&b->meter, "tail of a line\n");
    poll_now(b);
}

static void stop_and_read(struct bench *b)
{
    struct mb_error err = {0};
    poll_now(b);
    b->ops->stop(b->state);
    mb_record_release(&b->record);
    memset(&b->record, 0, sizeof(b->record));
    if (b->ops->read(b->state, &b->record, &err))
        fail_msg("read: %s", err.text);
}

static void say_smartpower3(struct bench *b, unsigned in_mw, unsigned out_mw)
{
    char text[128];
    fake_smartpower3_line(text, sizeof(text), b->ms, in_mw, out_mw);
    fake_meter_say(&b->meter, text);
}

/* @n readings of output 1, one every @interval_ms, each polled at once; power by time since the start. */
static void run_smartpower3(struct bench *b, unsigned n, unsigned interval_ms, unsigned (*out_mw)(unsigned t_ms, unsigned i))
{
    for (unsigned i = 1; i <= n; i++) {
        pass_ms(interval_ms);
        b->ms += interval_ms;
        const unsigned mw = out_mw(i * interval_ms, i);
        say_smartpower3(b, mw + 1000, mw);
        poll_now(b);
    }
}

static double energy(struct bench *b, const char *scope)
{
    return known_value(&b->record, MB_METRIC_ENERGY_UJ, scope, b->ops->name);
}

static double error_uj(struct bench *b, const char *scope)
{
    return known_value(&b->record, MB_METRIC_ENERGY_ERROR_UJ, scope, b->ops->name);
}

static const char *no_energy(struct bench *b, const char *scope)
{
    return absent_reason(&b->record, MB_METRIC_ENERGY_UJ, scope, b->ops->name);
}

static void expect_near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("got %.6g, expected %.6g within %.3g", got, want, tolerance);
}

static void expect_says(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' lacks '%s'", text, part);
}

static unsigned ten_watts(unsigned t_ms, unsigned i)
{
    (void)t_ms;
    (void)i;
    return 10000;
}

/* --- SmartPower 3 ---------------------------------------------------------------------------------------------- */

static void smartpower3_measures_a_constant_load(void **state)
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", "", NULL);
    b->ms = UINT32_MAX - 1000; /* its clock wraps in the middle */
    start(b);
    run_smartpower3(b, 300, 10, ten_watts);
    stop_and_read(b);
    expect_near(energy(b, ""), 30e6, 1);
    expect_near(energy(b, "output-1"), 30e6, 1);
    expect_near(energy(b, "in"), 33e6, 1);
    expect_near(energy(b, "output-2"), 0, 0);
    expect_near(known_value(&b->record, MB_METRIC_POWER_MEAN_UW, "", "smartpower3"), 10e6, 1);
    const struct mb_record_stream *s = find_stream(&b->record, "power_uw", "output-1");
    assert_int_equal(s->n, 300);
    assert_int_equal(s->n_errors, 0);
    assert_int_equal(s->t_ns[0], 1000010 * MS);
    assert_int_equal(s->t_ns[299], 1003000 * MS);
}

static void smartpower3_takes_the_line_of_a_real_one(void **state) /* from energymon's osp3 notes; the rest of the trial is ours */
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", ",feeds=in", NULL);
    start(b);
    for (int i = 0; i < 20; i++) {
        pass_ms(10);
        fake_meter_say(&b->meter, "0000815169,15296,0036,00550,0,00000,0000,00000,0,00,00000,0000,00000,0,00,14,12\r\n");
        poll_now(b);
    }
    stop_and_read(b);
    const struct mb_record_stream *s = find_stream(&b->record, "power_uw", "in");
    assert_int_equal(s->n, 1); /* one and the same moment of its clock */
    assert_int_equal(s->value[0], 550000);
    assert_int_equal(s->n_errors, 0);
}

/* A 10 W source, read with noise of 3 % and a gain 0.2 % too high by a meter whose data sheet allows 0.5 %. */
static unsigned noisy_ten_watts(unsigned t_ms, unsigned i)
{
    struct mb_rng rng = {i};
    (void)t_ms;
    mb_rng_unit(&rng);
    return (unsigned)lround(10020.0 * (1 + 0.03 * sqrt(3) * (2 * mb_rng_unit(&rng) - 1)));
}

static void a_ten_watt_meter_is_right_within_its_stated_error(void **state)
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", ",accuracy=0.5", NULL);
    start(b);
    run_smartpower3(b, 500, 10, noisy_ten_watts);
    stop_and_read(b);
    expect_near(energy(b, ""), 50e6, error_uj(b, ""));
    /* 0.5 % of 50e6, and 2 * 0.3e6 / sqrt(500) * 5 s, and (2 * sqrt(3) * 0.3e6) * 10 ms */
    expect_near(error_uj(b, ""), 250e3 + 134.2e3 + 10.4e3, 8e3);
}

/* 5 W with bursts of 10 W more, 30 ms in every 100 ms: 8 W on average. */
static unsigned bursts(unsigned t_ms, unsigned i)
{
    (void)i;
    return t_ms % 100 < 30 ? 15000 : 5000;
}

static void bursty_power_at_ten_milliseconds_is_right_within_one_percent(void **state)
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", "", NULL);
    start(b);
    run_smartpower3(b, 1000, 10, bursts);
    stop_and_read(b);
    expect_near(energy(b, ""), 80e6, 0.8e6);
}

static void lines_in_pieces_are_put_together(void **state)
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", "", NULL);
    start(b);
    for (int i = 0; i < 40; i++) {
        char text[128], piece[8];
        b->ms += 10;
        pass_ms(10);
        fake_smartpower3_line(text, sizeof(text), b->ms, 11000, 10000);
        for (const char *p = text; *p; p += strlen(piece)) {
            snprintf(piece, sizeof(piece), "%.7s", p);
            fake_meter_say(&b->meter, piece);
            poll_now(b);
        }
    }
    stop_and_read(b);
    expect_near(energy(b, ""), 4e6, 1);
    assert_int_equal(find_stream(&b->record, "power_uw", "output-1")->n, 40);
}

static void damaged_lines_are_counted_and_left_out(void **state)
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", "", NULL);
    start(b);
    for (int i = 1; i <= 200; i++) {
        pass_ms(10);
        b->ms += 10;
        if (i % 20 == 7) /* 90 W, says a line whose checksum belongs to 10 W */
            fake_meter_say(&b->meter, "0000000070,15000,0733,91000,1,05000,2000,90000,1,00,00000,0000,00000,0,00,18,1f\r\n");
        else
            say_smartpower3(b, 11000, 10000);
        poll_now(b);
    }
    stop_and_read(b);
    expect_near(energy(b, ""), 20e6, 1);
    assert_int_equal(find_stream(&b->record, "power_uw", "output-1")->n_errors, 10);
}

static void too_many_damaged_lines_leave_no_energy(void **state)
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", "", NULL);
    start(b);
    for (int i = 1; i <= 90; i++) {
        pass_ms(10);
        b->ms += 10;
        if (i % 3 == 0)
            fake_meter_say(&b->meter, i % 2 ? "\377\001garbage,,\n" : "0000815169,15296\r\n");
        else
            say_smartpower3(b, 11000, 10000);
        poll_now(b);
    }
    stop_and_read(b);
    expect_says(no_energy(b, ""), "30 of 90 lines were damaged");
    start(b); /* the next trial is not burdened with it */
    run_smartpower3(b, 100, 10, ten_watts);
    stop_and_read(b);
    expect_near(energy(b, ""), 10e6, 1);
}

static void an_unplugged_meter_is_an_error_and_nothing_more(void **state)
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", "", NULL);
    start(b);
    run_smartpower3(b, 100, 10, ten_watts);
    fake_meter_unplug(&b->meter);
    pass_ms(10);
    stop_and_read(b);
    expect_says(no_energy(b, ""), "hung up");
    expect_says(no_energy(b, "output-1"), "hung up");
    assert_int_equal(find_stream(&b->record, "power_uw", "output-1")->n, 100); /* what was seen stays */
    b->ops->start(b->state);
    poll_now(b);
    pass_ms(100);
    stop_and_read(b);
    expect_says(no_energy(b, ""), "hung up");
}

static void silence_leaves_no_energy(void **state)
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", "", NULL);
    start(b);
    run_smartpower3(b, 50, 10, ten_watts);
    pass_ms(100);
    stop_and_read(b);
    expect_says(no_energy(b, ""), "no reading for 100 ms of a trial of 600 ms");
    start(b);
    run_smartpower3(b, 50, 10, ten_watts);
    pass_ms(51);
    b->ms += 51;
    run_smartpower3(b, 50, 10, ten_watts);
    stop_and_read(b);
    expect_near(energy(b, ""), 10.51e6, 1); /* a twentieth is bridged */
    start(b);
    pass_ms(30);
    stop_and_read(b);
    expect_says(no_energy(b, ""), "0 readings and 0 damaged lines in 30 ms");
}

static void a_meter_that_starts_anew_leaves_no_energy(void **state)
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", "", NULL);
    b->ms = 500000;
    start(b);
    run_smartpower3(b, 50, 10, ten_watts);
    b->ms = 0;
    run_smartpower3(b, 50, 10, ten_watts);
    stop_and_read(b);
    expect_says(no_energy(b, ""), "started anew");
}

static void total_is_the_output_that_is_on(void **state)
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", "", NULL);
    start(b);
    for (int i = 0; i < 50; i++) {
        pass_ms(10);
        b->ms += 10;
        say_smartpower3(b, 1000, 0);
        poll_now(b);
    }
    stop_and_read(b);
    expect_says(no_energy(b, ""), "feeds=");
    expect_near(energy(b, "in"), 0.5e6, 1);
}

/* --- phases ---------------------------------------------------------------------------------------------------- */

static void edge(struct bench *b, enum mb_event_kind kind)
{
    const struct mb_event event = {.kind = kind, .t_ns = mb_clock_ns()};
    b->ops->phase(b->state, &event);
}

static unsigned twenty_watts(unsigned t_ms, unsigned i)
{
    return 2 * ten_watts(t_ms, i);
}

static unsigned four_watts(unsigned t_ms, unsigned i)
{
    (void)t_ms;
    (void)i;
    return 4000;
}

static void phases_share_the_energy(void **state)
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", "", NULL);
    start(b);
    for (int request = 0; request < 2; request++) {
        edge(b, MB_EVENT_PREFILL_BEGIN);
        run_smartpower3(b, 100, 10, twenty_watts);
        edge(b, MB_EVENT_PREFILL_END);
        edge(b, MB_EVENT_TOKEN);
        run_smartpower3(b, 200, 10, four_watts);
        edge(b, MB_EVENT_REQUEST_END);
    }
    stop_and_read(b);
    expect_near(energy(b, ""), 56e6, 0.2e6);
    expect_near(energy(b, "prefill"), 40e6, 0.2e6); /* an edge lies between two readings: 16 W x 5 ms each */
    expect_near(energy(b, "decode"), 16e6, 0.2e6);
    expect_near(known_value(&b->record, MB_METRIC_POWER_MEAN_UW, "decode", "smartpower3"), 4e6, 0.05e6);
    expect_near(energy(b, "prefill") + energy(b, "decode"), energy(b, ""), 1);
    assert_true(error_uj(b, "decode") > 0 && error_uj(b, "decode") < energy(b, "decode"));
    assert_null(find_metric(&b->record, MB_METRIC_ENERGY_UJ, "load", "smartpower3"));
}

static void what_is_shorter_than_the_window_rule_is_unknown(void **state)
{
    struct bench *b = *state;
    open_collector(b, "smartpower3", ",error=1", NULL);
    start(b);
    edge(b, MB_EVENT_PREFILL_BEGIN);
    run_smartpower3(b, 90, 10, ten_watts);
    edge(b, MB_EVENT_PREFILL_END);
    edge(b, MB_EVENT_TOKEN);
    run_smartpower3(b, 200, 10, ten_watts);
    edge(b, MB_EVENT_REQUEST_END);
    stop_and_read(b);
    expect_says(no_energy(b, "prefill"), "phases of 900 ms: shorter than 100 updates of the source");
    expect_near(energy(b, "decode"), 20e6, 1);
    start(b);
    run_smartpower3(b, 90, 10, ten_watts);
    stop_and_read(b);
    expect_says(no_energy(b, ""), "a trial of 900 ms: shorter than 100 updates of the source");
}

/* --- generic line meter ---------------------------------------------------------------------------------------- */

static void run_lines(struct bench *b, unsigned n, unsigned interval_ms, const char *line)
{
    for (unsigned i = 0; i < n; i++) {
        pass_ms(interval_ms);
        fake_meter_say(&b->meter, line);
        poll_now(b);
    }
}

static void line_meter_reads_columns_in_their_units(void **state)
{
    static const struct { const char *format, *line; double watts; } rows[] = {
        {"", "5.0,2.0,10.5\n", 10.5},              {",format=V/A", "5.0,2.0\n", 10}, {",format=W", "10\r\n", 10},
        {",format=-/mV/mA", "x7 5000 2000\n", 10}, {",format=mA/V/-/mW", "1;1;text;250\n", 0.25},
        {",format=uV/uA", "5e6\t 2e6\n", 10},      {",format=uW", " -2500000\n", -2.5},
    };
    struct bench *b = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        open_collector(b, "meter", rows[i].format, rows[i].line);
        start(b);
        fake_meter_say(&b->meter, "# a remark\n\nVolt,Ampere\n");
        run_lines(b, 50, 20, rows[i].line);
        stop_and_read(b);
        expect_near(energy(b, ""), rows[i].watts * 1e6, 1);
        assert_int_equal(find_stream(&b->record, "power_uw", "input")->n_errors, 0);
        assert_null(find_metric(&b->record, MB_METRIC_ENERGY_UJ, "meter", "meter")); /* one channel: the total is all */
        b->ops->close(b->state);
        free(b->state);
        b->state = NULL;
        atomic_store(&fake_now_ns, 0);
    }
}

static void line_meter_counts_what_is_no_reading(void **state)
{
    static const char *const bad[] = {"5.0\n", "5.0,2.0,1\n", "5.0;nan\n", "5.0,-inf\n", "0x10,1\n", "5.0,2.0V\n", ",,\n", "1e300,1e300\n", "-,1\n"};
    struct bench *b = *state;
    open_collector(b, "meter", ",format=V/A", "5.0,2.0\n");
    start(b);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        run_lines(b, 1, 0, bad[i]);
    run_lines(b, 100, 10, "5.0,2.0\n");
    stop_and_read(b);
    expect_near(energy(b, ""), 10e6, 1);
    assert_int_equal(find_stream(&b->record, "power_uw", "input")->n_errors, sizeof(bad) / sizeof(bad[0]));
}

static void line_meter_goes_by_its_own_clock(void **state)
{
    struct bench *b = *state;
    open_collector(b, "meter", ",format=s/W", "0.0,10\n");
    start(b);
    for (int i = 0; i <= 100; i++) { /* arrives up to 9 ms late, as over USB */
        char line[32];
        snprintf(line, sizeof(line), "%.3f,%d\n", 50 + i * 0.01, i % 2 ? 20 : 0);
        pass_ms(i % 2 ? 1 : 9);
        fake_meter_say(&b->meter, line);
        poll_now(b);
        pass_ms(i % 2 ? 9 : 1);
    }
    stop_and_read(b);
    const struct mb_record_stream *s = find_stream(&b->record, "power_uw", "input");
    assert_int_equal(s->n, 101);
    assert_int_equal(s->t_ns[0], 1000001 * MS); /* as the fastest of them says */
    for (size_t i = 1; i < s->n; i++)
        assert_int_equal(s->t_ns[i] - s->t_ns[i - 1], 10 * MS);
    expect_near(energy(b, ""), 10e6 * 1.01, 0.2e6);
    start(b);
    for (int i = 0; i < 100; i++) {
        char line[32];
        snprintf(line, sizeof(line), "%d,10\n", i * 10); /* milliseconds, called seconds */
        pass_ms(10);
        fake_meter_say(&b->meter, line);
        poll_now(b);
    }
    stop_and_read(b);
    expect_says(no_energy(b, ""), "right unit?");
}

/* Faster than the sampler: ten readings a poll, spread over the time since the last one. */
static void readings_of_one_poll_are_spread(void **state)
{
    struct bench *b = *state;
    open_collector(b, "meter", ",format=W", "1\n");
    start(b);
    for (int i = 0; i < 50; i++) {
        pass_ms(10);
        fake_meter_say(&b->meter, "15\n15\n15\n5\n5\n5\n5\n5\n5\n5\n");
        poll_now(b);
    }
    stop_and_read(b);
    const struct mb_record_stream *s = find_stream(&b->record, "power_uw", "input");
    assert_int_equal(s->n, 500);
    assert_int_equal(s->t_ns[499] - s->t_ns[0], 499 * MS);
    expect_near(energy(b, ""), 4e6, 0.01e6);
}

static void a_line_without_end_is_given_up(void **state)
{
    struct bench *b = *state;
    char noise[2 * MB_LINE_BYTES + 1];
    open_collector(b, "meter", ",format=W", "10\n");
    start(b);
    memset(noise, '7', sizeof(noise) - 1);
    noise[sizeof(noise) - 1] = '\0';
    fake_meter_say(&b->meter, noise);
    poll_now(b);
    fake_meter_say(&b->meter, "7\n");
    run_lines(b, 50, 10, "10\n");
    stop_and_read(b);
    expect_near(energy(b, ""), 5e6, 1);
    assert_int_equal(find_stream(&b->record, "power_uw", "input")->n_errors, 1);
}

/* --- what a user gets wrong ------------------------------------------------------------------------------------ */

static void expect_open_says(const char *selection, int want_rc, const char *part)
{
    const struct mb_collect_env env = fake_env(NULL, 10 * MS);
    struct mb_collect_set *set = NULL;
    struct mb_error err = {0};
    struct mb_record record = {0};
    const int rc = mb_collect_open(&set, selection, &env, &err);
    if (rc != want_rc)
        fail_msg("%s: %d %s", selection, rc, err.text);
    if (rc) {
        expect_says(err.text, part);
        return;
    }
    mb_collect_start(set);
    mb_collect_stop(set);
    assert_int_equal(mb_collect_read(set, &record, &err), 0);
    expect_says(absent_reason(&record, MB_METRIC_ENERGY_UJ, "", strncmp(selection, "meter", 5) == 0 ? "meter" : "smartpower3"), part);
    mb_record_release(&record);
    mb_collect_close(set);
}

static void wrong_options_say_what_is_right(void **state)
{
    (void)state;
    expect_open_says("meter", 0, "name its serial line, meter:tty=");
    expect_open_says("smartpower3", 0, "name its serial line, smartpower3:tty=");
    expect_open_says("meter:tty=/nowhere/usb", 0, "no such device; plug it in");
    expect_open_says("meter:tty=/proc/self/stat", 0, "is no serial line");
    expect_open_says("meter:tty=/dev/null", 0, "is no serial line");
    expect_open_says("meter:tty=/dev/null,format=V", MB_EINVAL, "power needs a W column, or V and A");
    expect_open_says("meter:tty=/dev/null,format=V/A/kW", MB_EINVAL, "columns separated by /");
    expect_open_says("meter:tty=/dev/null,format=V/V/A", MB_EINVAL, "columns separated by /");
    expect_open_says("meter:tty=/dev/null,format=", MB_EINVAL, "columns separated by /");
    expect_open_says("meter:baud=fast", MB_EINVAL, "option 'baud=fast': a number from 1200");
    expect_open_says("meter:speed=9600", MB_EINVAL, "option 'speed=9600': these are KEY=VALUE with one of: tty baud format accuracy error");
    expect_open_says("smartpower3:feeds=3", MB_EINVAL, "1, 2, in or auto");
    expect_open_says("smartpower3:loud", MB_EINVAL, "option 'loud': these are KEY=VALUE with one of: tty");
}

static void a_speed_that_does_not_exist_is_refused(void **state)
{
    struct bench *b = *state;
    char selection[128];
    snprintf(selection, sizeof(selection), "meter:tty=%s,baud=12345", b->meter.path);
    expect_open_says(selection, MB_EINVAL, "no usual speed");
}

static void a_meter_without_permission_says_what_to_do(void **state)
{
    struct bench *b = *state;
    char selection[128];
    if (geteuid() == 0)
        skip();
    chmod(b->meter.path, 0);
    snprintf(selection, sizeof(selection), "meter:tty=%s", b->meter.path);
    expect_open_says(selection, 0, "dialout");
}

static void a_mute_or_strange_meter_is_not_there(void **state)
{
    struct bench *b = *state;
    char selection[128];
    snprintf(selection, sizeof(selection), "meter:tty=%s", b->meter.path);
    atomic_store(&fake_now_ns, 1000000 * MS);
    atomic_store(&fake_step_ns, 2500 * MS);
    expect_open_says(selection, 0, "nothing came within 3000 ms");
    fake_meter_talk(&b->meter, 100, constant_hello, (void *)(uintptr_t) "hello, 1, 2\n");
    atomic_store(&fake_step_ns, 1 * MS);
    expect_open_says(selection, 0, "none as expected: right speed and format?");
    fake_meter_quiet(&b->meter);
}

static void meters_come_by_name_only(void **state)
{
    (void)state;
    struct mb_selection sel;
    assert_int_equal(mb_selection_parse(&sel, "default,energy", NULL), 0);
    for (size_t i = 0; i < sel.n; i++)
        assert_false(sel.items[i].ops->flags & MB_COLLECTOR_NAMED);
    mb_selection_release(&sel);
    /* a path may hold colons, as those of /dev/serial/by-path do */
    assert_int_equal(mb_selection_parse(&sel, "meter:baud=9600,tty=/dev/pci-0:14.0-usb,proc_mem", NULL), 0);
    assert_int_equal(sel.n, 2);
    assert_string_equal(sel.items[1].options, "baud=9600,tty=/dev/pci-0:14.0-usb");
    mb_selection_release(&sel);
}

/* --- in real time ---------------------------------------------------------------------------------------------- */

static size_t real_line(void *user, uint64_t n, char *text, size_t cap)
{
    (void)user;
    (void)n;
    return fake_smartpower3_line(text, cap, (uint32_t)(__real_mb_clock_ns() / MS), 11000, 10000);
}

/* Through the sampler thread; then the plug is pulled while it runs. However late the machine: 10 W is 10 W, or unknown with a reason. */
static void a_real_time_trial_ends_with_a_figure_or_a_reason(void **state)
{
    struct bench *b = *state;
    const struct mb_collect_env env = fake_env(NULL, 5 * MS);
    struct mb_collect_set *set;
    struct mb_error err = {0};
    struct mb_record record = {0};
    char selection[128];
    snprintf(selection, sizeof(selection), "smartpower3:tty=%s,error=10", b->meter.path);
    fake_meter_talk(&b->meter, 5000, real_line, NULL);
    if (mb_collect_open(&set, selection, &env, &err))
        fail_msg("%s", err.text);
    mb_collect_start(set);
    sleep_ms(300);
    mb_collect_stop(set);
    assert_int_equal(mb_collect_read(set, &record, &err), 0);
    const struct mb_record_metric *m = find_metric(&record, MB_METRIC_POWER_MEAN_UW, "", "smartpower3");
    if (m->reason)
        expect_says(m->reason, "no reading for");
    else
        expect_near(m->value, 10e6, 1e3);
    mb_record_release(&record);
    mb_collect_start(set);
    sleep_ms(20);
    fake_meter_quiet(&b->meter);
    fake_meter_unplug(&b->meter);
    sleep_ms(20);
    mb_collect_stop(set);
    assert_int_equal(mb_collect_read(set, &record, &err), 0);
    expect_says(absent_reason(&record, MB_METRIC_ENERGY_UJ, "", "smartpower3"), "hung up");
    mb_record_release(&record);
    mb_collect_close(set);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(smartpower3_measures_a_constant_load), T(smartpower3_takes_the_line_of_a_real_one),
        T(a_ten_watt_meter_is_right_within_its_stated_error), T(bursty_power_at_ten_milliseconds_is_right_within_one_percent),
        T(lines_in_pieces_are_put_together), T(damaged_lines_are_counted_and_left_out), T(too_many_damaged_lines_leave_no_energy),
        T(an_unplugged_meter_is_an_error_and_nothing_more), T(silence_leaves_no_energy), T(a_meter_that_starts_anew_leaves_no_energy),
        T(total_is_the_output_that_is_on), T(phases_share_the_energy), T(what_is_shorter_than_the_window_rule_is_unknown),
        T(line_meter_reads_columns_in_their_units), T(line_meter_counts_what_is_no_reading), T(line_meter_goes_by_its_own_clock),
        T(readings_of_one_poll_are_spread), T(a_line_without_end_is_given_up), T(wrong_options_say_what_is_right),
        T(a_speed_that_does_not_exist_is_refused), T(a_meter_without_permission_says_what_to_do), T(a_mute_or_strange_meter_is_not_there),
        T(meters_come_by_name_only), T(a_real_time_trial_ends_with_a_figure_or_a_reason),
    };
    return cmocka_run_group_tests_name("meters", tests, NULL, NULL);
}
