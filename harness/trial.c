/* trial.c - see trial.h. */
#include "harness/trial.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "collectors/sampler.h"

#define EVENTS_BESIDE_TOKENS 16u      /* of one request */
#define EVENTS_AT_ONCE 65536u         /* room made before the first request; more comes between requests */
#define SLEEP_SUSPECT_NS 100000000u   /* boot time and monotonic time drift apart only while the machine is suspended */

struct mb_site {
    struct mb_cell cell;
    const struct mb_runner_ops *runner;
    const struct mb_workload_ops *workload;
    void *runner_state, *workload_state;
    struct mb_workload_need need;
    struct mb_collect_set *set;
    struct mb_worker_page *page;
    struct mb_record *record;         /* of the repetition under way: where put_event() writes */
    bool collecting;                  /* collectors are started */
    bool overflow;                    /* an event found no room */
    struct mb_record load;            /* load events, waiting for the first repetition */
    struct mb_result result;          /* its arrays are ours */
    uint32_t *tokens;                 /* of the whole repetition, for the output hash */
    size_t n_tokens, cap_tokens;
    bool unstored;
    struct { enum mb_page_cache asked; double share; struct mb_error why; bool pending; } cache; /* of the model's file when loading began */
    const struct mb_text_sink *text;
    uint64_t n_prompt, n_gen;         /* sums of the repetition */
};

static void set_stage(struct mb_site *s, enum mb_worker_stage stage)
{
    if (!s->page)
        return;
    atomic_store_explicit(&s->page->n_events, 0, memory_order_relaxed);
    atomic_store_explicit(&s->page->stage, stage, memory_order_relaxed);
}

/* In the timed region: a store each for the record and the page; edges of phases go to the collectors too. */
static void put_event(void *user, const struct mb_event *event)
{
    struct mb_site *s = user;
    struct mb_record *r = s->record;
    if (r->n_events < r->cap_events)
        r->events[r->n_events++] = *event;
    else
        s->overflow = true;
    if (s->page) {
        atomic_store_explicit(&s->page->kind, event->kind, memory_order_relaxed);
        atomic_store_explicit(&s->page->request, event->request, memory_order_relaxed);
        atomic_store_explicit(&s->page->index, event->index, memory_order_relaxed);
        atomic_fetch_add_explicit(&s->page->n_events, 1, memory_order_relaxed);
    }
    if (s->collecting)
        mb_collect_phase(s->set, event);
}

/* Room for @n more events, touched, so that the timed region neither allocates nor faults. */
static int reserve_events(struct mb_record *r, size_t n, struct mb_error *err)
{
    if (r->cap_events - r->n_events >= n)
        return MB_OK;
    const size_t cap = r->n_events + n > 2 * r->cap_events ? r->n_events + n : 2 * r->cap_events;
    struct mb_event *grown = reallocarray(r->events, cap, sizeof(*grown));
    if (!grown)
        return mb_fail(err, MB_ENOMEM, "out of memory: no room for %zu events", cap);
    memset(grown + r->n_events, 0, (cap - r->n_events) * sizeof(*grown));
    r->events = grown;
    r->cap_events = cap;
    return MB_OK;
}

/* --- open ------------------------------------------------------------------------------------------------------ */

static int open_collectors(struct mb_site *s, const struct mb_site_setup *setup, struct mb_error *err)
{
    const struct mb_collect_env env = {.root = setup->root ? setup->root : "", .pid = getpid(), .period_ns = setup->period_ns,
                                       .max_samples = setup->max_samples, .options = ""};
    return mb_collect_open(&s->set, setup->collect ? setup->collect : "", &env, err);
}

