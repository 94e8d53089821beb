/* memory_forecast.c - see memory_forecast.h. */
#include "harness/memory_forecast.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sysroot.h"
#include "harness/machine_cpu.h"
#include "harness/machine_facts.h"
#include "workloads/workload.h"

#define MIB 1048576.0
#define MOST_SECONDS 30 /* to read a header: a share that hangs must not hold the night up */

/* A worker is this program: what it has resident before a model is opened is what we have, program and libraries. */
static uint64_t own_bytes(const char *root)
{
    char text[128];
    uint64_t pages;
    if (mb_sys_read_text(root, "/proc/self/statm", text, sizeof(text), NULL) || sscanf(text, "%*u %" SCNu64, &pages) != 1)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The most tokens at once; 0 when the workload cannot be opened, with the reason. */
static uint32_t context_of(const struct mb_cell *cell, struct mb_error *err)
{
    const struct mb_workload_ops *ops = mb_workload_find(cell->workload);
    struct mb_workload_need need = {0};
    void *state = ops ? calloc(1, ops->state_size + 1) : NULL;
    if (!state) {
        mb_fail(err, MB_ENOMEM, "no memory for workload '%s'", cell->workload);
        return 0;
    }
    const int rc = ops->open(state, cell, &need, err);
    ops->close(state);
    free(state);
    return rc ? 0 : need.n_ctx;
}

static void ask(struct mb_memory_forecast *f, const struct mb_cell *cell, const struct mb_runner_ops *runner)
{
    struct mb_error err = {0};
    const uint32_t n_ctx = context_of(cell, &err);
    if (n_ctx == 0 || runner->memory_need(cell, n_ctx, &f->need, &err))
        snprintf(f->why_not, sizeof(f->why_not), "not predicted: %.180s", err.text);
    else
        f->peak_bytes = f->process_bytes + f->need.peak_bytes;
}

/* The whole answer in one write: below PIPE_BUF, so it is there or not. */
static void answer_and_end(const struct mb_memory_forecast *f, int fd)
{
    _exit(write(fd, f, sizeof(*f)) == (ssize_t)sizeof(*f) ? 0 : 1);
}

/* In a process of its own: a model file is a stranger's, and what it does to its reader shall not end the session. */
static void ask_aside(struct mb_memory_forecast *f, const struct mb_cell *cell, const struct mb_runner_ops *runner)
{
    struct mb_memory_forecast seen;
    int ends[2] = {-1, -1}, status = 0;
    const pid_t child = pipe(ends) ? -1 : fork();
    if (child < 0) {
        snprintf(f->why_not, sizeof(f->why_not), "not predicted: no process to read the model in: %s", strerror(errno));
        for (int i = 0; i < 2 && ends[i] >= 0; i++)
            close(ends[i]);
        return;
    }
    if (child == 0) {
        alarm(MOST_SECONDS); /* its default ends the process */
        ask(f, cell, runner);
        answer_and_end(f, ends[1]);
    }
    close(ends[1]);
    const bool answered = read(ends[0], &seen, sizeof(seen)) == (ssize_t)sizeof(seen);
    close(ends[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (answered)
        *f = seen;
    else
        snprintf(f->why_not, sizeof(f->why_not), "not predicted: reading the model's header ended with %s %d", WIFSIGNALED(status) ? "signal" : "code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

void mb_memory_forecast(struct mb_memory_forecast *f, const struct mb_cell *cell, const char *root)
{
    const struct mb_runner_ops *runner = mb_runner_find(cell->runner);
    *f = (struct mb_memory_forecast){.process_bytes = own_bytes(root)};
    if (!runner || !runner->memory_need) {
        snprintf(f->why_not, sizeof(f->why_not), "runner %s cannot tell its memory beforehand", cell->runner);
        return;
    }
    ask_aside(f, cell, runner);
}

const char *mb_memory_shortage(uint64_t peak_bytes, uint32_t limit_mib, const char *root, char *buf, size_t cap)
{
    const long long available_kib = mb_machine_memory_kib(root, "MemAvailable");
    const struct {
        double bytes; /* 0: none, or unknown */
        const char *what;
    } limits[] = {
        {limit_mib * MIB, "protocol.memory_limit_mib allows"},
        {(double)mb_machine_memory_limit(root), "this control group may use"},
        {available_kib > 0 ? (double)available_kib * 1024 : 0, "this machine has available now"},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (limits[i].bytes == 0 || (double)peak_bytes <= limits[i].bytes)
            continue;
        snprintf(buf, cap, "needs about %.0f MiB, %s %.0f MiB", (double)peak_bytes / MIB, limits[i].what, limits[i].bytes / MIB);
        return buf;
    }
    return NULL;
}
