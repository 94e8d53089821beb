/**
 * cooldown.h - the pause between cells, so that one cell's heat is not the next one's handicap. An interrupt ends it.
 *   fixed   so many seconds
 *   auto    until the hottest thermal zone has stopped falling (less than 0.2 degrees in a second), at most 60 s; where there is no zone there
 *           is nothing to wait for
 *   gate    until the hottest zone is no hotter than `below`, and every zone is at least `headroom` away from its lowest trip point that slows or
 *           stops the machine (types passive, hot, critical; an active one only starts a fan), at most `timeout_s`. Looks at once and then
 *           every second; a condition that nothing here can tell of is not waited for
 */
#ifndef MB_HARNESS_COOLDOWN_H
#define MB_HARNESS_COOLDOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/record.h"
#include "harness/interrupt.h"

#define MB_COOLDOWN_MOST_S 60u
#define MB_COOLDOWN_STEADY_MILLI_C 200
#define MB_COOLDOWN_UNKNOWN INT64_MIN

struct mb_cooldown {
    int32_t fixed_s;          /* -1 auto; without meaning where there is a gate */
    uint32_t timeout_s;       /* of the gate; 0: no gate */
    int32_t below_milli_c;    /* 0: not asked */
    int32_t headroom_milli_c; /* 0: not asked */
};

enum mb_cooldown_end {
    MB_COOLDOWN_NOTHING,      /* no pause was asked for */
    MB_COOLDOWN_SLEPT, MB_COOLDOWN_STEADY, MB_COOLDOWN_COOL, MB_COOLDOWN_TIMEOUT, MB_COOLDOWN_BLIND /* nothing to tell by */, MB_COOLDOWN_INTERRUPTED
};

struct mb_cooldown_outcome {
    enum mb_cooldown_end end;
    uint64_t waited_ns;
    int64_t hottest_milli_c, headroom_milli_c; /* at the end; MB_COOLDOWN_UNKNOWN */
};

/** mb_cooldown_wait() - @root: prefix of /sys. */
struct mb_cooldown_outcome mb_cooldown_wait(const struct mb_cooldown *rule, const char *root, struct mb_interrupt *in);

/** mb_cooldown_end_name() - "slept", "steady", "cool", "timeout", "blind", "interrupted"; "" for nothing. */
const char *mb_cooldown_end_name(enum mb_cooldown_end end);

/** mb_cooldown_record() - the outcome as metrics of the repetition that came after; nothing where no pause was asked for. MB_ENOMEM. */
int mb_cooldown_record(const struct mb_cooldown_outcome *outcome, struct mb_record *record) MB_MUST_CHECK;

#endif
