/* cli_process.c - see cli_process.h. */
#include "cli_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct cli_process process_start(const char *command)
{
    char line[1024];
    int out[2];
    assert_true(snprintf(line, sizeof(line), "exec %s 2>process.err </dev/null", command) < (int)sizeof(line));
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nothing behind */
        dup2(out[1], STDOUT_FILENO);
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    return (struct cli_process){.pid = pid, .out = out[0]};
}

void process_read(struct cli_process *p, char *bytes, size_t n)
{
    size_t n_read = 0;
    struct pollfd pollfd = {.fd = p->out, .events = POLLIN};
    while (n_read < n) {
        const ssize_t k = poll(&pollfd, 1, 60000) > 0 ? read(p->out, bytes + n_read, n - n_read) : 0;
        if (k <= 0)
            fail_msg("%zu bytes instead of %zu came", n_read, n);
        n_read += (size_t)k;
    }
    bytes[n] = '\0';
}

void process_close(struct cli_process *p)
{
    close(p->out);
    p->out = -1;
}

pid_t process_worker(const struct cli_process *p)
{
    char path[64];
    int worker = 0;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", p->pid, p->pid);
    for (int i = 0; i < 1000 && !worker; i++) {
        FILE *f = fopen(path, "r");
        if (f && fscanf(f, "%d", &worker) != 1)
            worker = 0;
        if (f)
            fclose(f);
        usleep(worker ? 0 : 20000);
    }
    assert_true(worker > 0);
    return worker;
}

bool process_is_running(const struct cli_process *p)
{
    return waitpid(p->pid, NULL, WNOHANG) == 0;
}

int process_wait(struct cli_process *p)
{
    int status = 0;
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    if (p->out >= 0)
        process_close(p);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool has_ended(pid_t pid)
{
    char path[64], state = 'X';
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 'X';
    if (f)
        fclose(f);
    return state == 'X' || state == 'Z';
}

bool process_ends(pid_t pid)
{
    for (int i = 0; i < 500 && !has_ended(pid); i++)
        usleep(10000);
    return has_ended(pid);
}
