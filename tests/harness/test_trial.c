/* test_trial.c - one repetition in-process: order of calls, room for events, and figures that contradict each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "harness/trial.h"

enum fault { NO_FAULT, FEWER_STAMPS, BACK_IN_TIME, NO_END, FLOOD, RUN_FAILS, PREPARE_FAILS, SCORE_FAILS, END_FAILS, NEXT_FAILS, UNSUPPORTED };

/* What the runner and workload below do, and the calls they saw. The cell's data_dir carries the address: no file-scope state. */
struct stage {
    enum fault fault;
    uint32_t n_requests, n_said; /* said: what need.n_requests claims */
    uint32_t i;
    char calls[400];
};

static struct stage *stage_of(void *state)
{
    return *(struct stage **)state;
}

static void call(struct stage *s, const char *what)
{
    const size_t n = strlen(s->calls);
    snprintf(s->calls + n, sizeof(s->calls) - n, "%s ", what);
}

static struct stage *stage_of_cell(const struct mb_cell *cell)
{
    void *s;
    assert_int_equal(sscanf(cell->data_dir, "%p", &s), 1);
    return s;
}

static int w_open(void *state, const struct mb_cell *cell, struct mb_workload_need *need, struct mb_error *err)
{
    (void)err;
    struct stage *s = *(struct stage **)state = stage_of_cell(cell);
    *need = (struct mb_workload_need){.n_ctx = 100, .max_gen = 3, .max_text_bytes = 10, .n_requests = s->n_said};
    call(s, "w.open");
    return MB_OK;
}

static void w_begin(void *state, uint32_t repetition)
{
    (void)repetition;
    stage_of(state)->i = 0;
    call(stage_of(state), "begin");
}

static int w_next(void *state, struct mb_request *rq, struct mb_error *err)
{
    struct stage *s = stage_of(state);
    call(s, "next");
    if (s->fault == NEXT_FAILS && s->i == 1)
        return mb_fail(err, MB_EFORMAT, "line 2 is no question");
    if (s->i == s->n_requests)
        return 0;
    *rq = (struct mb_request){.kind = MB_REQUEST_GENERATE, .item = "q", .fresh = true, .text = "text", .max_gen = 3, .ignore_eos = true};
    s->i++;
    return 1;
}

static int w_score(void *state, const struct mb_request *rq, const struct mb_result *rs, struct mb_record *record, struct mb_error *err)
{
    call(stage_of(state), "score");
    assert_int_equal(rq->index, stage_of(state)->i - 1);
    const struct mb_record_answer answer = {.item = (char *)(uintptr_t)rq->item, .given = rs->text, .correct = -1};
    if (stage_of(state)->fault == SCORE_FAILS)
        return mb_fail(err, MB_EFAILED, "cannot score this");
    return rq->index == 0 ? mb_record_add_answer(record, &answer) : MB_OK;
}

static int w_end(void *state, struct mb_record *record, struct mb_error *err)
{
    (void)record;
    call(stage_of(state), "end");
    return stage_of(state)->fault == END_FAILS ? mb_fail(err, MB_EFAILED, "no sum") : MB_OK;
}

static void w_close(void *state)
{
    call(stage_of(state), "w.close");
}

static const struct mb_workload_ops workload = {.abi = MB_WORKLOAD_ABI, .name = "fake", .state_size = sizeof(void *), .open = w_open,
                                               .begin = w_begin, .next = w_next, .score = w_score, .end = w_end, .close = w_close};

static int r_probe(struct mb_error *why)
{
    (void)why;
    return MB_OK;
}

static int r_open(void *state, const struct mb_cell *cell, uint32_t n_ctx, const struct mb_event_sink *events, struct mb_error *err)
{
    struct stage *s = *(struct stage **)state = stage_of_cell(cell);
    assert_int_equal(n_ctx, strcmp(cell->workload, "idle") == 0 ? 1 : 100);
    call(s, "r.open");
    if (s->fault == UNSUPPORTED)
        return mb_fail(err, MB_ENOTSUP, "not on this machine");
    events->put(events->user, &(struct mb_event){.t_ns = mb_clock_ns(), .kind = MB_EVENT_LOAD_BEGIN});
    mb_clock_sleep_until_ns(mb_clock_ns() + 3000000);
    events->put(events->user, &(struct mb_event){.t_ns = mb_clock_ns(), .kind = MB_EVENT_LOAD_END});
    return MB_OK;
}

