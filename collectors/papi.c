/* papi.c - events of PAPI by name, "papi:PAPI_TOT_CYC+PAPI_L3_TCM": for machines whose PAPI has components that we have no collector
 * for, and to compare with other tools. The library is loaded only when it is named. perf_event.c is the first choice for hardware counters: PAPI of
 * Debian 12 knows no processor of a Raspberry Pi 4 or 5, nor hybrid ones, and then has neither hardware nor software events.
 * One event set per component. Events of threads are inherited by threads made later, or not given at all: PAPI would count the opening
 * thread alone and not say so. Counts of the kernel (context switches, migrations) read 0 where only user mode may be counted: not given. */
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "collectors/collector.h"
#include "collectors/papi_library.h"
#include "collectors/perf_counter.h"
#include "collectors/perf_refusal.h"

#define EVENTS_MAX 16
#define SETS_MAX 8

struct papi_event {
    char name[64];
    char reason[200]; /* why it is not counted, or "" */
    size_t set, slot;
};

struct papi_set {
    int id, component;
    size_t n;
    long long begin[EVENTS_MAX], end[EVENTS_MAX];
    bool failed; /* a read failed in this trial */
};

struct papi {
    struct mb_papi lib;
    struct papi_event events[EVENTS_MAX];
    size_t n_events;
    struct papi_set sets[SETS_MAX];
    size_t n_sets;
    struct mb_papi_counters *counters; /* of the process */
    bool kernel_counts;
    char kernel_reason[160]; /* why the kernel's share may not be counted */
};

static int parse_events(struct papi *p, const char *options, struct mb_error *err)
{
    if (!options[0])
        return mb_fail(err, MB_ENOTSUP, "events are named: papi:PAPI_TOT_CYC+PAPI_TOT_INS (papi_avail and papi_native_avail list them)");
    for (const char *at = options;; at++) {
        const size_t n = strcspn(at, "+,");
        if (n == 0 || n >= sizeof(p->events[0].name) || at[n] == ',')
            return mb_fail(err, MB_EINVAL, "'%.80s': names of events, each up to %zu characters, joined by +", options, sizeof(p->events[0].name) - 1);
        if (p->n_events == EVENTS_MAX)
            return mb_fail(err, MB_EINVAL, "more than %d events", EVENTS_MAX);
        struct papi_event *e = &p->events[p->n_events++];
        memcpy(e->name, at, n);
        e->name[n] = '\0';
        for (size_t i = 0; i + 1 < p->n_events; i++)
            if (strcmp(p->events[i].name, e->name) == 0)
                return mb_fail(err, MB_EINVAL, "%s is named twice", e->name);
        at += n;
        if (!*at)
            return MB_OK;
    }
}

static void ask_for_kernel(struct papi *p, const char *root)
{
    static const struct mb_perf_event task_clock = {PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, NULL};
    const struct mb_perf_target target = {.root = root};
    const struct mb_perf_pmus none = {0};
    struct mb_perf_counter c = {0};
    const int error = mb_perf_counter_open(&c, &task_clock, &none, &target, NULL);
    mb_perf_counter_close(&c);
    p->kernel_counts = error == 0;
    if (error)
        mb_perf_explain(p->kernel_reason, sizeof(p->kernel_reason), error, root, 1);
}

static bool counts_in_kernel_only(const char *name)
{
    static const char *const parts[] = {"CONTEXT-SWITCHES", "CONTEXT_SWITCHES", "CPU-MIGRATIONS", "CPU_MIGRATIONS", "CGROUP-SWITCHES"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (strstr(name, parts[i]))
            return true;
    return false;
}

static void refuse(struct papi *p, struct papi_event *e, const char *what, int error)
{
    const char *text = p->lib.strerror(error);
    snprintf(e->reason, sizeof(e->reason), "%.90s: %.80s (%d)", what, text ? text : "no reason given", error);
}

/* The set of @component, made when it is not there; NULL with the reason in @e. */
static struct papi_set *set_of(struct papi *p, int component, struct papi_event *e)
{
    for (size_t i = 0; i < p->n_sets; i++)
        if (p->sets[i].component == component)
            return &p->sets[i];
    const char *name = p->lib.get_component_info(component);
    const bool of_threads = name && strcmp(name, "perf_event") == 0;
    struct papi_set *s = &p->sets[p->n_sets];
    *s = (struct papi_set){.id = MB_PAPI_NULL, .component = component};
    if (p->n_sets == SETS_MAX) {
        snprintf(e->reason, sizeof(e->reason), "events of more than %d components", SETS_MAX);
        return NULL;
    }
    if (of_threads && p->kernel_counts)
        p->lib.set_cmp_domain(MB_PAPI_DOM_ALL, component);
    int error = p->lib.create_eventset(&s->id);
    if (error == MB_PAPI_OK)
        error = p->lib.assign_eventset_component(s->id, component);
    if (error == MB_PAPI_OK && of_threads) {
        struct mb_papi_inherit inherit = {.eventset = s->id, .inherit = MB_PAPI_INHERIT_ALL};
        error = p->lib.set_opt(MB_PAPI_INHERIT, &inherit);
    }
    if (error == MB_PAPI_OK)
        return p->n_sets++, s;
    refuse(p, e, of_threads ? "PAPI cannot count the threads of the runner" : "PAPI makes no event set", error);
    if (s->id != MB_PAPI_NULL)
        p->lib.destroy_eventset(&s->id);
    return NULL;
}

static void add_event(struct papi *p, struct papi_event *e)
{
    int code = 0, error = p->lib.event_name_to_code(e->name, &code);
    if (error != MB_PAPI_OK) {
        refuse(p, e, "PAPI does not know this event here", error);
        return;
    }
    if (mb_papi_is_no_counter(e->name)) {
        snprintf(e->reason, sizeof(e->reason), "meltbench shows PAPI no such counter: there are tokens, requests, phase");
        return;
    }
    if (!p->kernel_counts && counts_in_kernel_only(e->name)) {
        snprintf(e->reason, sizeof(e->reason), "PAPI would read 0: %.150s", p->kernel_reason);
        return;
    }
    struct papi_set *s = set_of(p, p->lib.get_event_component(code), e);
    if (!s)
        return;
    error = p->lib.add_event(s->id, code);
    if (error != MB_PAPI_OK) {
        refuse(p, e, "PAPI does not count this event", error);
        return;
    }
    e->set = (size_t)(s - p->sets);
    e->slot = s->n++;
}

static void start_sets(struct papi *p)
{
    for (size_t i = 0; i < p->n_sets; i++) {
        const int error = p->sets[i].n ? p->lib.start(p->sets[i].id) : MB_PAPI_OK;
        for (size_t k = 0; error != MB_PAPI_OK && k < p->n_events; k++)
            if (!p->events[k].reason[0] && p->events[k].set == i)
                refuse(p, &p->events[k], "PAPI does not start this event's set", error);
        if (error != MB_PAPI_OK)
            p->sets[i].n = 0;
    }
}

static int papi_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    struct papi p = {0};
    int rc = parse_events(&p, env->options, why);
    rc = rc ? rc : mb_papi_load(&p.lib, env->root, why);
    if (rc == MB_OK)
        mb_fail(why, MB_OK, "%zu events of PAPI", p.n_events);
    return rc;
}

