/* sampler.c - see sampler.h. Holds the opened collectors of a cell; ticker.c is the thread, selection.c the grammar. */
#include "collectors/sampler.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collectors/phase.h"
#include "collectors/selection.h"
#include "collectors/ticker.h"

#define P99_TICKS_MIN 662 /* fewer ticks do not bound a 99th percentile (design: percentile only from enough samples) */

struct entry {
    const struct mb_collector_ops *ops;
    void *state;                /* owned; NULL when unavailable */
    char *reason;               /* owned; why it is unavailable, or NULL */
};

struct mb_collect_set {
    struct mb_collect_env env;  /* strings are owned by root and selection */
    char *root;
    struct mb_selection selection;
    struct entry *entries;      /* [selection.n] */
    struct mb_ticker *ticker;   /* NULL without a polled collector */
    bool running, any_trial;
    bool every_event;           /* some collector has MB_COLLECTOR_EVENTS */
};

static bool is_polled(const struct entry *e)
{
    return e->state && (e->ops->flags & MB_COLLECTOR_POLLED);
}

static void poll_one(struct entry *e)
{
    e->ops->poll(e->state, mb_clock_ns());
}

static void poll_all(void *user)
{
    struct mb_collect_set *set = user;
    for (size_t i = 0; i < set->selection.n; i++)
        if (is_polled(&set->entries[i]))
            poll_one(&set->entries[i]);
}

/* An error of the user's (bad options) or of memory stops the cell; anything else makes the collector unavailable, with the reason. */
static int open_entry(struct entry *e, const struct mb_collect_env *env, struct mb_error *err)
{
    struct mb_error why = {0};
    int rc = MB_ENOTSUP;
    if (e->ops->abi != MB_COLLECTOR_ABI)
        mb_fail(&why, rc, "built for collector interface %u, this program has %u", e->ops->abi, MB_COLLECTOR_ABI);
    else
        rc = e->ops->probe(env, &why);
    if (rc == MB_OK) {
        e->state = calloc(1, e->ops->state_size);
        rc = e->state ? e->ops->open(e->state, env, &why) : mb_fail(&why, MB_ENOMEM, "no memory");
    }
    if (rc == MB_OK)
        return MB_OK;
    if (e->state)
        e->ops->close(e->state);
    free(e->state);
    e->state = NULL;
    if (rc == MB_EINVAL || rc == MB_ENOMEM)
        return mb_fail(err, rc, "collector %s: %s", e->ops->name, why.text);
    e->reason = strdup(why.text[0] ? why.text : mb_status_name(rc));
    return e->reason ? MB_OK : mb_fail(err, MB_ENOMEM, "collector %s: no memory", e->ops->name);
}

static int open_ticker(struct mb_collect_set *set, struct mb_error *err)
{
    bool any = false;
    for (size_t i = 0; i < set->selection.n; i++)
        any = any || (set->selection.items[i].ops->flags & MB_COLLECTOR_POLLED);
    const struct mb_ticker_config config = {
        .period_ns = set->env.period_ns,
        .jitter_percent = set->selection.jitter_percent,
        .max_ticks = set->env.max_samples,
        .tick = poll_all,
        .user = set,
    };
    return any ? mb_ticker_open(&set->ticker, &config, err) : MB_OK;
}

int mb_collect_open(struct mb_collect_set **out, const char *selection, const struct mb_collect_env *env, struct mb_error *err)
{
    *out = NULL;
    struct mb_collect_set *set = calloc(1, sizeof(*set));
    if (!set)
        return mb_fail(err, MB_ENOMEM, "collectors: no memory");
    int rc = mb_selection_parse(&set->selection, selection, err);
    if (rc)
        goto out;
    set->env = *env;
    set->root = strdup(env->root ? env->root : "");
    set->entries = calloc(set->selection.n ? set->selection.n : 1, sizeof(*set->entries));
    if (!set->root || !set->entries) {
        rc = mb_fail(err, MB_ENOMEM, "collectors: no memory");
        goto out;
    }
    set->env.root = set->root;
    rc = open_ticker(set, err);
    for (size_t i = 0; rc == MB_OK && i < set->selection.n; i++) {
        set->entries[i].ops = set->selection.items[i].ops;
        set->env.options = set->selection.items[i].options;
        rc = open_entry(&set->entries[i], &set->env, err);
        set->every_event = set->every_event || (set->entries[i].ops->flags & MB_COLLECTOR_EVENTS);
    }
out:
    if (rc)
        mb_collect_close(set);
    else
        *out = set;
    return rc;
}

