/* profile_run.c - see profile_run.h. */
#include "harness/profile_run.h"

#include <stdlib.h>

#include "base/rng.h"
#include "runners/open_engine.h"

enum { WARM_PROMPT = 16, WARM_GEN = 2, FIRST_ID = 16 };

struct run {
    struct mb_profile *profile;
    struct mb_trace_json *trace;
    struct eng_model *model;
    struct eng_session *session;
    enum mb_profile_phase phase;
    bool on;             /* operators count */
    uint64_t sampler;
    int32_t *ids;
};

static void take_op(void *user, const struct eng_op_trace *row)
{
    struct run *r = user;
    if (!r->on)
        return;
    mb_profile_add(r->profile, r->phase, row);
    if (r->trace)
        mb_trace_json_add(r->trace, row);
}

static int eval(struct run *r, const int32_t *ids, uint32_t n, struct mb_error *err)
{
    struct eng_error e = {0};
    return eng_eval(r->session, ids, n, NULL, &e) ? mb_engine_fail(&e, err) : MB_OK;
}

/* The likeliest next token, counted as an operator. */
static int32_t choose(struct run *r)
{
    static const struct eng_sampling greedy = {.temperature = 0};
    const uint32_t n = eng_model_info(r->model)->n_vocab;
    struct eng_op_trace row = {.op = "sample", .tensor = "", .layer = -1, .m = 1, .n = n, .w_type = ENG_TYPE_F32, .a_type = ENG_TYPE_F32,
                               .bytes_read = 4 * (uint64_t)n, .t_begin_ns = eng_clock_ns()};
    const int32_t id = eng_sample(r->session, eng_logits(r->session), &greedy, &r->sampler);
    row.t_end_ns = eng_clock_ns();
    take_op(r, &row);
    return id;
}

static int prefill(struct run *r, const int32_t *ids, uint32_t n, struct mb_error *err)
{
    if (n == 0)
        return MB_OK;
    r->phase = MB_PROFILE_PREFILL;
    const uint64_t begin = eng_clock_ns();
    const int rc = eval(r, ids, n, err);
    const uint64_t end = eng_clock_ns();
    if (r->on && !rc) {
        r->profile->wall_ns[MB_PROFILE_PREFILL] += end - begin;
        r->profile->n_tokens[MB_PROFILE_PREFILL] += n;
        if (r->trace)
            mb_trace_json_flush(r->trace, "prefill", begin, end);
    }
    return rc;
}

static int decode(struct run *r, int32_t id, uint32_t n, struct mb_error *err)
{
    r->phase = MB_PROFILE_DECODE;
    int rc = MB_OK;
    for (uint32_t i = 0; !rc && i < n; i++) {
        const uint64_t begin = eng_clock_ns();
        rc = eval(r, &id, 1, err);
        if (!rc)
            id = choose(r);
        const uint64_t end = eng_clock_ns();
        if (!r->on || rc)
            continue;
        r->profile->wall_ns[MB_PROFILE_DECODE] += end - begin;
        r->profile->n_tokens[MB_PROFILE_DECODE]++;
        if (r->trace)
            mb_trace_json_flush(r->trace, "decode", begin, end);
    }
    return rc;
}

static int run_phases(struct run *r, const struct mb_profile_wish *w, struct mb_error *err)
{
    const uint32_t n_prompt = w->n_prompt, n_warm = n_prompt && n_prompt < WARM_PROMPT ? n_prompt : WARM_PROMPT;
    int rc = prefill(r, r->ids, n_warm, err);
    if (!rc)
        rc = decode(r, r->ids[0], w->n_gen ? WARM_GEN : 0, err);
    (void)eng_model_settle(r->model); /* as a measured repetition finds it */
    eng_session_reset(r->session);
    if (!rc && w->n_depth)
        rc = eval(r, r->ids + n_prompt, w->n_depth, err);
    r->on = true;
    if (!rc)
        rc = prefill(r, r->ids, n_prompt, err);
    return rc ? rc : decode(r, r->ids[0], w->n_gen, err);
}

int mb_profile_run(struct mb_profile *profile, const struct mb_profile_wish *w, const char **kernels, struct mb_error *err)
{
    struct run r = {.profile = profile, .trace = w->trace};
    const uint64_t n_ids = (uint64_t)w->n_prompt + w->n_depth + WARM_PROMPT;
    const struct mb_engine_wish wish = {.n_ctx = w->n_prompt + w->n_depth + w->n_gen + WARM_PROMPT + WARM_GEN,
                                        .tracer = {.op = take_op, .user = &r}};
    int rc = mb_engine_open(w->cell, &wish, &r.model, &r.session, err);
    if (!rc) {
        r.ids = calloc(n_ids, sizeof(*r.ids));
        if (!r.ids)
            rc = mb_fail(err, MB_ENOMEM, "no memory for %llu tokens", (unsigned long long)n_ids);
    }
    struct mb_rng rng = {w->cell->seed};
    for (uint64_t i = 0; !rc && i < n_ids; i++) {
        const uint32_t n_vocab = eng_model_info(r.model)->n_vocab, first = n_vocab > 2 * FIRST_ID ? FIRST_ID : 0;
        r.ids[i] = (int32_t)(first + mb_rng_below(&rng, n_vocab - first)); /* the first ids are often control tokens */
    }
    if (!rc)
        rc = run_phases(&r, w, err);
    if (!rc && kernels) {
        struct eng_session_info info;
        eng_session_info(r.session, &info);
        *kernels = info.kernels;
    }
    eng_session_close(r.session);
    eng_model_close(r.model);
    free(r.ids);
    return rc;
}
