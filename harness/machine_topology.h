/**
 * machine_topology.h - what hwloc knows of a machine that /sys does not say in one place: kinds of cores, every cache, memory nodes.
 * hwloc (2.4 or later) is loaded when asked. Internal to machine*.c.
 */
#ifndef MB_HARNESS_MACHINE_TOPOLOGY_H
#define MB_HARNESS_MACHINE_TOPOLOGY_H

#include <jansson.h>

/**
 * mb_machine_topology() - the same on every run of one machine: no amounts of memory (those of a virtual machine move), no host or process
 * names, no limits of the cgroup.
 * {"packages", "cores", "cpus", "nodes": ["0-3", ...], "caches": [{"type", "bytes", "count"}],
 *  "kinds": [{"cpus", "type", "max_mhz", "base_mhz", "capacity"}]  slowest first, null where the kernel does not say,
 *  "synthetic": for HWLOC_SYNTHETIC, null where packages or cores are not alike, "xml_sha256": of lstopo's XML without what moves};
 * or {"absent": why}. @described: a topology as lstopo exports it or a synthetic one; NULL = this machine, or what HWLOC_XMLFILE and
 * HWLOC_SYNTHETIC in the environment say. New reference.
 */
json_t *mb_machine_topology(const char *described);

#endif
