/*
 * run_null.c - a runner without a model: it answers in scripted times and fails in scripted ways, so that the suite is tested on
 * known answers before it measures anything (fio's null engine is the idea). The script is the text of the model axis:
 * "null:prefill_us=1500,token_us=2000,fail=crash@2"; runners/README.md is its manual, the table `keys` below its grammar.
 * Times are kept by waiting for absolute due times, so that the error of one wait does not add to the next.
 */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "runners/runner.h"

#define SPIN_NS 150000u        /* the end of a wait is spun: a sleeper wakes 50-100 us late */
#define TRIAL_OPEN UINT32_MAX  /* fail=KIND@open */
#define OOM_STEP_BYTES (1u << 20)
#define OOM_ROOM_BYTES (64u << 20)

enum null_fail { FAIL_NONE, FAIL_CRASH, FAIL_ABORT, FAIL_EXIT, FAIL_OOM, FAIL_HANG, FAIL_NAN, FAIL_ERROR, FAIL_KILL, FAIL_MUTE, FAIL_WRONG, FAIL_N };
static const char *const fail_names[FAIL_N] = {"none", "crash", "abort", "exit", "oom", "hang", "nan", "error", "kill", "mute", "wrong"};

struct null_script {
    double load_us, tokenize_us, prefill_us, prompt_token_us, token_us, detokenize_us, score_us;
    double jitter;   /* every time is multiplied by 1 + jitter * u, u uniform in [-1, 1) */
    double cold;     /* and by this in the first trial after open */
    double nll;      /* PERPLEXITY: minus the log-likelihood of every token: perplexity exp(nll) */
    double stop;     /* tokens until end of text; 0 = none */
    double trial_sd, process_sd, token_sd, outlier, outlier_by, drift, draw, slow; /* simulated scatter: scatter_begin() */
    double virtual;  /* 1: stamps are the due times, nothing waits */
    double noise;    /* bytes printed to stdout and stderr per request: must disturb nobody */
    double fail_token; /* fail before this token; -1 = in prefill */
    enum null_fail fail;
    uint32_t fail_trial; /* 0 = first trial after open, or TRIAL_OPEN */
};

struct null_state {
    struct null_script script;
    uint64_t seed;
    uint32_t trial;      /* since open */
    bool ran;            /* a request ran since the last reset() */
    struct mb_rng rng;   /* restarted per request from seed, trial and request: the same times on every machine */
    uint64_t due_ns;     /* end of the wait under way */
    double prompt_factor, token_factor; /* scatter of this trial's reading and generating */
    double factor, wait_sd; /* the one that counts now, and the scatter of each wait */
    uint64_t scatter_seed;
    uint32_t n_kept;
};

#define KEY(name, min, max) {#name, offsetof(struct null_script, name), min, max}
static const struct null_key { const char *name; size_t offset; double min, max; } keys[] = {
    KEY(load_us, 0, 6e8), KEY(tokenize_us, 0, 6e8), KEY(prefill_us, 0, 6e8), KEY(prompt_token_us, 0, 6e8), KEY(token_us, 0, 6e8),
    KEY(detokenize_us, 0, 6e8), KEY(score_us, 0, 6e8), KEY(jitter, 0, 0.9), KEY(cold, 0.1, 1000), KEY(nll, 0, 100),
    KEY(trial_sd, 0, 1), KEY(process_sd, 0, 1), KEY(token_sd, 0, 1), KEY(outlier, 0, 1), KEY(outlier_by, 1, 1000), KEY(drift, -0.5, 10),
    KEY(draw, 0, 1e9), KEY(slow, 0.01, 100), KEY(virtual, 0, 1), KEY(stop, 0, 1e6), KEY(noise, 0, 1e7), KEY(fail_token, -1, 1e6),
};
#undef KEY

static int parse_fail(struct null_script *script, const char *value, size_t n, struct mb_error *err)
{
    const char *at = memchr(value, '@', n);
    const size_t n_kind = at ? (size_t)(at - value) : n;
    script->fail = FAIL_NONE;
    for (int kind = 1; kind < FAIL_N; kind++)
        if (strlen(fail_names[kind]) == n_kind && strncmp(fail_names[kind], value, n_kind) == 0)
            script->fail = (enum null_fail)kind;
    if (script->fail == FAIL_NONE)
        return mb_fail(err, MB_EINVAL, "null script: fail=%.*s: expected crash, abort, exit, oom, hang, nan, error, kill, mute or wrong, with @open or @N",
                       (int)n, value);
    script->fail_trial = 0;
    if (!at)
        return MB_OK;
    const size_t n_when = n - n_kind - 1;
    char when[16];
    snprintf(when, sizeof(when), "%.*s", (int)(n_when < sizeof(when) ? n_when : sizeof(when) - 1), at + 1);
    if (strcmp(when, "open") == 0) {
        script->fail_trial = TRIAL_OPEN;
        return MB_OK;
    }
    char *end;
    const unsigned long trial = strtoul(when, &end, 10);
    if (when[0] < '0' || when[0] > '9' || *end || n_when > 9)
        return mb_fail(err, MB_EINVAL, "null script: fail=%.*s: after @ comes 'open' or the trial's number since opening, from 0", (int)n, value);
    script->fail_trial = (uint32_t)trial;
    return MB_OK;
}

