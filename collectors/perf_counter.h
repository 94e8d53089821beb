/**
 * perf_counter.h - one event of perf_event_open(2) for this process and the threads it will make, on every core PMU of the processor.
 *
 * Hybrid processors (Intel P and E cores, Arm big.LITTLE) have one PMU per kind of core: those of /sys/bus/event_source/devices that
 * list their processors in `cpus`. A generic hardware event is opened once on each, the PMU named in the upper half of config
 * (PERF_PMU_CAP_EXTENDED_HW_TYPE, Linux 5.13); Arm kernels before that take the PMU's own event number instead, from its events/ folder.
 * A thread runs on one kind of core at a time: counts and running times add up, the enabled time is the same for all.
 */
#ifndef MB_COLLECTORS_PERF_COUNTER_H
#define MB_COLLECTORS_PERF_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/record.h"

#define MB_PERF_PMUS_MAX 8

struct mb_perf_pmu {
    char name[32]; /* folder of /sys/bus/event_source/devices: "cpu_core", "armv8_cortex_a76" */
    uint32_t type;
};

struct mb_perf_pmus {
    struct mb_perf_pmu pmu[MB_PERF_PMUS_MAX];
    size_t n; /* 0: the processor has one kind of core, or says nothing about kinds */
};

struct mb_perf_event {
    uint32_t type;      /* PERF_TYPE_* */
    uint64_t config;
    const char *native; /* name in an Arm PMU's events/ folder, or NULL */
};

struct mb_perf_reading { /* read_format TOTAL_TIME_ENABLED | TOTAL_TIME_RUNNING */
    uint64_t count, enabled_ns, running_ns;
};

struct mb_perf_counter {
    int fd[MB_PERF_PMUS_MAX]; /* + 1 */
    size_t n_fds;             /* 0: not open */
    size_t i_refused;         /* after a refusal: the PMU that refused */
    struct mb_perf_reading begin[MB_PERF_PMUS_MAX], end[MB_PERF_PMUS_MAX];
    bool failed;              /* a read failed in this trial */
};

struct mb_perf_target {
    const char *root; /* in front of /sys */
    pid_t pid;        /* 0 = the calling thread, and every thread that it and its children make from now on */
    bool user_only;   /* leave the kernel's share out */
};

void mb_perf_pmus_find(struct mb_perf_pmus *pmus, const char *root);

/**
 * mb_perf_counter_open() - 0, or the errno of the refusal. All PMUs must open: a sum without one kind of core would be too small and not
 * say so. @leader: scheduled together with this open counter where the PMU has room for both, so that their ratio holds when counters
 * are shared out; NULL = alone.
 */
int mb_perf_counter_open(struct mb_perf_counter *c, const struct mb_perf_event *event, const struct mb_perf_pmus *pmus,
                         const struct mb_perf_target *target, const struct mb_perf_counter *leader);
void mb_perf_counter_close(struct mb_perf_counter *c); /* safe on zeroed */

void mb_perf_counter_begin(struct mb_perf_counter *c); /* one read(2) per PMU */
void mb_perf_counter_end(struct mb_perf_counter *c);

struct mb_perf_figure {
    double count;          /* scaled by enabled / running where the event had to share its counter */
    double running_share;  /* running / enabled: for the sum 1 = all the time; for one PMU also where the threads ran */
    enum mb_origin origin; /* estimated when scaled */
};

/** mb_perf_counter_sum() - over all PMUs between begin and end. NULL, or why there is no figure. */
const char *mb_perf_counter_sum(const struct mb_perf_counter *c, struct mb_perf_figure *figure);
/** mb_perf_counter_part() - the share of PMU @k, scaled as the sum is: the parts make up the sum. */
const char *mb_perf_counter_part(const struct mb_perf_counter *c, size_t k, struct mb_perf_figure *figure);

#endif
