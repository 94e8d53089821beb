/**
 * compare_sim.h - many comparisons of runs of the null runner with simulated scatter, in this process: how often the rule of `compare` raises a false alarm, and how
 * often it finds a planted slow-down. The same noise through the whole program, database and all: scripts/check_compare.sh.
 *
 * A comparison is two runs (or a baseline and one) of COMPARE_SIM_CELLS cells (prompts of 64 and 256, 32 and 128 tokens), each a process of its own with one unmeasured repetition; its rows
 * are prefill rate, decode rate and time to first token: one family of 12. Everything is seeded.
 */
#ifndef MB_TESTS_COMPARE_SIM_H
#define MB_TESTS_COMPARE_SIM_H

#include "harness/compare_rule.h"

enum { COMPARE_SIM_CELLS = 4, COMPARE_SIM_METRICS = 3, COMPARE_SIM_ROWS = COMPARE_SIM_CELLS * COMPARE_SIM_METRICS, COMPARE_SIM_MOST = 64 };

/** What a machine's repetitions do: 1 % from one to the next, 5 % from token to token, one in twenty struck by something else (30 % slower), 2 % slower
 *  when warm. COMPARE_SIM_PROCESS: and each process 0.3 % off, which repetitions in it cannot show. */
#define COMPARE_SIM_SCATTER "trial_sd=0.01,token_sd=0.05,outlier=0.05,outlier_by=1.3,drift=0.02"
#define COMPARE_SIM_PROCESS COMPARE_SIM_SCATTER ",process_sd=0.003"

struct compare_sim {
    const char *scatter;        /* keys of the null script */
    double slow;                /* factor of B's times in the first cell; 1: B is equal to A */
    size_t n;                   /* repetitions a side, up to COMPARE_SIM_MOST */
    struct mb_compare_rule rule;
    size_t n_runs;              /* 0: A is a run; else a baseline of so many, up to COMPARE_SIM_MOST */
    unsigned first_draw;        /* of comparison 0; each takes as many draws as it has runs */
};

struct compare_sim_count {
    size_t n_alarms;  /* comparisons with any row better or worse; of the cells that are equal, when one is slower */
    size_t n_worse;   /* with the first cell's decode rate worse */
    size_t n_wrong;   /* with it better, which it is not */
    size_t n_same;    /* rows called the same, of equal cells */
    size_t n_changed; /* with an interval that does not hold the truth for it */
};

/** compare_sim() - @n_comparisons of them. judge: mb_compare_judge, or a broken one to prove that the test would notice. */
struct compare_sim_count compare_sim(const struct compare_sim *how, size_t n_comparisons,
                                     int (*judge)(struct mb_compare_row *, size_t, const struct mb_compare_rule *, struct mb_error *));

#endif
