/**
 * collector.h - what is measured around a trial. A collector is one const struct in a file named after it, listed in collectors.def.
 *
 * Call order: probe, open; then per trial start, (phase and poll, any number), stop, read; close.
 * start/phase/poll/stop run inside or beside the timed region: no allocation, no formatting, no locks, no file opening.
 * poll comes from the sampler thread, and once from the main thread right after start and right before stop, while the sampler
 * rests: every trial has two endpoints, and never do two polls overlap. All other hooks run on the worker's main thread. phase may
 * run while poll does: the two may share atomics only.
 * Files: README.md (how to add one), sampler.h (the only way in for the session), series.h, phase.h.
 */
#ifndef MB_COLLECTORS_COLLECTOR_H
#define MB_COLLECTORS_COLLECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/event.h"
#include "base/metric.h"
#include "base/record.h"

#define MB_COLLECTOR_ABI 1u

enum mb_collector_flags {
    MB_COLLECTOR_POLLED = 1 << 0,    /* has poll() */
    MB_COLLECTOR_INTRUSIVE = 1 << 1, /* disturbs latency: only on request */
    MB_COLLECTOR_NAMED = 1 << 2,     /* nothing to find without its options: only by name, in no group */
    MB_COLLECTOR_EVENTS = 1 << 3,    /* phase() gets every event, each token too */
};

struct mb_collect_env {
    const char *root;    /* prefix for /sys and /proc, "" on the real machine; borrowed */
    pid_t pid;           /* process to observe; the collector runs inside it */
    uint64_t period_ns;  /* of poll() */
    uint32_t max_samples;/* ring capacity per channel for one trial; later samples are counted as dropped */
    const char *options; /* the collector's own settings after the name in `collect:`, or "" */
};

struct mb_collector_ops {
    unsigned abi;        /* MB_COLLECTOR_ABI, else refused */
    const char *name;    /* [a-z0-9_]+, unique; file is <name>.c */
    const char *group;   /* key of the plan's `collect:` list: latency, memory, energy, counters, thermal, test */
    const char *summary; /* one line for `meltbench list` */
    unsigned flags;
    size_t state_size;   /* bytes; the harness allocates them zeroed: a collector has no file-scope variables */
    const enum mb_metric *metrics; /* all that read() may emit; MB_METRIC_END last */

    /** 0 with a one-line description of what was found, or MB_ENOTSUP with the reason, both in why->text. No side effects. */
    int (*probe)(const struct mb_collect_env *env, struct mb_error *why);
    int (*open)(void *state, const struct mb_collect_env *env, struct mb_error *err);
    void (*start)(void *state);                 /* latch counters */
    void (*phase)(void *state, const struct mb_event *event); /* optional: load, prefill and decode edges; O(1) plus at most one small read */
    void (*poll)(void *state, uint64_t now_ns); /* POLLED only */
    void (*stop)(void *state);
    /** Untimed: metrics and streams of the trial that stop() ended, unknown = absent with reason, never 0. */
    int (*read)(void *state, struct mb_record *record, struct mb_error *err);
    void (*close)(void *state);                 /* safe on zeroed and half-opened state */
};

const struct mb_collector_ops *const *mb_collectors(size_t *n);
const struct mb_collector_ops *mb_collector_find(const char *name);

#endif
