/**
 * cooldown.h - the pause between cells, so that one cell's heat is not the next one's handicap.
 * fixed: so many seconds. auto (-1): until the hottest thermal zone has stopped falling (less than 0.2 degrees in a second), at most
 * 60 s; where there is no zone there is nothing to wait for. An interrupt ends the pause.
 */
#ifndef MB_HARNESS_COOLDOWN_H
#define MB_HARNESS_COOLDOWN_H

#include <stdint.h>

#include "harness/interrupt.h"

#define MB_COOLDOWN_MOST_S 60u
#define MB_COOLDOWN_STEADY_MILLI_C 200

/** mb_cooldown_wait() - returns ns waited. @root: prefix of /sys. */
uint64_t mb_cooldown_wait(int32_t cooldown_s, const char *root, struct mb_interrupt *in);

#endif
