/**
 * selection.h - the text of `collect:` into collectors to open. Grammar: items separated by commas; an item is a group (memory,
 * energy, counters, thermal, latency, test), a collector, a collector with options ("synthetic:constant=5"), "default", "none", or
 * "sampler:jitter=50" (percent of the period). An item key=value belongs to the collector before it. Repeats count once; an item
 * with options overrides one without. A name that is both group and collector ("thermal") means the group unless it has options.
 * "latency" asks for token times, which come from the runner's events: a valid name without a collector.
 */
#ifndef MB_COLLECTORS_SELECTION_H
#define MB_COLLECTORS_SELECTION_H

#include <stddef.h>

#include "collectors/collector.h"

struct mb_selection_item {
    const struct mb_collector_ops *ops;
    char *options; /* owned, never NULL */
};

struct mb_selection {
    struct mb_selection_item *items; /* [n], owned, in the order of collectors.def */
    size_t n;
    unsigned jitter_percent;
};

/** mb_selection_parse() - MB_EINVAL for a name that does not exist (with the nearest one) or a bad sampler option. */
int mb_selection_parse(struct mb_selection *sel, const char *text, struct mb_error *err) MB_MUST_CHECK;
void mb_selection_release(struct mb_selection *sel);

#endif
