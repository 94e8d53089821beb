/*
 * prompt.c - one prompt of the user's, as it is: what `meltbench generate` runs. The answer is stored with its text.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/workload.h"

enum { TEMPLATE_BYTES = 1024, BYTES_PER_TOKEN = 48 }; /* longest token of the vocabularies we read, rounded up */

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
    {"repetitions", MB_OPTION_INTEGER, "0", 0, 100000, false, "measured trials; 0 = the plan's"},
    {NULL, MB_OPTION_INTEGER, NULL, 0, 0, false, NULL},
};

static int prompt_files(const struct mb_cell *cell, char ***paths, size_t *n, struct mb_error *err)
{
    (void)cell, (void)paths, (void)n, (void)err;
    return MB_OK; /* the text is part of the configuration */
}

static uint32_t integer_of(const struct mb_cell *cell, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(cell->options, key));
}

static int number_of(const struct mb_cell *cell, const char *key, float low, float high, float *out, struct mb_error *err)
{
    const char *text = json_string_value(json_object_get(cell->options, key));
    char *end = NULL;
    errno = 0;
    *out = text ? strtof(text, &end) : 0;
    if (!text || end == text || *end || errno || !(*out >= low && *out <= high))
        return mb_fail(err, MB_EINVAL, "%s '%s' is not a number from %g to %g", key, text ? text : "", (double)low, (double)high);
    return MB_OK;
}

static int prompt_open(void *state, const struct mb_cell *cell, struct mb_workload_need *need, struct mb_error *err)
{
    struct prompt_state *st = state;
    st->text = json_string_value(json_object_get(cell->options, "text"));
    if (!st->text || !*st->text)
        return mb_fail(err, MB_EINVAL, "the prompt is empty");
    st->max_gen = integer_of(cell, "max_gen");
    st->chat = integer_of(cell, "chat");
    st->ignore_eos = integer_of(cell, "ignore_eos");
    st->top_k = integer_of(cell, "top_k");
    st->seed = cell->seed;
    int rc = number_of(cell, "temperature", 0, 100, &st->temperature, err);
    if (!rc)
        rc = number_of(cell, "top_p", 0, 1, &st->top_p, err);
    *need = (struct mb_workload_need){
        .n_ctx = (uint32_t)strlen(st->text) + (st->chat ? TEMPLATE_BYTES : 2) + st->max_gen,
        .max_gen = st->max_gen,
        .max_text_bytes = st->max_gen * BYTES_PER_TOKEN + 1,
        .n_requests = 1,
    };
    return rc;
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
