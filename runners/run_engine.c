/*
 * run_engine.c - the bundled engine as a runner: one model and one session per cell, configured by the cell's axes.
 * The engine's marks become events here; everything that allocates happens in open() and prepare().
 */
#include <eng/engine.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "runners/open_engine.h"
#include "runners/runner.h"
#include "runners/score_engine.h"

enum { TURN_SLACK_BYTES = 1024 }; /* what a chat template adds to a turn */

struct engine_state {
    struct eng_model *model;
    struct eng_session *session;
    const struct mb_event_sink *events; /* where marks of the call under way go; NULL outside calls */
    uint32_t request;
    char *tensor_types, *tensors;
    char *turn;                          /* rendered chat turn */
    size_t n_turn, cap_turn;
    int32_t *ids;                        /* depth and prompt of an exact length */
    size_t cap_ids;
    const int32_t *prompt;               /* [n_prompt] within ids */
    struct mb_score_cache score;
    bool exits_early;
    uint32_t n_repetitions;
    uint64_t huge_page_bytes;                 /* eng_model_settle() */
    uint64_t drafted_before, accepted_before; /* engine's totals when the trial began */
};

static void on_mark(void *user, enum eng_mark what, uint32_t index, int64_t value, uint64_t t_ns)
{
    static const enum mb_event_kind kind_of[ENG_MARK_N] = {
        [ENG_MARK_LOAD_BEGIN] = MB_EVENT_LOAD_BEGIN,
        [ENG_MARK_LOAD_END] = MB_EVENT_LOAD_END,
        [ENG_MARK_REQUEST_BEGIN] = MB_EVENT_REQUEST_BEGIN,
        [ENG_MARK_TOKENIZE_BEGIN] = MB_EVENT_TOKENIZE_BEGIN,
        [ENG_MARK_TOKENIZE_END] = MB_EVENT_TOKENIZE_END,
        [ENG_MARK_PREFILL_BEGIN] = MB_EVENT_PREFILL_BEGIN,
        [ENG_MARK_PREFILL_END] = MB_EVENT_PREFILL_END,
        [ENG_MARK_TOKEN] = MB_EVENT_TOKEN,
        [ENG_MARK_DETOKENIZE_BEGIN] = MB_EVENT_DETOKENIZE_BEGIN,
        [ENG_MARK_DETOKENIZE_END] = MB_EVENT_DETOKENIZE_END,
        [ENG_MARK_REQUEST_END] = MB_EVENT_REQUEST_END,
    };
    struct engine_state *st = user;
    if (!st->events)
        return;
    const struct mb_event event = {.t_ns = t_ns, .value = value, .request = st->request, .index = index, .kind = kind_of[what]};
    st->events->put(st->events->user, &event);
}

static int engine_probe(struct mb_error *why)
{
    struct mb_strbuf found = {0};
    size_t n;
    const struct eng_method_info *const *backends = eng_methods(ENG_FAMILY_BACKEND, &n);
    for (size_t i = 0; i < n; i++)
        if (!backends[i]->unavailable)
            mb_strbuf_printf(&found, "%s%s", found.n_bytes ? ", " : "backends: ", backends[i]->name);
    mb_fail(why, MB_OK, "%s", mb_strbuf_text(&found));
    mb_strbuf_release(&found);
    return MB_OK;
}

/* Names of the matrices of one type, as JSON strings. */
static char *describe_tensors(const struct eng_model *model)
{
    struct eng_tensor_info t;
    struct mb_strbuf sb = {0};
    mb_strbuf_puts(&sb, "[");
    for (uint32_t i = 0; eng_model_tensor(model, i, &t); i++)
        mb_strbuf_printf(&sb, "%s[\"%s\",%" PRIu64 ",%" PRIu64 ",\"%s\",%" PRIu64 ",\"%s\",%" PRIu64 "]", i ? "," : "", t.name, t.n_rows, t.n_cols,
                         eng_type_name(t.type), t.n_bytes, eng_type_name(t.stored_type), t.stored_bytes);
    mb_strbuf_puts(&sb, "]");
    return mb_strbuf_take(&sb);
}

