/* tune_run.c - see tune.h: the guardian, the file of old values, the command. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/sysroot.h"
#include "harness/interrupt.h"
#include "harness/tune.h"

/* --- the file of old values --------------------------------------------------------------------------------------- */

/* Its path, with the folders made; NULL where there is no place. */
static char *state_path(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct mb_strbuf path = {0};
    if (state && *state == '/')
        mb_strbuf_printf(&path, "%s/meltbench/tune.json", state);
    else if (home && *home == '/')
        mb_strbuf_printf(&path, "%s/.local/state/meltbench/tune.json", home);
    char *text = path.n_bytes ? mb_strbuf_take(&path) : NULL;
    for (char *p = text ? strchr(text + 1, '/') : NULL; p; p = strchr(p + 1, '/')) {
        *p = '\0';
        (void)mkdir(text, 0700); /* there already, or the open below fails */
        *p = '/';
    }
    return text;
}

static void boot_id(char id[64])
{
    if (mb_sys_read_text("", "/proc/sys/kernel/random/boot_id", id, 64, NULL))
        id[0] = '\0';
}

/* Written and on the disk before the first change. */
static int save(int fd, const struct mb_tune *t, struct mb_error *err)
{
    char boot[64];
    boot_id(boot);
    json_t *settings = json_array();
    for (size_t i = 0; i < t->n; i++)
        if (t->changes[i].state == MB_TUNE_PLANNED)
            json_array_append_new(settings, json_pack("{s:s, s:s, s:s}", "path", t->changes[i].path, "before", t->changes[i].before, "wanted",
                                                      t->changes[i].wanted));
    json_t *page = json_pack("{s:i, s:s, s:s, s:o}", "format", 1, "boot", boot, "root", t->root, "settings", settings);
    const int failed = !page || ftruncate(fd, 0) || json_dumpfd(page, fd, JSON_INDENT(1)) || fsync(fd);
    json_decref(page);
    return failed ? mb_fail_errno(err, MB_EIO, "the old values cannot be written down") : MB_OK;
}