static int open_workload(struct mb_site *s, struct mb_error *err)
{
    s->workload_state = calloc(1, s->workload->state_size + 1);
    if (!s->workload_state)
        return mb_fail(err, MB_ENOMEM, "out of memory: workload %s", s->workload->name);
    const int rc = s->workload->open(s->workload_state, &s->cell, &s->need, err);
    if (rc)
        return rc;
    s->result.cap_tokens = (size_t)s->need.max_gen + 1;
    s->result.cap_text = (size_t)s->need.max_text_bytes + 1;
    s->result.tokens = calloc(s->result.cap_tokens, sizeof(*s->result.tokens));
    s->result.text = calloc(s->result.cap_text, 1);
    if (!s->result.tokens || !s->result.text)
        return mb_fail(err, MB_ENOMEM, "out of memory: room for an answer of %u tokens", s->need.max_gen);
    return MB_OK;
}

static int load_runner(struct mb_site *s, bool cold, struct mb_error *err)
{
    s->runner_state = calloc(1, s->runner->state_size + 1);
    if (!s->runner_state)
        return mb_fail(err, MB_ENOMEM, "out of memory: runner %s", s->runner->name);
    int rc = s->runner->probe(err);
    s->record = &s->load;
    if (rc == MB_OK)
        rc = reserve_events(&s->load, EVENTS_BESIDE_TOKENS, err);
    if (rc)
        return rc;
    mb_clock_utc(s->load.started_utc, sizeof(s->load.started_utc));
    if (cold) {
        mb_collect_start(s->set);
        s->collecting = true;
    }
    s->load.t_begin_ns = mb_clock_ns();
    const struct mb_event_sink sink = {put_event, s};
    return s->runner->open(s->runner_state, &s->cell, s->need.n_ctx, &sink, err);
}

/* The model's file in the page cache: brought into the state that is asked for, and looked at. Before the region of a cold repetition. */
static int prepare_file(struct mb_site *s, enum mb_page_cache asked, struct mb_error *err)
{
    const char *path = s->cell.model_path;
    if (!path || !path[0] || (s->unstored && asked == MB_PAGE_CACHE_AS_IS))
        return MB_OK;
    const int rc = mb_page_cache_prepare(path, asked, err);
    if (rc)
        return rc;
    s->cache.asked = asked;
    s->cache.pending = true; /* for the first repetition */
    if (mb_page_cache_resident(path, &s->cache.share, &s->cache.why) == MB_OK)
        s->cache.why.text[0] = '\0';
    return MB_OK;
}

static int add_cache_metric(struct mb_site *s, struct mb_record *r)
{
    static const char source[] = "protocol";
    const char *asked = mb_page_cache_name(s->cache.asked);
    s->cache.pending = false;
    return s->cache.why.text[0] ? mb_record_add_absent(r, MB_METRIC_PAGE_CACHE, asked, source, s->cache.why.text)
                                : mb_record_add_metric(r, MB_METRIC_PAGE_CACHE, asked, source, MB_ORIGIN_MEASURED, s->cache.share);
}

int mb_site_open(struct mb_site **out, const struct mb_site_setup *setup, struct mb_error *err)
{
    *out = NULL;
    struct mb_site *s = calloc(1, sizeof(*s));
    if (!s)
        return mb_fail(err, MB_ENOMEM, "out of memory");
    s->cell = *setup->cell;
    s->page = setup->page;
    s->unstored = setup->unstored;
    s->text = setup->text;
    s->runner = setup->runner ? setup->runner : mb_runner_find(s->cell.runner);
    s->workload = setup->workload ? setup->workload : mb_workload_find(s->cell.workload);
    set_stage(s, MB_STAGE_OPEN);
    int rc = MB_OK;
    if (!s->runner || s->runner->abi != MB_RUNNER_ABI)
        rc = mb_fail(err, MB_ENOTSUP, "this build has no runner '%s'", s->cell.runner);
    else if (!s->workload || s->workload->abi != MB_WORKLOAD_ABI)
        rc = mb_fail(err, MB_ENOTSUP, "this build has no workload '%s'", s->cell.workload);
    if (rc == MB_OK)
        rc = open_workload(s, err);
    if (rc == MB_OK)
        rc = open_collectors(s, setup, err);
    if (rc == MB_OK)
        rc = prepare_file(s, setup->page_cache, err);
    if (rc == MB_OK)
        rc = load_runner(s, setup->cold, err);
    set_stage(s, MB_STAGE_IDLE);
    if (rc) {
        mb_site_close(s);
        return rc;
    }
    *out = s;
    return MB_OK;
}

