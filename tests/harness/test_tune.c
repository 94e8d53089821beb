/*
 * What `doctor --tune` changes is put back however it ends. On a fake tree; the processes and their deaths are real. Waiting is for a file to change, at
 * most ten seconds, not for time to pass.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../collectors/fake_tree.h"
#include "base/sysroot.h"
#include "harness/tune.h"

#define CPU "/sys/devices/system/cpu"
#define GOVERNOR0 CPU "/cpufreq/policy0/scaling_governor"
#define GOVERNOR4 CPU "/cpufreq/policy4/scaling_governor"
#define BOOST CPU "/cpufreq/boost"
#define THP "/sys/kernel/mm/transparent_hugepage/enabled"
#define SWAPPINESS "/proc/sys/vm/swappiness"

struct scene { struct fake_tree tree; char state[100], file[140]; struct mb_error err; };

static int begin(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    fake_tree_make(&s->tree);
    fake_tree_put(&s->tree, GOVERNOR0, "powersave");
    fake_tree_put(&s->tree, GOVERNOR4, "schedutil");
    fake_tree_put(&s->tree, BOOST, "1");
    fake_tree_put(&s->tree, THP, "always madvise [never]");
    fake_tree_put(&s->tree, SWAPPINESS, "60");
    snprintf(s->state, sizeof(s->state), "%s/state", s->tree.root);
    snprintf(s->file, sizeof(s->file), "%s/meltbench/tune.json", s->state);
    setenv("XDG_STATE_HOME", s->state, 1);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct scene *s = *state;
    fake_tree_remove(&s->tree);
    free(s);
    return 0;
}

static bool holds(const struct scene *s, const char *path, const char *expected)
{
    char text[100] = "";
    return mb_sys_read_text(s->tree.root, path, text, sizeof(text), NULL) == MB_OK && strcmp(text, expected) == 0;
}

static void has(const struct scene *s, const char *path, const char *expected)
{
    char text[100] = "";
    (void)!mb_sys_read_text(s->tree.root, path, text, sizeof(text), NULL);
    assert_string_equal(text, expected);
}

static void comes_to_hold(const struct scene *s, const char *path, const char *expected)
{
    for (int i = 0; i < 2000 && !holds(s, path, expected); i++)
        sleep_ms(5);
    has(s, path, expected);
}

static void is_as_before(const struct scene *s)
{
    has(s, GOVERNOR0, "powersave");
    has(s, GOVERNOR4, "schedutil");
    has(s, BOOST, "1");
    has(s, SWAPPINESS, "60");
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* A process of its own that tunes and runs the shell script (NULL: until a signal); its texts go nowhere. */
static pid_t start(const struct scene *s, const char *script)
{
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        char *const command[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)script, NULL};
        struct mb_error err = {0};
        int code = 0;
        const int fd = open("/dev/null", O_WRONLY);
        dup2(fd, STDERR_FILENO);
        const int rc = mb_tune_run(s->tree.root, script ? command : NULL, &code, &err);
        _exit(rc ? 99 : code);
    }
    return pid;
}

static int result(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static pid_t first_child(pid_t pid, int skip)
{
    char path[64];
    pid_t found[8] = {0};
    int n = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    while (n < 8 && fscanf(f, "%d", &found[n]) == 1)
        n++;
    fclose(f);
    return skip < n ? found[skip] : 0;
}

static void a_command_runs_tuned_and_all_is_put_back(void **state)
{
    struct scene *s = *state;
    char script[700];
    snprintf(script, sizeof(script), "cd %s; cat .%s .%s .%s .%s .%s >seen; cat /proc/self/personality >layout; test -s state/meltbench/tune.json || exit 1; exit 7",
             s->tree.root, GOVERNOR0, GOVERNOR4, BOOST, THP, SWAPPINESS);
    assert_int_equal(result(start(s, script)), 7);
    has(s, "/seen", "performanceperformance0madvise0");
    char layout[32];
    assert_int_equal(mb_sys_read_text(s->tree.root, "/layout", layout, sizeof(layout), NULL), MB_OK);
    assert_true((strtoul(layout, NULL, 16) & 0x0040000u) != 0); /* ADDR_NO_RANDOMIZE of personality(2) */
    is_as_before(s);
    has(s, THP, "never");
    assert_false(exists(s->file));
}

static void a_crash_of_the_command_is_passed_on(void **state)
{
    struct scene *s = *state;
    assert_int_equal(result(start(s, "kill -ABRT $$")), 128 + SIGABRT);
    is_as_before(s);
    assert_int_equal(result(start(s, "exec /nonexistent/program")), 127);
    is_as_before(s);
}

static void kill_9_of_the_tuner_puts_back(void **state)
{
    struct scene *s = *state;
    char script[200];
    snprintf(script, sizeof(script), "echo $$ >%s/pid; exec sleep 100", s->tree.root);
    const pid_t pid = start(s, script);
    for (int i = 0; i < 2000; i++) { /* the shell has begun, so everything is changed */
        char text[32];
        if (mb_sys_read_text(s->tree.root, "/pid", text, sizeof(text), NULL) == MB_OK && *text)
            break;
        sleep_ms(5);
    }
    has(s, GOVERNOR0, "performance");
    assert_true(exists(s->file));
    int64_t command;
    assert_int_equal(mb_sys_read_i64(s->tree.root, "/pid", &command, NULL), MB_OK);
    kill(pid, SIGKILL);
    assert_int_equal(result(pid), 128 + SIGKILL);
    for (int i = 0; i < 2000 && exists(s->file); i++)
        sleep_ms(5);
    assert_false(exists(s->file));
    is_as_before(s);
    for (int i = 0; i < 2000 && kill((pid_t)command, 0) == 0; i++) { /* a zombie without a parent goes as soon as init looks */
        char path[64], stat[200];
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)command);
        if (mb_sys_read_text("", path, stat, sizeof(stat), NULL) == MB_OK && strstr(stat, ") Z "))
            break;
        sleep_ms(5);
        assert_true(i < 1999); /* the command went with its parent */
    }
}

