/**
 * record.h - everything one repetition produced, on its way from the worker process to the database. It is also the sink
 * through which every number leaves a collector, runner or workload: mb_record_metric() and friends. Filled outside the timed region.
 * Ownership: all strings are copied in, bytes that are not UTF-8 replaced by U+FFFD; mb_record_release() frees everything.
 * Not thread-safe.
 */
#ifndef MB_BASE_RECORD_H
#define MB_BASE_RECORD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/event.h"
#include "base/metric.h"

enum mb_trial_kind { MB_TRIAL_MEASURED, MB_TRIAL_WARMUP, MB_TRIAL_COLD };
enum mb_trial_status { MB_TRIAL_OK, MB_TRIAL_FAILED, MB_TRIAL_SKIPPED, MB_TRIAL_INVALID };

const char *mb_trial_kind_name(enum mb_trial_kind kind);       /* "measured", "warmup", "cold" */
const char *mb_trial_status_name(enum mb_trial_status status); /* "ok", "failed", "skipped", "invalid" */

/* How a number came about; "measured" unless said otherwise. */
enum mb_origin { MB_ORIGIN_MEASURED, MB_ORIGIN_ESTIMATED, MB_ORIGIN_SIMULATED };
const char *mb_origin_name(enum mb_origin origin);

struct mb_record_metric {
    enum mb_metric metric;
    char *scope;          /* what it is about: "" = whole trial, "prefill", "package-0", "arc_easy" */
    char *source;         /* collector, runner or workload that gave it */
    enum mb_origin origin;
    double value;         /* NaN = unknown: then reason is set and the database gets NULL */
    char *reason;         /* NULL, or why it is unknown */
};

struct mb_record_stream { /* a time series of one channel */
    char *name;           /* "power_uw", "rss_anon_bytes", "temp_milli_c": quantity with its unit */
    char *channel;        /* "package-0", "cpu-thermal", "policy0" */
    char *source;         /* collector */
    enum mb_origin origin;
    uint64_t *t_ns;       /* [n] mb_clock_ns() of each read */
    int64_t *value;       /* [n] integer in the stream's unit */
    size_t n, cap;
    uint64_t period_ns;   /* asked for */
    uint64_t n_errors;    /* reads that failed */
};

struct mb_record_answer {
    char *item;           /* "arc_easy/12", "chat/3.1" */
    char *given;          /* text generated, or label of the choice taken */
    char *expected;       /* NULL where there is no right answer */
    int correct;          /* 1, 0, -1 = not scored */
    double log_likelihood;/* of the choice taken; NaN where it has no meaning */
};

struct mb_record {
    enum mb_trial_kind kind;
    enum mb_trial_status status;
    uint32_t repetition;       /* from 0 within its kind */
    char *reason;              /* NULL when ok */
    uint64_t t_begin_ns, t_end_ns; /* timed region, mb_clock_ns() */
    char started_utc[32];
    struct mb_event *events;   /* [n_events] */
    size_t n_events, cap_events;
    struct mb_record_metric *metrics;
    size_t n_metrics, cap_metrics;
    struct mb_record_stream *streams;
    size_t n_streams, cap_streams;
    struct mb_record_answer *answers;
    size_t n_answers, cap_answers;
};

void mb_record_release(struct mb_record *r);

int mb_record_event(struct mb_record *r, const struct mb_event *event) MB_MUST_CHECK;
/** @scope and @source are copied. A NaN or infinite value is stored as unknown with reason "not a number" or "infinite". */
int mb_record_add_metric(struct mb_record *r, enum mb_metric metric, const char *scope, const char *source, enum mb_origin origin,
                         double value) MB_MUST_CHECK;
/** An unknown value and why. */
int mb_record_add_absent(struct mb_record *r, enum mb_metric metric, const char *scope, const char *source,
                         const char *reason) MB_MUST_CHECK;
/** A whole series at once; arrays are copied. */
int mb_record_add_stream(struct mb_record *r, const struct mb_record_stream *stream) MB_MUST_CHECK;
int mb_record_add_answer(struct mb_record *r, const struct mb_record_answer *answer) MB_MUST_CHECK;

/** mb_record_to_json() / _from_json() - the wire format between worker and parent. New reference, or NULL without memory.
 *  Reading overwrites *r (release it before); on failure it is zeroed and err says which part is damaged. */
json_t *mb_record_to_json(const struct mb_record *r);
int mb_record_from_json(struct mb_record *r, const json_t *json, struct mb_error *err) MB_MUST_CHECK;

#endif
