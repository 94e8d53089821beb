/**
 * fake_meter.h - a meter on a pseudo terminal, for want of a real one: says what the test wants when it wants, whole, damaged or in
 * pieces, and can be unplugged. What it cannot show: the timing and noise of a real wire, and boards that restart when they are opened.
 */
#ifndef MB_TESTS_FAKE_METER_H
#define MB_TESTS_FAKE_METER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake_meter {
    int master, watch; /* watch: a second descriptor of the reader's side, to see what has arrived */
    char path[64];
    pthread_t thread;
    atomic_bool stop;
    unsigned interval_us;
    size_t (*line)(void *user, uint64_t n, char *text, size_t cap); /* the n-th line */
    void *user;
};

void fake_meter_plug(struct fake_meter *m);
void fake_meter_unplug(struct fake_meter *m); /* the reader sees a hang-up; may be called twice */

/** Bytes as they are; returns when the reader could read them. */
void fake_meter_say(struct fake_meter *m, const char *text);

/** Talk by itself every @interval_us, until quiet: what the collector needs to find it. */
void fake_meter_talk(struct fake_meter *m, unsigned interval_us, size_t (*line)(void *user, uint64_t n, char *text, size_t cap), void *user);
void fake_meter_quiet(struct fake_meter *m);

/** A line of the SmartPower 3 with its checksums and CR LF: input and output 1 on or off, output 2 off. */
size_t fake_smartpower3_line(char *text, size_t cap, uint32_t ms, unsigned in_mw, unsigned out_mw);

#endif
