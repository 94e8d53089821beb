/**
 * progress.h - where a run is and how long it will take, on stderr: a line that is redrawn on a terminal, else a plain line every few
 * seconds. The session calls it between repetitions only, so nothing is printed inside a timed region.
 * The time left is estimated per workload: seconds per measured repetition so far, loading and warm-up included; cells of a workload
 * that has not run yet are guessed by the mean of the others.
 */
#ifndef MB_HARNESS_PROGRESS_H
#define MB_HARNESS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/record.h"
#include "harness/plan.h"

#define MB_PROGRESS_WORKLOADS 16u
#define MB_PROGRESS_PLAIN_NS 5000000000u

struct mb_progress {
    FILE *out;            /* NULL: quiet */
    bool tty;
    uint32_t n_cells, n_cells_done;
    uint64_t last_ns;     /* of the last plain line */
    bool drawn;           /* a line stands on the terminal */
    struct mb_progress_kind { const char *workload; uint64_t spent_ns; uint32_t n_done, n_left; } kinds[MB_PROGRESS_WORKLOADS];
    uint32_t n_kinds;
};

void mb_progress_begin(struct mb_progress *p, FILE *out, bool tty, uint64_t now_ns);
/** mb_progress_expect() - @n more measured repetitions of this workload are to come. @workload is borrowed. */
void mb_progress_expect(struct mb_progress *p, const char *workload, uint32_t n);
/** mb_progress_spent() - so much time went into this workload and so many measured repetitions came out. */
void mb_progress_spent(struct mb_progress *p, const char *workload, uint64_t ns, uint32_t n_done);
/** mb_progress_drop() - @n of the expected repetitions will not be run. */
void mb_progress_drop(struct mb_progress *p, const char *workload, uint32_t n);
/** mb_progress_left_ns() - estimate; UINT64_MAX when nothing is known yet. */
uint64_t mb_progress_left_ns(const struct mb_progress *p);
/** mb_progress_show() - one state of the run; @must: also when a plain line is not due. */
void mb_progress_show(struct mb_progress *p, const struct mb_plan_cell *cell, const struct mb_record *last, uint64_t now_ns, bool must);
/** mb_progress_say() - a sentence of its own, between states. */
void mb_progress_say(struct mb_progress *p, const char *fmt, ...) MB_PRINTF(2, 3);
/** mb_progress_end() - clear the redrawn line. */
void mb_progress_end(struct mb_progress *p);

/** mb_progress_duration() - "45 s", "3 min 05 s", "2 h 10 min" into buf[cap]; returns buf. */
char *mb_progress_duration(uint64_t ns, char *buf, size_t cap);

#endif