void mb_collect_start(struct mb_collect_set *set)
{
    for (size_t i = 0; i < set->selection.n; i++) {
        struct entry *e = &set->entries[i];
        if (is_polled(e)) {
            e->ops->start(e->state);
            poll_one(e);
        }
    }
    if (set->ticker)
        mb_ticker_start(set->ticker);
    set->running = set->any_trial = true;
    for (size_t i = 0; i < set->selection.n; i++)
        if (set->entries[i].state && !is_polled(&set->entries[i]))
            set->entries[i].ops->start(set->entries[i].state);
}

void mb_collect_phase(struct mb_collect_set *set, const struct mb_event *event)
{
    if (!set->running || !(set->every_event || mb_phase_wanted(event)))
        return;
    for (size_t i = 0; i < set->selection.n; i++)
        if (set->entries[i].state && set->entries[i].ops->phase && (set->entries[i].ops->flags & MB_COLLECTOR_EVENTS || mb_phase_wanted(event)))
            set->entries[i].ops->phase(set->entries[i].state, event);
}

void mb_collect_stop(struct mb_collect_set *set)
{
    if (!set->running)
        return;
    set->running = false;
    for (size_t i = set->selection.n; i-- > 0;)
        if (set->entries[i].state && !is_polled(&set->entries[i]))
            set->entries[i].ops->stop(set->entries[i].state);
    if (set->ticker)
        mb_ticker_stop(set->ticker);
    for (size_t i = set->selection.n; i-- > 0;) {
        struct entry *e = &set->entries[i];
        if (is_polled(e)) {
            poll_one(e);
            e->ops->stop(e->state);
        }
    }
}

static int read_absent(const struct entry *e, struct mb_record *record)
{
    int rc = MB_OK;
    for (const enum mb_metric *m = e->ops->metrics; rc == MB_OK && *m != MB_METRIC_END; m++)
        rc = mb_record_add_absent(record, *m, "", e->ops->name, e->reason);
    return rc;
}

static int put_sampler(struct mb_record *record, enum mb_metric metric, uint64_t value, const char *reason)
{
    return reason ? mb_record_add_absent(record, metric, "", "sampler", reason)
                  : mb_record_add_metric(record, metric, "", "sampler", MB_ORIGIN_MEASURED, (double)value);
}

static int read_ticker(struct mb_collect_set *set, struct mb_record *record)
{
    struct mb_ticker_stats stats;
    char few[96];
    mb_ticker_stats(set->ticker, &stats);
    snprintf(few, sizeof(few), "%llu ticks: a 99th percentile needs %d", (unsigned long long)stats.n_late, P99_TICKS_MIN);
    int rc = put_sampler(record, MB_METRIC_SAMPLER_CPU_NS, stats.cpu_ns, NULL);
    rc = rc ? rc : put_sampler(record, MB_METRIC_SAMPLER_MISSED, stats.n_missed, NULL);
    rc = rc ? rc : put_sampler(record, MB_METRIC_SAMPLER_PERIOD_NS, stats.period_ns, stats.period_ns ? NULL : "fewer than two ticks in the trial");
    return rc ? rc : put_sampler(record, MB_METRIC_SAMPLER_LATE_NS, stats.late_p99_ns, stats.n_late >= P99_TICKS_MIN ? NULL : few);
}

int mb_collect_read(struct mb_collect_set *set, struct mb_record *record, struct mb_error *err)
{
    if (!set->any_trial || set->running)
        return mb_fail(err, MB_EINVAL, "collectors: read comes after start and stop");
    for (size_t i = 0; i < set->selection.n; i++) {
        const struct entry *e = &set->entries[i];
        const int rc = e->state ? e->ops->read(e->state, record, err) : read_absent(e, record);
        if (rc)
            return err && err->text[0] ? mb_fail_context(err, "collector %s", e->ops->name)
                                       : mb_fail(err, rc, "collector %s: no memory for its figures", e->ops->name);
    }
    if (set->ticker && read_ticker(set, record))
        return mb_fail(err, MB_ENOMEM, "sampler: no memory for its figures");
    return MB_OK;
}

void mb_collect_close(struct mb_collect_set *set)
{
    if (!set)
        return;
    mb_collect_stop(set);
    mb_ticker_close(set->ticker);
    for (size_t i = 0; set->entries && i < set->selection.n; i++) {
        struct entry *e = &set->entries[i];
        if (e->state)
            e->ops->close(e->state);
        free(e->state);
        free(e->reason);
    }
    free(set->entries);
    mb_selection_release(&set->selection);
    free(set->root);
    free(set);
}
