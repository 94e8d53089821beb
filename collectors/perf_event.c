/* perf_event.c - software and hardware counters of the process, by perf_event_open(2). Events are opened on the thread that opens the
 * collector, inherited by every thread created later (and by none created before: the runner makes its pool after collect_open), and
 * run from then on; start and stop only read them. Hardware events form one group per core PMU, led by cycles (perf_counter.h).
 * What cannot be opened is absent, with "not offered" and "forbidden" told apart. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "collectors/collector.h"
#include "collectors/perf_counter.h"
#include "collectors/perf_refusal.h"

struct event_row {
    enum mb_metric metric;
    struct mb_perf_event event;
    bool needs_kernel; /* counts in the kernel only: without that permission it stays 0 */
};

static const struct event_row rows[] = {
    {MB_METRIC_CPU_TIME_NS, {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, NULL}, false},
    {MB_METRIC_PAGE_FAULTS, {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, NULL}, false},
    {MB_METRIC_CONTEXT_SWITCHES, {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, NULL}, true},
    {MB_METRIC_CPU_MIGRATIONS, {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS, NULL}, true},
    {MB_METRIC_CYCLES, {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, "cpu_cycles"}, false},
    {MB_METRIC_INSTRUCTIONS, {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, "inst_retired"}, false},
    {MB_METRIC_CACHE_MISSES, {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES, "l1d_cache_refill"}, false},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))
#define LEADER 4 /* cycles */

struct perf_state {
    struct mb_perf_counter counters[N_ROWS];
    char reasons[N_ROWS][200];    /* why there is none, or "" */
    struct mb_perf_pmus pmus;
    bool user_only;               /* the kernel's share may not be counted */
    bool observes_self;
    int64_t switches_begin, switches_end; /* getrusage, where the kernel's share is forbidden */
};

static void close_all(struct perf_state *p)
{
    for (size_t i = N_ROWS; i-- > 0;) /* members of a group before their leader */
        mb_perf_counter_close(&p->counters[i]);
}

static void explain(struct perf_state *p, size_t i, int error, const char *root)
{
    char text[170];
    const bool named = rows[i].event.type == PERF_TYPE_HARDWARE && p->pmus.n > 1;
    mb_perf_explain(text, sizeof(text), error, root, 1);
    snprintf(p->reasons[i], sizeof(p->reasons[i]), "%.28s%s%s", named ? p->pmus.pmu[p->counters[i].i_refused].name : "", named ? ": " : "", text);
}

/* 0 when at least one event opened. */
static int open_all(struct perf_state *p, const struct mb_collect_env *env, struct mb_error *err)
{
    p->observes_self = env->pid == getpid();
    struct mb_perf_target target = {.root = env->root, .pid = p->observes_self ? 0 : env->pid};
    mb_perf_pmus_find(&p->pmus, env->root);
    int error = mb_perf_counter_open(&p->counters[0], &rows[0].event, &p->pmus, &target, NULL);
    mb_perf_counter_close(&p->counters[0]);
    target.user_only = p->user_only = error == EACCES || error == EPERM;
    size_t n_open = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        error = mb_perf_counter_open(&p->counters[i], &rows[i].event, &p->pmus, &target, i > LEADER ? &p->counters[LEADER] : NULL);
        if (error == 0 && p->user_only && rows[i].needs_kernel) {
            mb_perf_counter_close(&p->counters[i]); /* it would say 0 and mean "not counted" */
            error = EACCES;
        }
        if (error)
            explain(p, i, error, env->root);
        n_open += error == 0;
    }
    return n_open ? MB_OK : mb_fail(err, MB_ENOTSUP, "%s", p->reasons[0]);
}

static int perf_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    struct perf_state p = {0};
    const int rc = open_all(&p, env, why);
    if (rc == MB_OK) {
        char open_names[200] = "", shut_names[200] = "";
        size_t at = 0, shut_at = 0;
        const char *reason = NULL;
        for (size_t i = 0; i < N_ROWS; i++) {
            const char *name = mb_metric_rows[rows[i].metric].name;
            if (p.counters[i].n_fds)
                at += (size_t)snprintf(open_names + at, sizeof(open_names) - at, "%s%s", at ? ", " : "", name);
            else {
                shut_at += (size_t)snprintf(shut_names + shut_at, sizeof(shut_names) - shut_at, "%s%s", shut_at ? ", " : "", name);
                reason = p.reasons[i];
            }
        }
        mb_fail(why, MB_OK, "%s%s%s%s%s%s", open_names, p.user_only ? " (user mode only)" : "", shut_at ? "; without " : "", shut_names,
                reason ? ": " : "", reason ? reason : "");
    }
    close_all(&p);
    return rc;
}

