/**
 * trial.h - one cell opened in the worker process, and one repetition of it: (workload -> runner) with collectors around.
 *
 *   mb_site_open     workload, collectors, runner; the model is loaded here
 *   mb_site_trial    latch, requests, latch; collectors start before and stop after, in reverse; what they saw goes into the record
 *   mb_site_close
 *
 * The timed region [t_begin_ns, t_end_ns] runs from the first request's begin to the last request's end. Between the requests of one
 * repetition (untimed as latency: figures come from request events) answers are scored and the next request is prepared; the first
 * is prepared before the region, the last is scored after it. Inside a request nothing is allocated: events have their room before.
 * The region of a cold repetition begins earlier, when loading begins.
 * Thread: one.
 */
#ifndef MB_HARNESS_TRIAL_H
#define MB_HARNESS_TRIAL_H

#include <stdbool.h>

#include "base/cell.h"
#include "base/record.h"
#include "harness/page_cache.h"
#include "harness/worker_link.h"
#include "runners/runner.h"
#include "workloads/workload.h"

struct mb_site;

struct mb_site_setup {
    const struct mb_cell *cell;   /* outlives the site */
    const char *collect;          /* for mb_collect_open() */
    const char *root;             /* prefix of /sys and /proc, "" = this machine */
    uint64_t period_ns;
    uint32_t max_samples;
    bool cold;                    /* the first repetition will be a cold one: collectors start before loading */
    enum mb_page_cache page_cache; /* what is done with the model's file before it is loaded */
    bool unstored;                /* the record is only looked at: no hash of the output */
    const struct mb_text_sink *text; /* told the text of each token as it is made; NULL, as in whatever is measured: nobody asks */
    struct mb_worker_page *page;  /* told where we are; may be NULL */
    const struct mb_runner_ops *runner;     /* NULL: by cell->runner */
    const struct mb_workload_ops *workload; /* NULL: by cell->workload */
};

/** mb_site_open() - MB_ENOTSUP: cannot run here, with the reason; other errors: it failed. *out is NULL then. */
int mb_site_open(struct mb_site **out, const struct mb_site_setup *setup, struct mb_error *err) MB_MUST_CHECK;
void mb_site_close(struct mb_site *site); /* accepts NULL */
void mb_site_facts(const struct mb_site *site, struct mb_runner_facts *facts);

/**
 * mb_site_trial() - one repetition into @record (zeroed before; released by the caller also after an error).
 * 0 with record->status ok; failed (a request went wrong: the reason says which and what); invalid (it ran, but its figures cannot
 * be trusted: stamps that contradict the result, the machine slept). Negative: no record can be made (memory).
 * MB_TRIAL_COLD is for the first repetition of a site that was opened with cold.
 */
int mb_site_trial(struct mb_site *site, enum mb_trial_kind kind, uint32_t repetition, struct mb_record *record, struct mb_error *err) MB_MUST_CHECK;

/** mb_trial_work_ns() - the region without loading: what warm-up compares and an ETA counts. */
uint64_t mb_trial_work_ns(const struct mb_record *record);

#endif