static int papi_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    struct papi *p = state;
    int rc = parse_events(p, env->options, err);
    if (rc)
        return rc;
    ask_for_kernel(p, env->root);
    rc = mb_papi_load(&p->lib, env->root, err);
    p->counters = mb_papi_export(env->root);
    rc = rc ? rc : mb_papi_init(&p->lib, err);
    for (size_t i = 0; rc == MB_OK && i < p->n_events; i++)
        add_event(p, &p->events[i]);
    start_sets(p);
    return rc;
}

static bool read_set(const struct papi *p, const struct papi_set *s, long long *values)
{
    return s->n == 0 || p->lib.read(s->id, values) == MB_PAPI_OK;
}

static void papi_start(void *state)
{
    struct papi *p = state;
    for (size_t i = 0; i < p->n_sets; i++)
        p->sets[i].failed = !read_set(p, &p->sets[i], p->sets[i].begin);
}

static void papi_phase(void *state, const struct mb_event *event)
{
    struct papi *p = state;
    mb_papi_count(p->counters, event);
}

static void papi_stop(void *state)
{
    struct papi *p = state;
    for (size_t i = 0; i < p->n_sets; i++)
        p->sets[i].failed = !read_set(p, &p->sets[i], p->sets[i].end) || p->sets[i].failed;
}

static int papi_read(void *state, struct mb_record *record, struct mb_error *err)
{
    const struct papi *p = state;
    int rc = MB_OK;
    for (size_t i = 0; rc == MB_OK && i < p->n_events; i++) {
        const struct papi_event *e = &p->events[i];
        const struct papi_set *s = &p->sets[e->set];
        const long long rise = e->reason[0] ? 0 : s->end[e->slot] - s->begin[e->slot];
        const char *reason = e->reason[0] ? e->reason : s->failed ? "PAPI could not be read at both ends of the trial" : rise < 0 ? "the count went back in the trial" : NULL;
        rc = reason ? mb_record_add_absent(record, MB_METRIC_PAPI_COUNT, e->name, "papi", reason)
                    : mb_record_add_metric(record, MB_METRIC_PAPI_COUNT, e->name, "papi", MB_ORIGIN_MEASURED, (double)rise);
    }
    return rc ? mb_fail(err, rc, "no memory for the figures") : MB_OK;
}

static void papi_close(void *state)
{
    struct papi *p = state;
    for (size_t i = 0; i < p->n_sets; i++) {
        long long ignored[EVENTS_MAX];
        if (p->sets[i].n)
            p->lib.stop(p->sets[i].id, ignored);
        p->lib.cleanup_eventset(p->sets[i].id);
        p->lib.destroy_eventset(&p->sets[i].id);
    }
    p->n_sets = 0;
}

static const enum mb_metric papi_metrics[] = {MB_METRIC_PAPI_COUNT, MB_METRIC_END};

extern const struct mb_collector_ops mb_collector_papi;
const struct mb_collector_ops mb_collector_papi = {
    .abi = MB_COLLECTOR_ABI,
    .name = "papi",
    .group = "counters",
    .summary = "events of PAPI by name (papi:PAPI_TOT_CYC+PAPI_TOT_INS); tokens and phase as its software-defined events",
    .flags = MB_COLLECTOR_NAMED | MB_COLLECTOR_EVENTS,
    .state_size = sizeof(struct papi),
    .metrics = papi_metrics,
    .probe = papi_probe,
    .open = papi_open,
    .start = papi_start,
    .phase = papi_phase,
    .stop = papi_stop,
    .read = papi_read,
    .close = papi_close,
};
