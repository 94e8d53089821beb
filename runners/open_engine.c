/* open_engine.c - see open_engine.h. */
#include "runners/open_engine.h"

#include <stdlib.h>

int mb_engine_fail(const struct eng_error *from, struct mb_error *err)
{
    switch (from->code) {
    case ENG_ENOMEM: return mb_fail(err, MB_ENOMEM, "%s", from->text);
    case ENG_EIO: return mb_fail(err, MB_EIO, "%s", from->text);
    case ENG_EFORMAT: return mb_fail(err, MB_EFORMAT, "%s", from->text);
    case ENG_ENOTSUP: return mb_fail(err, MB_ENOTSUP, "%s", from->text);
    case ENG_EINVAL: return mb_fail(err, MB_EINVAL, "%s", from->text);
    case ENG_ENAN: return mb_fail(err, MB_EFAILED, "NaN: %s", from->text);
    default: return mb_fail(err, MB_EFAILED, "%s", from->text);
    }
}

static struct eng_model_params model_params(const struct mb_cell *cell)
{
    return (struct eng_model_params){.quant = cell->axis[MB_AXIS_QUANT], .n_threads = (uint32_t)strtoul(cell->axis[MB_AXIS_THREADS], NULL, 10),
                                     .cpu_mask = cell->axis[MB_AXIS_CPU_MASK]};
}

static struct eng_session_params session_params(const struct mb_cell *cell, uint32_t n_ctx)
{
    return (struct eng_session_params){
        .n_ctx = n_ctx,
        .n_threads = (uint32_t)strtoul(cell->axis[MB_AXIS_THREADS], NULL, 10),
        .cpu_mask = cell->axis[MB_AXIS_CPU_MASK],
        .backend = cell->axis[MB_AXIS_BACKEND],
        .act = cell->axis[MB_AXIS_ACT],
        .cache_type_k = cell->axis[MB_AXIS_CACHE_TYPE_K],
        .cache_type_v = cell->axis[MB_AXIS_CACHE_TYPE_V],
        .early_exit = cell->axis[MB_AXIS_EARLY_EXIT],
        .token_reduction = cell->axis[MB_AXIS_TOKEN_REDUCTION],
    };
}

int mb_engine_memory_need(const struct mb_cell *cell, uint32_t n_ctx, struct eng_memory_need *need, struct mb_error *err)
{
    struct eng_error e = {0};
    const struct eng_model_params mp = model_params(cell);
    const struct eng_session_params sp = session_params(cell, n_ctx ? n_ctx : UINT32_MAX);
    return eng_memory_need(need, cell->model_path, &mp, &sp, &e) ? mb_engine_fail(&e, err) : MB_OK;
}

int mb_engine_open(const struct mb_cell *cell, const struct mb_engine_wish *wish, struct eng_model **model, struct eng_session **session,
                   struct mb_error *err)
{
    struct eng_error e = {0};
    struct eng_model_params mp = model_params(cell);
    mp.observer = wish->observer;
    *session = NULL;
    if (eng_model_open(model, cell->model_path, &mp, &e))
        return mb_engine_fail(&e, err);
    if (wish->model_ready)
        wish->model_ready(wish->user);
    const uint32_t n_most = eng_model_info(*model)->n_ctx_train;
    struct eng_session_params sp = session_params(cell, wish->n_ctx && wish->n_ctx < n_most ? wish->n_ctx : n_most);
    sp.observer = wish->observer;
    sp.tracer = wish->tracer;
    return eng_session_open(session, *model, &sp, &e) ? mb_engine_fail(&e, err) : MB_OK;
}
