/**
 * machine_cpu.h - processors as /proc and /sys tell them, and what the cgroup leaves of them. Internal to machine*.c.
 * Ownership: returned strings are malloc'd; JSON values are new references.
 */
#ifndef MB_HARNESS_MACHINE_CPU_H
#define MB_HARNESS_MACHINE_CPU_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** mb_machine_slurp() - a whole /proc file (they come in pieces of a page), at most 1 MiB; NULL when it cannot be read. */
char *mb_machine_slurp(const char *root, const char *path);

/** mb_machine_cpu_name() - "Intel(R) Xeon(R) Processor"; on Arm the cores by kind, "4 x Cortex-A55 + 4 x Cortex-A76". */
char *mb_machine_cpu_name(const char *root);

struct mb_cores { uint32_t n_logical, n_physical; };

/** mb_machine_cores() - online processors; @usable: only those that this process may run on (real machine only). */
struct mb_cores mb_machine_cores(const char *root, int usable);

/** mb_machine_core_cpus() - the first usable processor of each core into cpus[cap]; returns how many, at least 1 (@cap > 0). */
uint32_t mb_machine_core_cpus(const char *root, unsigned *cpus, uint32_t cap);

/** mb_machine_cpu_quota() - CPUs that the cgroup allows at once (1.5 = one and a half); 0 = no limit. */
double mb_machine_cpu_quota(const char *root);

/** mb_machine_memory_limit() - bytes that the cgroup allows; 0 = no limit. */
uint64_t mb_machine_memory_limit(const char *root);

/** mb_machine_cgroup_path() - where /proc/self/cgroup (@table) puts us: for a controller of version 1, or "" for version 2. false: nowhere. */
bool mb_machine_cgroup_path(const char *table, const char *controller, char *path, size_t cap);

/** mb_machine_cpu_flags() - instruction sets that matter to matrix products: array of names. */
json_t *mb_machine_cpu_flags(const char *root);

/** mb_machine_caches() - array of {"level", "type", "bytes", "shared_cpus"} of the first processor. */
json_t *mb_machine_caches(const char *root);

#endif
