/* test_run_null.c - the scripted runner: its times are never shorter than scripted, its answers are the same everywhere, its grammar is strict. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "runners/runner.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))
#define MS 1000000u

struct rig {
    const struct mb_runner_ops *ops;
    void *state;
    struct mb_event events[256];
    size_t n_events;
    uint32_t tokens[64];
    char text[64];
    struct mb_result result;
    struct mb_error err;
};

static void put(void *user, const struct mb_event *event)
{
    struct rig *r = user;
    assert_true(r->n_events < N_OF(r->events));
    r->events[r->n_events++] = *event;
}

static int rig_open(struct rig *r, const char *script, uint64_t seed)
{
    memset(r, 0, sizeof(*r));
    r->ops = mb_runner_find("null");
    assert_non_null(r->ops);
    r->state = calloc(1, r->ops->state_size);
    const struct mb_cell cell = {.axis = {[MB_AXIS_MODEL] = script}, .seed = seed};
    const struct mb_event_sink sink = {put, r};
    assert_int_equal(r->ops->probe(&r->err), MB_OK);
    return r->ops->open(r->state, &cell, 100, &sink, &r->err);
}

static void rig_close(struct rig *r)
{
    r->ops->close(r->state);
    free(r->state);
}

static int rig_run(struct rig *r, const struct mb_request *rq)
{
    const struct mb_event_sink sink = {put, r};
    r->n_events = 0;
    r->result = (struct mb_result){.tokens = r->tokens, .cap_tokens = N_OF(r->tokens), .text = r->text, .cap_text = sizeof(r->text)};
    assert_int_equal(r->ops->prepare(r->state, rq, &r->err), MB_OK);
    return r->ops->run(r->state, rq, &r->result, &sink, &r->err);
}

static const struct mb_request five = {.kind = MB_REQUEST_GENERATE, .item = "q", .fresh = true, .text = "hello", .n_prompt = 10, .max_gen = 5, .ignore_eos = true};

static uint64_t stamp_of(const struct rig *r, enum mb_event_kind kind, uint32_t index)
{
    for (size_t i = 0; i < r->n_events; i++)
        if (r->events[i].kind == kind && r->events[i].index == index)
            return r->events[i].t_ns;
    fail_msg("no %s %u", mb_event_names[kind], index);
    return 0;
}

static void times_are_kept_in_every_phase(void **state)
{
    (void)state;
    struct rig r;
    assert_int_equal(rig_open(&r, "null:load_us=4000,tokenize_us=1000,prefill_us=2000,prompt_token_us=300,token_us=1500,detokenize_us=700", 1), MB_OK);
    assert_in_range(stamp_of(&r, MB_EVENT_LOAD_END, 0) - stamp_of(&r, MB_EVENT_LOAD_BEGIN, 0), 4 * MS, 400 * MS);
    assert_int_equal(rig_run(&r, &five), MB_OK);
    static const enum mb_event_kind order[] = {MB_EVENT_REQUEST_BEGIN, MB_EVENT_TOKENIZE_BEGIN, MB_EVENT_TOKENIZE_END, MB_EVENT_PREFILL_BEGIN,
                                               MB_EVENT_PREFILL_END, MB_EVENT_TOKEN, MB_EVENT_TOKEN, MB_EVENT_TOKEN, MB_EVENT_TOKEN, MB_EVENT_TOKEN,
                                               MB_EVENT_DETOKENIZE_BEGIN, MB_EVENT_DETOKENIZE_END, MB_EVENT_REQUEST_END};
    assert_int_equal(r.n_events, N_OF(order));
    for (size_t i = 0; i < N_OF(order); i++) {
        assert_int_equal(r.events[i].kind, order[i]);
        assert_true(i == 0 || r.events[i].t_ns >= r.events[i - 1].t_ns);
    }
    const uint64_t begin = stamp_of(&r, MB_EVENT_REQUEST_BEGIN, 0); /* all due times count from here: no event is early */
    assert_true(stamp_of(&r, MB_EVENT_TOKENIZE_END, 0) - begin >= MS);
    assert_true(stamp_of(&r, MB_EVENT_PREFILL_END, 0) - begin >= 6 * MS);
    for (uint32_t i = 0; i < 5; i++)
        assert_true(stamp_of(&r, MB_EVENT_TOKEN, i) - begin >= 6 * MS + (i + 1) * 3 * MS / 2);
    assert_true(stamp_of(&r, MB_EVENT_DETOKENIZE_END, 0) - begin >= 6 * MS + 15 * MS / 2 + 700000);
    assert_in_range(stamp_of(&r, MB_EVENT_REQUEST_END, 0) - begin, 14 * MS, 1400 * MS); /* ms, not s or us */
    assert_int_equal(r.result.n_gen, 5);
    assert_int_equal(r.result.n_prompt, 10);
    assert_string_equal(r.result.text, "1 2 3 4 5 ");
    assert_false(r.result.stopped_at_eos);
    rig_close(&r);
}