void mb_site_close(struct mb_site *s)
{
    if (!s)
        return;
    if (s->collecting)
        mb_collect_stop(s->set);
    if (s->runner_state)
        s->runner->close(s->runner_state);
    mb_collect_close(s->set);
    if (s->workload_state)
        s->workload->close(s->workload_state);
    free(s->runner_state);
    free(s->workload_state);
    free(s->result.tokens);
    free(s->result.text);
    free(s->tokens);
    mb_record_release(&s->load);
    free(s);
}

void mb_site_facts(const struct mb_site *s, struct mb_runner_facts *facts)
{
    *facts = (struct mb_runner_facts){0};
    if (s->runner->facts)
        s->runner->facts(s->runner_state, facts);
}

/* --- one repetition -------------------------------------------------------------------------------------------- */

static int64_t suspended_ns(void)
{
    struct timespec boot, mono;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_MONOTONIC, &mono);
    return ((int64_t)boot.tv_sec - mono.tv_sec) * 1000000000 + (boot.tv_nsec - mono.tv_nsec);
}

static void set_reason(struct mb_record *r, enum mb_trial_status status, const char *text)
{
    if (r->status != MB_TRIAL_OK && (r->status == status || status == MB_TRIAL_INVALID))
        return; /* the first reason stays, but failed outweighs invalid */
    free(r->reason);
    r->status = status;
    r->reason = strdup(text[0] ? text : "failed without saying why");
}

static void invalid(struct mb_record *r, const char *fmt, ...) MB_PRINTF(2, 3);
static void invalid(struct mb_record *r, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    set_reason(r, MB_TRIAL_INVALID, text);
}

static int keep_tokens(struct mb_site *s, struct mb_error *err)
{
    const struct mb_result *rs = &s->result;
    const size_t n = rs->n_gen < rs->cap_tokens ? rs->n_gen : rs->cap_tokens;
    if (s->n_tokens + n > s->cap_tokens) {
        const size_t cap = 2 * (s->n_tokens + n);
        uint32_t *grown = reallocarray(s->tokens, cap, sizeof(*grown));
        if (!grown)
            return mb_fail(err, MB_ENOMEM, "out of memory: no room for %zu tokens", cap);
        s->tokens = grown;
        s->cap_tokens = cap;
    }
    if (n > 0)
        memcpy(s->tokens + s->n_tokens, rs->tokens, n * sizeof(*s->tokens));
    s->n_tokens += n;
    s->n_prompt += rs->n_prompt;
    s->n_gen += rs->n_gen;
    return MB_OK;
}

/* Do the stamps of this request agree with its result? Events from @first on are its own. */
static void check_stamps(struct mb_record *r, size_t first, const struct mb_request *rq, const struct mb_result *rs)
{
    uint32_t n_token = 0, n_begin = 0, n_end = 0;
    for (size_t i = first; i < r->n_events; i++) {
        const struct mb_event *e = &r->events[i];
        n_token += e->kind == MB_EVENT_TOKEN;
        n_begin += e->kind == MB_EVENT_REQUEST_BEGIN;
        n_end += e->kind == MB_EVENT_REQUEST_END;
        if (i > first && e->t_ns < e[-1].t_ns)
            invalid(r, "the runner's stamps go back in time at %s of request %u", mb_event_names[e->kind], rq->index);
    }
    if (n_begin != 1 || n_end != 1)
        invalid(r, "the runner stamped begin and end of request %u %u and %u times, not once", rq->index, n_begin, n_end);
    if (rq->kind == MB_REQUEST_GENERATE && n_token != rs->n_gen)
        invalid(r, "the runner stamped %u tokens of request %u, but returned %u", n_token, rq->index, rs->n_gen);
}

