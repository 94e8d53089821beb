/** event.h - what happened when, from event.def. Stamps are mb_clock_ns(). */
#ifndef MB_BASE_EVENT_H
#define MB_BASE_EVENT_H

#include <stdint.h>

enum mb_event_kind {
#define EVENT(id, name, meaning) MB_EVENT_##id,
#include "base/event.def"
#undef EVENT
    MB_EVENT_N
};

extern const char *const mb_event_names[MB_EVENT_N];

struct mb_event {
    uint64_t t_ns;    /* mb_clock_ns() */
    int64_t value;    /* see event.def; 0 where it says nothing */
    uint32_t request; /* request index within the trial */
    uint32_t index;   /* token index within the request; 0 for other kinds */
    enum mb_event_kind kind;
};

/** Where a runner puts events: called inside the timed region, so O(1), no allocation, no I/O. */
struct mb_event_sink {
    void (*put)(void *user, const struct mb_event *event);
    void *user;
};

#endif
