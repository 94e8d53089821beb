/* worker_link.c - see worker_link.h. */
#include "harness/worker_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define FD_SPARE 10           /* the child moves its ends up here before they take their numbers */
#define GRACE_NS 2000000000u  /* from the end of its pipe, or from "quit", to the end of the process */
#define ANSWER_MOST_BYTES (1u << 30)
#define READS_AT_ONCE 32      /* of 4 KiB: more than a pipe holds, so that what a dead worker left is taken, and an end for a live one */

char *mb_worker_where(const struct mb_worker_page *page, char *buf, size_t cap)
{
    const uint32_t request = page->request, index = page->index;
    if (page->stage == MB_STAGE_IDLE)
        snprintf(buf, cap, "between repetitions");
    else if (page->stage == MB_STAGE_READ)
        snprintf(buf, cap, "after the timed part, while the collectors were read");
    else if (page->n_events == 0)
        snprintf(buf, cap, "%s", page->stage == MB_STAGE_OPEN ? "while the workload and collectors were opened" : "before the first request");
    else
        switch (page->kind) {
        case MB_EVENT_LOAD_BEGIN:
            snprintf(buf, cap, "while the model was loaded");
            break;
        case MB_EVENT_LOAD_END:
            snprintf(buf, cap, "after the model was loaded");
            break;
        case MB_EVENT_REQUEST_BEGIN:
        case MB_EVENT_TOKENIZE_BEGIN:
            snprintf(buf, cap, "in tokenize of request %u", request);
            break;
        case MB_EVENT_TOKENIZE_END:
        case MB_EVENT_PREFILL_BEGIN:
            snprintf(buf, cap, "in prefill of request %u", request);
            break;
        case MB_EVENT_PREFILL_END:
            snprintf(buf, cap, "in decode of request %u, before its first token", request);
            break;
        case MB_EVENT_TOKEN:
            snprintf(buf, cap, "in decode of request %u, after token %u", request, index);
            break;
        case MB_EVENT_DETOKENIZE_BEGIN:
        case MB_EVENT_DETOKENIZE_END:
            snprintf(buf, cap, "in detokenize of request %u", request);
            break;
        default:
            snprintf(buf, cap, "after request %u", request);
        }
    return buf;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* --- start ----------------------------------------------------------------------------------------------------- */

enum { MOST_ENDS = MB_WORKER_FD_TEXT + 1 };

/* Between fork and exec: only what signal-safety(7) allows. ends[i] becomes descriptor i; an end of -1 is the last and left out. */
static void become_worker(const int ends[MOST_ENDS], const struct mb_memory_cap *cap, pid_t parent)
{
    char *const argv[] = {(char[]){"meltbench"}, (char[]){"worker"}, NULL};
    setpgid(0, 0); /* a terminal's Ctrl-C is for the parent, who decides */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(125); /* the parent died before the line above: nobody would tell us */
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    static const char no_cap[] = "the memory limit could not be set";
    if (cap && !mb_memory_cap_enter(cap))
        _exit(write(ends[2], no_cap, sizeof(no_cap) - 1) < 0 ? 125 : 126);
    for (int s = 1; s < NSIG; s++)
        if (s != SIGKILL && s != SIGSTOP)
            signal(s, SIG_DFL);
    sigset_t empty;
    sigemptyset(&empty);
    sigprocmask(SIG_SETMASK, &empty, NULL);
    const int n = ends[MOST_ENDS - 1] < 0 ? MOST_ENDS - 1 : MOST_ENDS;
    int spare[MOST_ENDS];
    for (int i = 0; i < n; i++)
        spare[i] = fcntl(ends[i], F_DUPFD, FD_SPARE);
    for (int i = 0; i < n; i++)
        if (dup2(spare[i], i) < 0)
            _exit(125);
    close_range((unsigned)n, ~0u, 0);
    execv("/proc/self/exe", argv);
    static const char text[] = "cannot execute /proc/self/exe";
    if (write(2, text, sizeof(text) - 1) < 0)
        _exit(126);
    _exit(127);
}

int mb_worker_spawn(struct mb_worker *w, const struct mb_text_sink *text, const struct mb_memory_cap *cap, struct mb_error *err)
{
    int in[2] = {-1, -1}, out[2] = {-1, -1}, errs[2] = {-1, -1}, said[2] = {-1, -1}, page = -1, rc = MB_OK;
    *w = (struct mb_worker)MB_WORKER_NONE;
    /* Commands go through a socket, not a pipe, because only send(2) can refuse SIGPIPE. */
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) || pipe2(out, O_CLOEXEC) || pipe2(errs, O_CLOEXEC) ||
        (text && pipe2(said, O_CLOEXEC)) || (page = memfd_create("meltbench-worker", MFD_CLOEXEC)) < 0 || ftruncate(page, sizeof(*w->page)))
        goto fail;
    void *map = mmap(NULL, sizeof(*w->page), PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    if (map == MAP_FAILED)
        goto fail;
    w->page = map;
    const pid_t parent = getpid();
    w->pid = fork();
    if (w->pid < 0)
        goto fail;
    if (w->pid == 0)
        become_worker((const int[MOST_ENDS]){in[1], errs[1], errs[1], out[1], page, said[1]}, cap, parent);
    w->fd_in = in[0];
    w->fd_out = out[0];
    w->fd_err = errs[0];
    w->fd_text = said[0];
    w->text = text;
    w->cap = cap;
    fcntl(w->fd_err, F_SETFL, O_NONBLOCK);
    fcntl(w->fd_text, F_SETFL, O_NONBLOCK); /* where there is one */
    in[0] = out[0] = errs[0] = said[0] = -1;
    goto out;
fail:
    rc = mb_fail_errno(err, MB_EFAILED, "cannot start a worker process");
    w->pid = 0;
    if (w->page)
        munmap(w->page, sizeof(*w->page));
    w->page = NULL;
out:
    for (int i = 0; i < 2; i++) {
        close_fd(&in[i]);
        close_fd(&out[i]);
        close_fd(&errs[i]);
        close_fd(&said[i]);
    }
    close_fd(&page);
    return rc;
}