static void signals_end_it_and_reach_the_command(void **state)
{
    struct scene *s = *state;
    pid_t pid = start(s, NULL);
    comes_to_hold(s, SWAPPINESS, "0");
    while (first_child(pid, 0) == 0)
        sleep_ms(1);
    sleep_ms(50); /* the signals are watched right after the last change */
    kill(pid, SIGTERM);
    assert_int_equal(result(pid), 0);
    is_as_before(s);
    char script[200];
    snprintf(script, sizeof(script), "trap 'exit 5' TERM; echo up >%s/up; while :; do sleep 0.01; done", s->tree.root);
    pid = start(s, script);
    comes_to_hold(s, "/up", "up");
    kill(pid, SIGTERM);
    assert_int_equal(result(pid), 5);
    is_as_before(s);
}

/* Both killed at once: nobody is left to put back, but the file. */
static void the_file_remembers_where_the_guardian_was_killed(void **state)
{
    struct scene *s = *state;
    int n = 0;
    char script[200];
    for (int round = 0; round < 2; round++) {
        char up[100];
        snprintf(up, sizeof(up), "%s/up", s->tree.root);
        unlink(up);
        snprintf(script, sizeof(script), "echo up >%s/up; exec sleep 100", s->tree.root);
        const pid_t pid = start(s, script);
        comes_to_hold(s, "/up", "up");
        const pid_t guardian = first_child(pid, 0), command = first_child(pid, 1);
        assert_true(guardian > 0 && command > 0);
        assert_int_equal(mb_tune_restore(s->tree.root, &n, &s->err), MB_EBUSY); /* not under somebody's feet */
        struct mb_error err = {0};
        int code = 0;
        assert_int_equal(mb_tune_run(s->tree.root, NULL, &code, &err), MB_EBUSY);
        kill(guardian, SIGSTOP); /* so that it cannot act in between */
        kill(pid, SIGKILL);
        kill(guardian, SIGKILL);
        assert_int_equal(result(pid), 128 + SIGKILL);
        for (int i = 0; i < 2000; i++) { /* the lock goes with the last of them */
            if (mb_tune_restore("/other", &n, &s->err) != MB_EBUSY)
                break;
            sleep_ms(5);
        }
        assert_non_null(strstr(s->err.text, "another file tree"));
        has(s, GOVERNOR0, "performance");
        if (round == 0) {
            assert_int_equal(mb_tune_restore(s->tree.root, &n, &s->err), MB_OK);
            assert_int_equal(n, 5);
        } else { /* the next tuning puts back first: else 'performance' would pass for the old value */
            assert_int_equal(result(start(s, "exit 3")), 3);
        }
        is_as_before(s);
        assert_false(exists(s->file));
    }
    assert_int_equal(mb_tune_restore(s->tree.root, &n, &s->err), MB_OK);
    assert_int_equal(n, -1);
}

/* kill -9 at any moment: before the first change, between two, during the command, while it is put back. */
static void kill_9_at_forty_moments(void **state)
{
    struct scene *s = *state;
    for (unsigned i = 0; i < 40; i++) {
        int n = 0, rc = MB_EBUSY;
        const pid_t pid = start(s, "exec sleep 0.005");
        usleep(i * i % 40 * 500);
        kill(pid, SIGKILL);
        (void)result(pid);
        for (int k = 0; k < 2000 && (rc = mb_tune_restore(s->tree.root, &n, &s->err)) == MB_EBUSY; k++)
            sleep_ms(5); /* the guardian is at work */
        if (rc)
            fail_msg("moment %u: %s", i, s->err.text);
        is_as_before(s);
        assert_false(exists(s->file));
    }
}

