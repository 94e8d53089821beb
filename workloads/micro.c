/*
 * micro.c - fixed-length work: `prompt` tokens in, `gen` tokens out, end-of-text suppressed, so that only computing is compared.
 * The prompt is the shipped text, repeated or cut by the runner to exactly so many tokens of its tokenizer; `depth` more of them are in
 * the cache before the clock starts.
 * Named as llama-bench does: gen 0 is pp (prefill only), prompt 0 is tg (after a prompt of one token), both is pp+tg; "@d4096" is the depth.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "workloads/settings.h"
#include "workloads/textfile.h"

enum { TOKENS_MAX = 131072 };
#define TEXT_FILE "text.txt"

extern const struct mb_workload_ops mb_workload_micro;

struct micro {
    struct mb_text text;
    char item[48];
    uint32_t n_prompt, n_gen, n_depth;
    bool asked;
};

static int micro_files(const struct mb_cell *cell, char ***paths, size_t *n, struct mb_error *err)
{
    char *path;
    const int rc = mb_data_locate(cell, TEXT_FILE, &path, err);
    return rc == MB_OK ? mb_data_add(paths, n, path, err) : rc;
}

static void name_item(struct micro *s)
{
    char depth[20] = "";
    if (s->n_depth)
        snprintf(depth, sizeof(depth), "@d%" PRIu32, s->n_depth);
    if (s->n_gen == 0)
        snprintf(s->item, sizeof(s->item), "micro/pp%" PRIu32 "%s", s->n_prompt, depth);
    else if (s->n_prompt == 0)
        snprintf(s->item, sizeof(s->item), "micro/tg%" PRIu32 "%s", s->n_gen, depth);
    else
        snprintf(s->item, sizeof(s->item), "micro/pp%" PRIu32 "+tg%" PRIu32 "%s", s->n_prompt, s->n_gen, depth);
}

static int micro_open(void *state, const struct mb_cell *cell, struct mb_workload_need *need, struct mb_error *err)
{
    struct micro *s = state;
    int rc = mb_setting_u32(cell, &mb_workload_micro, "prompt", &s->n_prompt, err);
    if (rc == MB_OK)
        rc = mb_setting_u32(cell, &mb_workload_micro, "gen", &s->n_gen, err);
    if (rc == MB_OK)
        rc = mb_setting_u32(cell, &mb_workload_micro, "depth", &s->n_depth, err);
    if (rc != MB_OK)
        return rc;
    if (s->n_prompt == 0 && s->n_gen == 0)
        return mb_fail(err, MB_EINVAL, "micro: prompt and gen are both 0: nothing to do");
    char *path;
    rc = mb_data_locate(cell, TEXT_FILE, &path, err);
    if (rc != MB_OK)
        return rc;
    rc = mb_text_read(&s->text, path, err);
    free(path);
    if (rc != MB_OK)
        return rc;
    name_item(s);
    if (s->n_prompt == 0)
        s->n_prompt = 1; /* something has to be there to go on from */
    *need = (struct mb_workload_need){.n_ctx = s->n_depth + s->n_prompt + s->n_gen,
                                      .max_gen = s->n_gen,
                                      .max_text_bytes = MB_SETTING_TEXT_BYTES(s->n_gen),
                                      .n_requests = 1};
    return MB_OK;
}

static void micro_begin(void *state, uint32_t repetition)
{
    (void)repetition;
    ((struct micro *)state)->asked = false;
}

static int micro_next(void *state, struct mb_request *rq, struct mb_error *err)
{
    (void)err;
    struct micro *s = state;
    if (s->asked)
        return 0;
    s->asked = true;
    *rq = (struct mb_request){.kind = MB_REQUEST_GENERATE,
                              .item = s->item,
                              .fresh = true,
                              .text = s->text.bytes,
                              .n_prompt = s->n_prompt,
                              .n_depth = s->n_depth,
                              .max_gen = s->n_gen,
                              .ignore_eos = true,
                              .top_p = 1.0f};
    return 1;
}

/* A rate over another number of tokens than was asked for would be filed under the wrong name. */
static int micro_score(void *state, const struct mb_request *rq, const struct mb_result *rs, struct mb_record *record, struct mb_error *err)
{
    (void)state;
    (void)record;
    if (rs->n_prompt != rq->n_prompt || rs->n_gen != rq->max_gen)
        return mb_fail(err, MB_EFAILED, "micro: asked for %" PRIu32 " + %" PRIu32 " tokens, the runner did %" PRIu32 " + %" PRIu32,
                       rq->n_prompt, rq->max_gen, rs->n_prompt, rs->n_gen);
    return MB_OK;
}

static int micro_end(void *state, struct mb_record *record, struct mb_error *err)
{
    (void)state;
    (void)record;
    (void)err;
    return MB_OK;
}

static void micro_close(void *state)
{
    mb_text_release(&((struct micro *)state)->text);
}

static const struct mb_workload_option options[] = {
    {"prompt", MB_OPTION_INTEGER, "512", 0, TOKENS_MAX, true, "prompt tokens, exactly; 0 = generation only, after one token"},
    {"gen", MB_OPTION_INTEGER, "128", 0, TOKENS_MAX, true, "tokens to generate, exactly; 0 = prefill only"},
    {"depth", MB_OPTION_INTEGER, "0", 0, TOKENS_MAX, true, "tokens in the cache before the clock starts"},
    MB_SETTING_REPETITIONS,
    MB_SETTING_END,
};

const struct mb_workload_ops mb_workload_micro = {
    .abi = MB_WORKLOAD_ABI,
    .name = "micro",
    .summary = "fixed-length prefill and generation, end-of-text suppressed",
    .options = options,
    .state_size = sizeof(struct micro),
    .files = micro_files,
    .open = micro_open,
    .begin = micro_begin,
    .next = micro_next,
    .score = micro_score,
    .end = micro_end,
    .close = micro_close,
};
