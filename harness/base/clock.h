/**
 * clock.h - the one clock of the suite: CLOCK_MONOTONIC_RAW in ns (not slewed by NTP; time_namespaces(7), clock_gettime(2)).
 * The engine's observer stamps with the same clock, so events and samples need no alignment. Reentrant.
 */
#ifndef MB_BASE_CLOCK_H
#define MB_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/** mb_clock_ns() - now, ns since an arbitrary start (boot). Never goes back within one boot. */
uint64_t mb_clock_ns(void);

/** mb_clock_resolution_ns() - smallest non-zero step seen over some thousand reads: what a single stamp can resolve. */
uint64_t mb_clock_resolution_ns(void);

/** mb_clock_sleep_until_ns() - sleep until the mb_clock_ns() value @t_ns (returns at once when it has passed); EINTR-safe. */
void mb_clock_sleep_until_ns(uint64_t t_ns);

/** mb_clock_utc() - write UTC wall time "2026-11-22T17:00:00.123Z" (RFC 3339) into buf[cap], cap >= 25. */
void mb_clock_utc(char *buf, size_t cap);

#endif
