/*
 * prompt.c - one prompt of the user's, as it is: what `meltbench generate` runs. The answer is stored with its text.
 */
#include <math.h>
#include <string.h>

#include "workloads/settings.h"

enum { TEMPLATE_BYTES = 1024 }; /* what a chat template adds at most */

extern const struct mb_workload_ops mb_workload_prompt;

struct prompt_state {
    const char *text;
    bool chat, ignore_eos, asked;
    uint32_t max_gen, top_k;
    float temperature, top_p;
    uint64_t seed;
};

static const struct mb_workload_option prompt_options[] = {
    {"text", MB_OPTION_TEXT, NULL, 0, 0, false, "the prompt, UTF-8; special tokens written in it are recognised"},
    {"max_gen", MB_OPTION_INTEGER, "128", 0, 1 << 20, false, "generate at most so many tokens"},
    {"chat", MB_OPTION_INTEGER, "0", 0, 1, false, "1: wrap the prompt as a user turn in the model's chat template"},
    {"ignore_eos", MB_OPTION_INTEGER, "0", 0, 1, false, "1: do not stop at end-of-text"},
    {"temperature", MB_OPTION_TEXT, "0", 0, 0, false, "sampling temperature; 0 = greedy"},
    {"top_k", MB_OPTION_INTEGER, "0", 0, 1 << 20, false, "sample among the k likeliest tokens; 0 = all"},
    {"top_p", MB_OPTION_TEXT, "1", 0, 0, false, "sample among the likeliest tokens that hold this probability; 1 = all"},
    MB_SETTING_REPETITIONS,
    MB_SETTING_END,
};

static int prompt_files(const struct mb_cell *cell, char ***paths, size_t *n, struct mb_error *err)
{
    (void)cell, (void)paths, (void)n, (void)err;
    return MB_OK; /* the text is part of the configuration */
}

static int prompt_open(void *state, const struct mb_cell *cell, struct mb_workload_need *need, struct mb_error *err)
{
    struct prompt_state *st = state;
    const struct mb_workload_ops *self = &mb_workload_prompt;
    uint32_t chat = 0, ignore_eos = 0;
    double temperature = 0, top_p = 1;
    int rc;
    if ((rc = mb_setting_text(cell, self, "text", &st->text, err)) || (rc = mb_setting_u32(cell, self, "max_gen", &st->max_gen, err)) ||
        (rc = mb_setting_u32(cell, self, "chat", &chat, err)) || (rc = mb_setting_u32(cell, self, "ignore_eos", &ignore_eos, err)) ||
        (rc = mb_setting_number(cell, self, "temperature", 0, 100, &temperature, err)) ||
        (rc = mb_setting_u32(cell, self, "top_k", &st->top_k, err)) || (rc = mb_setting_number(cell, self, "top_p", 0, 1, &top_p, err)))
        return rc;
    if (!*st->text)
        return mb_fail(err, MB_EINVAL, "the prompt is empty");
    st->chat = chat;
    st->ignore_eos = ignore_eos;
    st->temperature = (float)temperature;
    st->top_p = (float)top_p;
    st->seed = cell->seed;
    *need = (struct mb_workload_need){
        .n_ctx = (uint32_t)strlen(st->text) + (st->chat ? TEMPLATE_BYTES : 2) + st->max_gen,
        .max_gen = st->max_gen,
        .max_text_bytes = MB_SETTING_TEXT_BYTES(st->max_gen),
        .n_requests = 1,
    };
    return MB_OK;
}

static void prompt_begin(void *state, uint32_t repetition)
{
    struct prompt_state *st = state;
    (void)repetition;
    st->asked = false;
}

static int prompt_next(void *state, struct mb_request *rq, struct mb_error *err)
{
    struct prompt_state *st = state;
    (void)err;
    if (st->asked)
        return 0;
    st->asked = true;
    *rq = (struct mb_request){
        .kind = MB_REQUEST_GENERATE,
        .item = "prompt",
        .fresh = true,
        .text = st->text,
        .chat = st->chat,
        .max_gen = st->max_gen,
        .ignore_eos = st->ignore_eos,
        .temperature = st->temperature,
        .top_p = st->top_p,
        .top_k = st->top_k,
        .seed = st->seed,
    };
    return 1;
}

static int prompt_score(void *state, const struct mb_request *rq, const struct mb_result *rs, struct mb_record *record, struct mb_error *err)
{
    (void)state;
    const struct mb_record_answer answer = {
        .item = (char *)(uintptr_t)rq->item, .given = rs->text, .correct = -1, .log_likelihood = NAN};
    return mb_record_add_answer(record, &answer) ? mb_fail(err, MB_ENOMEM, "no memory for the answer") : MB_OK;
}

static int prompt_end(void *state, struct mb_record *record, struct mb_error *err)
{
    (void)state, (void)record, (void)err;
    return MB_OK;
}

static void prompt_close(void *state)
{
    *(struct prompt_state *)state = (struct prompt_state){0};
}

const struct mb_workload_ops mb_workload_prompt = {
    .abi = MB_WORKLOAD_ABI,
    .name = "prompt",
    .summary = "one prompt of yours (what `generate` runs)",
    .options = prompt_options,
    .state_size = sizeof(struct prompt_state),
    .files = prompt_files,
    .open = prompt_open,
    .begin = prompt_begin,
    .next = prompt_next,
    .score = prompt_score,
    .end = prompt_end,
    .close = prompt_close,
};
