/* test_energy_views.c - idle baseline, net energy, energy per token and per charge against numbers computed by other means (Python):
 *   idle   P = [2.0, 2.2, 1.9, 2.1, 2.0, 2.1, 1.9, 2.0] W: statistics.mean 2.025, stdev 0.10350983390135322,
 *          mean(P[4:]) - mean(P[:4]) = -0.05
 *   gross  E = [30, 32, 31] J in 4 s each, error 0.5 J: net = median 31 - 2.025 * 4 = 22.9 J,
 *          error sqrt(.5**2 + 4 * stdev**2 * (1 + 1/8) * 4**2) = 1.0106574946185145
 *   10 prompt tokens, 5 generated, one request; battery of 50 Wh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "known_run.h"

struct place { char folder[256], file[300]; struct mb_db *db; int64_t run; };

static const struct known_axes plain = {"/models/m.gguf", "file", "none", "none", 2};
static const double idle_w[] = {2.0, 2.2, 1.9, 2.1, 2.0, 2.1, 1.9, 2.0};

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    struct mb_error err = {0};
    known_folder_make(p->folder, sizeof(p->folder));
    snprintf(p->file, sizeof(p->file), "%s/t.db", p->folder);
    assert_int_equal(mb_db_open(&p->db, p->file, MB_DB_CREATE, &err), MB_OK);
    p->run = known_run_begin(p->db, "energy");
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    mb_db_close(p->db);
    known_folder_remove(p->folder);
    free(p);
    return 0;
}

static sqlite3_stmt *first_row(struct place *p, const char *sql)
{
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(mb_db_handle(p->db), sql, -1, &s, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(mb_db_handle(p->db)));
    if (sqlite3_step(s) != SQLITE_ROW)
        fail_msg("%s: no row", sql);
    return s;
}

static void is(struct place *p, const char *sql, double expected)
{
    sqlite3_stmt *s = first_row(p, sql);
    const double v = sqlite3_column_double(s, 0);
    if (sqlite3_column_type(s, 0) == SQLITE_NULL || !(fabs(v - expected) <= 1e-9 * fabs(expected)))
        fail_msg("%s: %.17g, expected %.17g", sql, v, expected);
    sqlite3_finalize(s);
}

static void is_null(struct place *p, const char *sql)
{
    sqlite3_stmt *s = first_row(p, sql);
    assert_int_equal(sqlite3_column_type(s, 0), SQLITE_NULL);
    sqlite3_finalize(s);
}

static void says(struct place *p, const char *sql, const char *part)
{
    sqlite3_stmt *s = first_row(p, sql);
    const char *text = (const char *)sqlite3_column_text(s, 0);
    if (!text || !strstr(text, part))
        fail_msg("%s: '%s' lacks '%s'", sql, text ? text : "NULL", part);
    sqlite3_finalize(s);
}

/* Energy, mean power and error of one scope, joules and seconds. */
static void put(struct mb_record *r, const char *source, const char *scope, double joules, double seconds, double error_joules)
{
    assert_int_equal(mb_record_add_metric(r, MB_METRIC_ENERGY_UJ, scope, source, MB_ORIGIN_MEASURED, joules * 1e6), MB_OK);
    assert_int_equal(mb_record_add_metric(r, MB_METRIC_POWER_MEAN_UW, scope, source, MB_ORIGIN_MEASURED, joules / seconds * 1e6), MB_OK);
    if (error_joules > 0)
        assert_int_equal(mb_record_add_metric(r, MB_METRIC_ENERGY_ERROR_UJ, scope, source, MB_ORIGIN_MEASURED, error_joules * 1e6), MB_OK);
}

static void idle(struct place *p, int64_t run, const char *utc, const char *source, const double *watts, size_t n)
{
    const struct known_axes none = {"null:", "file", "none", "none", 1};
    const int64_t cell = known_cell(p->db, run, 50, &none, "idle", "{\"seconds\":10}", 8, NULL);
    for (size_t i = 0; i < n; i++) {
        struct mb_record r;
        known_record(&r, MB_TRIAL_MEASURED, (uint32_t)i, 10000000000u);
        snprintf(r.started_utc, sizeof(r.started_utc), "%s", utc);
        put(&r, source, "", 10 * watts[i], 10, 0.05);
        known_put(p->db, cell, &r);
    }
}

