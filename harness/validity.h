/**
 * validity.h - was a repetition taken under conditions that its figures can stand for? One that heat slowed is `invalid`: kept with all its
 * rows and the reason, left out of every figure.
 */
#ifndef MB_HARNESS_VALIDITY_H
#define MB_HARNESS_VALIDITY_H

#include <stdbool.h>

#include "base/record.h"

/**
 * mb_validity_judge() - an ok repetition becomes invalid when its own metrics say that heat slowed the processor: a throttle count that
 * rose (throttle_count), or a cooling device that acts on speed and was at work (throttle_state; collectors/thermal.c tells both from fans).
 * Unknown counts judge nothing: the metric says that they are unknown. @throttled: whether it became so. MB_ENOMEM.
 */
int mb_validity_judge(struct mb_record *record, bool *throttled, struct mb_error *err) MB_MUST_CHECK;

#endif