/* From a request's begin to its last token, in the trial after @n_before others. */
static uint64_t request_ns(const char *script, uint64_t seed, unsigned n_before)
{
    struct rig r;
    assert_int_equal(rig_open(&r, script, seed), MB_OK);
    for (unsigned i = 0; i <= n_before; i++) {
        r.ops->reset(r.state);
        assert_int_equal(rig_run(&r, &five), MB_OK);
    }
    const uint64_t ns = stamp_of(&r, MB_EVENT_TOKEN, 4) - stamp_of(&r, MB_EVENT_REQUEST_BEGIN, 0);
    rig_close(&r);
    return ns;
}

static void the_cold_trial_is_slower_by_its_factor(void **state)
{
    (void)state;
    assert_true(request_ns("null:token_us=1000,cold=8", 1, 0) >= 40 * MS);
    assert_true(request_ns("null:token_us=1000,cold=8", 1, 1) >= 5 * MS);
    assert_true(request_ns("null:token_us=1000,cold=0.5", 1, 1) >= 5 * MS); /* only the first */
}

static void jitter_changes_times_within_its_range(void **state)
{
    (void)state;
    struct rig r;
    uint64_t least_ns = UINT64_MAX;
    assert_int_equal(rig_open(&r, "null:token_us=10000,jitter=0.9", 6), MB_OK);
    for (unsigned n = 0; n < 6; n++) {
        r.ops->reset(r.state);
        assert_int_equal(rig_run(&r, &five), MB_OK);
        const uint64_t ns = stamp_of(&r, MB_EVENT_TOKEN, 4) - stamp_of(&r, MB_EVENT_REQUEST_BEGIN, 0);
        least_ns = ns < least_ns ? ns : least_ns;
    }
    rig_close(&r);
    assert_true(least_ns >= 5 * MS);
    assert_true(least_ns < 50 * MS); /* by this seed the shortest is 21 ms and the next 28: shortened, not only late */
}

/* Time from request to last token of a trial, all scatter on, in simulated time. */
static double scattered_ns(const char *more, unsigned n_before, uint64_t seed)
{
    struct rig r;
    setenv("MELTBENCH_NULL", more, 1);
    assert_int_equal(rig_open(&r, "null:virtual=1,prompt_token_us=1000,token_us=10000,trial_sd=0.02,process_sd=0.01,token_sd=0.05", seed), MB_OK);
    unsetenv("MELTBENCH_NULL");
    for (unsigned n = 0; n <= n_before; n++) {
        r.ops->reset(r.state);
        assert_int_equal(rig_run(&r, &five), MB_OK);
    }
    const double ns = (double)(stamp_of(&r, MB_EVENT_TOKEN, 4) - stamp_of(&r, MB_EVENT_REQUEST_BEGIN, 0));
    rig_close(&r);
    return ns;
}

static void scatter_is_seeded_and_needs_no_waiting(void **state)
{
    (void)state;
    const double one = scattered_ns("draw=1", 0, 7);
    assert_true(one == scattered_ns("draw=1", 0, 7));
    assert_true(one != scattered_ns("draw=2", 0, 7));
    assert_true(one != scattered_ns("draw=1", 1, 7));
    assert_true(one != scattered_ns("draw=1", 0, 8));
    assert_true(fabs(one / 60e6 - 1) < 0.3);
    assert_true(fabs(scattered_ns("draw=1,slow=1.5", 0, 7) / one - 1.5) < 1e-6);
    assert_true(fabs(scattered_ns("draw=1,outlier=1,outlier_by=3", 0, 7) / one - 3) < 1e-6);
    assert_true(fabs(scattered_ns("draw=1,drift=1", 0, 7) / one - 1) < 1e-6); /* the first trial is cold */
    const double late = scattered_ns("draw=1,drift=1", 5, 7) / scattered_ns("draw=1", 5, 7);
    assert_true(fabs(late - (2 - exp(-1))) < 1e-6);
    struct rig r;
    assert_int_equal(rig_open(&r, "null:virtual=1,token_us=60000000", 7), MB_OK);
    assert_int_equal(rig_run(&r, &five), MB_OK);
    assert_true(stamp_of(&r, MB_EVENT_TOKEN, 4) > mb_clock_ns()); /* five minutes ahead: nothing waited */
    rig_close(&r);
}

