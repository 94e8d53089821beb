/**
 * memory_cap.h - a limit on the memory of a worker, so that a cell that wants too much is a failed row and not the end of the night.
 *
 * cgroup v2 where one can be made: the worker gets a group of its own beside or below ours with memory.max = the limit and memory.swap.max = 0;
 * the kernel kills it when mapped files, page tables and all are above (Documentation/admin-guide/cgroup-v2.rst, "Memory").
 * Elsewhere RLIMIT_DATA: private writable memory (setrlimit(2), since Linux 4.7 mmap too) cannot grow beyond it and an allocation fails
 * with a message; mapped weights, which the kernel can drop, do not count.
 * Memory: none is allocated. Thread: any, one at a time.
 */
#ifndef MB_HARNESS_MEMORY_CAP_H
#define MB_HARNESS_MEMORY_CAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mb_memory_cap {
    uint64_t n_bytes;  /* 0: no limit; everything below is then unused */
    int fd_procs;      /* of the group; -1: RLIMIT_DATA */
    const char *root;  /* as given, borrowed */
    char group[400];   /* its folder below root; "" without one */
    char why_not[160]; /* why there is no group; "" with one */
};

#define MB_MEMORY_CAP_NONE {.fd_procs = -1}

/** mb_memory_cap_open() - never fails: without a group it is the resource limit. @root: prefix of /sys and /proc; outlives the cap. */
void mb_memory_cap_open(struct mb_memory_cap *cap, uint64_t n_bytes, const char *root);

/** mb_memory_cap_enter() - in the child between fork and exec: only calls that signal-safety(7) allows. false: it could not be put
 *  under the limit, and should not run. */
bool mb_memory_cap_enter(const struct mb_memory_cap *cap);

/** mb_memory_cap_killed() - did the kernel kill in the group for its limit (memory.events, oom_kill)? false without a group. */
bool mb_memory_cap_killed(const struct mb_memory_cap *cap);

/** mb_memory_cap_name() - "512 MiB (cgroup v2)" into buf[n]; returns buf. */
char *mb_memory_cap_name(const struct mb_memory_cap *cap, char *buf, size_t n);

/** mb_memory_cap_close() - removes the group, whose processes have ended. Accepts MB_MEMORY_CAP_NONE. */
void mb_memory_cap_close(struct mb_memory_cap *cap);

#endif