static int parse_item(struct null_script *script, const char *item, size_t n, struct mb_error *err)
{
    const char *eq = memchr(item, '=', n);
    if (!eq)
        return mb_fail(err, MB_EINVAL, "null script: '%.*s' is not key=value", (int)n, item);
    const size_t n_key = (size_t)(eq - item), n_value = n - n_key - 1;
    if (n_key == 4 && strncmp(item, "fail", 4) == 0)
        return parse_fail(script, eq + 1, n_value, err);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strlen(keys[i].name) != n_key || strncmp(keys[i].name, item, n_key) != 0)
            continue;
        char text[32], *end;
        snprintf(text, sizeof(text), "%.*s", (int)(n_value < sizeof(text) ? n_value : sizeof(text) - 1), eq + 1);
        const double value = strtod(text, &end);
        if (end == text || *end || n_value >= sizeof(text) || !(value >= keys[i].min && value <= keys[i].max))
            return mb_fail(err, MB_EINVAL, "null script: %.*s: expected a number from %g to %g", (int)n, item, keys[i].min, keys[i].max);
        memcpy((char *)script + keys[i].offset, &value, sizeof(value));
        return MB_OK;
    }
    const char *names[sizeof(keys) / sizeof(keys[0]) + 1];
    char word[40];
    snprintf(word, sizeof(word), "%.*s", (int)(n_key < sizeof(word) ? n_key : sizeof(word) - 1), item);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        names[i] = keys[i].name;
    names[sizeof(keys) / sizeof(keys[0])] = "fail";
    const char *near = mb_nearest(word, names, sizeof(names) / sizeof(names[0]));
    return mb_fail(err, MB_EINVAL, "null script: no key '%s'%s%s%s; runners/README.md has the list", word, near ? ", did you mean '" : "",
                   near ? near : "", near ? "'?" : "");
}

static int parse_items(struct null_script *script, const char *p, struct mb_error *err)
{
    while (*p) {
        const size_t n = strcspn(p, ",");
        const int rc = parse_item(script, p, n, err);
        if (rc)
            return rc;
        p += n + (p[n] == ',');
    }
    return MB_OK;
}

/* "null", "null:" or "null:key=value,..."; then what the environment adds: a configuration that stays the same on a machine that does not. */
static int parse_script(struct null_script *script, const char *text, struct mb_error *err)
{
    *script = (struct null_script){.token_us = 1000, .cold = 1, .nll = 2, .fail_token = 1, .outlier_by = 1.3, .slow = 1};
    const char *p = strchr(text, ':'), *more = getenv("MELTBENCH_NULL");
    const int rc = parse_items(script, p ? p + 1 : "", err);
    if (rc || !more)
        return rc;
    return parse_items(script, more, err) ? mb_fail_context(err, "MELTBENCH_NULL") : MB_OK;
}

/* --- simulated scatter --- */

/* Box and Muller 1958: one normal value of two uniform ones; the first is never 0. */
static double normal(struct mb_rng *rng)
{
    const double radius = sqrt(-2 * log(1 - mb_rng_unit(rng)));
    return radius * cos(2 * M_PI * mb_rng_unit(rng));
}

/* Cells of one plan have one seed: the sizes of the request tell them apart. Without a draw, as if there were no scatter. */
static uint64_t scatter_seed(const struct null_state *s, const struct mb_request *rq)
{
    struct mb_rng rng = {(uint64_t)s->script.draw ^ (uint64_t)rq->n_prompt << 48 ^ (uint64_t)rq->max_gen << 32};
    return s->script.draw > 0 ? s->seed ^ mb_rng_next(&rng) : s->seed;
}