static int perf_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    return open_all(state, env, err);
}

static int64_t read_switches(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_nvcsw + (int64_t)usage.ru_nivcsw : -1;
}

static void perf_start(void *state)
{
    struct perf_state *p = state;
    p->switches_begin = p->user_only ? read_switches() : -1;
    for (size_t i = N_ROWS; i-- > 0;) /* task-clock last: closest to the region */
        mb_perf_counter_begin(&p->counters[i]);
}

static void perf_stop(void *state)
{
    struct perf_state *p = state;
    for (size_t i = 0; i < N_ROWS; i++)
        mb_perf_counter_end(&p->counters[i]);
    p->switches_end = p->user_only ? read_switches() : -1;
}

static int put(struct mb_record *record, enum mb_metric metric, const char *scope, const struct mb_perf_figure *figure, const char *reason)
{
    return reason ? mb_record_add_absent(record, metric, scope, "perf_event", reason)
                  : mb_record_add_metric(record, metric, scope, "perf_event", figure->origin, figure->count);
}

static int put_share(struct mb_record *record, const char *scope, double share)
{
    return mb_record_add_metric(record, MB_METRIC_COUNTER_SHARE, scope, "perf_event", MB_ORIGIN_MEASURED, share);
}

/* On a hybrid processor: the part of every kind of core beside the sum. */
static int read_parts(const struct perf_state *p, size_t i, struct mb_record *record)
{
    const struct mb_perf_counter *c = &p->counters[i];
    int rc = MB_OK;
    for (size_t k = 0; rc == MB_OK && c->n_fds > 1 && k < c->n_fds; k++) {
        struct mb_perf_figure part;
        char scope[80];
        const char *pmu = p->pmus.pmu[k].name, *reason = mb_perf_counter_part(c, k, &part);
        rc = put(record, rows[i].metric, pmu, &part, reason);
        snprintf(scope, sizeof(scope), "%.40s/%s", mb_metric_rows[rows[i].metric].name, pmu);
        if (rc == MB_OK && !c->failed)
            rc = put_share(record, scope, part.running_share);
    }
    return rc;
}

static int read_row(const struct perf_state *p, size_t i, struct mb_record *record)
{
    struct mb_perf_figure sum = {.origin = MB_ORIGIN_MEASURED};
    const char *reason = p->reasons[i][0] ? p->reasons[i] : mb_perf_counter_sum(&p->counters[i], &sum);
    if (rows[i].metric == MB_METRIC_CONTEXT_SWITCHES && p->user_only && p->observes_self && p->switches_begin >= 0) {
        sum.count = (double)(p->switches_end - p->switches_begin);
        reason = p->switches_end < p->switches_begin ? reason : NULL;
    }
    int rc = put(record, rows[i].metric, "", &sum, reason);
    if (rc || rows[i].event.type != PERF_TYPE_HARDWARE || p->reasons[i][0] || p->counters[i].failed)
        return rc;
    rc = put_share(record, mb_metric_rows[rows[i].metric].name, sum.running_share);
    return rc ? rc : read_parts(p, i, record);
}

static int perf_read(void *state, struct mb_record *record, struct mb_error *err)
{
    int rc = MB_OK;
    for (size_t i = 0; rc == MB_OK && i < N_ROWS; i++)
        rc = read_row(state, i, record);
    return rc ? mb_fail(err, rc, "no memory for the figures") : MB_OK;
}

static void perf_close(void *state)
{
    close_all(state);
}

static const enum mb_metric perf_metrics[] = {MB_METRIC_CPU_TIME_NS, MB_METRIC_PAGE_FAULTS, MB_METRIC_CONTEXT_SWITCHES,
                                              MB_METRIC_CPU_MIGRATIONS, MB_METRIC_CYCLES, MB_METRIC_INSTRUCTIONS,
                                              MB_METRIC_CACHE_MISSES, MB_METRIC_COUNTER_SHARE, MB_METRIC_END};

extern const struct mb_collector_ops mb_collector_perf_event;
const struct mb_collector_ops mb_collector_perf_event = {
    .abi = MB_COLLECTOR_ABI,
    .name = "perf_event",
    .group = "counters",
    .summary = "CPU time, faults, context switches, migrations; cycles, instructions, cache misses where they open",
    .state_size = sizeof(struct perf_state),
    .metrics = perf_metrics,
    .probe = perf_probe,
    .open = perf_open,
    .start = perf_start,
    .stop = perf_stop,
    .read = perf_read,
    .close = perf_close,
};
