/**
 * interrupt.h - Ctrl-C as data: SIGINT, SIGTERM and SIGHUP are blocked while a session runs and read from a signalfd(2), so there is
 * no handler and no global flag. The first asks to stop after the repetition under way, the second to stop now.
 * SIGHUP is left alone where it was ignored (nohup). Thread: call from the only thread.
 */
#ifndef MB_HARNESS_INTERRUPT_H
#define MB_HARNESS_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct mb_interrupt {
    int fd;                     /* readable when one came: for poll(2) */
    unsigned n;                 /* how many came */
    bool at_once;               /* nothing is worth finishing: the first one counts as two */
    sigset_t mask_before;       /* given back by mb_interrupt_close() */
    void (*on_first)(void *user);
    void *user;
};

/** mb_interrupt_open() - block and watch. @on_first (may be NULL) is called once, when the first one is noticed. */
int mb_interrupt_open(struct mb_interrupt *in, void (*on_first)(void *), void *user, struct mb_error *err) MB_MUST_CHECK;
/** mb_interrupt_count() - take what has come, without waiting; returns the count so far. */
unsigned mb_interrupt_count(struct mb_interrupt *in);
/** mb_interrupt_sleep() - wait @ns, less when one comes (or has come); returns the count so far. */
unsigned mb_interrupt_sleep(struct mb_interrupt *in, uint64_t ns);
/** mb_interrupt_close() - what is still pending is taken too, then the mask goes back. Safe on {.fd = -1}. */
void mb_interrupt_close(struct mb_interrupt *in);

#endif
