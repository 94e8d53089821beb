/* warmup.c - see warmup.h. */
#include "harness/warmup.h"

void mb_warmup_begin(struct mb_warmup *w, int32_t asked)
{
    *w = (struct mb_warmup){.asked = asked};
}

void mb_warmup_note(struct mb_warmup *w, uint64_t duration_ns)
{
    w->last_ns[w->n++ % MB_WARMUP_WINDOW] = duration_ns;
    w->spent_ns += duration_ns;
}

static bool is_steady(const struct mb_warmup *w)
{
    if (w->n < MB_WARMUP_WINDOW)
        return false;
    uint64_t min = w->last_ns[0], max = w->last_ns[0];
    for (unsigned i = 1; i < MB_WARMUP_WINDOW; i++) {
        min = w->last_ns[i] < min ? w->last_ns[i] : min;
        max = w->last_ns[i] > max ? w->last_ns[i] : max;
    }
    return (double)(max - min) <= MB_WARMUP_TOLERANCE * (double)min;
}

bool mb_warmup_done(const struct mb_warmup *w)
{
    if (w->asked >= 0)
        return w->n >= (uint32_t)w->asked;
    return w->n >= 1 && (w->n >= MB_WARMUP_MOST || w->spent_ns >= MB_WARMUP_BUDGET_NS || is_steady(w));
}
