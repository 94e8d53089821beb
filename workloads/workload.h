/**
 * workload.h - what is asked, and how an answer is scored. A workload is one const struct in a file named after it, listed in
 * workloads.def. Deterministic: the same options and seed give the same requests on every machine. No timing code here.
 *
 * Call order: options (once, when the plan is expanded); open once per cell; per trial: begin, then next/score in turn, end; close.
 */
#ifndef MB_WORKLOADS_WORKLOAD_H
#define MB_WORKLOADS_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/cell.h"
#include "base/error.h"
#include "base/record.h"
#include "base/request.h"

#define MB_WORKLOAD_ABI 1u

enum mb_option_kind { MB_OPTION_INTEGER, MB_OPTION_TEXT, MB_OPTION_LIST /* of text */ };

struct mb_workload_option { /* one row = plan key under the workload = key of the canonical JSON = line of the manual */
    const char *key;
    enum mb_option_kind kind;
    const char *def;        /* default as text; NULL: must be given */
    int64_t min, max;       /* INTEGER only */
    bool sweep;             /* INTEGER only: the plan may give a list or range, which makes several cells */
    const char *help;
};

/* What a cell needs, known after open(). */
struct mb_workload_need {
    uint32_t n_ctx;         /* most tokens at once, an upper bound in tokens of any tokenizer: bytes of text + max_gen */
    uint32_t max_gen;       /* most tokens of one answer */
    uint32_t max_text_bytes;/* room for one answer's text */
    uint32_t n_requests;    /* of one trial; for progress */
};

struct mb_workload_ops {
    unsigned abi;           /* MB_WORKLOAD_ABI, else refused */
    const char *name;       /* [a-z0-9_]+, unique; file is <name>.c */
    const char *summary;    /* one line for `meltbench list` */
    const struct mb_workload_option *options; /* key NULL ends the list */
    size_t state_size;      /* bytes; the harness allocates them zeroed: a workload has no file-scope variables */

    /** Data files that the options name, resolved: their sha256 goes into the cell hash. Appends paths (malloc'd) to *paths. */
    int (*files)(const struct mb_cell *cell, char ***paths, size_t *n, struct mb_error *err);
    int (*open)(void *state, const struct mb_cell *cell, struct mb_workload_need *need, struct mb_error *err);
    /** Start of a trial: back to the first request. */
    void (*begin)(void *state, uint32_t repetition);
    /** 1: *rq filled, 0: no more, negative: status. */
    int (*next)(void *state, struct mb_request *rq, struct mb_error *err);
    /** Untimed: take the answer to the last request; may add answers to the record. */
    int (*score)(void *state, const struct mb_request *rq, const struct mb_result *rs, struct mb_record *record, struct mb_error *err);
    /** End of a trial: add the trial's metrics (accuracy, perplexity) to the record. */
    int (*end)(void *state, struct mb_record *record, struct mb_error *err);
    void (*close)(void *state); /* safe on zeroed and half-opened state */
    bool untimed;           /* its result is a score that does not vary with heat or caches: a warm-up repetition would be wasted */
};

const struct mb_workload_ops *const *mb_workloads(size_t *n);
const struct mb_workload_ops *mb_workload_find(const char *name);

#endif
