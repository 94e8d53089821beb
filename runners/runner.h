/**
 * runner.h - how a request is executed. A runner is one const struct in a file named after it, listed in runners.def.
 *
 * Call order: probe; open once per cell; then per request (prepare, run); reset between trials; close.
 * Only run() is inside the timed region of its request: it allocates nothing and prints nothing (rq->on_text is who prints).
 */
#ifndef MB_RUNNERS_RUNNER_H
#define MB_RUNNERS_RUNNER_H

#include <stddef.h>

#include "base/cell.h"
#include "base/error.h"
#include "base/event.h"
#include "base/metric.h"
#include "base/record.h"
#include "base/request.h"

#define MB_RUNNER_ABI 1u

struct mb_runner_facts { /* what the cell runs on, for the model table; zeroed where the runner has no model */
    const char *arch;    /* "llama"; borrowed until close */
    uint64_t n_params, weight_bytes; /* weight_bytes: as executed, after requantization */
    uint32_t n_layers, n_ctx_train;
    const char *tensor_types; /* JSON [{"type","tensors","weights","bytes"}] as executed, borrowed until close; or NULL */
    const char *tensors;      /* JSON [[name, rows, columns, type, bytes, type in the file, bytes there]] of the matrices; likewise */
};

struct mb_memory_need { /* bytes that an open cell holds in memory, by the runner's own accounting; the program itself not counted */
    uint64_t weight_bytes, kv_bytes, scratch_bytes; /* as report() will say */
    uint64_t peak_bytes;                            /* all, at most at once, loading included */
};

struct mb_runner_ops {
    unsigned abi;        /* MB_RUNNER_ABI, else refused */
    const char *name;    /* [a-z0-9_]+, unique; file is run_<name>.c */
    const char *summary; /* one line for `meltbench list` */
    size_t state_size;   /* bytes; the harness allocates them zeroed: a runner has no file-scope variables */

    /** 0, or MB_ENOTSUP with the reason for humans. No side effects. */
    int (*probe)(struct mb_error *why);
    /** Load. Emits LOAD_BEGIN and LOAD_END to @events. @n_ctx: the most tokens that any request of the cell will need at once. */
    int (*open)(void *state, const struct mb_cell *cell, uint32_t n_ctx, const struct mb_event_sink *events, struct mb_error *err);
    /** Untimed: reserve everything that run() needs. */
    int (*prepare)(void *state, const struct mb_request *rq, struct mb_error *err);
    /** The timed call. Emits REQUEST_BEGIN .. REQUEST_END. Returns after the device is idle. A NaN logit is MB_EFAILED "NaN ...". */
    int (*run)(void *state, const struct mb_request *rq, struct mb_result *rs, const struct mb_event_sink *events, struct mb_error *err);
    /** Cache and sampler as after open(). */
    void (*reset)(void *state);
    /** Untimed: engine's own figures (weight, KV, scratch bytes, kept tokens) into the record of the trial that just ended. */
    int (*report)(void *state, struct mb_record *record, struct mb_error *err);
    /** Optional; valid after open(). */
    void (*facts)(void *state, struct mb_runner_facts *facts);
    /** Optional: what open() would take, without loading: on any thread, no state. */
    int (*memory_need)(const struct mb_cell *cell, uint32_t n_ctx, struct mb_memory_need *need, struct mb_error *err);
    /** Safe on zeroed and half-opened state. */
    void (*close)(void *state);
};

/** All registered runners, in the order of runners.def; *n receives their number. */
const struct mb_runner_ops *const *mb_runners(size_t *n);
/** By name, or NULL. */
const struct mb_runner_ops *mb_runner_find(const char *name);

#endif