static char *describe_types(const struct eng_model *model)
{
    const struct eng_type_share *shares = eng_model_info(model)->executed;
    struct mb_strbuf sb = {0};
    mb_strbuf_puts(&sb, "[");
    for (int i = 0; i < 8 && shares[i].n_tensors; i++) {
        mb_strbuf_printf(&sb, "%s{\"type\":\"%s\",\"tensors\":%u,\"weights\":%llu,\"bytes\":%llu}", i ? "," : "",
                         eng_type_name(shares[i].type), shares[i].n_tensors, (unsigned long long)shares[i].n_weights,
                         (unsigned long long)shares[i].n_bytes);
    }
    mb_strbuf_puts(&sb, "]");
    return mb_strbuf_take(&sb);
}

/* The marks of loading are events; those of opening a session would be, if there were any. */
static void model_ready(void *user)
{
    ((struct engine_state *)user)->events = NULL;
}

static int engine_open(void *state, const struct mb_cell *cell, uint32_t n_ctx, const struct mb_event_sink *events, struct mb_error *err)
{
    struct engine_state *st = state;
    const struct mb_engine_wish wish = {.n_ctx = n_ctx, .observer = {.mark = on_mark, .user = st}, .model_ready = model_ready, .user = st};
    st->events = events;
    const int rc = mb_engine_open(cell, &wish, &st->model, &st->session, err);
    st->events = NULL;
    if (rc)
        return rc;
    st->exits_early = strcmp(cell->axis[MB_AXIS_EARLY_EXIT], "none") != 0;
    st->tensor_types = describe_types(st->model);
    st->tensors = describe_tensors(st->model);
    return st->tensor_types && st->tensors ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for the model's facts");
}

static int grow(void **array, size_t *cap, size_t need, size_t elem_bytes, struct mb_error *err)
{
    if (need <= *cap)
        return MB_OK;
    void *grown = realloc(*array, need * elem_bytes);
    if (!grown)
        return mb_fail(err, MB_ENOMEM, "no memory for a request of %zu items", need);
    *array = grown;
    *cap = need;
    return MB_OK;
}

/* The text's tokens, repeated or cut to exactly n_depth + n_prompt; the first n_depth go into the cache here, before the clock starts. */
static int prepare_exact_prompt(struct engine_state *st, const struct mb_request *rq, struct mb_error *err)
{
    struct eng_error e = {0};
    const size_t n_text = strlen(rq->text), n_want = (size_t)rq->n_depth + rq->n_prompt,
                 cap = n_text + 2 > n_want ? n_text + 2 : n_want;
    if (grow((void **)&st->ids, &st->cap_ids, cap, sizeof(*st->ids), err))
        return err->code;
    size_t n = 0;
    if (eng_tokenize(st->model, rq->text, n_text, 0, st->ids, st->cap_ids, &n, &e))
        return mb_engine_fail(&e, err);
    if (n == 0)
        return mb_fail(err, MB_EINVAL, "%s: the prompt text is empty", rq->item);
    for (size_t i = n; i < n_want; i++)
        st->ids[i] = st->ids[i - n];
    if (rq->n_depth && eng_eval(st->session, st->ids, rq->n_depth, NULL, &e))
        return mb_engine_fail(&e, err);
    st->prompt = st->ids + rq->n_depth;
    return MB_OK;
}

static int prepare_chat_turn(struct engine_state *st, const struct mb_request *rq, struct mb_error *err)
{
    struct eng_error e = {0};
    const size_t need = strlen(rq->text) + TURN_SLACK_BYTES;
    if (grow((void **)&st->turn, &st->cap_turn, need, 1, err))
        return err->code;
    int rc = eng_chat_turn(st->model, rq->fresh, rq->text, st->turn, st->cap_turn, &st->n_turn, &e);
    if (rc == ENG_ELIMIT) { /* the template is longer than our slack */
        if (grow((void **)&st->turn, &st->cap_turn, st->n_turn + 1, 1, err))
            return err->code;
        rc = eng_chat_turn(st->model, rq->fresh, rq->text, st->turn, st->cap_turn, &st->n_turn, &e);
    }
    return rc ? mb_engine_fail(&e, err) : MB_OK;
}