/* Of one phase of one trial: lognormal, sometimes struck by something else on the machine. */
static double phase_factor(const struct null_state *s, uint64_t phase)
{
    struct mb_rng rng = {s->scatter_seed ^ ((uint64_t)s->trial << 40) ^ (phase << 32)};
    mb_rng_next(&rng);
    const double factor = exp(s->script.trial_sd * normal(&rng));
    return mb_rng_unit(&rng) < s->script.outlier ? factor * s->script.outlier_by : factor;
}

/* What this trial's times are multiplied by. The process has a factor of its own (where its pages lie); the machine warms up: drift is
 * reached by and by, half of it after 3.5 trials. */
static void scatter_begin(struct null_state *s)
{
    struct mb_rng rng = {s->scatter_seed ^ UINT64_C(0x70726f63)};
    mb_rng_next(&rng);
    const double process = exp(s->script.process_sd * normal(&rng));
    const double warm = 1 + s->script.drift * (1 - exp(-(double)s->trial / 5));
    s->prompt_factor = s->script.slow * process * warm * phase_factor(s, 1);
    s->token_factor = s->script.slow * process * warm * phase_factor(s, 2);
    s->factor = s->prompt_factor;
    s->wait_sd = 0;
}

static void wait_us(struct null_state *s, double us)
{
    double factor = s->factor * (s->trial == 0 ? s->script.cold : 1.0);
    if (s->wait_sd > 0)
        factor *= exp(s->wait_sd * normal(&s->rng));
    if (s->script.jitter > 0)
        factor *= 1.0 + s->script.jitter * (2.0 * mb_rng_unit(&s->rng) - 1.0);
    s->due_ns += (uint64_t)(us * factor * 1000.0);
    if (s->script.virtual > 0)
        return;
    if (s->due_ns > mb_clock_ns() + SPIN_NS)
        mb_clock_sleep_until_ns(s->due_ns - SPIN_NS);
    while (mb_clock_ns() < s->due_ns)
        continue;
}

