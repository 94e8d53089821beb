/**
 * stats_tail.h - how far out a value of a known distribution lies: the normal and Student's t. Reentrant.
 */
#ifndef MB_HARNESS_STATS_TAIL_H
#define MB_HARNESS_STATS_TAIL_H

#include <stddef.h>

/** mb_stats_normal_width() - z with P[|Z| <= z] = level, level inside (0, 1). */
double mb_stats_normal_width(double level);

/** mb_stats_student_p() - P[|T| >= |t|] of Student's t with @df >= 1 degrees of freedom, by the finite sums for whole degrees (Abramowitz and
 *  Stegun 1964, 26.7.3 and 26.7.4): absolute error about 1e-15, so a p below 1e-12 is only "very small". NaN for a NaN or df == 0. */
double mb_stats_student_p(double t, size_t df);

/** mb_stats_student_width() - t with P[|T| <= t] = level, level inside (0, 1): by bisection of the above. NaN when df == 0. */
double mb_stats_student_width(double level, size_t df);

#endif
