/** cli_process.h - the binary while it runs: what it prints comes through a pipe, and it can be left, interrupted and waited for. */
#ifndef MB_TESTS_CLI_PROCESS_H
#define MB_TESTS_CLI_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct cli_process {
    pid_t pid;  /* leads a group of its own, as a shell's job does */
    int out;    /* reading end of its standard output; -1 = closed */
};

/** process_start() - a shell's command line in the scene's folder (cli_scene.h), executed in place of the shell; stderr into the
 *  file "process.err". */
struct cli_process process_start(const char *command);

/** process_read() - exactly @n bytes into @bytes and a NUL behind them; waits for them, up to a minute: less is a failed test. */
void process_read(struct cli_process *p, char *bytes, size_t n);
/** process_close() - nobody reads its output any more. */
void process_close(struct cli_process *p);

/** process_worker() - pid of the process that it started and that computes; waits for it. */
pid_t process_worker(const struct cli_process *p);
bool process_is_running(const struct cli_process *p);
/** process_wait() - its exit code, or 128 + signal. */
int process_wait(struct cli_process *p);
/** process_ends() - does a process that is no child of ours end within seconds? */
bool process_ends(pid_t pid);

#endif