/* The lognormal factors: mean and deviation of the logarithms of 2000 draws, within 5 of their own standard errors. */
static void scatter_has_the_stated_size(void **state)
{
    (void)state;
    enum { N = 2000 };
    double sum = 0, squares = 0;
    char more[64];
    for (unsigned i = 1; i <= N; i++) {
        snprintf(more, sizeof(more), "draw=%u,process_sd=0,token_sd=0,prompt_token_us=0", i);
        const double x = log(scattered_ns(more, 0, 3) / 50e6);
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(sum / N) < 5 * 0.02 / sqrt(N));
    assert_true(fabs(sqrt(squares / N) / 0.02 - 1) < 5 / sqrt(2.0 * N));
}

static void answers_are_deterministic(void **state)
{
    (void)state;
    struct rig r;
    double first[4];
    for (int pass = 0; pass < 2; pass++) {
        assert_int_equal(rig_open(&r, "null:score_us=10,nll=2.5", 9), MB_OK);
        for (int i = 0; i < 4; i++) {
            static const char *const continuations[] = {" yes", " no", " maybe", " yes"};
            const struct mb_request rq = {.kind = MB_REQUEST_SCORE, .item = i == 3 ? "other" : "q/1", .context = "Is it?", .continuation = continuations[i]};
            assert_int_equal(rig_run(&r, &rq), MB_OK);
            assert_true(r.result.log_likelihood <= 0 && r.result.log_likelihood >= -20);
            assert_true(r.result.n_scored > 0);
            if (pass == 0)
                first[i] = r.result.log_likelihood;
            assert_true(r.result.log_likelihood == first[i]);
        }
        rig_close(&r);
    }
    assert_true(first[0] != first[1] && first[1] != first[2] && first[0] != first[3]);
}

static void perplexity_is_the_exponential_of_nll(void **state)
{
    (void)state;
    struct rig r;
    assert_int_equal(rig_open(&r, "null:nll=2.5", 9), MB_OK);
    char text[400];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0'; /* 100 tokens of four bytes */
    struct mb_request rq = {.kind = MB_REQUEST_PERPLEXITY, .item = "p", .text = text, .n_skip = 0, .n_chunk = 40};
    double sum = 0;
    uint32_t n = 0;
    for (; n < 1000; rq.n_skip += rq.n_chunk) {
        assert_int_equal(rig_run(&r, &rq), MB_OK);
        if (r.result.n_scored == 0)
            break;
        sum += r.result.log_likelihood;
        n += r.result.n_scored;
    }
    assert_int_equal(n, 2 * 19); /* two whole chunks; positions 20 .. 38 of each predict the next */
    assert_true(fabs(exp(-sum / n) - exp(2.5)) < 1e-9);
    rig_close(&r);
}

static void generation_stops_where_the_script_says(void **state)
{
    (void)state;
    struct rig r;
    assert_int_equal(rig_open(&r, "null:token_us=0,stop=3", 1), MB_OK);
    struct mb_request rq = five;
    assert_int_equal(rig_run(&r, &rq), MB_OK);
    assert_int_equal(r.result.n_gen, 5); /* end of text ignored */
    rq.ignore_eos = false;
    assert_int_equal(rig_run(&r, &rq), MB_OK);
    assert_int_equal(r.result.n_gen, 3);
    assert_true(r.result.stopped_at_eos);
    rq.max_gen = 1000; /* more than there is room for */
    rq.ignore_eos = true;
    assert_int_equal(rig_run(&r, &rq), MB_OK);
    assert_int_equal(r.result.n_gen, N_OF(r.tokens));
    rig_close(&r);
}