static int r_prepare(void *state, const struct mb_request *rq, struct mb_error *err)
{
    (void)rq;
    call(stage_of(state), "prepare");
    return stage_of(state)->fault == PREPARE_FAILS ? mb_fail(err, MB_ENOMEM, "out of memory: no room for 100 tokens") : MB_OK;
}

static int r_run(void *state, const struct mb_request *rq, struct mb_result *rs, const struct mb_event_sink *events, struct mb_error *err)
{
    struct stage *s = stage_of(state);
    call(s, "run");
    assert_true(rs->cap_tokens >= 3 && rs->cap_text > 10);
    assert_int_equal(rs->n_gen, 0);
    const uint64_t t = mb_clock_ns();
    struct mb_event e = {.t_ns = t, .request = rq->index, .kind = MB_EVENT_REQUEST_BEGIN};
    events->put(events->user, &e);
    for (enum mb_event_kind kind = MB_EVENT_PREFILL_BEGIN; kind <= MB_EVENT_PREFILL_END; kind++) {
        e.kind = kind;
        events->put(events->user, &e);
    }
    e.kind = MB_EVENT_TOKEN;
    const uint32_t n = s->fault == FEWER_STAMPS ? 2 : s->fault == FLOOD ? 500 : 3;
    for (e.index = 0; e.index < n; e.index++) {
        e.t_ns = s->fault == BACK_IN_TIME && e.index == 2 ? t - 5 : t + e.index;
        events->put(events->user, &e);
    }
    for (uint32_t i = 0; i < 3; i++)
        rs->tokens[i] = 7 + i;
    rs->n_prompt = 5;
    rs->n_gen = 3;
    rs->n_drafted = 4;
    rs->n_accepted = 2;
    snprintf(rs->text, rs->cap_text, "abc");
    if (s->fault == RUN_FAILS && rq->index == 1)
        return mb_fail(err, MB_EFAILED, "NaN in layer 3");
    e = (struct mb_event){.t_ns = mb_clock_ns(), .request = rq->index, .kind = MB_EVENT_REQUEST_END};
    if (s->fault != NO_END)
        events->put(events->user, &e);
    return MB_OK;
}

static void r_reset(void *state)
{
    call(stage_of(state), "reset");
}

static int r_report(void *state, struct mb_record *record, struct mb_error *err)
{
    (void)err;
    call(stage_of(state), "report");
    return mb_record_add_metric(record, MB_METRIC_KV_BYTES, "", "fake", MB_ORIGIN_MEASURED, 10);
}

static void r_close(void *state)
{
    call(stage_of(state), "r.close");
}

static const struct mb_runner_ops runner = {.abi = MB_RUNNER_ABI, .name = "fake", .state_size = sizeof(void *), .probe = r_probe, .open = r_open, .prepare = r_prepare,
                                           .run = r_run, .reset = r_reset, .report = r_report, .close = r_close};

static int open_site(struct mb_site **site, struct stage *s, bool cold, struct mb_worker_page *page, struct mb_error *err)
{
    static const char *const axis[MB_AXIS_N] = {0};
    char address[40];
    snprintf(address, sizeof(address), "%p", (void *)s);
    struct mb_cell cell = {.runner = "fake", .workload = "fake", .data_dir = address};
    memcpy(cell.axis, axis, sizeof(axis));
    const struct mb_site_setup setup = {.cell = &cell, .collect = "synthetic,memory", .root = "", .period_ns = 1000000, .max_samples = 100, .cold = cold,
                                        .page = page, .runner = &runner, .workload = &workload};
    return mb_site_open(site, &setup, err);
}

/* One measured repetition of two requests with a fault: status and reason. */
static void expect(enum fault fault, enum mb_trial_status status, const char *reason)
{
    struct stage s = {.fault = fault, .n_requests = 2, .n_said = 2};
    struct mb_site *site;
    struct mb_record r = {0};
    struct mb_error err = {0};
    assert_int_equal(open_site(&site, &s, false, NULL, &err), MB_OK);
    assert_int_equal(mb_site_trial(site, MB_TRIAL_MEASURED, 4, &r, &err), MB_OK);
    assert_string_equal(mb_trial_status_name(r.status), mb_trial_status_name(status));
    assert_int_equal(r.reason == NULL, status == MB_TRIAL_OK);
    if (reason)
        assert_string_equal(r.reason, reason);
    assert_int_equal(r.repetition, 4);
    mb_record_release(&r);
    mb_site_close(site);
}

