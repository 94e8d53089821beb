/* test_energy_meter.c - what all energy sources share, on a source made up here whose every value is known, and a clock of our own: wraps,
 * the error stored beside each figure, the window rule, phases, totals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collectors/energy_meter.h"
#include "collectors/options.h"
#include "energy_bench.h"

#define SOURCE "made_up"

struct source { /* two channels; the values that they would show now */
    struct mb_energy_meter meter;
    int64_t raw[3];
    bool fails;
    struct mb_record record;
};

static bool read_made_up(void *user, size_t i, int64_t *raw, uint64_t *t_ns)
{
    struct source *s = user;
    (void)t_ns;
    *raw = s->raw[i];
    return !s->fails;
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct source));
    atomic_store(&bench_now_ns, 1000ull * MS);
    return 0;
}

static int teardown(void **state)
{
    struct source *s = *state;
    mb_energy_release(&s->meter);
    mb_record_release(&s->record);
    free(s);
    atomic_store(&bench_now_ns, 0);
    return 0;
}

static void init(struct source *s, const char *options)
{
    struct mb_collect_env env = fake_env(NULL, 10 * MS);
    env.options = options;
    assert_int_equal(mb_energy_init(&s->meter, SOURCE, &env, 3, NULL), 0);
    s->meter.read = read_made_up;
    s->meter.user = s;
}

static struct mb_energy_channel *add(struct source *s, const char *scope, enum mb_energy_kind kind, uint64_t update_ns, unsigned set)
{
    struct mb_energy_channel *c = mb_energy_add(&s->meter);
    strcpy(c->scope, scope);
    c->kind = kind;
    c->update_ns = update_ns;
    c->total_set = set;
    c->at_edges = true;
    return c;
}

static void start(struct source *s)
{
    const struct mb_collect_env env = fake_env(NULL, 10 * MS);
    assert_int_equal(mb_energy_ready(&s->meter, &env, NULL), 0);
    mb_energy_start(&s->meter);
    mb_energy_poll(&s->meter, mb_clock_ns());
}

static void pass(struct source *s, unsigned ms)
{
    bench_pass_ms(ms);
    mb_energy_poll(&s->meter, mb_clock_ns());
}

static void finish(struct source *s, const char *veto)
{
    mb_energy_stop(&s->meter);
    mb_record_release(&s->record);
    memset(&s->record, 0, sizeof(s->record));
    assert_int_equal(mb_energy_record(&s->meter, veto, &s->record, NULL), 0);
}

static double uj(struct source *s, const char *scope)
{
    return known_value(&s->record, MB_METRIC_ENERGY_UJ, scope, SOURCE);
}

static double error_uj(struct source *s, const char *scope)
{
    return known_value(&s->record, MB_METRIC_ENERGY_ERROR_UJ, scope, SOURCE);
}

static const char *reason(struct source *s, const char *scope)
{
    return absent_reason(&s->record, MB_METRIC_ENERGY_UJ, scope, SOURCE);
}

static void edge(struct source *s, enum mb_event_kind kind)
{
    const struct mb_event event = {.kind = kind, .t_ns = mb_clock_ns()};
    mb_energy_phase(&s->meter, &event);
}

/* The bar of 0.2 %: 15 W for 60 s, a counter that is written every millisecond (so the reader sees the last one), in units of 61 uJ, wrapping
 * at 16 bits every 267 ms, polled every 10 ms with ends that fall between updates. */
static void a_ticking_wrapping_counter_is_within_two_thousandths(void **state)
{
    struct source *s = *state;
    init(s, "");
    struct mb_energy_channel *c = add(s, "counter", MB_ENERGY_COUNTER, 1 * MS, 1);
    c->modulus = 65536;
    c->scale = 61;
    const uint64_t begin = mb_clock_ns();
    s->raw[0] = 65000;
    start(s);
    uint64_t t = begin;
    for (int i = 0; i < 6000; i++) {
        t += 10 * MS + (i % 7) * 1000; /* the sampler is late by up to 6 us */
        atomic_store(&bench_now_ns, t);
        const uint64_t updated_us = (t - begin) / MS * 1000;
        s->raw[0] = (int64_t)((65000 + updated_us * 15 / 61) % 65536);
        mb_energy_poll(&s->meter, t);
    }
    finish(s, NULL);
    const double truth = 15e-3 * (double)(t - begin); /* 15 W = 15e-3 uJ/ns */
    print_message("counter, 15 W for 60 s: off by %.5f %%\n", 100 * (uj(s, "") / truth - 1));
    assert_true(fabs(uj(s, "") - truth) < 0.002 * truth);
    assert_true(fabs(uj(s, "") - truth) <= error_uj(s, ""));
    assert_true(fabs(error_uj(s, "") - (15e3 + 61)) < 20); /* 15 W x 1 ms, and a unit */
}

