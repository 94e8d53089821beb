/**
 * trace.h (engine, internal) - stamps for the operator trace. Off costs one pointer check an operator:
 *
 *     const uint64_t t = eng_trace_begin(s);
 *     ... the operator ...
 *     if (t) eng_trace_end(s, t, &(struct eng_op_trace){...});
 *
 * Bytes count each operand once, as it stands in memory: weights in their format, activations as f32, the cache in its types.
 */
#ifndef ENG_RUN_TRACE_H
#define ENG_RUN_TRACE_H

#include "run/session.h"

static inline uint64_t eng_trace_begin(const struct eng_session *s)
{
    return s->tracer.op ? eng_clock_ns() : 0;
}

/** eng_trace_end() - fill the stamps and hand the row to the user. */
void eng_trace_end(const struct eng_session *s, uint64_t t_begin_ns, struct eng_op_trace *row);

/** eng_trace_rows() - for operators that read and write f32 rows: m rows of n; @n_read, @n_written floats altogether. */
void eng_trace_rows(const struct eng_session *s, uint64_t t_begin_ns, const char *op, const char *tensor, int layer, uint32_t m, uint32_t n,
                    uint64_t n_read, uint64_t n_written);

#endif
