/**
 * warmup.h - when warming up ends.
 *
 * Every repetition before the measured ones is unmeasured; the first of them is the cold one (it comes straight after loading).
 *   warmup: N    N unmeasured repetitions, the cold one included; 0 = none: the first repetition after loading is measured
 *   warmup: auto at least one, then until the first of
 *                (a) the last three took the same time: (max - min) / min <= 5 %
 *                (b) three seconds were spent: long repetitions warm themselves (criterion.rs warms for 3 s by default)
 *                (c) five were done: a machine that never settles is measured as it is
 * A workload whose result is a score (`untimed`: accuracy, perplexity) has none in any case: warmth does not change it.
 * The three-in-a-row rule with a relative tolerance is the steady-state test of Georges, Buytaert and Eeckhout (OOPSLA 2007,
 * section 4.2: stop when a window's variation falls below a threshold), with the range in place of the coefficient of variation,
 * which a window of three would estimate poorly.
 */
#ifndef MB_HARNESS_WARMUP_H
#define MB_HARNESS_WARMUP_H

#include <stdbool.h>
#include <stdint.h>

#define MB_WARMUP_WINDOW 3u
#define MB_WARMUP_TOLERANCE 0.05
#define MB_WARMUP_BUDGET_NS 3000000000u
#define MB_WARMUP_MOST 5u

struct mb_warmup {
    int32_t asked;                     /* -1 auto */
    uint32_t n;                        /* unmeasured repetitions so far */
    uint64_t spent_ns;
    uint64_t last_ns[MB_WARMUP_WINDOW];/* ring */
};

void mb_warmup_begin(struct mb_warmup *w, int32_t asked);
/** mb_warmup_note() - one more was done and took so long (loading not counted). */
void mb_warmup_note(struct mb_warmup *w, uint64_t duration_ns);
bool mb_warmup_done(const struct mb_warmup *w);

#endif
