/** proc_load.h - who uses the processors: ticks of /proc/stat and the busiest processes (proc(5)). */
#ifndef MB_HARNESS_PROC_LOAD_H
#define MB_HARNESS_PROC_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct mb_cpu_ticks { uint64_t all, steal; }; /* since boot, all processors; guest time is already in user time */

int mb_cpu_ticks_read(const char *root, struct mb_cpu_ticks *ticks, struct mb_error *err) MB_MUST_CHECK;

struct mb_cpu_pressure { uint64_t total_us; double avg60_percent; }; /* time in which something that could run had to wait for a processor */

/** mb_cpu_pressure_read() - line "some" of /proc/pressure/cpu (Documentation/accounting/psi.rst). */
int mb_cpu_pressure_read(const char *root, struct mb_cpu_pressure *pressure, struct mb_error *err) MB_MUST_CHECK;

struct mb_group_throttle { uint64_t n_periods, n_throttled, throttled_ns; }; /* since the groups were made */

/** mb_group_throttle_read() - how often the quotas of our control group and its parents stopped it, added up (cpu.stat of version 1 or 2). MB_ENOENT
 *  where no group tells. */
int mb_group_throttle_read(const char *root, struct mb_group_throttle *t, struct mb_error *err) MB_MUST_CHECK;

struct mb_busy { pid_t pid; char name[32]; double cpus; /* 1.0 = one processor all the time */ };

/** mb_busiest() - the at most @cap processes but ours that used most in the last @span_ms (it sleeps so long), most first, above 1 % of a
 *  processor. Returns how many, or a negative MB_E*. */
int mb_busiest(const char *root, unsigned span_ms, struct mb_busy *busy, size_t cap, struct mb_error *err) MB_MUST_CHECK;

#endif