/* Only settings that are rows of tune.def, with values that are one word: the file may lie where others can write. */
static void load_settings(struct mb_tune *t, const json_t *settings)
{
    size_t i;
    json_t *s;
    for (size_t k = 0; k < t->n; k++)
        t->changes[k].state = MB_TUNE_ABSENT;
    json_array_foreach(settings, i, s) {
        const char *path = json_string_value(json_object_get(s, "path")), *before = json_string_value(json_object_get(s, "before"));
        const bool word = before && *before && strlen(before) < 64 && !before[strspn(before, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")];
        for (size_t k = 0; path && word && k < t->n; k++)
            if (strcmp(t->changes[k].path, path) == 0) {
                snprintf(t->changes[k].before, sizeof(t->changes[k].before), "%s", before);
                t->changes[k].state = MB_TUNE_APPLIED;
            }
    }
}

/* What is in the locked file @fd, put back; then the file is taken away. */
static int restore_from(int fd, const char *path, const char *root, int *n, struct mb_error *err)
{
    char boot[64];
    struct mb_tune t;
    json_error_t e;
    json_t *page = json_loadfd(fd, 0, &e);
    const char *of_root = json_string_value(json_object_get(page, "root")), *of_boot = json_string_value(json_object_get(page, "boot"));
    *n = 0;
    boot_id(boot);
    int rc = MB_OK;
    if (!page) /* killed before it was written: then nothing was changed either */
        fprintf(stderr, "meltbench: %s is not whole: nothing had been changed yet\n", path);
    else if (!of_root || strcmp(of_root, root) != 0)
        rc = mb_fail(err, MB_EINVAL, "%s is of another file tree (%s)", path, of_root ? of_root : "none named");
    else if (of_boot && *boot && strcmp(of_boot, boot) != 0)
        fprintf(stderr, "meltbench: the machine was started anew since: its settings are its own again\n");
    else if ((rc = mb_tune_plan(&t, root, err)) == MB_OK) {
        load_settings(&t, json_object_get(page, "settings"));
        *n = (int)mb_tune_count(&t, MB_TUNE_APPLIED);
        const size_t n_failed = mb_tune_undo(&t, stderr);
        if (n_failed)
            rc = mb_fail(err, MB_EIO, "%zu settings could not be put back; %s keeps their values", n_failed, path);
        mb_tune_release(&t);
    }
    json_decref(page);
    if (!rc && unlink(path))
        rc = mb_fail_errno(err, MB_EIO, "%s", path);
    return rc;
}

/* Open and locked, or MB_ENOENT (without @make), MB_EBUSY. */
static int open_locked(const char *path, bool make, int *fd, struct mb_error *err)
{
    struct stat st;
    for (;;) {
        *fd = open(path, O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
        if (*fd < 0)
            return errno == ENOENT && !make ? MB_ENOENT : mb_fail_errno(err, MB_EIO, "%s, where old values are kept", path);
        const bool locked = flock(*fd, LOCK_EX | LOCK_NB) == 0;
        if (locked && fstat(*fd, &st) == 0 && st.st_nlink > 0)
            return MB_OK;
        close(*fd);
        *fd = -1;
        if (!locked)
            return mb_fail(err, MB_EBUSY, "another `doctor --tune` is under way (%s is locked): let it end", path);
    } /* a guardian took the file away between the open and the lock */
}

int mb_tune_restore(const char *root, int *n, struct mb_error *err)
{
    int fd = -1;
    char *path = state_path();
    *n = -1;
    if (!path)
        return mb_fail(err, MB_ENOENT, "neither XDG_STATE_HOME nor HOME is set: no place for old values");
    int rc = open_locked(path, false, &fd, err);
    if (!rc) {
        rc = restore_from(fd, path, root, n, err);
        close(fd);
    } else if (rc == MB_ENOENT) {
        rc = MB_OK;
    }
    free(path);
    return rc;
}

/* --- the guardian ------------------------------------------------------------------------------------------------- */

/* Waits for the end of the pipe, whatever made it end, and puts back. Never returns. */
static void guard(int pipe_fd, const struct mb_tune *t, const char *path)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE};
    char byte;
    setsid();
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        signal(ignored[i], SIG_IGN);
    if (mb_sys_write_text("", "/proc/self/oom_score_adj", "-1000", NULL)) {} /* the last to go, where we may ask for that */
    const int null_fd = open("/dev/null", O_RDWR);
    if (null_fd >= 0) { /* a reader of our output must not wait for the guardian */
        dup2(null_fd, STDIN_FILENO);
        dup2(null_fd, STDOUT_FILENO);
    }
    while (read(pipe_fd, &byte, 1) < 0 && errno == EINTR) {}
    const size_t n_failed = mb_tune_undo(t, stderr);
    if (n_failed == 0)
        unlink(path);
    _exit(n_failed ? 1 : 0);
}

static int fork_guardian(const struct mb_tune *t, const char *path, pid_t *pid, int *write_end, struct mb_error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return mb_fail_errno(err, MB_EFAILED, "pipe of the guardian");
    fflush(NULL);
    *pid = fork();
    if (*pid == 0) {
        close(ends[1]);
        guard(ends[0], t, path);
    }
    close(ends[0]);
    *write_end = ends[1];
    if (*pid < 0)
        close(ends[1]);
    return *pid < 0 ? mb_fail_errno(err, MB_EFAILED, "the guardian cannot be started: nothing was changed") : MB_OK;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static void say(const struct mb_tune *t)
{
    const char *as_root = geteuid() ? " (as root it may be)" : "";
    for (size_t i = 0; i < t->n; i++) {
        const struct mb_tune_change *c = &t->changes[i];
        if (c->state == MB_TUNE_APPLIED)
            fprintf(stderr, "meltbench: %s: %s -> %s: %s (%s)\n", c->id, c->before, c->wanted, c->why, c->path);
        else if (c->state == MB_TUNE_AS_WANTED)
            fprintf(stderr, "meltbench: %s: is %s already (%s)\n", c->id, c->before, c->path);
        else
            fprintf(stderr, "meltbench: %s: not changed%s: %s\n", c->id, c->state == MB_TUNE_REFUSED ? as_root : "", c->reason);
    }
}

/* In the child: dies with its parent, has its addresses at the same place each time. Never returns. */
static void become(char *const *command, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    const int now = personality(0xffffffff);
    if (now == -1 || personality((unsigned long)now | ADDR_NO_RANDOMIZE) == -1)
        fprintf(stderr, "meltbench: aslr: not changed: %s\n", strerror(errno));
    else
        fprintf(stderr, "meltbench: aslr: off for the command: the same layout in memory on every start\n");
    execvp(command[0], command);
    fprintf(stderr, "meltbench: %s cannot be started: %s\n", command[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

/* Until the command ends. The terminal's Ctrl-C reaches it by itself (SI_KERNEL); a signal that somebody sent to us alone is passed on. */
static int wait_for(pid_t pid, const sigset_t *watched)
{
    int status = 0;
    for (siginfo_t info; waitpid(pid, &status, WNOHANG) == 0;) {
        const int signal_number = sigwaitinfo(watched, &info);
        if (signal_number > 0 && signal_number != SIGCHLD && info.si_code != SI_KERNEL)
            kill(pid, signal_number);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_command(char *const *command, int *code, struct mb_error *err)
{
    static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCHLD};
    const pid_t parent = getpid();
    sigset_t watched, before;
    sigemptyset(&watched);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(&watched, signals[i]);
    sigprocmask(SIG_BLOCK, &watched, &before);
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        become(command, parent);
    }
    int rc = MB_OK;
    if (pid < 0)
        rc = mb_fail_errno(err, MB_EFAILED, "%s cannot be started", command[0]);
    else
        *code = wait_for(pid, &watched);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static int wait_for_interrupt(struct mb_error *err)
{
    struct mb_interrupt in;
    const int rc = mb_interrupt_open(&in, NULL, NULL, err);
    if (rc)
        return rc;
    fprintf(stderr, "meltbench: tuned until Ctrl-C\n");
    while (mb_interrupt_sleep(&in, 3600000000000u) == 0) {}
    mb_interrupt_close(&in);
    return MB_OK;
}

/* With the locked file @fd of old values. */
static int run_guarded(struct mb_tune *t, const char *path, int fd, char *const *command, int *code, struct mb_error *err)
{
    pid_t guardian = -1;
    int write_end = -1, status = 0;
    int rc = save(fd, t, err);
    if (!rc)
        rc = fork_guardian(t, path, &guardian, &write_end, err);
    if (rc) {
        unlink(path);
        return rc;
    }
    mb_tune_apply(t);
    say(t);
    rc = command ? run_command(command, code, err) : wait_for_interrupt(err);
    close(write_end);
    while (waitpid(guardian, &status, 0) < 0 && errno == EINTR) {}
    if (!WIFEXITED(status) || WEXITSTATUS(status)) { /* it was killed, or could not: try what can be tried */
        const size_t n_failed = mb_tune_undo(t, stderr);
        if (n_failed == 0)
            unlink(path);
        else if (!rc && *code == 0)
            *code = 1;
    }
    return rc;
}

int mb_tune_run(const char *root, char *const *command, int *code, struct mb_error *err)
{
    struct mb_tune t = {0};
    char *path = state_path();
    int fd = -1, n = 0;
    *code = 0;
    if (!path)
        return mb_fail(err, MB_ENOENT, "neither XDG_STATE_HOME nor HOME is set: no place to keep the old values");
    int rc = mb_tune_restore(root, &n, err); /* of a tuning that nobody ended: else its values would pass for the old ones */
    if (!rc && n > 0)
        fprintf(stderr, "meltbench: %d settings of an earlier tuning were put back first\n", n);
    if (!rc)
        rc = open_locked(path, true, &fd, err);
    if (!rc)
        rc = mb_tune_plan(&t, root, err);
    if (!rc)
        rc = run_guarded(&t, path, fd, command, code, err);
    if (fd >= 0)
        close(fd);
    mb_tune_release(&t);
    free(path);
    return rc;
}
