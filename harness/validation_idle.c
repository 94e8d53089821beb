/* validation_idle.c - power while nothing runs, by every source of the group "energy" that is here. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "collectors/sampler.h"
#include "harness/validation.h"

#define IDLE_NS 5000000000u

int mb_validate_idle(struct mb_validation *v, struct mb_error *err)
{
    const struct mb_collect_env env = {.root = v->root, .pid = getpid(), .period_ns = 25000000u, .max_samples = 4096, .options = ""};
    struct mb_collect_set *set = NULL;
    struct mb_record r = {0};
    int rc = mb_collect_open(&set, "energy", &env, err);
    if (rc)
        return rc;
    mb_collect_start(set);
    mb_validation_sleep(IDLE_NS);
    mb_collect_stop(set);
    rc = mb_collect_read(set, &r, err);
    mb_collect_close(set);
    for (size_t i = 0; i < r.n_metrics && !rc; i++) {
        const struct mb_record_metric *m = &r.metrics[i];
        if (m->metric == MB_METRIC_POWER_MEAN_UW)
            rc = mb_validation_figure(v, m->source, "W", m->value * 1e-6, m->reason ? m->reason : mb_origin_name(m->origin), err, "idle for 5 s%s%s",
                                      m->scope[0] ? ": " : "", m->scope);
    }
    mb_record_release(&r);
    return rc;
}
