/**
 * trace_json.h - the operator trace as a file for ui.perfetto.dev and chrome://tracing: the "JSON array format" of Chrome's Trace Event
 * Format, complete events (ph "X"), times in microseconds. Rows are kept in a buffer while the engine runs and written in between.
 */
#ifndef MB_HARNESS_TRACE_JSON_H
#define MB_HARNESS_TRACE_JSON_H

#include <eng/engine.h>
#include <stdio.h>

#include "base/error.h"

struct mb_trace_json {
    FILE *out;
    const char *path;          /* borrowed */
    struct eng_op_trace *rows; /* [cap] not yet written */
    size_t n, cap;
    uint64_t t_zero_ns;        /* first stamp: time 0 of the file */
    uint64_t n_written;
};

int mb_trace_json_open(struct mb_trace_json *trace, const char *path, struct mb_error *err) MB_MUST_CHECK;

/** mb_trace_json_add() - keep one operator; writes only when the buffer is full (65536 rows: more than a call of the engine has). */
void mb_trace_json_add(struct mb_trace_json *trace, const struct eng_op_trace *row);

/** mb_trace_json_flush() - write what is kept, under a span named @span that covers it. */
void mb_trace_json_flush(struct mb_trace_json *trace, const char *span, uint64_t t_begin_ns, uint64_t t_end_ns);

/** mb_trace_json_close() - end the file; MB_EIO when anything could not be written. Accepts one that is not open. */
int mb_trace_json_close(struct mb_trace_json *trace, struct mb_error *err) MB_MUST_CHECK;

#endif
