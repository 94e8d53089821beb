/* compare_sim.c - see compare_sim.h. */
#include "compare_sim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "harness/stats.h"
#include "runners/runner.h"

static const struct { uint32_t n_prompt, n_gen; } cells[COMPARE_SIM_CELLS] = {{64, 32}, {256, 32}, {64, 128}, {256, 128}};
static const size_t metrics[COMPARE_SIM_METRICS] = {MB_COMPARE_METRIC_PREFILL_TPS, MB_COMPARE_METRIC_DECODE_TPS, MB_COMPARE_METRIC_TTFT};

typedef double sample[COMPARE_SIM_METRICS][COMPARE_SIM_MOST];

struct stamps { uint64_t begin_ns, prefill_begin_ns, prefill_end_ns, first_ns, last_ns; };

static void put(void *user, const struct mb_event *event)
{
    struct stamps *s = user;
    if (event->kind == MB_EVENT_REQUEST_BEGIN)
        s->begin_ns = event->t_ns;
    if (event->kind == MB_EVENT_PREFILL_BEGIN)
        s->prefill_begin_ns = event->t_ns;
    if (event->kind == MB_EVENT_PREFILL_END)
        s->prefill_end_ns = event->t_ns;
    if (event->kind == MB_EVENT_TOKEN && event->index == 0)
        s->first_ns = event->t_ns;
    if (event->kind == MB_EVENT_TOKEN)
        s->last_ns = event->t_ns;
}

/* The figures of v_trial_rate for one request. */
static void keep(sample x, size_t i, const struct stamps *s, uint32_t n_prompt, uint32_t n_gen)
{
    x[0][i] = n_prompt * 1e9 / (double)(s->prefill_end_ns - s->prefill_begin_ns);
    x[1][i] = (n_gen - 1) * 1e9 / (double)(s->last_ns - s->first_ns);
    x[2][i] = (double)(s->first_ns - s->begin_ns);
}

/* A process: open, one repetition that does not count, n that do. */
static void measure_cell(sample x, const struct compare_sim *how, size_t cell, unsigned draw, double slow)
{
    const struct mb_runner_ops *ops = mb_runner_find("null");
    uint32_t tokens[128];
    char script[400], text[8];
    struct mb_error err = {0};
    struct stamps stamps = {0};
    const struct mb_event_sink sink = {put, &stamps};
    snprintf(script, sizeof(script), "null:virtual=1,prompt_token_us=100,token_us=2000,%s,draw=%u,slow=%.9g", how->scatter, draw, slow);
    const struct mb_cell config = {.axis = {[MB_AXIS_MODEL] = script}, .seed = 42};
    const struct mb_request rq = {.kind = MB_REQUEST_GENERATE, .item = "q", .fresh = true, .text = "", .n_prompt = cells[cell].n_prompt,
                                  .max_gen = cells[cell].n_gen, .ignore_eos = true};
    void *state = calloc(1, ops->state_size);
    assert_non_null(state);
    if (ops->open(state, &config, 512, &sink, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i <= how->n; i++) {
        struct mb_result result = {.tokens = tokens, .cap_tokens = 128, .text = text, .cap_text = sizeof(text)};
        ops->reset(state);
        assert_int_equal(ops->prepare(state, &rq, &err), MB_OK);
        assert_int_equal(ops->run(state, &rq, &result, &sink, &err), MB_OK);
        if (i > 0)
            keep(x, i - 1, &stamps, rq.n_prompt, rq.max_gen);
    }
    ops->close(state);
    free(state);
}

static void compare_two(struct mb_compare_row *rows, const struct compare_sim *how, size_t cell, unsigned draw, double slow)
{
    sample a, b;
    measure_cell(a, how, cell, draw, 1);
    measure_cell(b, how, cell, draw + 1, slow);
    for (size_t m = 0; m < COMPARE_SIM_METRICS; m++)
        mb_compare_samples(&rows[m], a[m], how->n, b[m], how->n, &how->rule);
}

static void compare_baseline(struct mb_compare_row *rows, const struct compare_sim *how, size_t cell, unsigned draw, double slow)
{
    sample medians, x;
    for (size_t r = 0; r < how->n_runs; r++) {
        measure_cell(x, how, cell, draw + (unsigned)r, 1);
        for (size_t m = 0; m < COMPARE_SIM_METRICS; m++)
            medians[m][r] = mb_stats_median(x[m], how->n);
    }
    measure_cell(x, how, cell, draw + (unsigned)how->n_runs, slow);
    for (size_t m = 0; m < COMPARE_SIM_METRICS; m++)
        mb_compare_baseline(&rows[m], medians[m], how->n_runs, mb_stats_median(x[m], how->n), how->n, &how->rule);
}

static void compare_once(struct mb_compare_row rows[COMPARE_SIM_ROWS], const struct compare_sim *how, unsigned k)
{
    const unsigned draw = (how->first_draw + k) * (how->n_runs ? (unsigned)how->n_runs + 1 : 2);
    for (size_t c = 0; c < COMPARE_SIM_CELLS; c++) {
        for (size_t m = 0; m < COMPARE_SIM_METRICS; m++)
            rows[c * COMPARE_SIM_METRICS + m].metric = metrics[m];
        (how->n_runs ? compare_baseline : compare_two)(&rows[c * COMPARE_SIM_METRICS], how, c, draw, c == 0 ? how->slow : 1);
    }
}

struct compare_sim_count compare_sim(const struct compare_sim *how, size_t n_comparisons,
                                     int (*judge)(struct mb_compare_row *, size_t, const struct mb_compare_rule *, struct mb_error *))
{
    struct compare_sim_count count = {0};
    const double truth = 1 / how->slow - 1;
    assert_true(how->n <= COMPARE_SIM_MOST && how->n_runs <= COMPARE_SIM_MOST);
    for (size_t k = 0; k < n_comparisons; k++) {
        struct mb_compare_row rows[COMPARE_SIM_ROWS] = {{0}};
        bool alarm = false;
        compare_once(rows, how, (unsigned)k);
        assert_int_equal(judge(rows, COMPARE_SIM_ROWS, &how->rule, NULL), MB_OK);
        for (size_t i = how->slow == 1 ? 0 : COMPARE_SIM_METRICS; i < COMPARE_SIM_ROWS; i++) {
            alarm |= rows[i].verdict == MB_COMPARE_WORSE || rows[i].verdict == MB_COMPARE_BETTER;
            count.n_same += rows[i].verdict == MB_COMPARE_SAME;
        }
        count.n_alarms += alarm;
        count.n_worse += rows[1].verdict == MB_COMPARE_WORSE;
        count.n_wrong += rows[1].verdict == MB_COMPARE_BETTER;
        count.n_changed += !(rows[1].lo <= truth && truth <= rows[1].hi);
    }
    return count;
}
