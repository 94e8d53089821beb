/* phase.c - see phase.h. */
#include "collectors/phase.h"

const char *const mb_phase_names[MB_PHASE_N] = {"", "load", "prefill", "decode"};

static bool is_edge(enum mb_event_kind kind)
{
    switch (kind) {
    case MB_EVENT_LOAD_BEGIN:
    case MB_EVENT_LOAD_END:
    case MB_EVENT_PREFILL_BEGIN:
    case MB_EVENT_PREFILL_END:
    case MB_EVENT_REQUEST_END:
        return true;
    default:
        return false;
    }
}

static enum mb_phase begun_by(enum mb_event_kind kind)
{
    switch (kind) {
    case MB_EVENT_LOAD_BEGIN:
        return MB_PHASE_LOAD;
    case MB_EVENT_PREFILL_BEGIN:
        return MB_PHASE_PREFILL;
    case MB_EVENT_PREFILL_END:
        return MB_PHASE_DECODE;
    default:
        return MB_PHASE_NONE;
    }
}

bool mb_phase_wanted(const struct mb_event *event)
{
    return is_edge(event->kind) || (event->kind == MB_EVENT_TOKEN && event->index == 0);
}

bool mb_phase_advance(struct mb_phase_tracker *tracker, const struct mb_event *event, enum mb_phase *ended)
{
    *ended = MB_PHASE_NONE;
    if (event->kind == MB_EVENT_TOKEN)
        tracker->any_token = true;
    if (!is_edge(event->kind))
        return false;
    /* Only its own end closes a phase: a prefill that fails leaves no figure behind. */
    if ((tracker->current == MB_PHASE_LOAD && event->kind == MB_EVENT_LOAD_END) ||
        (tracker->current == MB_PHASE_PREFILL && event->kind == MB_EVENT_PREFILL_END) ||
        (tracker->current == MB_PHASE_DECODE && event->kind == MB_EVENT_REQUEST_END && tracker->any_token))
        *ended = tracker->current;
    tracker->current = begun_by(event->kind);
    tracker->any_token = false;
    return true;
}
