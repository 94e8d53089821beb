/* trace.c - see trace.h. */
#include "run/trace.h"

void eng_trace_end(const struct eng_session *s, uint64_t t_begin_ns, struct eng_op_trace *row)
{
    row->t_begin_ns = t_begin_ns;
    row->t_end_ns = eng_clock_ns();
    s->tracer.op(s->tracer.user, row);
}

void eng_trace_rows(const struct eng_session *s, uint64_t t_begin_ns, const char *op, const char *tensor, int layer, uint32_t m, uint32_t n,
                    uint64_t n_read, uint64_t n_written)
{
    eng_trace_end(s, t_begin_ns,
                  &(struct eng_op_trace){.op = op, .tensor = tensor, .layer = layer, .m = m, .n = n, .w_type = ENG_TYPE_F32,
                                         .a_type = ENG_TYPE_F32, .y_type = ENG_TYPE_F32, .bytes_read = n_read * sizeof(float),
                                         .bytes_written = n_written * sizeof(float)});
}
