/** machine_facts.h - what stays (facts) and what changes (conditions) of a machine, as JSON. Internal to machine*.c. */
#ifndef MB_HARNESS_MACHINE_FACTS_H
#define MB_HARNESS_MACHINE_FACTS_H

#include <jansson.h>

/** mb_machine_facts() - the same on every run of one machine: nothing that moves by itself goes in. New reference. */
json_t *mb_machine_facts(const char *root);

/** mb_machine_conditions() - how the machine is now: governor, load, mains, temperature, memory. What is unknown is null, with the
 *  reason under "absent". New reference. */
json_t *mb_machine_conditions(const char *root);

/** mb_machine_memory_kib() - a row of /proc/meminfo ("MemTotal") in KiB, or -1. */
long long mb_machine_memory_kib(const char *root, const char *row);

#endif
