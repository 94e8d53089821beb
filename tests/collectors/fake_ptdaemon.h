/**
 * fake_ptdaemon.h - a scripted stand-in for SPEC's PTDaemon on a loopback port, one client at a time. It answers as the public clients expect;
 * whether the real daemon does is not shown by it.
 */
#ifndef MB_TESTS_FAKE_PTDAEMON_H
#define MB_TESTS_FAKE_PTDAEMON_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum ptdaemon_mode {
    PTDAEMON_CLEAN,
    PTDAEMON_STRANGER,      /* greets as something else */
    PTDAEMON_MUTE,          /* takes the connection, never answers */
    PTDAEMON_REFUSES_GO,
    PTDAEMON_REFUSES_RL,
    PTDAEMON_HANGS_UP,      /* at Go */
    PTDAEMON_CUT,           /* hangs up in the middle of a line of the list */
    PTDAEMON_GARBAGE,       /* every fourth line of the list is noise */
    PTDAEMON_SLOW,          /* 20 ms before each answer, and that in two pieces */
    PTDAEMON_TOO_MANY,      /* readings of a longer time than the trial */
};

struct fake_ptdaemon {
    enum ptdaemon_mode mode;
    double watts;
    unsigned n_samples;     /* that the next RL returns */
    int listener;
    unsigned port;
    pthread_t thread;
    atomic_bool stop;
    atomic_int n_answered;
};

void fake_ptdaemon_start(struct fake_ptdaemon *d, enum ptdaemon_mode mode);
void fake_ptdaemon_stop(struct fake_ptdaemon *d);

#endif