/* The bar of 1 %: 5 W, and 15 W for 30 ms of every 97.3 ms, polled every 10 ms for 10 s. */
static void a_10_ms_poll_of_bursts_is_within_one_percent(void **state)
{
    struct source *s = *state;
    init(s, "");
    add(s, "rail", MB_ENERGY_POWER, 0, 1)->scale = 1000;
    double truth = 0;
    s->raw[0] = 15000;
    start(s);
    for (uint64_t us = 0; us < 10000000; us += 100) {
        truth += (us % 97300 < 30000 ? 15e6 : 5e6) * 1e-4;
        atomic_fetch_add(&bench_now_ns, 100000);
        s->raw[0] = (us + 100) % 97300 < 30000 ? 15000 : 5000;
        if ((us + 100) % 10000 == 0)
            mb_energy_poll(&s->meter, mb_clock_ns());
    }
    finish(s, NULL);
    print_message("bursts polled every 10 ms for 10 s: off by %.3f %%, stated error %.3f %%\n", 100 * (uj(s, "") / truth - 1),
                  100 * error_uj(s, "") / truth);
    assert_true(fabs(uj(s, "") - truth) < 0.01 * truth);
    assert_true(fabs(uj(s, "") - truth) < error_uj(s, ""));
    assert_true(error_uj(s, "") < 0.05 * truth);
}

static void too_short_a_window_has_a_reason(void **state)
{
    struct source *s = *state;
    init(s, "");
    add(s, "nvml", MB_ENERGY_COUNTER, 100 * MS, 1);
    start(s);
    s->raw[0] = 5000;
    pass(s, 9999);
    finish(s, NULL);
    assert_string_equal(reason(s, ""), "a trial of 9999 ms: shorter than 100 updates of the source (100 ms each), error above 1 %; run longer, or "
                                       "allow more with made_up:error=PERCENT");
    assert_null(find_metric(&s->record, MB_METRIC_ENERGY_ERROR_UJ, "", SOURCE));
    mb_energy_start(&s->meter);
    s->raw[0] += 20000000;
    pass(s, 10000); /* exactly 100 updates */
    finish(s, NULL);
    assert_true(uj(s, "nvml") == 20e6);
    assert_true(fabs(error_uj(s, "nvml") - (2e5 + 1)) < 1e-6); /* 2 W x 0.1 s, and a unit */
}

static void the_target_may_be_stated(void **state)
{
    struct source *s = *state;
    struct mb_error err = {0};
    const char *const bad[] = {"error=0", "error=", "error=x", "error=101", "error=nan"};
    struct mb_collect_env env = fake_env(NULL, 10 * MS);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        env.options = bad[i];
        assert_int_equal(mb_energy_init(&s->meter, SOURCE, &env, 1, &err), MB_EINVAL);
    }
    init(s, "error=5");
    add(s, "nvml", MB_ENERGY_COUNTER, 100 * MS, 1);
    start(s);
    s->raw[0] = 5000;
    pass(s, 2000);
    finish(s, NULL);
    assert_true(uj(s, "") == 5000);
}

static void options_are_checked(void **state)
{
    (void)state;
    struct mb_error err = {0};
    char text[16];
    assert_int_equal(mb_collector_options_check("", "error", &err), 0);
    assert_int_equal(mb_collector_options_check(NULL, "error", &err), 0);
    assert_int_equal(mb_collector_options_check("a=1,error=2", "error a", &err), 0);
    assert_int_equal(mb_collector_options_check("err=2", "error a", &err), MB_EINVAL);
    assert_int_equal(mb_collector_options_check("error", "error a", &err), MB_EINVAL);
    assert_int_equal(mb_collector_options_check("a=1,,b=2", "a b", &err), MB_EINVAL);
    assert_non_null(strstr(err.text, "a b"));
    assert_true(mb_collector_option_text("a=1,ab=22,a=3", "a", text, sizeof(text)));
    assert_string_equal(text, "3");
    assert_false(mb_collector_option_text("ab=22", "a", text, sizeof(text)));
}

/* A fuel gauge that says a new value every 2 s, and nowhere how often. */
static void an_unknown_update_period_is_seen_in_the_trial(void **state)
{
    struct source *s = *state;
    init(s, "");
    add(s, "gauge", MB_ENERGY_COUNTER, 0, 1);
    start(s);
    for (int ms = 10; ms <= 100000; ms += 10) {
        s->raw[0] = ms / 2000 * 8000000;
        pass(s, 10);
    }
    finish(s, NULL);
    assert_non_null(strstr(reason(s, ""), "(2000 ms each)"));
    mb_energy_start(&s->meter);
    pass(s, 1000);
    finish(s, NULL);
    assert_non_null(strstr(reason(s, ""), "stood still for the whole trial of 1000 ms"));
    s->meter.target = 0.02;
    const int64_t base = s->raw[0];
    mb_energy_start(&s->meter);
    for (int ms = 10; ms <= 100000; ms += 10) {
        s->raw[0] = base + ms / 2000 * 8000000;
        pass(s, 10);
    }
    finish(s, NULL);
    assert_true(uj(s, "") == 400e6);
    assert_true(fabs(error_uj(s, "") - (8e6 + 1)) < 1);
}

