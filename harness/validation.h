/**
 * validation.h - are the instruments of this machine right, and what do they cost? `meltbench calibrate machine`.
 *
 * A row is a figure (expected is NaN) or a check: |value - expected| <= bound, else the collector is broken here. What cannot be tried
 * is absent with the reason. Nothing needs a model or root. All sections together take about 20 s.
 * Thread: one; sections start threads of their own and end them.
 */
#ifndef MB_HARNESS_VALIDATION_H
#define MB_HARNESS_VALIDATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/record.h"

enum mb_validation_verdict { MB_VALIDATION_FIGURE, MB_VALIDATION_OK, MB_VALIDATION_BROKEN, MB_VALIDATION_ABSENT, MB_VALIDATION_N };
const char *mb_validation_verdict_name(enum mb_validation_verdict verdict); /* "figure", "ok", "broken", "absent" */

struct mb_validation_row {
    const char *section;          /* id of validation.def */
    char subject[40];             /* collector, "clock", "null runner" */
    char what[120];
    const char *unit;             /* static */
    double expected, value, bound; /* NaN where there is none */
    enum mb_validation_verdict verdict;
    char note[240];               /* reason of what is absent; how the value came about; may be empty */
};

struct mb_validation {            /* zeroed = empty */
    const char *root;             /* prefix of /sys and /proc */
    void (*progress)(void *user, const char *section); /* optional */
    void *user;
    struct mb_validation_row *rows; /* [n], owned */
    size_t n, cap;
    const char *section;          /* at work */
};

/** mb_validation_run() - every section. Fails only for memory and threads: what is broken or absent is a row. */
int mb_validation_run(struct mb_validation *v, const char *root, struct mb_error *err) MB_MUST_CHECK;
void mb_validation_release(struct mb_validation *v);
size_t mb_validation_count(const struct mb_validation *v, enum mb_validation_verdict verdict);

struct mb_db;
/** mb_validation_store() - all rows, for a calibration that is there (calibration.h), in one transaction. */
int mb_validation_store(const struct mb_validation *v, struct mb_db *db, int64_t calibration_id, struct mb_error *err) MB_MUST_CHECK;

/* For sections. @what is a format. */

int mb_validation_figure(struct mb_validation *v, const char *subject, const char *unit, double value, const char *note, struct mb_error *err,
                         const char *what, ...) MB_PRINTF(7, 8) MB_MUST_CHECK;
/** @value NaN: absent, with the note as its reason. */
int mb_validation_check(struct mb_validation *v, const char *subject, const char *unit, double expected, double value, double bound,
                        const char *note, struct mb_error *err, const char *what, ...) MB_PRINTF(9, 10) MB_MUST_CHECK;

/** mb_validation_metric() - a metric of the record: its value, or NaN with why it is unknown in note[n]. @source NULL: any. */
double mb_validation_metric(const struct mb_record *record, enum mb_metric metric, const char *source, char *note, size_t n);

/** mb_validation_sleep() - until @ns from now. */
void mb_validation_sleep(uint64_t ns);

#define SECTION(id, what) int mb_validate_##id(struct mb_validation *v, struct mb_error *err) MB_MUST_CHECK;
#include "harness/validation.def"
#undef SECTION

#endif
