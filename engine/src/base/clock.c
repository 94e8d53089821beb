/* clock.c - the one clock of the engine: not slewed by NTP, so that durations are real. */
#include <time.h>

#include "eng/engine.h"

uint64_t eng_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