static void what_somebody_else_changed_is_left(void **state)
{
    struct scene *s = *state;
    char script[300];
    snprintf(script, sizeof(script), "printf 1 >%s%s; printf 33 >%s%s", s->tree.root, BOOST, s->tree.root, SWAPPINESS);
    assert_int_equal(result(start(s, script)), 0);
    has(s, SWAPPINESS, "33");
    has(s, BOOST, "1");
    has(s, GOVERNOR0, "powersave");
}

/* A setting that cannot be written, also by root: a link to one of the kernel's that is read only. */
static void what_cannot_be_changed_is_said(void **state)
{
    struct scene *s = *state;
    struct mb_tune t;
    char path[200];
    snprintf(path, sizeof(path), "%s%s", s->tree.root, BOOST);
    unlink(path);
    assert_int_equal(symlink("/proc/sys/kernel/ostype", path), 0);
    assert_int_equal(mb_tune_plan(&t, s->tree.root, &s->err), MB_OK);
    assert_int_equal(mb_tune_count(&t, MB_TUNE_PLANNED), 5);
    assert_int_equal(mb_tune_count(&t, MB_TUNE_ABSENT), 3); /* no_turbo, numa_balancing, nmi_watchdog */
    mb_tune_apply(&t);
    assert_int_equal(mb_tune_count(&t, MB_TUNE_APPLIED), 4);
    for (size_t i = 0; i < t.n; i++)
        if (t.changes[i].state == MB_TUNE_REFUSED)
            assert_non_null(strstr(t.changes[i].reason, "cpufreq/boost"));
    assert_int_equal(mb_tune_undo(&t, stderr), 0);
    has(s, GOVERNOR0, "powersave");
    mb_tune_release(&t);
    unlink(path);
    fake_tree_put(&s->tree, BOOST, "0"); /* as wanted: not touched */
    fake_tree_put(&s->tree, THP, "[always] madvise never"); /* huge already */
    assert_int_equal(mb_tune_plan(&t, s->tree.root, &s->err), MB_OK);
    assert_int_equal(mb_tune_count(&t, MB_TUNE_AS_WANTED), 2);
    mb_tune_release(&t);
}

/* The file may lie where others can write: it names no path but ours, and no value but a word. */
static void a_forged_file_writes_nowhere_else(void **state)
{
    struct scene *s = *state;
    int n = 0;
    char folder[120];
    fake_tree_put(&s->tree, "/etc/shadow", "secret");
    snprintf(folder, sizeof(folder), "%s/meltbench", s->state);
    mkdir(s->state, 0700);
    mkdir(folder, 0700);
    FILE *f = fopen(s->file, "w");
    assert_non_null(f);
    fprintf(f, "{\"format\": 1, \"boot\": \"\", \"root\": \"%s\", \"settings\": [{\"path\": \"/etc/shadow\", \"before\": \"x\", \"wanted\": \"secret\"},"
            "{\"path\": \"%s\", \"before\": \"a b\\n\", \"wanted\": \"0\"}, 5, {\"path\": 3}]}", s->tree.root, SWAPPINESS);
    fclose(f);
    assert_int_equal(mb_tune_restore(s->tree.root, &n, &s->err), MB_OK);
    assert_int_equal(n, 0);
    has(s, "/etc/shadow", "secret");
    has(s, SWAPPINESS, "60");
    static const char *const garbage[] = {"", "{", "[]", "{\"root\": 5}"};
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        f = fopen(s->file, "w");
        assert_non_null(f);
        fputs(garbage[i], f);
        fclose(f);
        (void)!mb_tune_restore(s->tree.root, &n, &s->err);
        is_as_before(s);
        unlink(s->file);
    }
}

static void without_a_place_for_the_old_values_nothing_is_changed(void **state)
{
    struct scene *s = *state;
    int code = 0;
    fake_tree_put(&s->tree, "/plain", "a file");
    snprintf(s->state, sizeof(s->state), "%s/plain", s->tree.root);
    setenv("XDG_STATE_HOME", s->state, 1);
    assert_int_equal(mb_tune_run(s->tree.root, NULL, &code, &s->err), MB_EIO);
    assert_non_null(strstr(s->err.text, "old values"));
    is_as_before(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_command_runs_tuned_and_all_is_put_back), T(a_crash_of_the_command_is_passed_on), T(kill_9_of_the_tuner_puts_back),
        T(signals_end_it_and_reach_the_command), T(the_file_remembers_where_the_guardian_was_killed), T(kill_9_at_forty_moments), T(what_somebody_else_changed_is_left),
        T(what_cannot_be_changed_is_said), T(a_forged_file_writes_nowhere_else), T(without_a_place_for_the_old_values_nothing_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
