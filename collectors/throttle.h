/**
 * throttle.h - what says that heat slowed the processor: Intel's per-core and per-package throttle counts (cpuN/thermal_throttle), and
 * the states of cooling devices that act on speed (kernel: Documentation/driver-api/thermal/sysfs-api). A fan is not throttling.
 * Counters are summed once per physical core and package, however many processors show the same one.
 */
#ifndef MB_COLLECTORS_THROTTLE_H
#define MB_COLLECTORS_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct throttle_counter {
    int fd;        /* + 1, 0 = not open */
    bool package;  /* else core */
    int64_t where[2]; /* package and core number: the identity of the physical counter */
    int64_t begin, end; /* -1: could not be read */
};

struct throttle {
    struct throttle_counter *counters; /* [n], owned */
    size_t n;
};

int throttle_open(struct throttle *t, const char *root, struct mb_error *err) MB_MUST_CHECK; /* none is no error: n = 0 */
void throttle_start(struct throttle *t);
void throttle_stop(struct throttle *t);
void throttle_close(struct throttle *t);

/** throttle_rise() - rise of the package or core counts since start; false when one could not be read or there are none. */
bool throttle_rise(const struct throttle *t, bool package, int64_t *rise);

/** throttle_is_fan() - whether a cooling device of this type blows rather than slows: "Fan", "pwm-fan". */
bool throttle_is_fan(const char *type);

#endif