static int engine_prepare(void *state, const struct mb_request *rq, struct mb_error *err)
{
    struct engine_state *st = state;
    struct eng_error e = {0};
    int rc;
    switch (rq->kind) {
    case MB_REQUEST_SCORE:
        rc = mb_score_prepare(&st->score, st->model, rq, &e);
        return rc ? mb_engine_fail(&e, err) : MB_OK;
    case MB_REQUEST_PERPLEXITY:
        rc = mb_perplexity_prepare(&st->score, st->model, rq, &e);
        return rc ? mb_engine_fail(&e, err) : MB_OK;
    case MB_REQUEST_GENERATE:
    case MB_REQUEST_IDLE: /* never gets here */
        break;
    }
    mb_score_forget(&st->score); /* the cache will hold something else */
    if (rq->fresh)
        eng_session_reset(st->session);
    if (rq->n_prompt)
        return prepare_exact_prompt(st, rq, err);
    return rq->chat ? prepare_chat_turn(st, rq, err) : MB_OK;
}

struct shown { /* the text as far as it is made */
    const struct eng_model *model;
    const struct mb_text_sink *to;
    struct mb_result *rs; /* its text is written here first, and once more at the end: the same bytes */
    size_t n_bytes;
};

static bool show_token(void *user, int32_t id)
{
    struct shown *s = user;
    char *const at = s->rs->text + s->n_bytes;
    size_t n;
    if (eng_detokenize(s->model, &id, 1, ENG_DETOKENIZE_SPECIAL, at, s->rs->cap_text - s->n_bytes, &n, NULL))
        return true; /* no room, no text: the error of the whole says so at the end */
    s->n_bytes += n;
    return n == 0 || s->to->put(s->to->user, at, n);
}

static int run_generate(struct engine_state *st, const struct mb_request *rq, struct mb_result *rs, struct eng_error *e)
{
    struct shown shown = {.model = st->model, .to = rq->on_text, .rs = rs};
    struct eng_generate_request g = {
        .max_gen = rq->max_gen,
        .ignore_eos = rq->ignore_eos,
        .sampling = {.temperature = rq->temperature, .top_p = rq->top_p, .top_k = rq->top_k, .seed = rq->seed},
        .on_token = rq->on_text ? show_token : NULL,
        .user = &shown,
    };
    if (rq->n_prompt) {
        g.ids = st->prompt;
        g.n_ids = rq->n_prompt;
    } else {
        g.text = rq->chat ? st->turn : rq->text;
        g.n_text = rq->chat ? st->n_turn : strlen(rq->text);
        g.tokenize_flags = ENG_TOKENIZE_SPECIAL | (rq->fresh ? ENG_TOKENIZE_BOS : 0);
    }
    struct eng_generate_result r = {.ids = (int32_t *)rs->tokens, .cap_ids = rs->cap_tokens, .text = rs->text, .cap_text = rs->cap_text};
    const int rc = eng_generate(st->session, &g, &r, e);
    rs->n_prompt = r.n_prompt;
    rs->n_gen = r.n_gen;
    rs->n_drafted = r.n_drafted;
    rs->n_accepted = r.n_accepted;
    rs->stopped_at_eos = r.stopped_at_eog;
    return rc;
}

static int engine_run(void *state, const struct mb_request *rq, struct mb_result *rs, const struct mb_event_sink *events, struct mb_error *err)
{
    struct engine_state *st = state;
    struct eng_error e = {0};
    int rc;
    st->events = events;
    st->request = rq->index;
    switch (rq->kind) {
    case MB_REQUEST_SCORE:
    case MB_REQUEST_PERPLEXITY:
        on_mark(st, ENG_MARK_REQUEST_BEGIN, 0, 0, eng_clock_ns());
        rc = mb_score_run(&st->score, st->session, rq, rs, &e);
        on_mark(st, ENG_MARK_REQUEST_END, 0, 0, eng_clock_ns());
        break;
    default:
        rc = run_generate(st, rq, rs, &e);
    }
    st->events = NULL;
    struct eng_session_info info;
    eng_session_info(st->session, &info);
    rs->n_kept = info.n_kept;
    rs->n_seen = info.n_seen;
    return rc ? mb_engine_fail(&e, err) : MB_OK;
}

