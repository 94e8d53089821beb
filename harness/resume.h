/** resume.h - what a database holds of a run already: per cell, so that nothing is measured or counted twice. */
#ifndef MB_HARNESS_RESUME_H
#define MB_HARNESS_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/record.h"
#include "db/store.h"

struct mb_cell_done {
    uint32_t n_measured;        /* repetitions 0 .. n_measured - 1 are there, whatever their status */
    uint32_t n_by_status[4];    /* of them, by enum mb_trial_status */
    uint32_t n_failed_in_a_row; /* at the end */
    uint32_t n_warmup, n_cold;  /* unmeasured rows 0 .. n - 1 that are there */
    char last_reason[600];      /* of the last failed one, "" if none */
    double *work_ns;            /* [n_by_status[MB_TRIAL_OK]] timed regions of the measured ok ones, ascending, owned */
    uint64_t output_hash;       /* of the tokens of the first ok repetition that has one, whatever its kind; 0: none yet */
    uint64_t spent_ns;          /* sum of the timed regions of all measured ones */
};

int mb_resume_cell(struct mb_db *db, int64_t cell_id, struct mb_cell_done *done, struct mb_error *err) MB_MUST_CHECK;

/** mb_resume_has() - is this repetition stored? */
bool mb_resume_has(const struct mb_cell_done *done, enum mb_trial_kind kind, uint32_t repetition);

/** mb_resume_output() - hash of all tokens of an ok repetition (metric output_hash); 0: it has none. */
uint64_t mb_resume_output(const struct mb_record *record);

/** mb_resume_note() - one more repetition is there. MB_ENOMEM. */
int mb_resume_note(struct mb_cell_done *done, const struct mb_record *record, struct mb_error *err) MB_MUST_CHECK;

void mb_resume_release(struct mb_cell_done *done);

#endif
