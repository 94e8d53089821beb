/* How quiet the machine was for a run: measured before, counted during. The counts are files that this test changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "../collectors/fake_tree.h"
#include "harness/run_noise.h"
#include "known_run.h"

struct scene { struct fake_tree tree; char folder[256]; struct mb_db *db; int64_t run; struct mb_error err; };

static void begin(struct scene *s)
{
    char file[300];
    fake_tree_make(&s->tree);
    known_folder_make(s->folder, sizeof(s->folder));
    snprintf(file, sizeof(file), "%s/t.db", s->folder);
    assert_int_equal(mb_db_open(&s->db, file, MB_DB_CREATE, &s->err), MB_OK);
    s->run = known_run_begin(s->db, "noise");
}

static void end(struct scene *s)
{
    mb_db_close(s->db);
    known_folder_remove(s->folder);
    fake_tree_remove(&s->tree);
}

static void put_counts(struct scene *s, int all, int steal, int waited_us, int n_throttled)
{
    char text[200];
    snprintf(text, sizeof(text), "cpu %d 0 0 0 0 0 0 %d 0 0", all - steal, steal);
    fake_tree_put(&s->tree, "/proc/stat", text);
    snprintf(text, sizeof(text), "some avg10=0.00 avg60=2.50 avg300=0.00 total=%d\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0", waited_us);
    fake_tree_put(&s->tree, "/proc/pressure/cpu", text);
    fake_tree_put(&s->tree, "/proc/self/cgroup", "0::/a/b");
    snprintf(text, sizeof(text), "usage_usec 5\nnr_periods 100\nnr_throttled %d\nthrottled_usec %d", n_throttled, 1000 * n_throttled);
    fake_tree_put(&s->tree, "/sys/fs/cgroup/a/b/cpu.stat", text);
    fake_tree_put(&s->tree, "/sys/fs/cgroup/a/cpu.stat", "usage_usec 5\nnr_periods 10\nnr_throttled 1\nthrottled_usec 7"); /* a parent's quota stops us too */
}

/* The first column as text, "NULL" for NULL. */
static void is(struct scene *s, const char *sql, const char *expected)
{
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_prepare_v2(mb_db_handle(s->db), sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    const char *got = (const char *)sqlite3_column_text(st, 0);
    assert_string_equal(got ? got : "NULL", expected);
    sqlite3_finalize(st);
}

static void counts_of_begin_and_end_become_shares(void **state)
{
    (void)state;
    struct scene s = {0};
    struct mb_run_noise n;
    begin(&s);
    put_counts(&s, 1000, 100, 0, 3);
    assert_int_equal(mb_run_noise_begin(&n, s.db, s.run, s.tree.root, 0, &s.err), MB_OK);
    is(&s, "SELECT count(*) || coalesce(session_s, 'open') FROM v_run_noise", "1open"); /* a kill now leaves this */
    put_counts(&s, 2000, 150, 1000, 8);
    n.begin_ns -= 10000000000u; /* ten seconds have gone by, says the test */
    assert_int_equal(mb_run_noise_end(&n, s.db, s.run, &s.err), MB_OK);
    is(&s, "SELECT grade FROM v_run_noise", "NULL");
    is(&s, "SELECT conditions ->> '$.sessions[0].reason' FROM run", "not asked for (--noise 0)");
    is(&s, "SELECT steal_share FROM v_run_noise", "0.05");
    is(&s, "SELECT round(pressure_share, 5) FROM v_run_noise", "0.0001");
    is(&s, "SELECT n_group_throttled || ' ' || group_throttled_ns FROM v_run_noise", "5 5000000");
    assert_int_equal(mb_run_noise_end(&n, s.db, s.run, &s.err), MB_OK); /* once is enough */
    is(&s, "SELECT count(*) FROM v_run_noise", "1");
    end(&s);
}

static void a_resume_is_a_session_of_its_own(void **state)
{
    (void)state;
    struct scene s = {0};
    struct mb_run_noise killed, n;
    begin(&s); /* and this machine tells nothing */
    assert_int_equal(mb_run_noise_begin(&killed, s.db, s.run, s.tree.root, 0, &s.err), MB_OK);
    assert_int_equal(mb_run_noise_begin(&n, s.db, s.run, s.tree.root, 0.25, &s.err), MB_OK);
    assert_int_equal(mb_run_noise_end(&n, s.db, s.run, &s.err), MB_OK);
    json_decref(killed.session);
    is(&s, "SELECT group_concat(i_session || coalesce(session_s > 0, 'open')) FROM v_run_noise", "0open,11");
    is(&s, "SELECT steal_share FROM v_run_noise WHERE i_session = 1", "NULL");
    is(&s, "SELECT n_group_throttled FROM v_run_noise WHERE i_session = 1", "NULL");
    is(&s, "SELECT p99_over_median >= 1 AND noise_s >= 0.2 FROM v_run_noise WHERE i_session = 1", "1");
    is(&s, "SELECT json_extract(conditions, '$.sessions[1].noise.grade') BETWEEN 'A' AND 'E' FROM run", n.grade == '?' ? "NULL" : "1");
    assert_int_equal(mb_run_noise_begin(&n, s.db, s.run + 1, s.tree.root, 0, &s.err), MB_ENOENT); /* no such run */
    json_decref(n.session);
    end(&s);
}

static void control_groups_of_version_1_count_ns(void **state)
{
    (void)state;
    struct scene s = {0};
    struct mb_group_throttle t;
    begin(&s);
    assert_int_equal(mb_group_throttle_read(s.tree.root, &t, &s.err), MB_ENOENT);
    fake_tree_put(&s.tree, "/proc/self/cgroup", "3:cpu,cpuacct:/box");
    fake_tree_put(&s.tree, "/sys/fs/cgroup/cpu/box/cpu.stat", "nr_periods 7\nnr_throttled 2\nthrottled_time 1234");
    assert_int_equal(mb_group_throttle_read(s.tree.root, &t, &s.err), MB_OK);
    assert_true(t.n_periods == 7 && t.n_throttled == 2 && t.throttled_ns == 1234);
    end(&s);
}

static void a_garbled_pressure_file_is_said(void **state)
{
    (void)state;
    struct scene s = {0};
    struct mb_cpu_pressure p;
    begin(&s);
    assert_int_not_equal(mb_cpu_pressure_read(s.tree.root, &p, &s.err), MB_OK);
    fake_tree_put(&s.tree, "/proc/pressure/cpu", "some day");
    assert_int_equal(mb_cpu_pressure_read(s.tree.root, &p, &s.err), MB_EFORMAT);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_of_begin_and_end_become_shares), cmocka_unit_test(a_resume_is_a_session_of_its_own),
        cmocka_unit_test(control_groups_of_version_1_count_ns), cmocka_unit_test(a_garbled_pressure_file_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