static void engine_reset(void *state)
{
    struct engine_state *st = state;
    if (st->n_repetitions++ == 1) /* there was one (cold, or warm-up), so there will be more: now it pays */
        st->huge_page_bytes = eng_model_settle(st->model);
    eng_session_reset(st->session);
    mb_score_forget(&st->score);
    struct eng_session_info info;
    eng_session_info(st->session, &info);
    st->drafted_before = info.n_drafted;
    st->accepted_before = info.n_accepted;
}

static int engine_report(void *state, struct mb_record *record, struct mb_error *err)
{
    struct engine_state *st = state;
    struct eng_session_info info;
    eng_session_info(st->session, &info);
    const struct {
        enum mb_metric metric;
        double value;
        bool wanted;
    } rows[] = {
        {MB_METRIC_WEIGHT_BYTES, (double)eng_model_info(st->model)->weight_bytes, true},
        {MB_METRIC_HUGE_PAGE_BYTES, (double)st->huge_page_bytes, true},
        {MB_METRIC_KV_BYTES, (double)info.kv_bytes, true},
        {MB_METRIC_SCRATCH_BYTES, (double)info.scratch_bytes, true},
        {MB_METRIC_KEPT_TOKENS, (double)info.n_kept, true},
        {MB_METRIC_SEEN_TOKENS, (double)info.n_seen, true},
        {MB_METRIC_EXIT_DRAFTED, (double)(info.n_drafted - st->drafted_before), st->exits_early},
        {MB_METRIC_EXIT_ACCEPTED, (double)(info.n_accepted - st->accepted_before), st->exits_early},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].wanted && mb_record_add_metric(record, rows[i].metric, "", "engine", MB_ORIGIN_MEASURED, rows[i].value))
            return mb_fail(err, MB_ENOMEM, "no memory for the engine's figures");
    return MB_OK;
}

static void engine_facts(void *state, struct mb_runner_facts *facts)
{
    struct engine_state *st = state;
    const struct eng_model_info *info = eng_model_info(st->model);
    *facts = (struct mb_runner_facts){
        .arch = info->arch,
        .n_params = info->n_params,
        .weight_bytes = info->weight_bytes,
        .n_layers = info->n_layers,
        .n_ctx_train = info->n_ctx_train,
        .tensor_types = st->tensor_types,
        .tensors = st->tensors,
    };
}

static int engine_memory_need(const struct mb_cell *cell, uint32_t n_ctx, struct mb_memory_need *need, struct mb_error *err)
{
    struct eng_memory_need n;
    const int rc = mb_engine_memory_need(cell, n_ctx, &n, err);
    *need = rc ? (struct mb_memory_need){0}
               : (struct mb_memory_need){.weight_bytes = n.weight_bytes, .kv_bytes = n.kv_bytes, .scratch_bytes = n.scratch_bytes, .peak_bytes = n.peak_bytes};
    return rc;
}

static void engine_close(void *state)
{
    struct engine_state *st = state;
    eng_session_close(st->session);
    eng_model_close(st->model);
    mb_score_release(&st->score);
    free(st->tensor_types);
    free(st->tensors);
    free(st->turn);
    free(st->ids);
    *st = (struct engine_state){0};
}

const struct mb_runner_ops mb_runner_engine = {
    .abi = MB_RUNNER_ABI,
    .name = "engine",
    .summary = "the bundled engine, in the worker process; the backend axis says where it computes",
    .state_size = sizeof(struct engine_state),
    .probe = engine_probe,
    .open = engine_open,
    .prepare = engine_prepare,
    .run = engine_run,
    .reset = engine_reset,
    .report = engine_report,
    .facts = engine_facts,
    .memory_need = engine_memory_need,
    .close = engine_close,
};
