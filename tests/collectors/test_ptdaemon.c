/* test_ptdaemon.c - the client against fake_ptdaemon.h over loopback. The trial's clock is the test's own (mb_clock_ns is wrapped). That the
 * real daemon answers like the fake is not shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collectors/sampler.h"
#include "fake_ptdaemon.h"
#include "fake_tree.h"

#define SECOND 1000000000ull

uint64_t __real_mb_clock_ns(void);
uint64_t __wrap_mb_clock_ns(void);

static _Atomic uint64_t fake_now_ns, fake_step_ns; /* now 0: the real clock */

uint64_t __wrap_mb_clock_ns(void)
{
    return atomic_load(&fake_now_ns) ? atomic_fetch_add(&fake_now_ns, atomic_load(&fake_step_ns)) : __real_mb_clock_ns();
}

struct bench {
    struct fake_ptdaemon daemon;
    const struct mb_collector_ops *ops;
    void *state;
    struct mb_record record;
};

static void begin(struct bench *b, enum ptdaemon_mode mode)
{
    char options[64];
    struct mb_collect_env env = fake_env(NULL, SECOND / 100);
    struct mb_error err = {0};
    memset(b, 0, sizeof(*b));
    fake_ptdaemon_start(&b->daemon, mode);
    snprintf(options, sizeof(options), "host=127.0.0.1,port=%u,error=10,accuracy=0.1", b->daemon.port);
    env.options = options;
    b->ops = mb_collector_find("ptdaemon");
    assert_non_null(b->ops);
    b->state = calloc(1, b->ops->state_size);
    assert_int_equal(b->ops->probe(&env, &err), MB_OK);
    if (b->ops->open(b->state, &env, &err))
        fail_msg("%s", err.text);
    atomic_store(&fake_now_ns, 1000 * SECOND);
}

static void end(struct bench *b)
{
    atomic_store(&fake_now_ns, 0);
    atomic_store(&fake_step_ns, 0);
    b->ops->close(b->state);
    free(b->state);
    mb_record_release(&b->record);
    fake_ptdaemon_stop(&b->daemon);
}

static void phase(struct bench *b, enum mb_event_kind kind)
{
    const struct mb_event event = {.kind = kind, .t_ns = mb_clock_ns()};
    b->ops->phase(b->state, &event);
}

/* @n seconds; half of them prefill, half decode. Go is answered before the first second is over. */
static void trial(struct bench *b, unsigned n)
{
    const int before = atomic_load(&b->daemon.n_answered);
    struct mb_error err = {0};
    b->daemon.n_samples = n;
    b->ops->start(b->state);
    for (int i = 0; i < 200 && atomic_load(&b->daemon.n_answered) == before; i++)
        sleep_ms(1);
    sleep_ms(5);
    phase(b, MB_EVENT_PREFILL_BEGIN);
    for (unsigned i = 0; i < n; i++) {
        b->ops->poll(b->state, mb_clock_ns());
        if (i == n / 2) {
            phase(b, MB_EVENT_PREFILL_END);
            phase(b, MB_EVENT_TOKEN);
        }
        atomic_fetch_add(&fake_now_ns, SECOND);
    }
    phase(b, MB_EVENT_REQUEST_END);
    b->ops->poll(b->state, mb_clock_ns());
    b->ops->stop(b->state);
    mb_record_release(&b->record);
    memset(&b->record, 0, sizeof(b->record));
    assert_int_equal(b->ops->read(b->state, &b->record, &err), MB_OK);
}

static double energy(struct bench *b, const char *scope)
{
    return known_value(&b->record, MB_METRIC_ENERGY_UJ, scope, "ptdaemon");
}

static void expect_unknown(struct bench *b, const char *part)
{
    const char *reason = absent_reason(&b->record, MB_METRIC_ENERGY_UJ, "", "ptdaemon");
    if (!strstr(reason, part))
        fail_msg("'%s' lacks '%s'", reason, part);
}

static void a_trial_is_a_measurement_of_its_own(void **state)
{
    (void)state;
    static const enum ptdaemon_mode modes[] = {PTDAEMON_CLEAN, PTDAEMON_SLOW};
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        begin(&b, modes[i]);
        trial(&b, 20);
        assert_true(fabs(energy(&b, "") - 200e6) < 1);
        assert_true(fabs(energy(&b, "prefill") - 100e6) < 1);
        assert_true(fabs(energy(&b, "decode") - 100e6) < 1);
        assert_true(fabs(known_value(&b.record, MB_METRIC_ENERGY_ERROR_UJ, "", "ptdaemon") - 0.2e6) < 1); /* 0.1 % */
        const struct mb_record_stream *s = find_stream(&b.record, "power_uw", "analyser");
        assert_int_equal(s->n, 20);
        assert_int_equal(s->t_ns[19] - s->t_ns[0], 19 * SECOND); /* midnight was passed */
        b.daemon.watts = 4;
        trial(&b, 30);
        assert_true(fabs(energy(&b, "") - 120e6) < 1); /* nothing of the trial before */
        end(&b);
    }
}

