/** machine.h - the fingerprint of a run: device facts, conditions at start, and the build. Reads through a root prefix. */
#ifndef MB_HARNESS_MACHINE_H
#define MB_HARNESS_MACHINE_H

#include <jansson.h>

#include "base/error.h"
#include "db/store.h"

struct mb_machine { /* not to be copied: build.binary_sha256 points into it */
    struct mb_db_device device;  /* strings owned by this struct */
    struct mb_db_build build;
    char *conditions_json;
    uint32_t n_physical_cores;   /* cores that count for `threads: auto`: physical, limited by affinity and cgroup */
    char binary_sha256[MB_DIGEST_HEX];
};

/** mb_machine_physical_cores() - cores of their own among the CPUs that this process may use, at most the cgroup's CPU quota
 *  (rounded up); at least 1. What `threads: auto` means. */
uint32_t mb_machine_physical_cores(const char *root);

int mb_machine_read(struct mb_machine *m, const char *root, struct mb_error *err) MB_MUST_CHECK;
void mb_machine_release(struct mb_machine *m);

#endif
