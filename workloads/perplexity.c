/*
 * perplexity.c - how surprised the model is by a text. Rules of llama-perplexity: the text's tokens are cut into chunks of `ctx`
 * tokens (a last one that is not full is left out), each is evaluated from an empty cache, the second half of its positions is
 * scored, and perplexity = exp(sum of negative log-likelihoods / scored tokens) over all chunks together. Values hold for one
 * tokenizer and one text only, and are not lm-eval's word perplexity.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "workloads/settings.h"
#include "workloads/textfile.h"

extern const struct mb_workload_ops mb_workload_perplexity;

struct perplexity {
    struct mb_text text;
    uint32_t n_ctx, n_chunks; /* n_chunks 0: to the end of the text */
    uint32_t i_chunk;         /* next to ask */
    bool at_end;              /* the runner met the end of the text */
    double log_likelihood;
    uint64_t n_scored;
    char item[40];
};

static int locate(const struct mb_cell *cell, char **path, struct mb_error *err)
{
    const char *file;
    const int rc = mb_setting_text(cell, &mb_workload_perplexity, "file", &file, err);
    return rc == MB_OK ? mb_data_locate(cell, file, path, err) : rc;
}

static int perplexity_files(const struct mb_cell *cell, char ***paths, size_t *n, struct mb_error *err)
{
    char *path;
    const int rc = locate(cell, &path, err);
    return rc == MB_OK ? mb_data_add(paths, n, path, err) : rc;
}

static int perplexity_open(void *state, const struct mb_cell *cell, struct mb_workload_need *need, struct mb_error *err)
{
    struct perplexity *s = state;
    char *path = NULL;
    int rc = mb_setting_u32(cell, &mb_workload_perplexity, "ctx", &s->n_ctx, err);
    if (rc == MB_OK)
        rc = mb_setting_u32(cell, &mb_workload_perplexity, "chunks", &s->n_chunks, err);
    if (rc == MB_OK)
        rc = locate(cell, &path, err);
    if (rc == MB_OK)
        rc = mb_text_read(&s->text, path, err);
    free(path);
    if (rc != MB_OK)
        return rc;
    if (s->text.n_bytes < s->n_ctx)
        return mb_fail(err, MB_EINVAL, "perplexity: a text of %zu bytes has no chunk of %" PRIu32 " tokens", s->text.n_bytes, s->n_ctx);
    /* A token has at least one byte: no text has more chunks than this. */
    const uint32_t most = (uint32_t)(s->text.n_bytes / s->n_ctx) + 1;
    *need = (struct mb_workload_need){
        .n_ctx = s->n_ctx, .max_text_bytes = 1, .n_requests = s->n_chunks && s->n_chunks < most ? s->n_chunks : most};
    return MB_OK;
}

static void perplexity_begin(void *state, uint32_t repetition)
{
    (void)repetition;
    struct perplexity *s = state;
    s->i_chunk = 0;
    s->at_end = false;
    s->log_likelihood = 0.0;
    s->n_scored = 0;
}

static int perplexity_next(void *state, struct mb_request *rq, struct mb_error *err)
{
    (void)err;
    struct perplexity *s = state;
    const uint64_t n_skip = (uint64_t)s->i_chunk * s->n_ctx;
    if (s->at_end || (s->n_chunks && s->i_chunk == s->n_chunks) || n_skip + s->n_ctx > s->text.n_bytes)
        return 0;
    snprintf(s->item, sizeof(s->item), "perplexity/%" PRIu32, s->i_chunk + 1);
    *rq = (struct mb_request){.kind = MB_REQUEST_PERPLEXITY,
                              .index = s->i_chunk++,
                              .item = s->item,
                              .fresh = true,
                              .text = s->text.bytes,
                              .top_p = 1.0f,
                              .n_skip = (uint32_t)n_skip,
                              .n_chunk = s->n_ctx};
    return 1;
}

/* The value after this chunk, as an answer without a right one: what llama-perplexity prints while it runs. */
static int put_running(const struct perplexity *s, const struct mb_request *rq, double log_likelihood, struct mb_record *record,
                       struct mb_error *err)
{
    char given[32];
    snprintf(given, sizeof(given), "%.6f", exp(-s->log_likelihood / (double)s->n_scored));
    const struct mb_record_answer answer = {.item = (char *)(uintptr_t)rq->item, .given = given, .correct = -1, .log_likelihood = log_likelihood};
    const int rc = mb_record_add_answer(record, &answer);
    return rc == MB_OK ? rc : mb_fail(err, rc, "perplexity: no memory for the result");
}

static int perplexity_score(void *state, const struct mb_request *rq, const struct mb_result *rs, struct mb_record *record,
                            struct mb_error *err)
{
    struct perplexity *s = state;
    if (rs->n_scored == 0) {
        s->at_end = true;
        return MB_OK;
    }
    if (isnan(rs->log_likelihood))
        return mb_fail(err, MB_EFAILED, "perplexity: NaN log-likelihood in chunk %" PRIu32, rq->index + 1);
    s->log_likelihood += rs->log_likelihood;
    s->n_scored += rs->n_scored;
    return put_running(s, rq, rs->log_likelihood, record, err);
}

static int perplexity_end(void *state, struct mb_record *record, struct mb_error *err)
{
    struct perplexity *s = state;
    char reason[80];
    snprintf(reason, sizeof(reason), "the text has fewer than %" PRIu32 " tokens (one chunk)", s->n_ctx);
    const int rc = s->n_scored ? mb_record_add_metric(record, MB_METRIC_PERPLEXITY, "", "perplexity", MB_ORIGIN_MEASURED,
                                                      exp(-s->log_likelihood / (double)s->n_scored))
                               : mb_record_add_absent(record, MB_METRIC_PERPLEXITY, "", "perplexity", reason);
    return rc == MB_OK ? rc : mb_fail(err, rc, "perplexity: no memory for the result");
}

static void perplexity_close(void *state)
{
    mb_text_release(&((struct perplexity *)state)->text);
}

static const struct mb_workload_option options[] = {
    {"file", MB_OPTION_TEXT, "text.txt", 0, 0, false,
     "a shipped text, one of the data folder (wikitext2_valid_tokens.txt), or a path with a '/'"},
    {"ctx", MB_OPTION_INTEGER, "512", 8, 131072, true, "tokens of a chunk"},
    {"chunks", MB_OPTION_INTEGER, "4", 0, 1000000, false, "the first so many chunks; 0 = the whole text"},
    MB_SETTING_REPETITIONS,
    MB_SETTING_END,
};

const struct mb_workload_ops mb_workload_perplexity = {
    .abi = MB_WORKLOAD_ABI,
    .name = "perplexity",
    .summary = "perplexity of a text in chunks, as llama-perplexity computes it",
    .options = options,
    .state_size = sizeof(struct perplexity),
    .files = perplexity_files,
    .open = perplexity_open,
    .begin = perplexity_begin,
    .next = perplexity_next,
    .score = perplexity_score,
    .end = perplexity_end,
    .close = perplexity_close,
    .untimed = true,
};
