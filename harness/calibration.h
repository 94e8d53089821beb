/** calibration.h - a set of measured limits (roofline.h): take it, look one up, store it, find the newest of this machine. */
#ifndef MB_HARNESS_CALIBRATION_H
#define MB_HARNESS_CALIBRATION_H

#include <stdbool.h>

#include "db/store.h"
#include "harness/roofline.h"

struct mb_calibration { /* zeroed = empty; released with mb_calibration_release() */
    struct mb_limit_sample *samples; /* values of one limit stand together, in the order of their repetition */
    size_t n, cap;
    uint64_t cache_bytes;            /* last-level cache of this machine; 0: not known */
    int64_t id;                      /* its row in the database; 0: none */
};

struct mb_calibration_wish {
    const uint32_t *threads;    /* [n_threads] thread counts */
    size_t n_threads;
    unsigned limits;            /* 1 << enum mb_limit for each wanted; 0: all */
    uint32_t n_repetitions;     /* values of each limit */
    uint64_t read_bytes;        /* size of the buffer; 0: mb_roofline_bytes() of this machine */
    bool best_isa;              /* peaks of the best instruction set only */
    /** Optional: after every limit that was measured; @done of @all. */
    void (*progress)(void *user, size_t done, size_t all);
    void *user;
};

int mb_calibration_measure(struct mb_calibration *calibration, const struct mb_calibration_wish *wish, struct mb_error *err) MB_MUST_CHECK;
void mb_calibration_release(struct mb_calibration *calibration);

struct mb_limit_figure { const char *isa; uint32_t n_threads, n; uint64_t n_bytes; double median, lo, hi, coverage; };

/** mb_calibration_figure() - median and interval of a limit; @isa NULL: the best set that was measured. false when it was not measured.
 *  Among several buffer sizes the largest. */
bool mb_calibration_figure(const struct mb_calibration *calibration, enum mb_limit kind, const char *isa, uint32_t n_threads,
                           struct mb_limit_figure *figure);

/** mb_calibration_next() - all figures one after the other: start with *at = 0. */
bool mb_calibration_next(const struct mb_calibration *calibration, size_t *at, enum mb_limit *kind, struct mb_limit_figure *figure);

/** mb_calibration_store() - into the database as measured now on this device; calibration->id is set. */
int mb_calibration_store(struct mb_calibration *calibration, struct mb_db *db, int64_t device_id, int64_t build_id,
                         const char *conditions_json, struct mb_error *err) MB_MUST_CHECK;

/** mb_calibration_load() - the newest one of this device that has values for @n_threads threads; n == 0 when there is none. */
int mb_calibration_load(struct mb_calibration *calibration, struct mb_db *db, int64_t device_id, uint32_t n_threads,
                        struct mb_error *err) MB_MUST_CHECK;

#endif