/* --- end ------------------------------------------------------------------------------------------------------- */

/* The last bytes that it wrote to stdout and stderr, printable. */
static bool keep_words(void *user, const char *chunk, size_t n)
{
    struct mb_worker *w = user;
    const size_t n_new = n < MB_WORKER_STDERR_TAIL ? n : MB_WORKER_STDERR_TAIL;
    const size_t n_keep = w->n_err_tail < MB_WORKER_STDERR_TAIL - n_new ? w->n_err_tail : MB_WORKER_STDERR_TAIL - n_new;
    memmove(w->err_tail, w->err_tail + w->n_err_tail - n_keep, n_keep);
    memcpy(w->err_tail + n_keep, chunk + n - n_new, n_new);
    w->n_err_tail = n_keep + n_new;
    for (size_t i = n_keep; i < w->n_err_tail; i++)
        if (w->err_tail[i] < ' ' || w->err_tail[i] > '~') /* bytes >= 0x80 too: the reason must stay valid text */
            w->err_tail[i] = w->err_tail[i] == '\n' || w->err_tail[i] == '\t' ? ' ' : '?';
    w->err_tail[w->n_err_tail] = '\0';
    return true;
}

/* What has come so far (a short read has emptied the pipe); it is closed at its end, and when nobody takes it: false then. */
static bool take_all(int *fd, const struct mb_text_sink *to)
{
    char chunk[4096];
    ssize_t n = sizeof(chunk);
    bool taken = true;
    for (int i = 0; i < READS_AT_ONCE && taken && *fd >= 0 && n == sizeof(chunk); i++)
        if ((n = read(*fd, chunk, sizeof(chunk))) > 0)
            taken = to->put(to->user, chunk, (size_t)n);
    if (!taken || n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_fd(fd);
    return taken;
}

/* Words and text: whoever waits for the worker has to, because a full pipe keeps it from going on. false: nobody takes the text. */
static bool take_said(struct mb_worker *w)
{
    take_all(&w->fd_err, &(const struct mb_text_sink){keep_words, w});
    return take_all(&w->fd_text, w->text);
}

/* Wait for its end until @until_ns, then make it end. Returns the wait status. */
static int reap(struct mb_worker *w, uint64_t until_ns, bool *killed_here)
{
    int status = 0;
    pid_t got;
    *killed_here = false;
    while ((got = waitpid(w->pid, &status, WNOHANG)) == 0 && mb_clock_ns() < until_ns) {
        take_said(w);
        mb_clock_sleep_until_ns(mb_clock_ns() + 1000000u);
    }
    if (got == 0) {
        *killed_here = true;
        kill(w->pid, SIGKILL);
        while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    return status;
}

static void release(struct mb_worker *w)
{
    take_said(w);
    close_fd(&w->fd_in);
    close_fd(&w->fd_out);
    close_fd(&w->fd_err);
    close_fd(&w->fd_text);
    if (w->page)
        munmap(w->page, sizeof(*w->page));
    w->page = NULL;
    w->pid = 0;
    mb_strbuf_release(&w->line);
}

void mb_worker_kill(struct mb_worker *w)
{
    bool killed;
    if (w->pid > 0)
        reap(w, 0, &killed);
    release(w);
}

void mb_worker_quit(struct mb_worker *w)
{
    bool killed;
    if (w->pid > 0) {
        close_fd(&w->fd_in);
        reap(w, mb_clock_ns() + GRACE_NS, &killed);
    }
    release(w);
}

/* Its end as a sentence: how, where, last words. @what: NULL, or why it was killed by us. */
static int died(struct mb_worker *w, const char *what, struct mb_error *err)
{
    char how[120], where[120];
    bool killed;
    const int status = reap(w, what ? 0 : mb_clock_ns() + GRACE_NS, &killed);
    take_said(w);
    if (what)
        snprintf(how, sizeof(how), "%s", what);
    else if (killed)
        snprintf(how, sizeof(how), "closed its answer pipe and had to be killed");
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && w->cap && mb_memory_cap_killed(w->cap))
        snprintf(how, sizeof(how), "killed by the kernel for using more memory than it may,");
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        snprintf(how, sizeof(how), "killed by SIGKILL, not by meltbench (the kernel's out-of-memory killer, or somebody else)");
    else if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        snprintf(how, sizeof(how), name ? "killed by SIG%s" : "killed by signal %s%d", name ? name : "", WTERMSIG(status));
    } else
        snprintf(how, sizeof(how), "worker ended by itself with exit code %d", WEXITSTATUS(status));
    mb_worker_where(w->page, where, sizeof(where));
    const bool words = w->n_err_tail > 0;
    mb_fail(err, MB_EFAILED, "%s %s%s%s", how, where, words ? "; its last words: " : "", words ? w->err_tail : "");
    release(w);
    return MB_EFAILED;
}

