/**
 * compare_select.h - which run a user means.
 *
 *   [FILE:]RUN[:AXIS=VALUE,...]
 *   RUN    12          a run's number, finished or not
 *          last        the newest finished run; last~1 the one before it
 *          @1a2b3c     the newest finished run of a build whose commit begins so; @1a2b3c~1
 *          NAME@last   the newest finished run of the plan of that name; NAME@last~1
 *          (nothing)   last
 *   FILE   a database, when it exists or has a '/' or ends in .db; else the one of --db
 *   AXIS=VALUE  only cells with this value; the value goes on to the next ",AXIS=": early_exit=verify:layer=20,draft=4,threads=2
 *
 * Errors are MB_EINVAL or MB_ENOENT with one sentence that says what there is.
 */
#ifndef MB_HARNESS_COMPARE_SELECT_H
#define MB_HARNESS_COMPARE_SELECT_H

#include <stdint.h>

#include "harness/compare_read.h"

struct mb_compare_choice {
    char *path;          /* database, owned */
    int64_t run_id;
    struct mb_cell_filter filter; /* owned */
};

/** mb_compare_select() - @where: more filter, such as "quant=q8_0", or NULL; @default_db: for selectors without FILE. On failure *choice is
 *  released. mb_compare_choice_release() after use; accepts zeroed. */
int mb_compare_select(struct mb_compare_choice *choice, const char *selector, const char *default_db, const char *where, struct mb_error *err) MB_MUST_CHECK;
void mb_compare_choice_release(struct mb_compare_choice *choice);

/** mb_compare_earlier_runs() - ids[n] of the last @n finished runs before @choice's of the same plan (its hash) on the same device
 *  (its fingerprint: another kernel or governor is another device), of any build, newest first. *found <= n. */
int mb_compare_earlier_runs(const struct mb_compare_choice *choice, size_t n, int64_t *ids, size_t *found, struct mb_error *err) MB_MUST_CHECK;

#endif
