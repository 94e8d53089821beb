/**
 * pi_throttle.h - what a Raspberry Pi's firmware says of under-voltage and throttling (command get_throttled, documentation of vcgencmd):
 * bits 0..3 under-voltage, capped, throttled, soft temperature limit now; 16..19 the same at any time since boot. A bit since boot that
 * was set before the trial cannot tell of a second time: what then happened between two looks is unknown.
 */
#ifndef MB_COLLECTORS_PI_THROTTLE_H
#define MB_COLLECTORS_PI_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/record.h"

enum { MB_PI_BITS = 4 };

struct mb_pi_throttle {
    bool is_pi;
    int fd;                 /* + 1 */
    char reason[160];       /* why the firmware cannot be asked, or "" */
    uint64_t n, n_errors;   /* looks of this trial */
    uint32_t first, last;
    uint32_t rises[MB_PI_BITS]; /* seen to come */
    bool at_work[MB_PI_BITS];   /* seen at any look */
};

void mb_pi_throttle_open(struct mb_pi_throttle *p, const char *root); /* not a Pi: is_pi false, and nothing else does anything */
void mb_pi_throttle_start(struct mb_pi_throttle *p);
void mb_pi_throttle_look(struct mb_pi_throttle *p); /* asks the firmware: tens of microseconds, no allocation */
void mb_pi_throttle_close(struct mb_pi_throttle *p);

/** mb_pi_throttle_record() - throttle_count and throttle_state of each kind; adds to the totals, *unknown: some kind could not be told. */
int mb_pi_throttle_record(const struct mb_pi_throttle *p, struct mb_record *record, double *n_rises, const char **unknown) MB_MUST_CHECK;

#endif
