/* clock.c - see clock.h. RAW has no sleep call of its own, so sleeping converts the remaining span to CLOCK_MONOTONIC. */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

uint64_t mb_clock_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t mb_clock_resolution_ns(void)
{
    uint64_t best = UINT64_MAX, last = mb_clock_ns();
    for (int i = 0; i < 4096; i++) {
        const uint64_t now = mb_clock_ns();
        if (now != last && now - last < best)
            best = now - last;
        last = now;
    }
    return best == UINT64_MAX ? 0 : best;
}

void mb_clock_sleep_until_ns(uint64_t t_ns)
{
    for (;;) {
        const uint64_t now = mb_clock_ns();
        if (now >= t_ns)
            return;
        const uint64_t left = t_ns - now;
        struct timespec ts = {.tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u)};
        clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
    }
}

void mb_clock_utc(char *buf, size_t cap)
{
    struct timespec ts;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    char day[24];
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf, cap, "%s.%03dZ", day, (int)(ts.tv_nsec / 1000000));
}
