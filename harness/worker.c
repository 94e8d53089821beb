/*
 * worker.c - the child's side: one cell, in a process of its own. Reads a command a line on stdin, writes an answer a line on
 * descriptor 3, and text while it is made on descriptor 5 where somebody asked for it (worker_link.h has the numbers, wire.h the lines). It ends when stdin does: a thread watches for that, because the
 * main one may be deep in a repetition when the parent dies; PR_SET_PDEATHSIG, set by the parent's fork, is the other half.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/write_all.h"
#include "harness/session.h"
#include "harness/trial.h"
#include "harness/wire.h"
#include "harness/worker_link.h"

struct worker {
    struct mb_site *site;
    struct mb_worker_page *page;
    json_t *opened; /* the open command: owns the strings of the site's cell */
};

static bool put_text(void *unused, const char *bytes, size_t n_bytes)
{
    (void)unused;
    return mb_write_all(MB_WORKER_FD_TEXT, bytes, n_bytes);
}

static const struct mb_text_sink text_pipe = {.put = put_text};

static void *watch_stdin(void *unused)
{
    (void)unused;
    struct pollfd p = {.fd = STDIN_FILENO, .events = 0}; /* only the hang-up, which needs no asking */
    while (poll(&p, 1, -1) <= 0 || !(p.revents & (POLLHUP | POLLERR | POLLNVAL)))
        continue;
    _exit(0); /* in whatever state the rest is: nobody is left to hear of it */
}

static int start_watch(void)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are the main thread's */
    const int rc = pthread_create(&thread, &attr, watch_stdin, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return rc;
}

/* When memory runs out the kernel should take this process, not the parent that writes the reason down. */
static void volunteer_for_oom(void)
{
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "1000", 4) != 4)
        fputs("worker: oom_score_adj stays as it is\n", stderr);
    close(fd);
}

static int write_line(const json_t *json)
{
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (!text)
        return MB_ENOMEM;
    const size_t n = strlen(text);
    text[n] = '\n'; /* in place of the NUL */
    const bool ok = mb_write_all(MB_WORKER_FD_ANSWER, text, n + 1);
    free(text);
    return ok ? MB_OK : MB_EIO;
}

static json_t *do_open(struct worker *w, json_t *json, struct mb_wire_command *command, struct mb_error *err)
{
    if (w->site) {
        mb_fail(err, MB_EINVAL, "the worker has its cell already");
        return NULL;
    }
    if (command->stream && fcntl(MB_WORKER_FD_TEXT, F_GETFD) < 0) {
        mb_fail(err, MB_EINVAL, "command open: no descriptor for the text");
        return NULL;
    }
    w->opened = json_incref(json);
    command->setup.page = w->page;
    command->setup.text = command->stream ? &text_pipe : NULL;
    if (mb_site_open(&w->site, &command->setup, err))
        return NULL;
    struct mb_runner_facts facts;
    mb_site_facts(w->site, &facts);
    return mb_wire_facts_answer(&facts);
}

static json_t *do_trial(struct worker *w, const struct mb_wire_command *command, struct mb_error *err)
{
    if (!w->site) {
        mb_fail(err, MB_EINVAL, "the worker has no cell yet");
        return NULL;
    }
    struct mb_record record = {0};
    json_t *answer = NULL;
    if (mb_site_trial(w->site, command->kind, command->repetition, &record, err) == MB_OK)
        answer = mb_wire_record_answer(&record);
    mb_record_release(&record);
    return answer;
}

static int serve_line(struct worker *w, const char *line, size_t n)
{
    struct mb_error err = {0};
    struct mb_wire_command command;
    json_error_t why;
    json_t *json = json_loadb(line, n, 0, &why), *answer = NULL;
    if (!json)
        mb_fail(&err, MB_EFORMAT, "command: %s", why.text);
    else if (mb_wire_read_command(json, &command, &err) == MB_OK)
        answer = command.verb == MB_WIRE_OPEN ? do_open(w, json, &command, &err) : do_trial(w, &command, &err);
    if (!answer && err.code == MB_OK)
        mb_fail(&err, MB_ENOMEM, "out of memory: no room for the answer");
    if (!answer)
        answer = mb_wire_error_answer(&err);
    const int rc = write_line(answer);
    json_decref(answer);
    json_decref(json);
    return rc;
}

static struct mb_worker_page *map_page(void)
{
    void *page = mmap(NULL, sizeof(struct mb_worker_page), PROT_READ | PROT_WRITE, MAP_SHARED, MB_WORKER_FD_PAGE, 0);
    return page == MAP_FAILED ? NULL : page;
}

int mb_worker_main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1 || fcntl(MB_WORKER_FD_ANSWER, F_GETFD) < 0) {
        fputs("meltbench: 'worker' is the inner side of 'meltbench run' and not for people\n", stderr);
        return 2;
    }
    fcntl(MB_WORKER_FD_ANSWER, F_SETFD, FD_CLOEXEC);
    fcntl(MB_WORKER_FD_PAGE, F_SETFD, FD_CLOEXEC);
    fcntl(MB_WORKER_FD_TEXT, F_SETFD, FD_CLOEXEC); /* where there is one */
    volunteer_for_oom();
    struct worker w = {.page = map_page()};
    if (start_watch()) {
        fputs("worker: no memory for a thread\n", stderr);
        return 1;
    }
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int rc = MB_OK;
    while (rc == MB_OK && (n = getline(&line, &cap, stdin)) > 0)
        rc = serve_line(&w, line, (size_t)n);
    free(line);
    mb_site_close(w.site);
    json_decref(w.opened);
    return rc ? 1 : 0;
}
