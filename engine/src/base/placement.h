/**
 * placement.h - which processors the threads of a pool may use.
 *
 *   cores          (also NULL, auto) one thread a core: fast cores before slow ones, one memory node after the other, so that threads share caches and
 *                  memory; on a machine with nothing to choose (one node, one kind, no hardware threads) threads are left alone
 *   all            threads are left alone
 *   performance    the fastest kind of cores, as cores among them;   efficiency: the slowest kind
 *   0x5, 0-3+8     all threads anywhere within these processors; each has to be one that the process may use
 * Only what the process may use (affinity) counts everywhere.
 */
#ifndef ENG_BASE_PLACEMENT_H
#define ENG_BASE_PLACEMENT_H

#include <sched.h>

#include "base/topology.h"

struct eng_placement {
    cpu_set_t *sets;   /* [n_threads] where each thread may run; NULL: anywhere */
    uint32_t n_usable; /* processors that work can be done on at once: of the sets, at most the cgroup's quota; at least 1 */
};

/** eng_placement_open() - ENG_EINVAL: @mask means nothing; ENG_ENOTSUP: names a processor or a kind that is not here. */
int eng_placement_open(struct eng_placement *placement, const char *mask, uint32_t n_threads, struct eng_error *err) ENG_MUST_CHECK;
void eng_placement_release(struct eng_placement *placement); /* safe on zeroed */

enum eng_core_choice { ENG_CORES_ANY, ENG_CORES_PERFORMANCE, ENG_CORES_EFFICIENCY };

/** eng_placement_spread() - the rule of cores and the two kinds, on any topology: sets[n_threads]; only processors of @usable. More threads
 *  than cores begin again at the first core. Returns the number of processors in all sets; 0: no core of this kind is usable. */
uint32_t eng_placement_spread(const struct eng_topology *topology, const cpu_set_t *usable, enum eng_core_choice choice, cpu_set_t *sets,
                              uint32_t n_threads);

#endif
