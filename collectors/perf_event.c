/* perf_event.c - software and hardware counters of the process, by perf_event_open(2). Events are opened on the thread that opens the
 * collector, inherited by every thread created later (and by none created before: the runner makes its pool after collect_open), and
 * run from then on; start and stop only read them. A hardware event is opened once per core PMU (hybrid processors have several,
 * /sys/bus/event_source/devices) and summed. What cannot be opened is absent, with "not offered" and "forbidden" told apart. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sysroot.h"
#include "collectors/collector.h"
#include "collectors/perf_refusal.h"

#define PMUS_MAX 8
#define PMU_DIR "/sys/bus/event_source/devices"
#define EXTENDED_TYPE_SHIFT 32 /* config bits that name the PMU of a generic hardware event (Linux 5.13) */

struct event_row {
    enum mb_metric metric;
    uint32_t type;
    uint64_t config;
    bool needs_kernel; /* counts in the kernel only: without that permission it stays 0 */
};

static const struct event_row rows[] = {
    {MB_METRIC_CPU_TIME_NS, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, false},
    {MB_METRIC_PAGE_FAULTS, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS, false},
    {MB_METRIC_CONTEXT_SWITCHES, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES, true},
    {MB_METRIC_CPU_MIGRATIONS, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS, true},
    {MB_METRIC_CYCLES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, false},
    {MB_METRIC_INSTRUCTIONS, PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS, false},
    {MB_METRIC_CACHE_MISSES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES, false},
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

struct reading { /* read_format TOTAL_TIME_ENABLED | TOTAL_TIME_RUNNING */
    uint64_t count, enabled_ns, running_ns;
};

struct counter {
    int fd[PMUS_MAX]; /* + 1 */
    size_t n_fds;
    char reason[200]; /* why there is none, or "" */
    struct reading begin[PMUS_MAX], end[PMUS_MAX];
    bool failed;      /* a read failed in this trial */
};

struct perf_state {
    struct counter counters[N_ROWS];
    uint32_t pmu_types[PMUS_MAX]; /* core PMUs that list their processors: hybrid x86 and ARM */
    size_t n_pmus;
    bool user_only;               /* the kernel's share may not be counted */
    bool observes_self;
    int64_t switches_begin, switches_end; /* getrusage, where the kernel's share is forbidden */
};

static void find_core_pmus(struct perf_state *p, const char *root)
{
    char **names, path[160], cpus[16];
    size_t n;
    if (mb_sys_list(root, PMU_DIR, "", &names, &n, NULL))
        return;
    for (size_t i = 0; i < n && p->n_pmus < PMUS_MAX; i++) {
        int64_t type;
        snprintf(path, sizeof(path), PMU_DIR "/%.60s/cpus", names[i]); /* uncore and sampling units have cpumask instead */
        if (mb_sys_read_text(root, path, cpus, sizeof(cpus), NULL) || !cpus[0])
            continue;
        snprintf(path, sizeof(path), PMU_DIR "/%.60s/type", names[i]);
        if (mb_sys_read_i64(root, path, &type, NULL) == MB_OK && type >= 0 && type <= INT32_MAX)
            p->pmu_types[p->n_pmus++] = (uint32_t)type;
    }
    mb_sys_list_free(names, n);
}

static int open_event(uint32_t type, uint64_t config, bool user_only, pid_t pid)
{
    struct perf_event_attr attr = {
        .type = type,
        .size = sizeof(attr),
        .config = config,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
        .inherit = 1,
        .exclude_kernel = user_only,
        .exclude_hv = user_only,
    };
    return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static void close_counter(struct counter *c)
{
    for (size_t i = 0; i < c->n_fds; i++)
        close(c->fd[i] - 1);
    c->n_fds = 0;
}

/* On several PMUs all must open: a sum without one kind of core would be too small without saying so. */
static int open_counter(struct perf_state *p, size_t i, pid_t pid)
{
    struct counter *c = &p->counters[i];
    const struct event_row *row = &rows[i];
    const bool per_pmu = row->type == PERF_TYPE_HARDWARE && p->n_pmus > 1;
    for (size_t k = 0; k < (per_pmu ? p->n_pmus : 1); k++) {
        const uint64_t config = row->config | (per_pmu ? (uint64_t)p->pmu_types[k] << EXTENDED_TYPE_SHIFT : 0);
        const int fd = open_event(row->type, config, p->user_only, pid);
        if (fd < 0) {
            const int error = errno;
            close_counter(c);
            return error;
        }
        c->fd[c->n_fds++] = fd + 1;
    }
    return 0;
}

static void close_all(struct perf_state *p)
{
    for (size_t i = 0; i < N_ROWS; i++)
        close_counter(&p->counters[i]);
}

/* 0 when at least one event opened. */
static int open_all(struct perf_state *p, const struct mb_collect_env *env, struct mb_error *err)
{
    p->observes_self = env->pid == getpid();
    const pid_t pid = p->observes_self ? 0 : env->pid;
    find_core_pmus(p, env->root);
    int error = open_counter(p, 0, pid);
    close_counter(&p->counters[0]);
    p->user_only = error == EACCES || error == EPERM;
    size_t n_open = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        struct counter *c = &p->counters[i];
        error = open_counter(p, i, pid);
        if (error)
            mb_perf_explain(c->reason, sizeof(c->reason), error, env->root, 1);
        else if (p->user_only && rows[i].needs_kernel) {
            close_counter(c); /* it would say 0 and mean "not counted" */
            mb_perf_explain(c->reason, sizeof(c->reason), EACCES, env->root, 1);
        } else
            n_open++;
    }
    return n_open ? MB_OK : mb_fail(err, MB_ENOTSUP, "%s", p->counters[0].reason);
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
                reason = p.counters[i].reason;
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

static bool read_counter(const struct counter *c, struct reading *into)
{
    bool ok = true;
    for (size_t k = 0; k < c->n_fds; k++)
        ok = read(c->fd[k] - 1, &into[k], sizeof(into[k])) == (ssize_t)sizeof(into[k]) && ok;
    return ok;
}

static void perf_start(void *state)
{
    struct perf_state *p = state;
    p->switches_begin = p->user_only ? read_switches() : -1;
    for (size_t i = N_ROWS; i-- > 0;) /* task-clock last: closest to the region */
        p->counters[i].failed = !read_counter(&p->counters[i], p->counters[i].begin);
}

static void perf_stop(void *state)
{
    struct perf_state *p = state;
    for (size_t i = 0; i < N_ROWS; i++)
        p->counters[i].failed = !read_counter(&p->counters[i], p->counters[i].end) || p->counters[i].failed;
    p->switches_end = p->user_only ? read_switches() : -1;
}

/* count * enabled / running, the usual estimate for a multiplexed event (perf_event_open(2)). With several PMUs an event runs on one
 * at a time, so the running times add up while the enabled time is the same for all. */
static const char *answer(const struct counter *c, double *value, enum mb_origin *origin)
{
    double count = 0, running = 0, enabled = 0;
    if (c->failed)
        return "the counter could not be read at both ends of the trial";
    for (size_t k = 0; k < c->n_fds; k++) {
        const double enabled_here = (double)(c->end[k].enabled_ns - c->begin[k].enabled_ns);
        count += (double)(c->end[k].count - c->begin[k].count);
        running += (double)(c->end[k].running_ns - c->begin[k].running_ns);
        enabled = enabled_here > enabled ? enabled_here : enabled;
    }
    if (running <= 0)
        return "the event was never scheduled on a counter during the trial";
    const bool multiplexed = running < enabled * 0.999;
    *value = multiplexed ? count * enabled / running : count;
    *origin = multiplexed ? MB_ORIGIN_ESTIMATED : MB_ORIGIN_MEASURED;
    return NULL;
}

static int read_row(const struct perf_state *p, size_t i, struct mb_record *record)
{
    const struct counter *c = &p->counters[i];
    enum mb_origin origin = MB_ORIGIN_MEASURED;
    double value = 0;
    const char *reason = c->reason[0] ? c->reason : answer(c, &value, &origin);
    if (rows[i].metric == MB_METRIC_CONTEXT_SWITCHES && p->user_only && p->observes_self && p->switches_begin >= 0) {
        value = (double)(p->switches_end - p->switches_begin);
        reason = p->switches_end < p->switches_begin ? reason : NULL;
    }
    return reason ? mb_record_add_absent(record, rows[i].metric, "", "perf_event", reason)
                  : mb_record_add_metric(record, rows[i].metric, "", "perf_event", origin, value);
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
                                              MB_METRIC_CACHE_MISSES, MB_METRIC_END};

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
