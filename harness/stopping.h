/**
 * stopping.h - when the measured repetitions of a cell are enough (`repetitions: auto`).
 *
 * After each repetition, from `least` on, the first that holds ends the cell:
 *   target  the interval of the median of the timed work (mb_stats_median_interval(), coverage >= 95 %) reaches at most `target` x
 *           median from the median, on the farther side: "median +- 2 %". Needs six ok repetitions: below there is no such interval
 *   minima  without a target: `least` repetitions and `least_s` seconds are there (LoadGen's rule: both)
 *   most    so many repetitions were done
 *   budget  the timed regions of the cell's measured repetitions sum up to the budget
 * The rule looks at stored durations only, so a run that was killed and goes on stops at the same place as one that was not.
 * Looking after every repetition makes stopping a choice that depends on the data: the interval at the stop covers the median somewhat
 * less often than its nominal 95 % (optional stopping). docs/statistics.md and docs/protocol.md say so to users.
 */
#ifndef MB_HARNESS_STOPPING_H
#define MB_HARNESS_STOPPING_H

#include <stddef.h>
#include <stdint.h>

enum mb_stop { MB_STOP_NOT_YET, MB_STOP_MINIMA, MB_STOP_TARGET, MB_STOP_MOST, MB_STOP_BUDGET };

struct mb_stopping {
    uint32_t most;        /* 0: the rule is off, the number is fixed */
    double target;        /* ratio, e.g. 0.02; 0: none: the minima are all that is asked */
    uint32_t budget_s;    /* 0: no budget */
    uint32_t least_s;     /* besides @least repetitions, so many seconds of timed regions before any other rule */
};

/* What `repetitions: auto` means; `least` is the fewest with an interval of 95 %. */
enum { MB_STOPPING_AUTO_LEAST = 6, MB_STOPPING_AUTO_MOST = 60, MB_STOPPING_AUTO_BUDGET_S = 120 };
#define MB_STOPPING_AUTO_TARGET 0.02

/** mb_stopping_interval() - the farther end of the 95 % interval of the median of sorted[n] from the median, over the median. NaN below six
 *  values, and where the median is 0. */
double mb_stopping_interval(const double *sorted, size_t n);

/** mb_stopping_check() - @n_counted repetitions, whatever their status; the sorted[n] times of the ok ones; @spent_ns of all. */
enum mb_stop mb_stopping_check(const struct mb_stopping *rule, uint32_t least, uint32_t n_counted, const double *sorted, size_t n, uint64_t spent_ns);

/** mb_stop_name() - "minima", "target", "most", "budget"; "" for not yet. */
const char *mb_stop_name(enum mb_stop stop);

#endif
