/**
 * plan.h - a plan file, checked and expanded into cells. YAML through libyaml; every error has file:line:column, and an unknown
 * key names the nearest known one. Expansion order: models, then axes in axis.def order (first slowest), then workloads.
 * Ownership: everything hangs on struct mb_plan and goes with mb_plan_free().
 */
#ifndef MB_HARNESS_PLAN_H
#define MB_HARNESS_PLAN_H

#include <stdbool.h>

#include "base/cell.h"
#include "base/digest.h"
#include "base/error.h"
#include "harness/cooldown.h"
#include "harness/page_cache.h"
#include "harness/rules.h"
#include "harness/stopping.h"

/* A wake-up of the sampler costs a computing core 40 to 60 us (docs/overhead.md): 25 ms keep it near 0.2 % of one core. */
enum { MB_PLAN_PERIOD_MS = 25 };

enum { MB_PLAN_REPLACE_INVALID = 5 };

enum mb_order { MB_ORDER_SHUFFLED, MB_ORDER_LISTED, MB_ORDER_INTERLEAVED /* interleave.h */ };

/** mb_order_name() - as in a plan. */
const char *mb_order_name(enum mb_order order);

struct mb_protocol {
    enum mb_rules rules;    /* what the run is judged by at its end (rules.h) */
    uint32_t repetitions;   /* measured trials per cell, with @stopping at least; a workload's own `repetitions` wins over both */
    struct mb_stopping stopping; /* all zero: exactly @repetitions */
    int32_t warmup;         /* -1 auto, else so many */
    uint32_t replace_invalid; /* at most so many invalid repetitions of a cell are made up for by further ones */
    bool mark_throttled;    /* repetitions that heat slowed are invalid (validity.h), but for workloads that are only scored */
    enum mb_order order;
    enum mb_page_cache page_cache; /* of the model's file before it is loaded; unless as-is, part of a cell's configuration */
    uint64_t seed;
    uint32_t timeout_s;     /* of one repetition (and of opening the model) */
    uint32_t memory_limit_mib; /* of each cell's process (memory_cap.h); 0: none */
    struct mb_cooldown cooldown; /* cooldown.h; all zero: none */
};

struct mb_plan_cell {
    struct mb_cell cell;
    char hash[MB_DIGEST_HEX];
    char *config_json;      /* canonical: sorted keys, compact */
    char *label;            /* short, for progress: axes that vary, and the workload */
    char *refused;          /* NULL, or why this cell is not run: combination, unavailable backend, method out of range for the model */
    char model_sha256[MB_DIGEST_HEX]; /* "" without a model */
    uint64_t model_bytes;
    uint32_t repetitions;   /* measured ones that a complete cell has, at least */
    struct mb_stopping stopping; /* most > 0: more until this says enough */
    uint32_t replace_invalid;
};

struct mb_plan {
    char *name, *path;
    char hash[MB_DIGEST_HEX];
    char *text;             /* canonical JSON of the checked plan */
    char *collect;          /* comma list for mb_collect_open() */
    bool collect_named;     /* the plan says so itself: what it asks for is expected to be there */
    uint64_t period_ns;     /* of polled collectors; `collect_period_ms`, default MB_PLAN_PERIOD_MS */
    struct mb_protocol protocol;
    struct mb_plan_cell *cells;
    size_t n_cells;
};

struct mb_plan_env {        /* where things are; NULL fields have defaults */
    const char *data_dir;   /* --data, else $MELTBENCH_DATA, else NULL */
    const char *share_dir;  /* shipped workloads/data: $MELTBENCH_SHARE, else the source tree, else the install prefix */
    const char *rules;      /* profile (rules.h) that presets the protocol, whatever the plan names; NULL: the plan's */
    bool unstored;          /* nothing of this plan will be stored: files that were given as a path are not hashed, hashes stay "" */
};

int mb_plan_load(struct mb_plan **out, const char *path, const struct mb_plan_env *env, struct mb_error *err) MB_MUST_CHECK;
void mb_plan_free(struct mb_plan *plan); /* accepts NULL */

/**
 * mb_plan_single() - a plan of one cell (or of the product of lists) made from flags: what `bench`, `generate` and `eval` run.
 * axis[] holds comma lists (NULL = default); options is the workload's JSON object, or an array of such: one cell each.
 */
int mb_plan_single(struct mb_plan **out, const char *name, const char *const axis[MB_AXIS_N], const char *runner, const char *workload,
                   json_t *options, const struct mb_protocol *protocol, const char *collect, const struct mb_plan_env *env,
                   struct mb_error *err) MB_MUST_CHECK;

/**
 * mb_cell_refusal() - NULL when the cell can run, else the reason: a method that is unavailable here, a conflict between methods
 * (eng_methods_conflict()), a workload that the method spoils (accuracy with streaming when the context does not fit, ...).
 */
const char *mb_cell_refusal(const struct mb_cell *cell, char *buf, size_t cap);

#endif
