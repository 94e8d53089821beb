/** compare_facts.h - what is not the same about the two sides of a comparison, and what makes their figures less than measured. Internal to compare*.c. */
#ifndef MB_HARNESS_COMPARE_FACTS_H
#define MB_HARNESS_COMPARE_FACTS_H

#include "harness/compare.h"

/** mb_compare_facts() - array of one-line texts, by rows of a table in compare_facts.c: plan, build, device, energy source, conditions at start;
 *  debug and sanitizer builds, runs that are not finished, scripted (simulated) times. NULL: no memory. */
json_t *mb_compare_facts(const struct mb_compare *c);

#endif
