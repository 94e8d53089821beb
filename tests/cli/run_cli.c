/* run_cli.c - see run_cli.h. */
#include "run_cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGS = 32 };

static char *read_all(int fd)
{
    const off_t n = lseek(fd, 0, SEEK_END);
    char *text = malloc((size_t)n + 1);
    assert_non_null(text);
    assert_int_equal(pread(fd, text, (size_t)n, 0), n);
    text[n] = '\0';
    close(fd);
    return text;
}

static int scratch_file(void)
{
    char path[] = "/tmp/mb-cli-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    return fd;
}

struct cli cli_run(const char *first, ...)
{
    char *argv[MAX_ARGS + 2] = {NULL};
    static char binary[] = MB_BINARY_DIR "/meltbench";
    int argc = 0, status = 0;
    va_list ap;
    argv[argc++] = binary;
    va_start(ap, first);
    for (const char *a = first; a && argc <= MAX_ARGS; a = va_arg(ap, const char *))
        argv[argc++] = (char *)a;
    va_end(ap);
    const int out = scratch_file(), err = scratch_file();
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
        dup2(out, 1);
        dup2(err, 2);
        execv(binary, argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    struct cli c = {.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), .out = read_all(out), .err = read_all(err)};
    assert_int_not_equal(c.code, 127);
    return c;
}

void cli_free(struct cli *c)
{
    free(c->out);
    free(c->err);
    *c = (struct cli){0};
}

size_t cli_count_lines(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}
