/**
 * freq_states.h - how long a frequency policy spent at each of its clocks: policyN/stats/time_in_state (kernel:
 * Documentation/cpu-freq/cpufreq-stats). Counted by the kernel, so nothing between two looks is missed, in ticks of 10 ms, idle time with it.
 * Drivers that leave the choice to the processor (intel_pstate, amd_pstate in active mode) have no such file.
 */
#ifndef MB_COLLECTORS_FREQ_STATES_H
#define MB_COLLECTORS_FREQ_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/record.h"

#define MB_FREQ_STATES_MAX 64
#define MB_FREQ_TICKS_MIN 100 /* a trial of fewer ticks: one tick is more than 1 % */

struct mb_freq_states { /* zeroed = no such file */
    int fd;             /* + 1 */
    size_t n;
    int64_t khz[MB_FREQ_STATES_MAX];
    int64_t begin[MB_FREQ_STATES_MAX], end[MB_FREQ_STATES_MAX]; /* ticks */
    bool failed;
};

void mb_freq_states_open(struct mb_freq_states *s, const char *root, const char *policy);
void mb_freq_states_start(struct mb_freq_states *s); /* one read, no allocation; so is stop */
void mb_freq_states_stop(struct mb_freq_states *s);
void mb_freq_states_close(struct mb_freq_states *s);

struct mb_freq_time { /* added up over policies */
    double ticks, khz_ticks;
};

/** mb_freq_states_record() - freq_time_mean_khz of @policy and the freq_time_share of every clock it was at; adds to *sum. */
int mb_freq_states_record(const struct mb_freq_states *s, const char *policy, struct mb_record *record, struct mb_freq_time *sum) MB_MUST_CHECK;
/** mb_freq_time_record() - freq_time_mean_khz over all policies. */
int mb_freq_time_record(const struct mb_freq_time *sum, struct mb_record *record) MB_MUST_CHECK;

#endif
