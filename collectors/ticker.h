/**
 * ticker.h - one thread that calls a function at absolute deadlines while it is started, and sleeps without waking otherwise.
 * It knows its own cost: CPU time, lateness of every tick, missed ticks.
 *
 * Deadline k is start + k * period, plus a random share of the period with jitter (against aliasing with token-periodic load); a late
 * tick never shifts the next one, and deadlines that have passed entirely are counted as missed, not made up for.
 * Thread: open..close from one thread; tick() runs on the ticker's own. stop() returns when no tick is running.
 */
#ifndef MB_COLLECTORS_TICKER_H
#define MB_COLLECTORS_TICKER_H

#include <stdint.h>

#include "base/error.h"

struct mb_ticker;

struct mb_ticker_config {
    uint64_t period_ns;      /* > 0 */
    unsigned jitter_percent; /* 0..100: deadlines move by up to +- half of this share of a period */
    uint32_t max_ticks;      /* lateness is kept for so many ticks of a run */
    void (*tick)(void *user);
    void *user;
};

struct mb_ticker_stats {  /* of the run that stop() ended */
    uint64_t n_ticks;
    uint64_t n_missed;    /* deadlines that passed while an earlier tick was late by more than a period */
    uint64_t period_ns;   /* mean distance of two ticks as they came, n_missed gaps and all; 0 with fewer than two */
    uint64_t cpu_ns;      /* thread CPU time between start and stop */
    uint64_t n_late;      /* ticks whose lateness was kept */
    uint64_t late_p99_ns; /* nearest rank; 0 with n_late 0 */
};

int mb_ticker_open(struct mb_ticker **out, const struct mb_ticker_config *config, struct mb_error *err) MB_MUST_CHECK;
void mb_ticker_start(struct mb_ticker *t); /* first tick one period from now */
void mb_ticker_stop(struct mb_ticker *t);  /* waits at most for the tick under way */
void mb_ticker_stats(struct mb_ticker *t, struct mb_ticker_stats *stats); /* between runs; sorts */
void mb_ticker_close(struct mb_ticker *t); /* joins; accepts NULL */

#endif
