/**
 * worker_link.h - the parent's side of a worker process: start it, ask it, and know why it died.
 *
 * The worker is /proc/self/exe executed fresh with the argument "worker". Descriptors on its side:
 *   0 commands, one JSON object a line; when this end closes the worker ends   1, 2 both the stderr pipe, so that a chatty library
 *   disturbs nobody   3 answers, one JSON object a line   4 the shared page below   5 only where the parent wants text while it is made: that text,
 *   raw bytes and nothing else, written before the answer that holds it. Everything else is closed.
 * Every ask has a time limit. Whatever goes wrong, the worker is dead and reaped when mb_worker_ask() returns an error.
 * Thread: the one that forked (PR_SET_PDEATHSIG watches the thread).
 */
#ifndef MB_HARNESS_WORKER_LINK_H
#define MB_HARNESS_WORKER_LINK_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/event.h"
#include "base/strbuf.h"
#include "base/text_sink.h"
#include "harness/interrupt.h"
#include "harness/memory_cap.h"

#define MB_WORKER_FD_ANSWER 3
#define MB_WORKER_FD_PAGE 4
#define MB_WORKER_FD_TEXT 5
#define MB_WORKER_STDERR_TAIL 400u

enum mb_worker_stage { MB_STAGE_IDLE, MB_STAGE_OPEN, MB_STAGE_TRIAL, MB_STAGE_READ /* after the timed region */ };

/* Where the worker is, so that the parent can say where it died. Written by the worker only; plain stores, no syscalls. */
struct mb_worker_page {
    _Atomic uint32_t stage;   /* enum mb_worker_stage */
    _Atomic uint32_t n_events;/* of this stage */
    _Atomic uint32_t kind;    /* last event: enum mb_event_kind; means something when n_events > 0 */
    _Atomic uint32_t request, index;
};

struct mb_worker {
    pid_t pid;                /* 0 = none */
    int fd_in, fd_out, fd_err, fd_text; /* parent's ends; -1 = closed */
    const struct mb_text_sink *text; /* who takes what comes from fd_text */
    const struct mb_memory_cap *cap; /* or NULL */
    struct mb_worker_page *page;
    struct mb_strbuf line;    /* of the answer under way */
    char err_tail[MB_WORKER_STDERR_TAIL + 1];
    size_t n_err_tail;
};

#define MB_WORKER_NONE {.pid = 0, .fd_in = -1, .fd_out = -1, .fd_err = -1, .fd_text = -1}

/** mb_worker_spawn() - @text: takes what the worker says on descriptor 5 while it is asked, all of it before mb_worker_ask() returns,
 *  also when it died; outlives the worker. NULL: the worker has no such descriptor. @cap: the memory it may have, for its whole life;
 *  outlives it too; may be NULL. */
int mb_worker_spawn(struct mb_worker *w, const struct mb_text_sink *text, const struct mb_memory_cap *cap, struct mb_error *err) MB_MUST_CHECK;

/**
 * mb_worker_ask() - send @command, wait for one answer (new reference in *answer).
 *
 * @timeout_ns  from now; then the worker is killed
 * @in          second interrupt: the worker is killed at once and MB_EINTR returned. May be NULL.
 * Returns: MB_OK; MB_EINTR; MB_EFAILED with what killed it, and where it was: "killed by SIGSEGV in decode, after token 3 of
 * request 0; its last words: ...", also when nobody took its text; MB_ENOMEM, MB_EIO for troubles of the parent.
 */
int mb_worker_ask(struct mb_worker *w, const json_t *command, uint64_t timeout_ns, struct mb_interrupt *in, json_t **answer,
                  struct mb_error *err) MB_MUST_CHECK;

/** mb_worker_quit() - ask it to leave, kill it after two seconds, reap it. Accepts one that is gone. */
void mb_worker_quit(struct mb_worker *w);
/** mb_worker_kill() - SIGKILL and reap, now. Accepts one that is gone. */
void mb_worker_kill(struct mb_worker *w);

/** mb_worker_where() - the place that the page names, for a sentence: "in prefill of request 0"; into buf[cap]; returns buf. */
char *mb_worker_where(const struct mb_worker_page *page, char *buf, size_t cap);

#endif
