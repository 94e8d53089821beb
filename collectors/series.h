/**
 * series.h - the memory of one polled channel: a preallocated array of (stamp, value), and a running trapezoid.
 * Both take a constant time per sample and never allocate after init, so they are fit for the sampler thread.
 * Thread: one writer; the reader comes after the sampler rests.
 */
#ifndef MB_COLLECTORS_SERIES_H
#define MB_COLLECTORS_SERIES_H

#include <stdint.h>

#include "base/error.h"
#include "base/record.h"

struct mb_series {
    uint64_t *t_ns;     /* [cap], owned; strictly increasing by at least 1 us, the resolution of the sample table */
    int64_t *value;     /* [cap], owned */
    uint32_t n, cap;
    uint64_t n_errors;  /* reads that failed, counted by the collector */
    uint64_t n_dropped; /* samples that found the array full */
};

/** mb_series_init() - room for @cap samples, every page touched now so that the timed region sees no fault. */
int mb_series_init(struct mb_series *s, uint32_t cap, struct mb_error *err) MB_MUST_CHECK;
void mb_series_clear(struct mb_series *s);   /* empty, keep the memory */
void mb_series_release(struct mb_series *s); /* free, back to zeroed */

/** mb_series_push() - append; a sample within 1 us of the last one replaces its value. Full: counted as dropped. */
void mb_series_push(struct mb_series *s, uint64_t t_ns, int64_t value);

struct mb_series_label {
    const char *name;    /* quantity with unit: "power_uw" */
    const char *channel; /* "package-0" */
    const char *source;  /* collector */
    enum mb_origin origin;
    uint64_t period_ns;
};

/** mb_series_record() - copy into the record as one stream. Its n_errors = failed reads + dropped samples. A series that saw
 *  neither a sample nor an error is left out. */
int mb_series_record(const struct mb_series *s, struct mb_record *record, const struct mb_series_label *label,
                     struct mb_error *err) MB_MUST_CHECK;

/**
 * mb_trapezoid_add() - integral of a sampled quantity: sum of (v[i] + v[i-1]) / 2 * (t[i] - t[i-1]) between the read stamps.
 * Independent of the series' capacity: a full array loses samples, not energy.
 */
struct mb_trapezoid {
    double sum_ns; /* value unit x ns */
    double v_last;
    uint64_t t_first_ns, t_last_ns;
    uint64_t n;    /* samples */
};

void mb_trapezoid_add(struct mb_trapezoid *z, uint64_t t_ns, double value);

#endif