static void work(struct place *p, const char *source)
{
    const int64_t cell = known_cell(p->db, p->run, 0, &plain, "micro", "{}", 3, NULL);
    for (uint32_t i = 0; i < 3; i++) {
        static const double joules[] = {30, 32, 31};
        const uint64_t gaps[4] = {1000, 1000, 1000, 1000};
        struct mb_record r;
        known_record(&r, MB_TRIAL_MEASURED, i, 4000000000u);
        known_request(&r, 0, 0, 10, 1000000000u, gaps, 4);
        put(&r, source, "", joules[i], 4, 0.5);
        put(&r, source, "prefill", 10, 1, 0.2);
        put(&r, source, "decode", 18, 3, 0.3);
        known_put(p->db, cell, &r);
    }
}

static void net_is_gross_without_what_the_idle_machine_draws(void **state)
{
    struct place *p = *state;
    idle(p, p->run, "2026-01-02T00:00:00.000Z", "meter", idle_w, 8);
    work(p, "meter");
    is(p, "SELECT power_uw FROM v_idle", 2.025e6);
    is(p, "SELECT sd_uw FROM v_idle", 0.10350983390135322e6);
    is(p, "SELECT drift_uw FROM v_idle", -0.05e6);
    is(p, "SELECT seconds FROM v_idle", 80);
    is_null(p, "SELECT reason FROM v_idle");
    is(p, "SELECT count(*) FROM v_trial_net", 9); /* the idle cell itself has no net */
    is(p, "SELECT gross_uj FROM v_cell_energy WHERE scope = ''", 31e6);
    is(p, "SELECT net_uj FROM v_cell_energy WHERE scope = ''", 22.9e6);
    is(p, "SELECT net_error_uj FROM v_cell_energy WHERE scope = ''", 1.0106574946185145e6);
    is(p, "SELECT per_token_uj FROM v_cell_energy WHERE scope = ''", 6.2e6);
    is(p, "SELECT net_per_token_uj FROM v_cell_energy WHERE scope = ''", 4.58e6);
    is(p, "SELECT per_token_uj FROM v_cell_energy WHERE scope = 'prefill'", 1e6);
    is(p, "SELECT net_per_token_uj FROM v_cell_energy WHERE scope = 'prefill'", 0.7975e6);
    is(p, "SELECT per_token_uj FROM v_cell_energy WHERE scope = 'decode'", 3.6e6);
    is(p, "SELECT net_uj FROM v_cell_energy WHERE scope = 'decode'", 11.925e6);
    is(p, "SELECT is_basis FROM v_cell_energy WHERE scope = ''", 1);
    is_null(p, "SELECT prompts_per_charge FROM v_cell_energy WHERE scope = ''");
    says(p, "SELECT charge_reason FROM v_cell_energy WHERE scope = ''", "no battery with a known capacity");
}

static void a_charge_is_counted_by_sources_that_see_the_whole_machine(void **state)
{
    struct place *p = *state;
    work(p, "meter");
    assert_int_equal(sqlite3_exec(mb_db_handle(p->db), "UPDATE run SET conditions = '{\"battery_full_uwh\":50000000}'", NULL, NULL, NULL), 0);
    is(p, "SELECT prompts_per_charge FROM v_cell_energy WHERE scope = ''", 180e9 / 31e6);
    is_null(p, "SELECT prompts_per_charge FROM v_cell_energy WHERE scope = 'decode'");
    assert_int_equal(sqlite3_exec(mb_db_handle(p->db), "UPDATE metric SET source = 'rapl'", NULL, NULL, NULL), 0);
    is_null(p, "SELECT prompts_per_charge FROM v_cell_energy WHERE scope = ''");
    says(p, "SELECT charge_reason FROM v_cell_energy WHERE scope = ''", "rapl does not see the whole machine");
}

static void without_a_baseline_net_is_unknown_with_the_reason(void **state)
{
    struct place *p = *state;
    work(p, "meter");
    is_null(p, "SELECT net_uj FROM v_cell_energy WHERE scope = ''");
    says(p, "SELECT net_reason FROM v_cell_energy WHERE scope = ''", "no idle baseline of meter (plans/idle.yaml)");
    idle(p, p->run, "2026-01-02T00:00:00.000Z", "rapl", idle_w, 8); /* another source's */
    says(p, "SELECT net_reason FROM v_cell_energy WHERE scope = ''", "no idle baseline of meter");
}

