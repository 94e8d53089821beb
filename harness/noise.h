/**
 * noise.h - how steady this machine is now, as a grade. One thread per core that a run would use, each pinned to its own, all at once,
 * do in turns (1) a fixed chain of integer arithmetic that takes about 1 ms, and (2) 1 ms of nothing but clock reads.
 * - p99 / median: of (1), each time over its own core's median (kinds of cores differ), all cores together.
 * - gap share: of (2), the time between two reads that are more than MB_NOISE_GAP_NS apart (preemption, interrupts, steal) / all of it.
 * - steal share: ticks of /proc/stat during the measurement, of all ticks of all processors.
 * Grade: the worst of the three, the first letter whose limits hold (mb_noise_limits): A up to 2 % above the median at p99, 0.1 % of
 * the time in gaps, 0.1 % stolen; B 5 %, 0.5 %, 0.5 %; C 10 %, 2 %, 2 %; D 25 %, 5 %, 5 %; E more. A p99 needs 100 values: below there
 * is no grade. Unknown steal does not count against it.
 */
#ifndef MB_HARNESS_NOISE_H
#define MB_HARNESS_NOISE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define MB_NOISE_GAP_NS 5000u
#define MB_NOISE_MIN_SAMPLES 100u

struct mb_noise_limit { char grade; double p99_over_median, gap_share, steal_share; };
extern const struct mb_noise_limit mb_noise_limits[4]; /* A to D */

struct mb_noise {
    double seconds;               /* measured */
    uint32_t n_threads;
    size_t n_samples;
    double median_ns;             /* of the fixed work: of the cores' medians */
    double slowest_over_fastest;  /* the cores' medians: above 1 where cores are of several kinds, or shared */
    double p99_over_median;       /* NaN without samples */
    double gap_share;
    uint64_t longest_gap_ns;
    double steal_share;           /* NaN: unknown */
    int64_t steal_ticks;          /* -1: unknown */
    int64_t throttle_rise;        /* heat events meanwhile; -1: unknown */
    char grade;                   /* 'A'..'E'; '?' with too few samples */
};

/** mb_noise_grade() - the rule above. */
char mb_noise_grade(size_t n_samples, double p99_over_median, double gap_share, double steal_share);

/** mb_noise_spread() - p99 / median of times[n] (nearest rank); sorts in place. NaN when n == 0. */
double mb_noise_spread(double *times, size_t n);

/** mb_noise_measure() - takes @seconds > 0. @root: /proc and /sys of the ticks and throttle counts. */
int mb_noise_measure(struct mb_noise *noise, const char *root, double seconds, struct mb_error *err) MB_MUST_CHECK;

/** mb_noise_json() - the keys of `doctor -o json`, unknown is null. New reference, NULL without memory. */
json_t *mb_noise_json(const struct mb_noise *noise);

#endif