static void short_trials_are_unknown(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, PTDAEMON_CLEAN);
    trial(&b, 5);
    expect_unknown(&b, "no reading for 1000 ms of a trial of 5000 ms");
    trial(&b, 0);
    expect_unknown(&b, "0 readings");
    end(&b);
}

static void what_goes_wrong_is_the_reason(void **state)
{
    (void)state;
    static const struct { enum ptdaemon_mode mode; const char *part; bool dropped; } rows[] = {
        {PTDAEMON_REFUSES_GO, "PTDaemon answered Go with: Error: measurement already running", false},
        {PTDAEMON_REFUSES_RL, "PTDaemon answered RL with: Invalid number of parameters", false},
        {PTDAEMON_HANGS_UP, "PTDaemon did not answer Go: the other end hung up", true},
        {PTDAEMON_CUT, "PTDaemon did not answer RL: the other end hung up", true},
        {PTDAEMON_GARBAGE, "5 of 20 lines were damaged", false},
        {PTDAEMON_TOO_MANY, "PTDaemon has 70 readings of one second of a trial of 20.0 s", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench b;
        begin(&b, rows[i].mode);
        trial(&b, 20);
        expect_unknown(&b, rows[i].part);
        trial(&b, 20); /* and the next trial is told again, or anew */
        expect_unknown(&b, rows[i].dropped ? "PTDaemon did not answer Go: the other end hung up" : rows[i].part);
        end(&b);
    }
}

static void a_daemon_that_falls_silent_does_not_hold_the_run(void **state)
{
    (void)state;
    struct bench b;
    begin(&b, PTDAEMON_CLEAN);
    b.daemon.mode = PTDAEMON_MUTE;
    atomic_store(&fake_step_ns, 9990 * SECOND / 1000); /* each look at the clock: nearly as long as it waits */
    trial(&b, 1);
    expect_unknown(&b, "PTDaemon did not answer Go: nothing came within 10000 ms");
    end(&b);
}

static void expect_absent(const char *selection, const char *part)
{
    const struct mb_collect_env env = fake_env(NULL, SECOND / 100);
    struct mb_collect_set *set;
    struct mb_error err = {0};
    struct mb_record record = {0};
    if (mb_collect_open(&set, selection, &env, &err))
        fail_msg("%s: %s", selection, err.text);
    mb_collect_start(set);
    mb_collect_stop(set);
    assert_int_equal(mb_collect_read(set, &record, &err), 0);
    const char *reason = absent_reason(&record, MB_METRIC_ENERGY_UJ, "", "ptdaemon");
    if (!strstr(reason, part))
        fail_msg("'%s' lacks '%s'", reason, part);
    mb_record_release(&record);
    mb_collect_close(set);
}

static void who_is_not_there_is_absent_with_the_reason(void **state)
{
    (void)state;
    struct fake_ptdaemon d;
    char selection[64];
    expect_absent("ptdaemon", "name where it runs, ptdaemon:host=");
    fake_ptdaemon_start(&d, PTDAEMON_STRANGER);
    snprintf(selection, sizeof(selection), "ptdaemon:host=127.0.0.1,port=%u", d.port);
    expect_absent(selection, "is no PTDaemon: it says '220 mail ready'");
    fake_ptdaemon_stop(&d);
    expect_absent(selection, "Connection refused; is PTDaemon running there?");
    struct mb_collect_set *set;
    struct mb_error err = {0};
    const struct mb_collect_env env = fake_env(NULL, SECOND / 100);
    assert_int_equal(mb_collect_open(&set, "ptdaemon:host=h,port=0", &env, &err), MB_EINVAL);
    assert_int_equal(mb_collect_open(&set, "ptdaemon:host=h,tty=1", &env, &err), MB_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_is_a_measurement_of_its_own),
        cmocka_unit_test(short_trials_are_unknown),
        cmocka_unit_test(what_goes_wrong_is_the_reason),
        cmocka_unit_test(a_daemon_that_falls_silent_does_not_hold_the_run),
        cmocka_unit_test(who_is_not_there_is_absent_with_the_reason),
    };
    return cmocka_run_group_tests_name("ptdaemon", tests, NULL, NULL);
}
