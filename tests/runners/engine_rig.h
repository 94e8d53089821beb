/** engine_rig.h - the engine runner opened on a small random model (3 layers, a token a byte, context 256), with its events kept. */
#ifndef MB_TESTS_ENGINE_RIG_H
#define MB_TESTS_ENGINE_RIG_H

#include "runners/runner.h"

struct engine_rig {
    const struct mb_runner_ops *ops;
    void *state;
    struct mb_event events[1024];
    size_t n_events;
    uint32_t tokens[256];
    char text[2048];
    struct mb_result result;
    struct mb_error err;
};

/** Folder with tiny.gguf (untied, q8_0), made once by the group fixtures. */
int engine_rig_begin(void **state);
int engine_rig_end(void **state);

/** @axes: pairs "key", "value", ... that differ from the defaults, NULL at the end. Fails the test unless open() gives @expected. */
void engine_rig_open(struct engine_rig *r, uint32_t n_ctx, int expected, ...) __attribute__((sentinel));
/** prepare() and run(); the first status that is not MB_OK. Events are those of this request. */
int engine_rig_run(struct engine_rig *r, const struct mb_request *rq);
/** Value of a metric that report() gives, or NaN. */
double engine_rig_figure(struct engine_rig *r, enum mb_metric metric);
void engine_rig_close(struct engine_rig *r);

#endif