/* --- ask ------------------------------------------------------------------------------------------------------- */

static int send_line(struct mb_worker *w, const json_t *command, struct mb_error *err)
{
    char *text = json_dumps(command, JSON_COMPACT);
    if (!text)
        return mb_fail(err, MB_ENOMEM, "no memory for a command to the worker");
    size_t n = strlen(text), sent = 0;
    text[n++] = '\n'; /* in place of the NUL */
    bool gone = false;
    while (sent < n && !gone) {
        const ssize_t k = send(w->fd_in, text + sent, n - sent, MSG_NOSIGNAL);
        if (k > 0)
            sent += (size_t)k;
        else
            gone = errno != EINTR;
    }
    free(text);
    return gone ? died(w, NULL, err) : MB_OK;
}

/* One read of the answer pipe. 1: a whole line is there; 0: not yet; negative: the worker is gone. */
static int read_answer(struct mb_worker *w, struct mb_error *err)
{
    char chunk[65536];
    const ssize_t n = read(w->fd_out, chunk, sizeof(chunk));
    if (n < 0)
        return errno == EINTR ? 0 : mb_fail_errno(err, MB_EIO, "reading from the worker");
    if (n == 0)
        return died(w, NULL, err);
    mb_strbuf_add(&w->line, chunk, (size_t)n);
    if (w->line.failed || w->line.n_bytes > ANSWER_MOST_BYTES)
        return died(w, "killed because its answer did not fit in memory", err);
    const char *end = memchr(chunk, '\n', (size_t)n);
    if (end && end != chunk + n - 1)
        return died(w, "killed because it answered more than was asked", err);
    return end != NULL;
}

static int parse_answer(struct mb_worker *w, json_t **answer, struct mb_error *err)
{
    json_error_t why;
    *answer = json_loadb(w->line.text, w->line.n_bytes, 0, &why);
    mb_strbuf_clear(&w->line);
    if (*answer && json_is_object(*answer))
        return MB_OK;
    json_decref(*answer);
    *answer = NULL;
    return died(w, "killed because its answer was no JSON object", err);
}

/* Until a line is there. 1, or negative. */
static int wait_answer(struct mb_worker *w, uint64_t timeout_ns, struct mb_interrupt *in, struct mb_error *err)
{
    const uint64_t until = mb_clock_ns() + timeout_ns;
    for (;;) {
        struct pollfd p[] = {{.fd = w->fd_out, .events = POLLIN}, {.fd = w->fd_err, .events = POLLIN}, {.fd = w->fd_text, .events = POLLIN},
                             {.fd = in ? in->fd : -1, .events = POLLIN}};
        const uint64_t now = mb_clock_ns();
        if (now >= until) {
            char what[80];
            snprintf(what, sizeof(what), "timed out after %g s", (double)timeout_ns / 1e9);
            return died(w, what, err);
        }
        const uint64_t left_ms = (until - now + 999999u) / 1000000u;
        if (poll(p, 4, left_ms > 3600000u ? 3600000 : (int)left_ms) < 0 && errno != EINTR)
            return mb_fail_errno(err, MB_EIO, "waiting for the worker");
        if (in && p[3].revents && mb_interrupt_count(in) >= 2) {
            mb_worker_kill(w);
            return mb_fail(err, MB_EINTR, "interrupted");
        }
        const int rc = p[0].revents ? read_answer(w, err) : 0;
        if (rc >= 0 && !take_said(w)) /* after the answer: its text was written before it */
            return died(w, "killed because nobody took its text", err);
        if (rc)
            return rc;
    }
}

int mb_worker_ask(struct mb_worker *w, const json_t *command, uint64_t timeout_ns, struct mb_interrupt *in, json_t **answer,
                  struct mb_error *err)
{
    *answer = NULL;
    if (w->pid <= 0)
        return mb_fail(err, MB_EFAILED, "there is no worker to ask");
    int rc = send_line(w, command, err);
    if (rc == MB_OK)
        rc = wait_answer(w, timeout_ns, in, err);
    if (rc > 0)
        rc = parse_answer(w, answer, err);
    if (rc < 0)
        mb_worker_kill(w);
    return rc;
}
