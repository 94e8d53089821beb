/**
 * phase.h - which part of a request an event ends: shared by the collectors that report per phase. Constant time, no I/O.
 *   load    LOAD_BEGIN .. LOAD_END        prefill PREFILL_BEGIN .. PREFILL_END
 *   decode  PREFILL_END .. REQUEST_END, when at least one token was generated (a scored request has none)
 */
#ifndef MB_COLLECTORS_PHASE_H
#define MB_COLLECTORS_PHASE_H

#include <stdbool.h>

#include "base/event.h"

enum mb_phase { MB_PHASE_NONE, MB_PHASE_LOAD, MB_PHASE_PREFILL, MB_PHASE_DECODE, MB_PHASE_N };

extern const char *const mb_phase_names[MB_PHASE_N]; /* scope of the metric rows; "" for NONE */

struct mb_phase_tracker { /* zeroed = before the first event */
    enum mb_phase current;
    bool any_token;
};

/** mb_phase_wanted() - false for events that no collector needs (all tokens but a request's first, tokenizer marks). */
bool mb_phase_wanted(const struct mb_event *event);

/** mb_phase_advance() - true when @event is an edge: latch now. *ended is the phase that it closes, or MB_PHASE_NONE. */
bool mb_phase_advance(struct mb_phase_tracker *tracker, const struct mb_event *event, enum mb_phase *ended);

#endif
