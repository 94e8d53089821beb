/**
 * roofline.h - the limits of this machine, measured: how fast threads read memory and how fast they multiply. Nothing else can be
 * faster: `profile` states each operator's distance from them.
 *
 *   read           each of T threads streams its T-th part of one buffer:                 bytes of the buffer / slowest thread's time
 *   read_matrices  the buffer as matrices of 1, 2, 4 and 8 MiB in turn; all threads read parts of one, then meet, as decoding does:
 *                  bytes of all matrices / time; each is read once per pass, so none is in a cache when the buffer is large enough
 *   f32, int8      operations on registers in T threads at once:                          operations (2 per multiply-add) / slowest
 *
 * The buffer is "beyond the caches" from 4 x the last-level cache on: at most a quarter of a pass can then be left over from the
 * pass before, and with the usual replacement nothing is. What was read is said beside every figure. Formulas of a pass: value =
 * work / (last end - common start), CLOCK_MONOTONIC_RAW, one unmeasured pass before.
 */
#ifndef MB_HARNESS_ROOFLINE_H
#define MB_HARNESS_ROOFLINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "harness/peak.h"

enum mb_limit { MB_LIMIT_READ, MB_LIMIT_READ_MATRICES, MB_LIMIT_F32, MB_LIMIT_INT8, MB_LIMIT_N };

struct mb_limit_row { const char *name, *unit; double per_unit; }; /* "read", "GB/s", 1e9: value / per_unit is printed */
extern const struct mb_limit_row mb_limit_rows[MB_LIMIT_N];

/** mb_limit_find() - the limit of this name; MB_LIMIT_N: none. */
enum mb_limit mb_limit_find(const char *name);

struct mb_limit_sample {
    enum mb_limit kind;
    const char *isa;         /* static */
    uint32_t n_threads;
    uint64_t n_bytes;        /* of a pass; 0 for the peaks */
    uint32_t repetition;
    double value;            /* bytes/s, flop/s, op/s */
};

struct mb_roofline;

/** mb_roofline_open() - a buffer of @n_bytes (rounded up to 16 MiB; 0: none, peaks only), each part touched first by the thread
 *  that reads it when all @max_threads do. MB_ENOMEM when it cannot be had. */
int mb_roofline_open(struct mb_roofline **out, uint64_t n_bytes, uint32_t max_threads, struct mb_error *err) MB_MUST_CHECK;
void mb_roofline_close(struct mb_roofline *roofline); /* accepts NULL */

/** mb_roofline_measure() - @n_repetitions values of one limit with @n_threads (<= max_threads) threads into values[].
 *  Returns the bytes of a pass (0 for peaks) through *n_bytes. */
int mb_roofline_measure(struct mb_roofline *roofline, enum mb_limit kind, const struct mb_peak *peak, uint32_t n_threads,
                        uint32_t n_repetitions, double *values, uint64_t *n_bytes, struct mb_error *err) MB_MUST_CHECK;

/** mb_roofline_bytes() - size of the buffer for a machine with a last-level cache of @cache_bytes (0: unknown, taken as 64 MiB) and
 *  @available_bytes of memory: 4 x the cache, at least 256 MiB, at most a third of the memory, in steps of 16 MiB. */
uint64_t mb_roofline_bytes(uint64_t cache_bytes, uint64_t available_bytes);

#endif