static void counters_and_power_are_never_added(void **state)
{
    struct source *s = *state;
    init(s, "");
    add(s, "counter", MB_ENERGY_COUNTER, 1 * MS, 1);
    add(s, "rail", MB_ENERGY_POWER, 0, 1);
    s->raw[1] = 2000000;
    start(s);
    for (int i = 0; i < 200; i++) {
        s->raw[0] += 10000;
        pass(s, 10);
    }
    finish(s, NULL);
    assert_true(uj(s, "counter") == 2e6);
    assert_true(fabs(uj(s, "rail") - 4e6) < 1e-3);
    assert_string_equal(reason(s, ""), "counters of energy and readings of power are never added: counter, rail");
}

/* The same energy seen in two ways: the second counts only where the first is too coarse; it is never added. */
static void the_second_set_stands_in_for_the_first(void **state)
{
    struct source *s = *state;
    init(s, "");
    add(s, "counter", MB_ENERGY_COUNTER, 1000 * MS, 1);
    add(s, "rail", MB_ENERGY_POWER, 0, 2);
    s->raw[1] = 2000000;
    start(s);
    for (int i = 0; i < 200; i++)
        pass(s, 10);
    s->raw[0] = 4100000;
    finish(s, NULL);
    assert_true(fabs(uj(s, "") - 4e6) < 1e-3);
    assert_non_null(strstr(reason(s, "counter"), "shorter than 100 updates"));
    mb_energy_start(&s->meter);
    for (int i = 0; i < 10000; i++)
        pass(s, 10);
    s->raw[0] += 205000000;
    finish(s, NULL);
    assert_true(uj(s, "") == 205e6);
}

/* Power 4 W in prefill (2 s), rising to 8 W within one sample, then 8 W in decode (3 s), a load before that is too short. */
static void power_is_integrated_between_edges(void **state)
{
    struct source *s = *state;
    init(s, "");
    add(s, "rail", MB_ENERGY_POWER, 0, 1);
    s->raw[0] = 4000000;
    start(s);
    edge(s, MB_EVENT_LOAD_BEGIN);
    pass(s, 10);
    edge(s, MB_EVENT_LOAD_END);
    edge(s, MB_EVENT_PREFILL_BEGIN);
    for (int i = 0; i < 200; i++)
        pass(s, 10);
    edge(s, MB_EVENT_PREFILL_END);
    edge(s, MB_EVENT_TOKEN);
    s->raw[0] = 8000000;
    for (int i = 0; i < 299; i++)
        pass(s, 10);
    bench_pass_ms(5); /* the edge falls between two samples */
    edge(s, MB_EVENT_REQUEST_END);
    pass(s, 5);
    finish(s, NULL);
    assert_true(fabs(uj(s, "prefill") - 8e6) < 1e-3);
    assert_true(fabs(uj(s, "decode") - (0.01 * 6e6 + 2.985 * 8e6)) < 1e-3);
    assert_true(fabs(known_value(&s->record, MB_METRIC_POWER_MEAN_UW, "decode", SOURCE) - (0.06e6 + 23.88e6) / 2.995) < 1e-3);
    assert_true(fabs(error_uj(s, "decode") - 4e6 * 0.01) < 1e3);
    assert_non_null(strstr(reason(s, "load"), "phases of 10 ms: shorter than 100 updates"));
}

static void a_veto_covers_every_figure(void **state)
{
    struct source *s = *state;
    init(s, "");
    add(s, "counter", MB_ENERGY_COUNTER, 1 * MS, 1);
    start(s);
    edge(s, MB_EVENT_PREFILL_BEGIN);
    s->raw[0] = 5000;
    pass(s, 1000);
    edge(s, MB_EVENT_PREFILL_END);
    finish(s, "the charger was plugged in");
    assert_string_equal(reason(s, ""), "the charger was plugged in");
    assert_string_equal(reason(s, "counter"), "the charger was plugged in");
    assert_string_equal(reason(s, "prefill"), "the charger was plugged in");
}

static void failed_reads_are_counted(void **state)
{
    struct source *s = *state;
    init(s, "");
    add(s, "rail", MB_ENERGY_POWER, 0, 1);
    s->raw[0] = 1000000;
    start(s);
    for (int i = 0; i < 200; i++) {
        s->fails = i % 7 == 0; /* more than a tenth */
        pass(s, 10);
    }
    s->fails = false;
    finish(s, NULL);
    assert_string_equal(reason(s, ""), "29 of 202 reads failed");
    assert_int_equal(find_stream(&s->record, "power_uw", "rail")->n_errors, 29);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_ticking_wrapping_counter_is_within_two_thousandths),
        TEST(a_10_ms_poll_of_bursts_is_within_one_percent),
        TEST(too_short_a_window_has_a_reason),
        TEST(the_target_may_be_stated),
        TEST(options_are_checked),
        TEST(an_unknown_update_period_is_seen_in_the_trial),
        TEST(counters_and_power_are_never_added),
        TEST(the_second_set_stands_in_for_the_first),
        TEST(power_is_integrated_between_edges),
        TEST(a_veto_covers_every_figure),
        TEST(failed_reads_are_counted),
    };
    return cmocka_run_group_tests_name("energy_meter", tests, NULL, NULL);
}
