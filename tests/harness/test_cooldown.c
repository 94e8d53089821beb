/* test_cooldown.c - the pause between cells, on a fake thermal zone, and the interrupt that ends it. */
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
    assert_true(mb_cooldown_wait(-1, dir, &in) < SECOND_NS);
    drop_tree(dir);
    make_tree(dir, steady, 1);
    assert_true(mb_cooldown_wait(0, dir, &in) < SECOND_NS); /* fixed: the zone does not matter */
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
    assert_in_range(mb_cooldown_wait(-1, dir, &in), SECOND_NS, 30ull * SECOND_NS); /* far from the 60 s of one that falls */
    assert_in_range(mb_cooldown_wait(1, dir, &in), SECOND_NS, 30ull * SECOND_NS);
    drop_tree(dir);
    mb_interrupt_close(&in);
}

static void an_interrupt_ends_the_wait_and_is_counted(void **state)
{
    (void)state;
    struct mb_interrupt in;
    open_interrupt(&in);
    assert_int_equal(mb_interrupt_count(&in), 0);
    raise(SIGTERM); /* blocked: it waits for us */
    mb_cooldown_wait(3600, "", &in);
    assert_int_equal(mb_interrupt_count(&in), 1);
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
        cmocka_unit_test(an_interrupt_ends_the_wait_and_is_counted),
        cmocka_unit_test(nohup_is_respected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
