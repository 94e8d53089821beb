/** cpu_list.h - sets of processors: which this process may use, and how people write them. */
#ifndef ENG_BASE_CPU_LIST_H
#define ENG_BASE_CPU_LIST_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/** eng_cpus_usable() - the affinity of the calling thread; all processors when the kernel does not tell. */
void eng_cpus_usable(cpu_set_t *set);

/** eng_cpu_quota() - processors that the cgroup grants at once, rounded up (cpu.max of version 2, cfs_quota_us of version 1, the
 *  tightest of the group and those above it); 0: no limit. @root is put in front of /proc and /sys. */
uint32_t eng_cpu_quota(const char *root);

/** eng_cpu_list_parse() - "0x1f" (bits) or "0-3+8" or "0-3,8" (numbers and ranges). ENG_EINVAL says what is wrong; CPU_SETSIZE is the limit. */
int eng_cpu_list_parse(const char *text, cpu_set_t *set, struct eng_error *err) ENG_MUST_CHECK;

/** eng_cpu_list_format() - "0-3+8" into buf[cap], cut with "..." when it does not fit; returns buf. */
char *eng_cpu_list_format(const cpu_set_t *set, char *buf, size_t cap);

#endif