/* Takes memory under a lowered limit until there is no more, gives it back: what a runner that checks its allocations does. */
static int fail_out_of_memory(struct mb_error *err)
{
    struct rlimit was, low;
    uint64_t n_pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%lu", &n_pages) != 1)
        n_pages = 0;
    if (f)
        fclose(f);
    if (getrlimit(RLIMIT_AS, &was) != 0)
        return mb_fail_errno(err, MB_EFAILED, "null script: getrlimit");
    low = was;
    low.rlim_cur = (rlim_t)(n_pages * (uint64_t)sysconf(_SC_PAGESIZE) + OOM_ROOM_BYTES);
    if (low.rlim_cur > was.rlim_max)
        low.rlim_cur = was.rlim_max;
    if (setrlimit(RLIMIT_AS, &low) != 0)
        return mb_fail_errno(err, MB_EFAILED, "null script: setrlimit");
    struct block { struct block *next; } *taken = NULL;
    uint64_t n_bytes = 0;
    for (;;) {
        struct block *b = mmap(NULL, OOM_STEP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (b == MAP_FAILED)
            break;
        b->next = taken;
        taken = b;
        n_bytes += OOM_STEP_BYTES;
    }
    while (taken) {
        struct block *next = taken->next;
        munmap(taken, OOM_STEP_BYTES);
        taken = next;
    }
    setrlimit(RLIMIT_AS, &was);
    return mb_fail(err, MB_ENOMEM, "out of memory: no room for %u more bytes after %llu", OOM_STEP_BYTES, (unsigned long long)n_bytes);
}

static int fail_now(enum null_fail kind, struct mb_error *err)
{
    switch (kind) {
    case FAIL_CRASH: /* past a sanitizer's handler, so that every build dies alike */
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        break;
    case FAIL_ABORT:
        abort();
    case FAIL_EXIT:
        _exit(3);
    case FAIL_OOM:
        return fail_out_of_memory(err);
    case FAIL_HANG:
        for (;;)
            pause();
    case FAIL_KILL:
        raise(SIGKILL);
        break;
    case FAIL_NAN: /* what any runner must do with a logit that is no number */
        return isnan(log(-1.0)) ? mb_fail(err, MB_EFAILED, "NaN in the logits (scripted)") : MB_EFAILED;
    case FAIL_ERROR:
    case FAIL_MUTE:
    case FAIL_WRONG:
    case FAIL_NONE:
    case FAIL_N:
        break;
    }
    return mb_fail(err, MB_EFAILED, "scripted error");
}

static bool must_fail(const struct null_state *s, uint32_t trial, double token)
{
    return s->script.fail != FAIL_NONE && s->script.fail_trial == trial && (trial == TRIAL_OPEN || s->script.fail_token == token);
}

static uint64_t stamp(const struct null_state *s, const struct mb_event_sink *events, enum mb_event_kind kind, const struct mb_request *rq, uint32_t index, int64_t value)
{
    const uint64_t now_ns = s->script.virtual > 0 ? s->due_ns : mb_clock_ns();
    const struct mb_event event = {.t_ns = now_ns, .value = value, .request = rq ? rq->index : 0, .index = index, .kind = kind};
    events->put(events->user, &event);
    return event.t_ns;
}

static int null_probe(struct mb_error *why)
{
    (void)why;
    return MB_OK;
}

static int null_open(void *state, const struct mb_cell *cell, uint32_t n_ctx, const struct mb_event_sink *events, struct mb_error *err)
{
    (void)n_ctx;
    struct null_state *s = state;
    const int rc = parse_script(&s->script, cell->axis[MB_AXIS_MODEL], err);
    if (rc)
        return rc;
    s->seed = cell->seed;
    s->rng.state = cell->seed;
    s->due_ns = mb_clock_ns();
    s->factor = s->script.slow;
    s->due_ns = stamp(s, events, MB_EVENT_LOAD_BEGIN, NULL, 0, 0);
    wait_us(s, s->script.load_us);
    if (must_fail(s, TRIAL_OPEN, 0))
        return fail_now(s->script.fail, err);
    stamp(s, events, MB_EVENT_LOAD_END, NULL, 0, 0);
    return MB_OK;
}

static int null_prepare(void *state, const struct mb_request *rq, struct mb_error *err)
{
    (void)err;
    struct null_state *s = state;
    s->scatter_seed = scatter_seed(s, rq);
    s->rng.state = s->scatter_seed ^ ((uint64_t)s->trial << 40) ^ ((uint64_t)rq->index << 8);
    if (rq->fresh)
        s->n_kept = 0;
    for (double i = 0; i < s->script.noise; i += 32) {
        fputs("null: 32 bytes to standard out\n", stdout);
        fputs("null: 32 bytes to standard err\n", stderr);
    }
    fflush(stdout);
    return MB_OK;
}

/* A token is four bytes of text, at least one. */
static uint32_t count_tokens(const char *text)
{
    const size_t n = text ? (strlen(text) + 3) / 4 : 0;
    return n > 0 ? (uint32_t)n : 1;
}

static double fraction_of_text(const char *text, uint64_t seed)
{
    uint64_t h = 0xcbf29ce484222325u ^ seed; /* FNV-1a, then one splitmix step to spread it */
    for (; text && *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    struct mb_rng rng = {h};
    return mb_rng_unit(&rng);
}

/* The text of a token is its id and a space; what does not fit is cut. */
static bool say_token(const struct null_state *s, const struct mb_request *rq, struct mb_result *rs, uint32_t i, size_t *n_text)
{
    char piece[16];
    const size_t n = (size_t)snprintf(piece, sizeof(piece), "%u ", rs->tokens[i]);
    if (!rs->text || rs->cap_text - *n_text <= n)
        return true;
    memcpy(rs->text + *n_text, piece, n + 1);
    *n_text += n;
    return !rq->on_text || (must_fail(s, s->trial, i) && s->script.fail == FAIL_MUTE) || rq->on_text->put(rq->on_text->user, piece, n);
}

static int run_generate(struct null_state *s, const struct mb_request *rq, struct mb_result *rs, const struct mb_event_sink *events,
                        struct mb_error *err)
{
    uint32_t n_gen = rq->max_gen;
    size_t n_text = 0;
    s->factor = s->token_factor;
    s->wait_sd = s->script.token_sd;
    if (!rq->ignore_eos && s->script.stop > 0 && s->script.stop < n_gen)
        n_gen = (uint32_t)s->script.stop;
    if (n_gen > rs->cap_tokens)
        n_gen = (uint32_t)rs->cap_tokens;
    for (uint32_t i = 0; i < n_gen; i++) {
        const bool fails = must_fail(s, s->trial, i);
        if (fails && s->script.fail != FAIL_MUTE && s->script.fail != FAIL_WRONG)
            return fail_now(s->script.fail, err);
        wait_us(s, s->script.token_us);
        rs->tokens[i] = fails && s->script.fail == FAIL_WRONG ? 0 : i + 1;
        stamp(s, events, MB_EVENT_TOKEN, rq, i, i + 1);
        if (!say_token(s, rq, rs, i, &n_text))
            return mb_fail(err, MB_EIO, "nobody takes the text");
    }
    rs->n_gen = n_gen;
    rs->stopped_at_eos = n_gen < rq->max_gen;
    stamp(s, events, MB_EVENT_DETOKENIZE_BEGIN, rq, 0, 0);
    wait_us(s, s->script.detokenize_us);
    stamp(s, events, MB_EVENT_DETOKENIZE_END, rq, 0, 0);
    return MB_OK;
}

/* SCORE: minus 0 to 20 nats per continuation, by item, text and seed. PERPLEXITY: -nll for every scored token. */
static int run_score(struct null_state *s, const struct mb_request *rq, struct mb_result *rs, struct mb_error *err)
{
    if (s->script.fail != FAIL_NONE && s->script.fail_trial == s->trial && s->script.fail_token >= 0)
        return fail_now(s->script.fail, err);
    wait_us(s, s->script.score_us);
    if (rq->kind == MB_REQUEST_SCORE) {
        rs->n_scored = count_tokens(rq->continuation);
        rs->log_likelihood = -20.0 * fraction_of_text(rq->continuation, s->seed ^ (uint64_t)(fraction_of_text(rq->item, 0) * 0x1p52));
        rs->greedy = rs->log_likelihood > -1.0;
        return MB_OK;
    }
    const uint32_t n_all = count_tokens(rq->text);
    rs->n_scored = n_all > rq->n_skip && n_all - rq->n_skip >= rq->n_chunk ? rq->n_chunk - rq->n_chunk / 2 - 1 : 0;
    rs->log_likelihood = -s->script.nll * rs->n_scored;
    return MB_OK;
}

static int null_run(void *state, const struct mb_request *rq, struct mb_result *rs, const struct mb_event_sink *events, struct mb_error *err)
{
    struct null_state *s = state;
    s->ran = true;
    if (rq->kind == MB_REQUEST_GENERATE)
        rs->n_prompt = rq->n_prompt > 0 ? rq->n_prompt : count_tokens(rq->text);
    else
        rs->n_prompt = rq->kind == MB_REQUEST_SCORE ? count_tokens(rq->context) + count_tokens(rq->continuation) : rq->n_chunk;
    scatter_begin(s);
    if (s->script.virtual == 0 || s->due_ns < mb_clock_ns())
        s->due_ns = mb_clock_ns();
    s->due_ns = stamp(s, events, MB_EVENT_REQUEST_BEGIN, rq, 0, 0);
    stamp(s, events, MB_EVENT_TOKENIZE_BEGIN, rq, 0, 0);
    wait_us(s, s->script.tokenize_us);
    stamp(s, events, MB_EVENT_TOKENIZE_END, rq, 0, rs->n_prompt);
    stamp(s, events, MB_EVENT_PREFILL_BEGIN, rq, 0, rs->n_prompt);
    if (must_fail(s, s->trial, -1))
        return fail_now(s->script.fail, err);
    wait_us(s, s->script.prefill_us + s->script.prompt_token_us * rs->n_prompt);
    stamp(s, events, MB_EVENT_PREFILL_END, rq, 0, rs->n_prompt);
    const int rc = rq->kind == MB_REQUEST_GENERATE ? run_generate(s, rq, rs, events, err) : run_score(s, rq, rs, err);
    if (rc)
        return rc;
    s->n_kept += rs->n_prompt + rs->n_gen;
    rs->n_kept = rs->n_seen = s->n_kept;
    stamp(s, events, MB_EVENT_REQUEST_END, rq, 0, rs->n_gen);
    return MB_OK;
}

static void null_reset(void *state)
{
    struct null_state *s = state;
    s->trial += s->ran;
    s->ran = false;
    s->n_kept = 0;
}

static int null_report(void *state, struct mb_record *record, struct mb_error *err)
{
    const struct null_state *s = state;
    const int rc = mb_record_add_metric(record, MB_METRIC_KEPT_TOKENS, "", "null", MB_ORIGIN_SIMULATED, s->n_kept);
    return rc ? mb_fail(err, rc, "null runner: no memory for a metric") : MB_OK;
}

static void null_close(void *state)
{
    (void)state; /* owns nothing */
}

const struct mb_runner_ops mb_runner_null = {
    .abi = MB_RUNNER_ABI,
    .name = "null",
    .summary = "no model: scripted latencies and failures (model \"null:token_us=2000,...\"), to test the suite itself",
    .state_size = sizeof(struct null_state),
    .probe = null_probe,
    .open = null_open,
    .prepare = null_prepare,
    .run = null_run,
    .reset = null_reset,
    .report = null_report,
    .close = null_close,
};
