/** open_engine.h - a cell's axes as the bundled engine's parameters: the one place that translates them. */
#ifndef MB_RUNNERS_OPEN_ENGINE_H
#define MB_RUNNERS_OPEN_ENGINE_H

#include <eng/engine.h>

#include "base/cell.h"
#include "base/error.h"

struct mb_engine_wish {
    uint32_t n_ctx;              /* tokens in the cache; 0 or more than the model's: the model's */
    struct eng_observer observer;
    struct eng_tracer tracer;
    /** Optional: called between opening the model and opening the session. */
    void (*model_ready)(void *user);
    void *user;
};

/** mb_engine_open() - model, then session, as @cell says. On failure what was opened is still in *model: the caller closes both. */
int mb_engine_open(const struct mb_cell *cell, const struct mb_engine_wish *wish, struct eng_model **model, struct eng_session **session,
                   struct mb_error *err) MB_MUST_CHECK;

/** mb_engine_memory_need() - what mb_engine_open() would take; @n_ctx as in the wish. No weight is read. */
int mb_engine_memory_need(const struct mb_cell *cell, uint32_t n_ctx, struct eng_memory_need *need, struct mb_error *err) MB_MUST_CHECK;

/** mb_engine_fail() - an engine failure in the suite's words: the sentence is the engine's, the code is what the session acts on. */
int mb_engine_fail(const struct eng_error *from, struct mb_error *err);

#endif