static void the_grammar_is_strict_and_helps(void **state)
{
    (void)state;
    static const struct { const char *script, *reason; } cases[] = {
        {"null:token", "null script: 'token' is not key=value"},
        {"null:tokens_us=3", "null script: no key 'tokens_us', did you mean 'token_us'?; runners/README.md has the list"},
        {"null:token_us=", "null script: token_us=: expected a number from 0 to 6e+08"},
        {"null:token_us=-1", "null script: token_us=-1: expected a number from 0 to 6e+08"},
        {"null:token_us=nan", "null script: token_us=nan: expected a number from 0 to 6e+08"},
        {"null:token_us=1x", "null script: token_us=1x: expected a number from 0 to 6e+08"},
        {"null:token_us=11111111111111111111111111111111111111111", NULL},
        {"null:jitter=1", "null script: jitter=1: expected a number from 0 to 0.9"},
        {"null:fail=explode@2", "null script: fail=explode@2: expected crash, abort, exit, oom, hang, nan, error, kill, mute or wrong, with @open or @N"},
        {"null:fail=crash@", "null script: fail=crash@: after @ comes 'open' or the trial's number since opening, from 0"},
        {"null:fail=crash@-1", NULL},
        {"null:fail=crash@99999999999999999999", NULL},
        {"null:,", NULL},
        {"null:=", NULL},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        struct rig r;
        assert_int_equal(rig_open(&r, cases[i].script, 1), MB_EINVAL);
        if (cases[i].reason)
            assert_string_equal(r.err.text, cases[i].reason);
        assert_true(r.err.text[0]);
        rig_close(&r);
    }
    static const char *const good[] = {"null", "null:", "null:token_us=1.5", "null:fail=crash", "null:token_us=5,", "null:fail=nan@open,fail=nan@3"};
    for (size_t i = 0; i < N_OF(good); i++) {
        struct rig r;
        assert_int_equal(rig_open(&r, good[i], 1), MB_OK);
        rig_close(&r);
    }
}

static void failures_come_in_their_trial_only(void **state)
{
    (void)state;
    struct rig r;
    assert_int_equal(rig_open(&r, "null:token_us=0,fail=nan@1", 1), MB_OK);
    assert_int_equal(rig_run(&r, &five), MB_OK);
    r.ops->reset(r.state);
    r.ops->reset(r.state); /* a reset without a request is no trial */
    assert_int_equal(rig_run(&r, &five), MB_EFAILED);
    assert_string_equal(r.err.text, "NaN in the logits (scripted)");
    assert_int_equal(stamp_of(&r, MB_EVENT_TOKEN, 0) > 0, 1);
    r.ops->reset(r.state);
    assert_int_equal(rig_run(&r, &five), MB_OK);
    rig_close(&r);
    assert_int_equal(rig_open(&r, "null:fail=error@open", 1), MB_EFAILED);
    assert_string_equal(r.err.text, "scripted error");
    rig_close(&r);
}

static void lack_of_memory_is_said_and_given_back(void **state)
{
    (void)state;
    struct rig r;
    struct rlimit before, after;
    getrlimit(RLIMIT_AS, &before);
    assert_int_equal(rig_open(&r, "null:token_us=0,fail=oom@0", 1), MB_OK);
    assert_int_equal(rig_run(&r, &five), MB_ENOMEM);
    assert_non_null(strstr(r.err.text, "out of memory: no room for 1048576 more bytes after "));
    getrlimit(RLIMIT_AS, &after);
    assert_true(before.rlim_cur == after.rlim_cur);
    r.ops->reset(r.state);
    assert_int_equal(rig_run(&r, &five), MB_OK);
    rig_close(&r);
}

static void deadly_failures_kill_the_process_as_named(void **state)
{
    (void)state;
    static const struct { const char *script; int signal, code; } cases[] = {
        {"null:token_us=0,fail=crash@0", SIGSEGV, 0}, {"null:token_us=0,fail=abort@0", SIGABRT, 0},
        {"null:token_us=0,fail=kill@0", SIGKILL, 0},  {"null:token_us=0,fail=exit@0", 0, 3},
        {"null:fail=crash@open", SIGSEGV, 0},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        fflush(NULL);
        const pid_t pid = fork();
        if (pid == 0) {
            struct rig r;
            if (rig_open(&r, cases[i].script, 1) == MB_OK)
                rig_run(&r, &five);
            _exit(99);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0, cases[i].signal);
        assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : 0, cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_kept_in_every_phase),
        cmocka_unit_test(the_cold_trial_is_slower_by_its_factor),
        cmocka_unit_test(jitter_changes_times_within_its_range),
        cmocka_unit_test(scatter_is_seeded_and_needs_no_waiting),
        cmocka_unit_test(scatter_has_the_stated_size),
        cmocka_unit_test(answers_are_deterministic),
        cmocka_unit_test(perplexity_is_the_exponential_of_nll),
        cmocka_unit_test(generation_stops_where_the_script_says),
        cmocka_unit_test(the_grammar_is_strict_and_helps),
        cmocka_unit_test(failures_come_in_their_trial_only),
        cmocka_unit_test(lack_of_memory_is_said_and_given_back),
        cmocka_unit_test(deadly_failures_kill_the_process_as_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
