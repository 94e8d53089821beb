/** perf_refusal.h - why perf_event_open(2) refused, in a sentence that says what to do. */
#ifndef MB_COLLECTORS_PERF_REFUSAL_H
#define MB_COLLECTORS_PERF_REFUSAL_H

#include <stddef.h>

/** mb_perf_explain() - @error: the errno; @level: the kernel.perf_event_paranoid that would allow it. */
void mb_perf_explain(char *reason, size_t cap, int error, const char *root, int level);

#endif
