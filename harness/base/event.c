/* event.c - see event.h. */
#include "base/event.h"

const char *const mb_event_names[MB_EVENT_N] = {
#define EVENT(id, name, meaning) name,
#include "base/event.def"
#undef EVENT
};
