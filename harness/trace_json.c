/* trace_json.c - see trace_json.h. Names are the engine's own words (letters, digits, '_', '.'), so nothing needs escaping. */
#include "harness/trace_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEPT_ROWS = 65536 };

int mb_trace_json_open(struct mb_trace_json *t, const char *path, struct mb_error *err)
{
    *t = (struct mb_trace_json){.path = path, .cap = KEPT_ROWS};
    t->rows = malloc(KEPT_ROWS * sizeof(*t->rows));
    if (!t->rows)
        return mb_fail(err, MB_ENOMEM, "no memory for the trace");
    memset(t->rows, 0, KEPT_ROWS * sizeof(*t->rows)); /* touched now, not while the engine is timed */
    t->out = fopen(path, "w");
    if (!t->out) {
        const int rc = mb_fail_errno(err, MB_EIO, "%s", path);
        free(t->rows);
        t->rows = NULL;
        return rc;
    }
    fputs("[\n{\"ph\":\"M\",\"pid\":1,\"tid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"meltbench engine\"}},\n"
          "{\"ph\":\"M\",\"pid\":1,\"tid\":1,\"name\":\"thread_name\",\"args\":{\"name\":\"calls\"}},\n"
          "{\"ph\":\"M\",\"pid\":1,\"tid\":2,\"name\":\"thread_name\",\"args\":{\"name\":\"operators\"}}", t->out);
    return MB_OK;
}

/* Microseconds since the first stamp, with the nanoseconds behind the point. */
static void put_time(const struct mb_trace_json *t, const char *key, uint64_t ns)
{
    fprintf(t->out, ",\"%s\":%" PRIu64 ".%03" PRIu64, key, ns / 1000, ns % 1000);
}

static uint64_t since_zero(struct mb_trace_json *t, uint64_t t_ns)
{
    if (t->t_zero_ns == 0)
        t->t_zero_ns = t_ns;
    return t_ns > t->t_zero_ns ? t_ns - t->t_zero_ns : 0;
}

static void write_row(struct mb_trace_json *t, const struct eng_op_trace *r)
{
    const bool named = r->tensor && *r->tensor;
    fprintf(t->out, ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":2,\"cat\":\"op\",\"name\":\"%s%s%s\"", r->op, named ? " " : "", named ? r->tensor : "");
    put_time(t, "ts", since_zero(t, r->t_begin_ns));
    put_time(t, "dur", r->t_end_ns - r->t_begin_ns);
    fprintf(t->out, ",\"args\":{\"layer\":%d,\"m\":%u,\"n\":%u,\"k\":%u,\"w\":\"%s\",\"a\":\"%s\",\"read\":%" PRIu64 ",\"written\":%" PRIu64 "}}",
            r->layer, r->m, r->n, r->k, eng_type_name(r->w_type), eng_type_name(r->a_type), r->bytes_read, r->bytes_written);
    t->n_written++;
}

static void write_kept(struct mb_trace_json *t)
{
    for (size_t i = 0; i < t->n; i++)
        write_row(t, &t->rows[i]);
    t->n = 0;
}

void mb_trace_json_add(struct mb_trace_json *t, const struct eng_op_trace *row)
{
    if (t->n == t->cap)
        write_kept(t);
    t->rows[t->n++] = *row;
}

void mb_trace_json_flush(struct mb_trace_json *t, const char *span, uint64_t t_begin_ns, uint64_t t_end_ns)
{
    if (!t->out)
        return;
    fprintf(t->out, ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":1,\"cat\":\"call\",\"name\":\"%s\"", span);
    put_time(t, "ts", since_zero(t, t_begin_ns));
    put_time(t, "dur", t_end_ns - t_begin_ns);
    fputc('}', t->out);
    write_kept(t);
}

int mb_trace_json_close(struct mb_trace_json *t, struct mb_error *err)
{
    int rc = MB_OK;
    free(t->rows);
    if (t->out) {
        fputs("\n]\n", t->out);
        const int failed = ferror(t->out);
        if (fclose(t->out) || failed)
            rc = mb_fail(err, MB_EIO, "%s: the trace could not be written whole", t->path);
    }
    *t = (struct mb_trace_json){0};
    return rc;
}
