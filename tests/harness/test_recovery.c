/* test_recovery.c - SIGKILL at random moments, Ctrl-C once and twice: nothing is lost, nothing is counted twice, nobody is left behind. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/rng.h"
#include "campaign.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))
#define KILLS 200
#define COMPLETED "SELECT i_cell || ' ' || kind || ' ' || repetition || ' ' || status || ' ' || coalesce(reason, '') || ' ' || (SELECT count(*) " \
                  "FROM event WHERE trial_id = trial.id AND event.kind = 'token') || ' ' || coalesce((SELECT value FROM metric WHERE trial_id = trial.id AND " \
                  "name = 'output_hash'), '-') FROM trial JOIN cell ON cell.id = cell_id ORDER BY 1"
#define N_MEASURED "SELECT count(*) FROM trial WHERE kind = 'measured'"

static const struct campaign_cell mixed[] = {
    {"null:load_us=3000,prefill_us=2000,token_us=1000", 12, 4, NULL}, {"null:token_us=500", 10, 3, NULL},
    {"null:token_us=500,fail=nan@0", 10, 4, NULL},                    {"null:token_us=300", 4, 2, "refused for the test"},
    {"null:load_us=8000,token_us=200", 30, 5, NULL},                  {"null:load_us=2000,fail=crash@open", 4, 3, NULL},
    {"stories", 40, 4, NULL},                                         {"stories ", 8, 3, NULL}, /* the engine, where the model is there */
};
#define N_NULL 6

/* As a subreaper we inherit what a killed campaign leaves: all of it must end by itself. */
static void nobody_is_left(void)
{
    const uint64_t until_ns = mb_clock_ns() + 10000000000u;
    for (;;) {
        const pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0 && errno == ECHILD)
            return;
        if (mb_clock_ns() > until_ns)
            fail_msg("a worker outlived its parent by 10 s");
        if (pid == 0)
            mb_clock_sleep_until_ns(mb_clock_ns() + 2000000);
    }
}

static void killed_at_random_moments_the_trials_are_those_of_an_undisturbed_run(void **state)
{
    (void)state;
    struct campaign c;
    const char *model = campaign_tiny_model();
    campaign_open(&c, mixed, model ? N_OF(mixed) : N_NULL);
    if (model)
        campaign_use_engine(&c, N_NULL, model);
    c.plan.protocol.order = MB_ORDER_SHUFFLED;
    c.plan.protocol.warmup = 2;
    const uint64_t begin_ns = mb_clock_ns();
    assert_int_equal(campaign_run(&c), 1);
    const uint64_t undisturbed_ns = mb_clock_ns() - begin_ns;
    char *expected = strdup(campaign_query(&c, COMPLETED));
    assert_true(strlen(expected) > 400);
    struct mb_rng rng = {20261122};
    unsigned n_kills = 0, n_in_time = 0;
    while (n_kills < KILLS) {
        assert_int_equal(unlink(c.db), 0);
        int code = -SIGKILL;
        for (unsigned n_try = 0; code == -SIGKILL; n_try++) {
            assert_true(n_try < 2000);
            const pid_t pid = campaign_start(&c, false);
            /* Later tries live longer, so that each campaign ends. */
            const uint64_t life_ns = mb_rng_below(&rng, undisturbed_ns / 5 * (1 + n_try / 8));
            mb_clock_sleep_until_ns(mb_clock_ns() + life_ns);
            kill(pid, SIGKILL);
            code = campaign_wait(pid);
            nobody_is_left();
            if (code == -SIGKILL) {
                n_kills++;
                assert_string_equal(campaign_query(&c, "PRAGMA integrity_check"), access(c.db, F_OK) == 0 ? "ok" : "");
            }
        }
        assert_true(code == 1 || code == 3); /* ended by itself: cells failed as scripted, or it was killed after the last row */
        n_in_time++;
        assert_string_equal(campaign_query(&c, COMPLETED), expected);
        assert_int_equal(campaign_number(&c, "SELECT count(*) FROM run"), 1);
        assert_string_equal(campaign_query(&c, "SELECT state FROM run"), "finished");
        assert_int_equal(campaign_run(&c), 3);
    }
    printf("%u kills over %u campaigns of %.0f ms\n", n_kills, n_in_time, (double)undisturbed_ns / 1e6);
    free(expected);
    campaign_close(&c);
}

