/** topology.h - the cores of this machine as hwloc sees them: their processors, memory node and kind. hwloc is loaded when asked. */
#ifndef ENG_BASE_TOPOLOGY_H
#define ENG_BASE_TOPOLOGY_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct eng_core {
    cpu_set_t cpus;      /* its hardware threads */
    uint32_t node;       /* memory node, by its number in hwloc's order */
    int32_t speed;       /* rank of its kind: higher is faster; 0 where all are alike */
};

struct eng_topology {
    struct eng_core *cores; /* in hwloc's logical order: neighbours share caches */
    uint32_t n_cores, n_nodes, n_kinds;
};

/** eng_topology_load() - @described NULL: this machine (or what HWLOC_SYNTHETIC, HWLOC_XMLFILE in the environment say); else a topology as
 *  lstopo exports it, or a synthetic one ("pack:1 core:4 pu:2"). ENG_ENOTSUP without libhwloc, and what to install. */
int eng_topology_load(struct eng_topology *topology, const char *described, struct eng_error *err) ENG_MUST_CHECK;
void eng_topology_release(struct eng_topology *topology); /* safe on zeroed */

/** eng_topology_is_plain() - from a few files of /sys, without hwloc: one memory node, one kind of cores, no hardware threads: nothing
 *  to choose. @root is put in front of /sys. */
bool eng_topology_is_plain(const char *root);

#endif