static void figures_that_contradict_each_other_are_invalid(void **state)
{
    (void)state;
    expect(NO_FAULT, MB_TRIAL_OK, NULL);
    expect(FEWER_STAMPS, MB_TRIAL_INVALID, "the runner stamped 2 tokens of request 0, but returned 3");
    expect(BACK_IN_TIME, MB_TRIAL_INVALID, "the runner's stamps go back in time at token of request 0");
    expect(NO_END, MB_TRIAL_INVALID, "the runner stamped begin and end of request 0 1 and 0 times, not once");
    expect(FLOOD, MB_TRIAL_INVALID, NULL);
}

static void whatever_goes_wrong_fails_the_repetition_with_its_place(void **state)
{
    (void)state;
    expect(RUN_FAILS, MB_TRIAL_FAILED, "request 1 q: NaN in layer 3");
    expect(PREPARE_FAILS, MB_TRIAL_FAILED, "out of memory: no room for 100 tokens");
    expect(SCORE_FAILS, MB_TRIAL_FAILED, "request 0 q: cannot score this");
    expect(NEXT_FAILS, MB_TRIAL_FAILED, "line 2 is no question");
    expect(END_FAILS, MB_TRIAL_FAILED, "no sum");
    struct stage s = {.fault = UNSUPPORTED};
    struct mb_site *site;
    struct mb_error err = {0};
    assert_int_equal(open_site(&site, &s, true, NULL, &err), MB_ENOTSUP);
    assert_null(site);
    assert_string_equal(err.text, "not on this machine");
    assert_string_equal(s.calls, "w.open r.open r.close w.close ");
}

static double metric_of(const struct mb_record *r, enum mb_metric metric)
{
    for (size_t i = 0; i < r->n_metrics; i++)
        if (r->metrics[i].metric == metric)
            return r->metrics[i].value;
    return -1;
}

static bool has_scope(const struct mb_record *r, enum mb_metric metric, const char *scope)
{
    for (size_t i = 0; i < r->n_metrics; i++)
        if (r->metrics[i].metric == metric && strcmp(r->metrics[i].scope, scope) == 0)
            return true;
    return false;
}

static void idle_waits_without_the_runner(void **state)
{
    (void)state;
    static const char *const axis[MB_AXIS_N] = {0};
    struct stage s = {0};
    char address[40];
    snprintf(address, sizeof(address), "%p", (void *)&s);
    struct mb_cell cell = {.runner = "fake", .workload = "idle", .data_dir = address, .options = json_pack("{s:i}", "seconds", 1)};
    memcpy(cell.axis, axis, sizeof(axis));
    const struct mb_site_setup setup = {.cell = &cell, .collect = "synthetic:constant=10", .root = "", .period_ns = 10000000, .max_samples = 1000,
                                        .runner = &runner};
    struct mb_site *site;
    struct mb_record r = {0};
    struct mb_error err = {0};
    assert_int_equal(mb_site_open(&site, &setup, &err), MB_OK);
    assert_int_equal(mb_site_trial(site, MB_TRIAL_MEASURED, 0, &r, &err), MB_OK);
    assert_int_equal(r.status, MB_TRIAL_OK);
    assert_string_equal(s.calls, "r.open reset report ");
    assert_true(r.t_end_ns - r.t_begin_ns >= 1000000000u);
    assert_int_equal(metric_of(&r, MB_METRIC_SYNTHETIC), 10);
    assert_int_equal(metric_of(&r, MB_METRIC_N_GEN), 0);
    mb_record_release(&r);
    mb_site_close(site);
    json_decref((json_t *)(uintptr_t)cell.options);
}