static void a_worker_deep_in_a_repetition_dies_with_its_parent(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=100,fail=hang@1", 4, 1, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    const pid_t pid = campaign_start(&c, false);
    assert_true(campaign_wait_for(&c, "SELECT count(*) FROM trial WHERE kind = 'cold'", 1));
    mb_clock_sleep_until_ns(mb_clock_ns() + 100000000); /* now it hangs; it would for 20 s */
    assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
    kill(pid, SIGKILL);
    assert_int_equal(campaign_wait(pid), -SIGKILL);
    nobody_is_left();
    campaign_close(&c);
}

static void ctrl_c_once_finishes_the_repetition_and_keeps_everything(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=100000", 5, 6, NULL}};
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < N_OF(signals); i++) {
        struct campaign c;
        campaign_open(&c, cells, N_OF(cells));
        const pid_t pid = campaign_start(&c, false);
        assert_int_equal(setpgid(pid, pid), 0);
        assert_true(campaign_wait_for(&c, N_MEASURED, 1));
        mb_clock_sleep_until_ns(mb_clock_ns() + 100000000); /* into the second, which takes 0.5 s */
        kill(-pid, signals[i]); /* as a terminal does: to the whole process group */
        assert_int_equal(campaign_wait(pid), 130);
        nobody_is_left();
        assert_in_range(campaign_number(&c, N_MEASURED), 2, 5);
        assert_int_equal(campaign_number(&c, "SELECT count(*) FROM trial WHERE status <> 'ok'"), 0);
        assert_string_equal(campaign_query(&c, "SELECT state FROM run"), "running");
        assert_true(campaign_said(&c, "stopping after this repetition"));
        assert_int_equal(campaign_run(&c), 0);
        assert_string_equal(campaign_query(&c, "SELECT repetition FROM trial WHERE kind = 'measured' ORDER BY id"), "0\n1\n2\n3\n4\n5");
        assert_true(campaign_said(&c, "resuming: "));
        campaign_close(&c);
    }
}

static void ctrl_c_twice_stops_now(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=200,fail=hang@2", 5, 3, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    c.plan.protocol.timeout_s = 3600;
    const pid_t pid = campaign_start(&c, false);
    assert_true(campaign_wait_for(&c, N_MEASURED, 1));
    mb_clock_sleep_until_ns(mb_clock_ns() + 100000000);
    kill(pid, SIGINT);
    mb_clock_sleep_until_ns(mb_clock_ns() + 100000000);
    kill(pid, SIGINT);
    assert_int_equal(campaign_wait(pid), 130);
    nobody_is_left();
    assert_string_equal(campaign_query(&c, "SELECT kind || repetition || status FROM trial ORDER BY id"), "cold0ok\nmeasured0ok");
    assert_string_equal(campaign_query(&c, "PRAGMA integrity_check"), "ok");
    campaign_close(&c);
}

static void ctrl_c_between_cells_ends_the_pause(void **state)
{
    (void)state;
    static const struct campaign_cell cells[] = {{"null:token_us=200", 5, 1, NULL}, {"null:token_us=201", 5, 1, NULL}};
    struct campaign c;
    campaign_open(&c, cells, N_OF(cells));
    c.plan.protocol.cooldown.fixed_s = 3600;
    const pid_t pid = campaign_start(&c, false);
    assert_true(campaign_wait_for(&c, N_MEASURED, 1));
    mb_clock_sleep_until_ns(mb_clock_ns() + 50000000);
    kill(pid, SIGINT);
    assert_int_equal(campaign_wait(pid), 130);
    assert_int_equal(campaign_number(&c, N_MEASURED), 1);
    campaign_close(&c);
}

int main(int argc, char **argv)
{
    const int worker = campaign_worker(argc, argv);
    if (worker >= 0)
        return worker;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_random_moments_the_trials_are_those_of_an_undisturbed_run),
        cmocka_unit_test(a_worker_deep_in_a_repetition_dies_with_its_parent),
        cmocka_unit_test(ctrl_c_once_finishes_the_repetition_and_keeps_everything),
        cmocka_unit_test(ctrl_c_twice_stops_now),
        cmocka_unit_test(ctrl_c_between_cells_ends_the_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