/* Next request, ready to run. 1: there is one, 0: there is none. */
static int prepare_next(struct mb_site *s, struct mb_request *rq, uint32_t index, struct mb_error *err)
{
    *rq = (struct mb_request){0};
    int rc = s->workload->next(s->workload_state, rq, err);
    if (rc <= 0)
        return rc;
    rq->index = index;
    rq->on_text = s->text;
    const struct mb_result empty = {.tokens = s->result.tokens, .cap_tokens = s->result.cap_tokens, .text = s->result.text,
                                    .cap_text = s->result.cap_text};
    s->result = empty;
    s->result.text[0] = '\0';
    rc = reserve_events(s->record, (size_t)s->need.max_gen + EVENTS_BESIDE_TOKENS, err);
    if (rc == MB_OK && rq->kind != MB_REQUEST_IDLE)
        rc = s->runner->prepare(s->runner_state, rq, err);
    return rc ? rc : 1;
}

/* After the last latch: collectors stop first, so that nothing of ours is counted. */
static void stop_collecting(struct mb_site *s)
{
    if (s->collecting)
        mb_collect_stop(s->set);
    s->collecting = false;
    set_stage(s, MB_STAGE_READ);
}

static void stay_idle(const struct mb_request *rq, const struct mb_event_sink *sink)
{
    struct mb_event event = {.t_ns = mb_clock_ns(), .request = rq->index, .kind = MB_EVENT_REQUEST_BEGIN};
    sink->put(sink->user, &event);
    mb_clock_sleep_until_ns(event.t_ns + rq->duration_ns);
    event.t_ns = mb_clock_ns();
    event.kind = MB_EVENT_REQUEST_END;
    sink->put(sink->user, &event);
}

/* All requests. The first is ready in @rq; the region's end is latched after each, so that the last one counts. */
static int run_requests(struct mb_site *s, struct mb_request *rq, int more, struct mb_record *r, struct mb_error *err)
{
    const struct mb_event_sink sink = {put_event, s};
    int rc = more < 0 ? more : MB_OK;
    if (more == 0)
        invalid(r, "the workload asked nothing");
    for (uint32_t i = 0; more > 0; i++) {
        const size_t first = r->n_events;
        if (rq->kind == MB_REQUEST_IDLE)
            stay_idle(rq, &sink);
        else
            rc = s->runner->run(s->runner_state, rq, &s->result, &sink, err);
        r->t_end_ns = mb_clock_ns();
        if (i + 1 == s->need.n_requests || rc)
            stop_collecting(s);
        if (rc == MB_OK)
            rc = keep_tokens(s, err);
        if (rc == MB_OK) {
            check_stamps(r, first, rq, &s->result);
            rc = s->workload->score(s->workload_state, rq, &s->result, r, err);
        }
        if (rc) {
            mb_fail_context(err, "request %u%s%s", i, rq->item && rq->item[0] ? " " : "", rq->item ? rq->item : "");
            return rc;
        }
        more = prepare_next(s, rq, i + 1, err);
        rc = more < 0 ? more : MB_OK;
    }
    return rc;
}

static int add(struct mb_record *r, enum mb_metric metric, double value)
{
    return mb_record_add_metric(r, metric, "", "trial", MB_ORIGIN_MEASURED, value);
}

static int add_own_metrics(struct mb_site *s, struct mb_record *r, struct mb_error *err)
{
    int rc = add(r, MB_METRIC_N_PROMPT, (double)s->n_prompt);
    if (rc == MB_OK)
        rc = add(r, MB_METRIC_N_GEN, (double)s->n_gen);
    if (rc == MB_OK && s->n_tokens > 0 && !s->unstored) {
        char hex[MB_DIGEST_HEX];
        rc = mb_digest_bytes(s->tokens, s->n_tokens * sizeof(*s->tokens), hex, err);
        hex[12] = '\0'; /* 48 bits: exact in a double */
        if (rc == MB_OK)
            rc = add(r, MB_METRIC_OUTPUT_HASH, (double)strtoull(hex, NULL, 16));
    }
    return rc ? mb_fail(err, rc, "out of memory: the repetition's own figures") : MB_OK;
}