static void calls_come_in_the_order_of_the_contracts(void **state)
{
    (void)state;
    struct stage s = {.n_requests = 2, .n_said = 2};
    struct mb_site *site;
    struct mb_record r = {0};
    struct mb_error err = {0};
    struct mb_worker_page page = {0};
    assert_int_equal(open_site(&site, &s, true, &page, &err), MB_OK);
    assert_int_equal(page.stage, MB_STAGE_IDLE);
    assert_int_equal(mb_site_trial(site, MB_TRIAL_COLD, 0, &r, &err), MB_OK);
    assert_string_equal(s.calls, "w.open r.open begin reset next prepare run score next prepare run score next end report ");
    assert_int_equal(metric_of(&r, MB_METRIC_N_PROMPT), 10);
    assert_int_equal(metric_of(&r, MB_METRIC_N_GEN), 6);
    assert_true(metric_of(&r, MB_METRIC_EXIT_DRAFTED) < 0); /* the runner's to report */
    assert_int_equal(metric_of(&r, MB_METRIC_KV_BYTES), 10);
    /* printf '\7\0\0\0\10\0\0\0\11\0\0\0\7\0\0\0\10\0\0\0\11\0\0\0' | sha256sum | cut -c1-12 */
    assert_true(metric_of(&r, MB_METRIC_OUTPUT_HASH) == (double)0x604bdb3e0250);
    assert_int_equal(r.n_answers, 1);
    assert_string_equal(r.answers[0].given, "abc");
    assert_true(r.n_streams + (metric_of(&r, MB_METRIC_SYNTHETIC) >= 0) > 0); /* the collector saw it */
    assert_true(has_scope(&r, MB_METRIC_RSS_PEAK_BYTES, "decode")); /* and the first token, without which there is no decoding */
    /* Cold: loading lies inside the region, and the work is the rest. */
    assert_int_equal(r.events[0].kind, MB_EVENT_LOAD_BEGIN);
    assert_true(r.events[0].t_ns >= r.t_begin_ns);
    assert_true(r.t_end_ns - r.t_begin_ns >= 3000000 + mb_trial_work_ns(&r));
    mb_record_release(&r);
    s.calls[0] = '\0';
    assert_int_equal(mb_site_trial(site, MB_TRIAL_MEASURED, 0, &r, &err), MB_OK);
    assert_int_equal(r.events[0].kind, MB_EVENT_REQUEST_BEGIN); /* the load belonged to the first one only */
    assert_true(r.events[0].t_ns >= r.t_begin_ns);
    assert_true(r.events[r.n_events - 1].t_ns <= r.t_end_ns);
    assert_true(mb_trial_work_ns(&r) == r.t_end_ns - r.t_begin_ns);
    mb_record_release(&r);
    mb_site_close(site);
    assert_string_equal(s.calls, "begin reset next prepare run score next prepare run score next end report r.close w.close ");
}

static void a_repetition_without_a_request_is_invalid(void **state)
{
    (void)state;
    struct stage s = {.n_requests = 0, .n_said = 0};
    struct mb_site *site;
    struct mb_record r = {0};
    struct mb_error err = {0};
    assert_int_equal(open_site(&site, &s, true, NULL, &err), MB_OK);
    assert_int_equal(mb_site_trial(site, MB_TRIAL_COLD, 0, &r, &err), MB_OK);
    assert_int_equal(r.status, MB_TRIAL_INVALID);
    assert_string_equal(r.reason, "the workload asked nothing");
    mb_record_release(&r);
    mb_site_close(site);
}

static void a_workload_that_miscounts_its_requests_loses_nothing(void **state)
{
    (void)state;
    for (uint32_t said = 0; said < 6; said++) {
        struct stage s = {.n_requests = 3, .n_said = said};
        struct mb_site *site;
        struct mb_record r = {0};
        struct mb_error err = {0};
        assert_int_equal(open_site(&site, &s, false, NULL, &err), MB_OK);
        assert_int_equal(mb_site_trial(site, MB_TRIAL_MEASURED, 0, &r, &err), MB_OK);
        assert_int_equal(r.status, MB_TRIAL_OK);
        assert_int_equal(r.n_events, 2 + 3 * 7);
        mb_record_release(&r);
        mb_site_close(site);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_that_contradict_each_other_are_invalid),
        cmocka_unit_test(whatever_goes_wrong_fails_the_repetition_with_its_place),
        cmocka_unit_test(idle_waits_without_the_runner),
        cmocka_unit_test(calls_come_in_the_order_of_the_contracts),
        cmocka_unit_test(a_repetition_without_a_request_is_invalid),
        cmocka_unit_test(a_workload_that_miscounts_its_requests_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
