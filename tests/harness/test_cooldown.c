/* test_cooldown.c - the pause between cells, on a fake thermal zone, and the interrupt that ends it. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "harness/cooldown.h"

#define SECOND_NS 1000000000u

/* A tree with zones of these temperatures; removed by drop_tree(). */
static void make_tree(char dir[40], const int *milli_c, int n)
{
    char path[200];
    snprintf(dir, 40, "/tmp/mb-cool-XXXXXX");
    assert_non_null(mkdtemp(dir));
    static const char *const parts[] = {"/sys", "/sys/class", "/sys/class/thermal"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s%s", dir, parts[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/sys/class/thermal/thermal_zone%d", dir, i);
        assert_int_equal(mkdir(path, 0700), 0);
        strncat(path, "/temp", sizeof(path) - strlen(path) - 1);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fprintf(f, "%d\n", milli_c[i]);
        fclose(f);
    }
}

static void drop_tree(const char *dir)
{
    char command[60];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

/* ns waited by a fixed or automatic pause. */
static uint64_t wait_ns(int32_t fixed_s, const char *root, struct mb_interrupt *in)
{
    const struct mb_cooldown rule = {.fixed_s = fixed_s};
    return mb_cooldown_wait(&rule, root, in).waited_ns;
}

static void open_interrupt(struct mb_interrupt *in)
{
    struct mb_error err = {0};
    assert_int_equal(mb_interrupt_open(in, NULL, NULL, &err), MB_OK);
}

static void nothing_to_wait_for_without_a_zone_or_with_zero(void **state)
{
    (void)state;
    struct mb_interrupt in;
    char dir[40];
    static const int steady[] = {40000};
    open_interrupt(&in);
    make_tree(dir, steady, 0);
    assert_true(wait_ns(-1, dir, &in) < SECOND_NS);
    drop_tree(dir);
    make_tree(dir, steady, 1);
    assert_true(wait_ns(0, dir, &in) < SECOND_NS); /* fixed: the zone does not matter */
    drop_tree(dir);
    mb_interrupt_close(&in);
}

static void a_steady_zone_costs_one_look(void **state)
{
    (void)state;
    struct mb_interrupt in;
    char dir[40];
    static const int steady[] = {40000, 70000, -5000};
    open_interrupt(&in);
    make_tree(dir, steady, 3);
    assert_in_range(wait_ns(-1, dir, &in), SECOND_NS, 30ull * SECOND_NS); /* far from the 60 s of one that falls */
    assert_in_range(wait_ns(1, dir, &in), SECOND_NS, 30ull * SECOND_NS);
    drop_tree(dir);
    mb_interrupt_close(&in);
}

static void put(const char *dir, const char *file, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/sys/class/thermal/%s", dir, file);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void a_gate_opens_at_once_where_it_is_cool_or_nothing_tells(void **state)
{
    (void)state;
    struct mb_interrupt in;
    char dir[40];
    static const int zones[] = {40000, 70000, -274000}; /* the last is off */
    open_interrupt(&in);
    make_tree(dir, zones, 3);
    put(dir, "thermal_zone0/trip_point_0_type", "active\n"); /* starts a fan: no limit */
    put(dir, "thermal_zone0/trip_point_0_temp", "41000\n");
    put(dir, "thermal_zone0/trip_point_1_type", "critical\n");
    put(dir, "thermal_zone0/trip_point_1_temp", "65000\n");
    put(dir, "thermal_zone1/trip_point_0_type", "hot\n");
    put(dir, "thermal_zone1/trip_point_0_temp", "110000\n");
    put(dir, "thermal_zone1/trip_point_1_type", "passive\n");
    put(dir, "thermal_zone1/trip_point_1_temp", "0\n"); /* off */
    static const struct { struct mb_cooldown rule; enum mb_cooldown_end end; } cases[] = {
        {{.timeout_s = 1, .below_milli_c = 70000}, MB_COOLDOWN_COOL},     {{.timeout_s = 1, .below_milli_c = 69999}, MB_COOLDOWN_TIMEOUT},
        {{.timeout_s = 1, .headroom_milli_c = 25000}, MB_COOLDOWN_COOL},  {{.timeout_s = 1, .headroom_milli_c = 25001}, MB_COOLDOWN_TIMEOUT},
        {{.timeout_s = 1, .below_milli_c = 70000, .headroom_milli_c = 25000}, MB_COOLDOWN_COOL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct mb_cooldown_outcome o = mb_cooldown_wait(&cases[i].rule, dir, &in);
        assert_int_equal(o.end, cases[i].end);
        assert_int_equal(o.hottest_milli_c, 70000);
        assert_int_equal(o.headroom_milli_c, 25000); /* of zone 0: 65 - 40; zone 1 has 40 */
        assert_true(o.end == MB_COOLDOWN_TIMEOUT ? o.waited_ns >= SECOND_NS : o.waited_ns < SECOND_NS);
    }
    drop_tree(dir);
    make_tree(dir, zones, 1); /* a zone, but no trip point */
    const struct mb_cooldown headroom = {.timeout_s = 9, .headroom_milli_c = 1000}, both = {.timeout_s = 9, .below_milli_c = 40000, .headroom_milli_c = 1000};
    assert_int_equal(mb_cooldown_wait(&headroom, dir, &in).end, MB_COOLDOWN_BLIND);
    assert_int_equal(mb_cooldown_wait(&both, dir, &in).end, MB_COOLDOWN_COOL);
    drop_tree(dir);
    make_tree(dir, zones, 0);
    assert_int_equal(mb_cooldown_wait(&both, dir, &in).end, MB_COOLDOWN_BLIND);
    drop_tree(dir);
    mb_interrupt_close(&in);
}

static void *cool_later(void *dir)
{
    mb_clock_sleep_until_ns(mb_clock_ns() + SECOND_NS / 2);
    put(dir, "thermal_zone0/temp", "40000\n");
    return NULL;
}

static void a_gate_opens_when_it_has_cooled(void **state)
{
    (void)state;
    struct mb_interrupt in;
    char dir[40];
    static const int hot[] = {80000};
    pthread_t thread;
    const struct mb_cooldown rule = {.timeout_s = 60, .below_milli_c = 50000};
    open_interrupt(&in);
    make_tree(dir, hot, 1);
    assert_int_equal(pthread_create(&thread, NULL, cool_later, dir), 0);
    const struct mb_cooldown_outcome o = mb_cooldown_wait(&rule, dir, &in);
    pthread_join(thread, NULL);
    assert_int_equal(o.end, MB_COOLDOWN_COOL);
    assert_int_equal(o.hottest_milli_c, 40000);
    assert_in_range(o.waited_ns, SECOND_NS, 30ull * SECOND_NS);
    drop_tree(dir);
    mb_interrupt_close(&in);
}

static void the_outcome_is_metrics(void **state)
{
    (void)state;
    struct mb_record r = {0};
    const struct mb_cooldown_outcome none = {0}, timeout = {MB_COOLDOWN_TIMEOUT, 5000, 61000, MB_COOLDOWN_UNKNOWN};
    assert_int_equal(mb_cooldown_record(&none, &r), 0);
    assert_int_equal(r.n_metrics, 0);
    assert_int_equal(mb_cooldown_record(&timeout, &r), 0);
    assert_int_equal(r.n_metrics, 3);
    assert_string_equal(r.metrics[0].scope, "timeout");
    assert_true(r.metrics[0].value == 5000 && r.metrics[1].value == 61000);
    assert_non_null(strstr(r.metrics[2].reason, "trip point"));
    mb_record_release(&r);
}

static void an_interrupt_ends_the_wait_and_is_counted(void **state)
{
    (void)state;
    struct mb_interrupt in;
    open_interrupt(&in);
    assert_int_equal(mb_interrupt_count(&in), 0);
    raise(SIGTERM); /* blocked: it waits for us */
    wait_ns(3600, "", &in);
    assert_int_equal(mb_interrupt_count(&in), 1);
    const struct mb_cooldown rule = {.fixed_s = 3600};
    assert_int_equal(mb_cooldown_wait(&rule, "", &in).end, MB_COOLDOWN_INTERRUPTED);
    raise(SIGINT);
    assert_int_equal(mb_interrupt_count(&in), 2);
    raise(SIGHUP);
    mb_interrupt_close(&in); /* takes the last one: the test lives */
    mb_interrupt_close(&in);
}

static void nohup_is_respected(void **state)
{
    (void)state;
    struct mb_interrupt in;
    signal(SIGHUP, SIG_IGN);
    open_interrupt(&in);
    raise(SIGHUP);
    assert_int_equal(mb_interrupt_count(&in), 0);
    mb_interrupt_close(&in);
    signal(SIGHUP, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_wait_for_without_a_zone_or_with_zero),
        cmocka_unit_test(a_steady_zone_costs_one_look),
        cmocka_unit_test(a_gate_opens_at_once_where_it_is_cool_or_nothing_tells),
        cmocka_unit_test(a_gate_opens_when_it_has_cooled),
        cmocka_unit_test(the_outcome_is_metrics),
        cmocka_unit_test(an_interrupt_ends_the_wait_and_is_counted),
        cmocka_unit_test(nohup_is_respected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