/* What was seen goes into the record: also after a failure, as far as it came. */
static int read_all(struct mb_site *s, struct mb_record *r, bool whole, struct mb_error *err)
{
    int rc = mb_collect_read(s->set, r, err);
    if (rc == MB_OK && s->cache.pending && add_cache_metric(s, r))
        rc = mb_fail(err, MB_ENOMEM, "out of memory: the repetition's own figures");
    if (rc == MB_OK && whole)
        rc = s->workload->end(s->workload_state, r, err);
    if (rc == MB_OK && whole)
        rc = s->runner->report(s->runner_state, r, err);
    if (rc == MB_OK && whole)
        rc = add_own_metrics(s, r, err);
    return rc;
}

static int begin_record(struct mb_site *s, struct mb_record *r, struct mb_error *err)
{
    const size_t n_all = (size_t)s->need.n_requests * (s->need.max_gen + EVENTS_BESIDE_TOKENS);
    int rc = reserve_events(r, s->load.n_events + (n_all < EVENTS_AT_ONCE ? n_all : EVENTS_AT_ONCE), err);
    if (rc == MB_OK && s->load.n_events > 0)
        memcpy(r->events, s->load.events, s->load.n_events * sizeof(*r->events));
    r->n_events = s->load.n_events;
    s->load.n_events = 0; /* they belong to one repetition only */
    s->n_tokens = 0;
    s->n_prompt = s->n_gen = 0;
    s->overflow = false;
    s->record = r;
    return rc;
}

int mb_site_trial(struct mb_site *s, enum mb_trial_kind kind, uint32_t repetition, struct mb_record *r, struct mb_error *err)
{
    *r = (struct mb_record){.kind = kind, .repetition = repetition};
    int rc = begin_record(s, r, err);
    if (rc)
        return rc;
    struct mb_request rq;
    set_stage(s, MB_STAGE_TRIAL);
    s->workload->begin(s->workload_state, repetition);
    s->runner->reset(s->runner_state);
    const int more = prepare_next(s, &rq, 0, err);
    const int64_t suspended_before_ns = suspended_ns();
    if (s->collecting) { /* cold: since before loading */
        r->t_begin_ns = s->load.t_begin_ns;
        memcpy(r->started_utc, s->load.started_utc, sizeof(r->started_utc));
    } else {
        mb_clock_utc(r->started_utc, sizeof(r->started_utc));
        mb_collect_start(s->set);
        s->collecting = true;
        r->t_begin_ns = mb_clock_ns();
    }
    r->t_end_ns = r->t_begin_ns;
    rc = run_requests(s, &rq, more, r, err);
    stop_collecting(s);
    const int64_t suspended = suspended_ns() - suspended_before_ns;
    if (rc)
        set_reason(r, MB_TRIAL_FAILED, err->text);
    if (s->overflow)
        invalid(r, "the runner stamped more events than its tokens call for; the rest was dropped");
    if (suspended > SLEEP_SUSPECT_NS)
        invalid(r, "the machine slept for %.1f s during the repetition", (double)suspended / 1e9);
    rc = read_all(s, r, rc == MB_OK, err);
    if (rc)
        set_reason(r, MB_TRIAL_FAILED, err->text);
    set_stage(s, MB_STAGE_IDLE);
    s->record = &s->load;
    return r->status == MB_TRIAL_OK || r->reason ? MB_OK : mb_fail(err, MB_ENOMEM, "out of memory: no room for a reason");
}

uint64_t mb_trial_work_ns(const struct mb_record *r)
{
    uint64_t load_ns = 0, begin_ns = 0;
    for (size_t i = 0; i < r->n_events; i++) {
        if (r->events[i].kind == MB_EVENT_LOAD_BEGIN)
            begin_ns = r->events[i].t_ns;
        if (r->events[i].kind == MB_EVENT_LOAD_END && r->events[i].t_ns > r->t_begin_ns)
            load_ns = r->events[i].t_ns - (begin_ns > r->t_begin_ns ? begin_ns : r->t_begin_ns);
    }
    const uint64_t all_ns = r->t_end_ns - r->t_begin_ns;
    return load_ns < all_ns ? all_ns - load_ns : 0;
}
