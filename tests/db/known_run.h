/** known_run.h - synthetic runs with figures known beforehand, written through the store like real ones. For tests/db and tests/plots. */
#ifndef MB_TESTS_DB_KNOWN_RUN_H
#define MB_TESTS_DB_KNOWN_RUN_H

#include <stdint.h>

#include "db/store.h"

/** A folder under $TMPDIR or /tmp; path[cap] receives it. known_folder_remove() takes it away with its files. */
void known_folder_make(char *path, size_t cap);
void known_folder_remove(const char *path);

/** Device, build, plan and a running run; returns the run's id. Asserts on failure. */
int64_t known_run_begin(struct mb_db *db, const char *plan_name);

struct known_axes { const char *model, *quant, *early_exit, *token_reduction; int threads; };
/** One cell; options_json is an object. Returns its id. */
int64_t known_cell(struct mb_db *db, int64_t run_id, int64_t i_cell, const struct known_axes *axes, const char *workload,
                   const char *options_json, int64_t repetitions, const char *refused);

/** An ok record at t_begin_ns = 5e12 whose region lasts duration_ns. */
void known_record(struct mb_record *r, enum mb_trial_kind kind, uint32_t repetition, uint64_t duration_ns);

/** Events of one request: begins at @t_ns after the record's begin, prompt of n_prompt tokens evaluated in prefill_ns, the first token
 *  then, and n_gaps further ones with the gaps given. Ends with the last token. Returns the time of its end (since begin). */
uint64_t known_request(struct mb_record *r, uint32_t request, uint64_t t_ns, uint32_t n_prompt, uint64_t prefill_ns,
                       const uint64_t *gaps_ns, size_t n_gaps);

void known_put(struct mb_db *db, int64_t cell_id, struct mb_record *r); /* stores and releases */

#endif
