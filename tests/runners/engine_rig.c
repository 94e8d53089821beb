/* engine_rig.c - see engine_rig.h. */
#include "engine_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tiny_file.h"

int engine_rig_begin(void **state)
{
    char dir[] = "/tmp/mb-runner-XXXXXX";
    *state = NULL;
    if (!mkdtemp(dir) || chdir(dir))
        return -1;
    setenv("RIG_DIR", dir, 1);
    tiny_file_write("tiny.gguf");
    return 0;
}

int engine_rig_end(void **state)
{
    (void)state;
    return unlink("tiny.gguf") || chdir("/") || rmdir(getenv("RIG_DIR"));
}

static void put(void *user, const struct mb_event *event)
{
    struct engine_rig *r = user;
    assert_true(r->n_events < sizeof(r->events) / sizeof(r->events[0]));
    r->events[r->n_events++] = *event;
}

void engine_rig_open(struct engine_rig *r, uint32_t n_ctx, int expected, ...)
{
    static const char *const plain[MB_AXIS_N] = {
        [MB_AXIS_MODEL] = "tiny.gguf", [MB_AXIS_BACKEND] = "cpu", [MB_AXIS_THREADS] = "1", [MB_AXIS_QUANT] = "file", [MB_AXIS_ACT] = "q8",
        [MB_AXIS_CACHE_TYPE_K] = "f16", [MB_AXIS_CACHE_TYPE_V] = "f16", [MB_AXIS_EARLY_EXIT] = "none", [MB_AXIS_TOKEN_REDUCTION] = "none", [MB_AXIS_CPU_MASK] = "cores"};
    struct mb_cell cell = {.runner = "engine", .workload = "micro", .seed = 42};
    memcpy(cell.axis, plain, sizeof(plain));
    va_list ap;
    va_start(ap, expected);
    for (const char *key = va_arg(ap, const char *); key; key = va_arg(ap, const char *)) {
        const int i = mb_axis_find(key);
        assert_true(i >= 0);
        cell.axis[i] = va_arg(ap, const char *);
    }
    va_end(ap);
    cell.model_path = cell.axis[MB_AXIS_MODEL];
    memset(r, 0, sizeof(*r));
    r->ops = mb_runner_find("engine");
    assert_non_null(r->ops);
    r->state = calloc(1, r->ops->state_size);
    assert_non_null(r->state);
    const struct mb_event_sink sink = {put, r};
    const int rc = r->ops->open(r->state, &cell, n_ctx, &sink, &r->err);
    if (rc != expected)
        fail_msg("open gave %d: %s", rc, r->err.text);
}

int engine_rig_run(struct engine_rig *r, const struct mb_request *rq)
{
    const struct mb_event_sink sink = {put, r};
    r->n_events = 0;
    r->result = (struct mb_result){.tokens = r->tokens, .cap_tokens = sizeof(r->tokens) / sizeof(r->tokens[0]), .text = r->text,
                                   .cap_text = sizeof(r->text)};
    const int rc = r->ops->prepare(r->state, rq, &r->err);
    return rc ? rc : r->ops->run(r->state, rq, &r->result, &sink, &r->err);
}

double engine_rig_figure(struct engine_rig *r, enum mb_metric metric)
{
    struct mb_record record = {0};
    double value = (double)NAN;
    assert_int_equal(r->ops->report(r->state, &record, &r->err), MB_OK);
    for (size_t i = 0; i < record.n_metrics; i++)
        if (record.metrics[i].metric == metric)
            value = record.metrics[i].value;
    mb_record_release(&record);
    return value;
}

void engine_rig_close(struct engine_rig *r)
{
    r->ops->close(r->state);
    free(r->state);
    r->state = NULL;
}
