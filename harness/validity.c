/* validity.c - see validity.h. */
#include "harness/validity.h"

#include "base/strbuf.h"

int mb_validity_judge(struct mb_record *r, bool *throttled, struct mb_error *err)
{
    struct mb_strbuf why = {0};
    *throttled = false;
    for (size_t i = 0; r->status == MB_TRIAL_OK && i < r->n_metrics; i++) {
        const struct mb_record_metric *m = &r->metrics[i];
        if (!m->scope[0] || !(m->value > 0)) /* '' is the sum of the others; NaN is not above */
            continue;
        if (m->metric == MB_METRIC_THROTTLE_COUNT)
            mb_strbuf_printf(&why, "%s%s slowed %.0f times", why.n_bytes ? ", " : "throttled: ", m->scope, m->value);
        if (m->metric == MB_METRIC_THROTTLE_STATE)
            mb_strbuf_printf(&why, "%s%s at state %.0f", why.n_bytes ? ", " : "throttled: ", m->scope, m->value);
    }
    if (why.n_bytes) {
        *throttled = true;
        r->status = MB_TRIAL_INVALID;
        r->reason = mb_strbuf_take(&why);
    }
    const bool failed = why.failed || (*throttled && !r->reason);
    mb_strbuf_release(&why);
    return failed ? mb_fail(err, MB_ENOMEM, "no memory for the reason of an invalid repetition") : MB_OK;
}