static void a_baseline_of_another_device_does_not_count(void **state)
{
    struct place *p = *state;
    idle(p, p->run, "2026-01-02T00:00:00.000Z", "meter", idle_w, 8);
    assert_int_equal(sqlite3_exec(mb_db_handle(p->db),
                                  "INSERT INTO device (fingerprint, name, cpu, n_cores, facts) VALUES ('other', 'o', 'c', 1, '{}');"
                                  "INSERT INTO run (plan_id, build_id, device_id, started_utc, state) "
                                  "SELECT plan_id, build_id, (SELECT max(id) FROM device), started_utc, state FROM run", NULL, NULL, NULL), 0);
    p->run++;
    work(p, "meter");
    is_null(p, "SELECT net_uj FROM v_cell_energy WHERE scope = ''");
}

static void the_newest_baseline_counts_and_says_when_it_is_none(void **state)
{
    static const double rising[] = {2.0, 2.1, 2.2, 2.3, 2.4, 2.5, 2.6, 2.7};
    struct place *p = *state;
    const int64_t later = known_run_begin(p->db, "later"), last = known_run_begin(p->db, "last");
    work(p, "meter");
    idle(p, later, "2026-01-03T00:00:00.000Z", "meter", rising, 8);
    idle(p, p->run, "2026-01-02T00:00:00.000Z", "meter", idle_w, 8);
    is_null(p, "SELECT net_uj FROM v_cell_energy WHERE scope = ''");
    says(p, "SELECT net_reason FROM v_cell_energy WHERE scope = ''", "drifted by 0.4 W, more than its standard deviation of 0.245 W");
    idle(p, last, "2026-01-04T00:00:00.000Z", "meter", idle_w, 5);
    says(p, "SELECT net_reason FROM v_cell_energy WHERE scope = ''", "the idle baseline has 5 repetitions, it needs 6");
    assert_int_equal(sqlite3_exec(mb_db_handle(p->db), "UPDATE trial SET started_utc = '2026-01-01' WHERE started_utc > '2026-01-02T12'", NULL, NULL, NULL), 0);
    is(p, "SELECT net_uj FROM v_cell_energy WHERE scope = ''", 22.9e6);
}

static void a_source_without_error_has_a_net_without_error(void **state)
{
    struct place *p = *state;
    idle(p, p->run, "2026-01-02T00:00:00.000Z", "meter", idle_w, 8);
    work(p, "meter");
    assert_int_equal(sqlite3_exec(mb_db_handle(p->db), "DELETE FROM metric WHERE name = 'energy_error_uj'", NULL, NULL, NULL), 0);
    is(p, "SELECT net_uj FROM v_cell_energy WHERE scope = ''", 22.9e6);
    is_null(p, "SELECT net_error_uj FROM v_cell_energy WHERE scope = ''");
}

/* A counter that stood still: energy 0, power 0; its span is the trial's. */
static void no_energy_at_all_still_has_a_span(void **state)
{
    struct place *p = *state;
    idle(p, p->run, "2026-01-02T00:00:00.000Z", "meter", idle_w, 8);
    const int64_t cell = known_cell(p->db, p->run, 0, &plain, "micro", "{}", 1, NULL);
    struct mb_record r;
    known_record(&r, MB_TRIAL_MEASURED, 0, 4000000000u);
    put(&r, "meter", "", 0, 4, 0.5);
    known_put(p->db, cell, &r);
    is(p, "SELECT net_uj FROM v_trial_net", -8.1e6);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(net_is_gross_without_what_the_idle_machine_draws), T(a_charge_is_counted_by_sources_that_see_the_whole_machine),
        T(without_a_baseline_net_is_unknown_with_the_reason), T(a_baseline_of_another_device_does_not_count),
        T(the_newest_baseline_counts_and_says_when_it_is_none), T(a_source_without_error_has_a_net_without_error),
        T(no_energy_at_all_still_has_a_span),
    };
    return cmocka_run_group_tests_name("energy_views", tests, NULL, NULL);
}
