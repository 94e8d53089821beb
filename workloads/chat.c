/*
 * chat.c - conversations of several turns, answered by the model itself: each turn is a request on top of the cache that the turns
 * before have filled. Answers end where the model ends them, at most max_gen tokens later. Method: MELT's macro experiment
 * (Laskaridis et al. 2024), with a seed and greedy decoding by default, so that two runs say the same.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workloads/dataset.h"
#include "workloads/settings.h"

/* Tokens that a chat template adds: around a turn, and once for a system turn. Generous: all templates known to us need less. */
enum { TEMPLATE_TURN_TOKENS = 32, TEMPLATE_SYSTEM_TOKENS = 128, CTX_CAP = 8192 };

extern const struct mb_workload_ops mb_workload_chat;

struct chat {
    struct mb_dialogues dialogues;
    struct mb_request template; /* what all requests share */
    uint32_t n_turns_max;       /* per conversation; 0: all */
    size_t i_dialogue, i_turn;  /* next to ask */
    uint32_t index;
    char item[48];
};

static int locate(const struct mb_cell *cell, char **path, struct mb_error *err)
{
    const char *file;
    const int rc = mb_setting_text(cell, &mb_workload_chat, "file", &file, err);
    return rc == MB_OK ? mb_data_locate(cell, file, path, err) : rc;
}

static int chat_files(const struct mb_cell *cell, char ***paths, size_t *n, struct mb_error *err)
{
    char *path;
    const int rc = locate(cell, &path, err);
    return rc == MB_OK ? mb_data_add(paths, n, path, err) : rc;
}

static int read_settings(struct chat *s, const struct mb_cell *cell, uint32_t *n_dialogues, uint32_t *n_ctx, struct mb_error *err)
{
    const struct mb_workload_ops *self = &mb_workload_chat;
    double temperature = 0.0, top_p = 1.0;
    uint32_t max_gen = 0, top_k = 0, seed = 0;
    int rc;
    if ((rc = mb_setting_u32(cell, self, "conversations", n_dialogues, err)) != MB_OK ||
        (rc = mb_setting_u32(cell, self, "turns", &s->n_turns_max, err)) != MB_OK ||
        (rc = mb_setting_u32(cell, self, "max_gen", &max_gen, err)) != MB_OK ||
        (rc = mb_setting_number(cell, self, "temperature", 0.0, 100.0, &temperature, err)) != MB_OK ||
        (rc = mb_setting_number(cell, self, "top_p", 0.0, 1.0, &top_p, err)) != MB_OK ||
        (rc = mb_setting_u32(cell, self, "top_k", &top_k, err)) != MB_OK ||
        (rc = mb_setting_u32(cell, self, "seed", &seed, err)) != MB_OK || (rc = mb_setting_u32(cell, self, "ctx", n_ctx, err)) != MB_OK)
        return rc;
    s->template = (struct mb_request){.kind = MB_REQUEST_GENERATE,
                                      .chat = true,
                                      .max_gen = max_gen,
                                      .temperature = (float)temperature,
                                      .top_p = (float)top_p,
                                      .top_k = top_k,
                                      .seed = seed ? seed : cell->seed};
    return MB_OK;
}

static size_t turns_of(const struct chat *s, const struct mb_dialogue *d)
{
    return s->n_turns_max && s->n_turns_max < d->n_turns ? s->n_turns_max : d->n_turns;
}

/* A token has at least one byte, so bytes bound tokens; the cap keeps a long script from asking for gigabytes of cache. */
static uint32_t context_bound(const struct chat *s, uint32_t *n_requests)
{
    uint64_t most = 0;
    for (size_t i = 0; i < s->dialogues.n; i++) {
        const struct mb_dialogue *d = &s->dialogues.rows[i];
        uint64_t n = TEMPLATE_SYSTEM_TOKENS;
        for (size_t j = 0; j < turns_of(s, d); j++, ++*n_requests)
            n += strlen(d->turns[j]) + TEMPLATE_TURN_TOKENS + s->template.max_gen;
        most = n > most ? n : most;
    }
    return most < CTX_CAP ? (uint32_t)most : CTX_CAP;
}

static int chat_open(void *state, const struct mb_cell *cell, struct mb_workload_need *need, struct mb_error *err)
{
    struct chat *s = state;
    uint32_t n_dialogues, n_ctx, n_requests = 0;
    int rc = read_settings(s, cell, &n_dialogues, &n_ctx, err);
    char *path = NULL;
    if (rc == MB_OK)
        rc = locate(cell, &path, err);
    if (rc == MB_OK)
        rc = mb_dialogues_read(&s->dialogues, path, n_dialogues, err);
    free(path);
    if (rc != MB_OK)
        return rc;
    const uint32_t bound = context_bound(s, &n_requests);
    *need = (struct mb_workload_need){.n_ctx = n_ctx ? n_ctx : bound,
                                      .max_gen = s->template.max_gen,
                                      .max_text_bytes = MB_SETTING_TEXT_BYTES(s->template.max_gen),
                                      .n_requests = n_requests};
    return MB_OK;
}

static void chat_begin(void *state, uint32_t repetition)
{
    (void)repetition; /* every repetition asks the same, with the same seeds: what differs is the machine */
    struct chat *s = state;
    s->i_dialogue = s->i_turn = 0;
    s->index = 0;
}

static int chat_next(void *state, struct mb_request *rq, struct mb_error *err)
{
    (void)err;
    struct chat *s = state;
    if (s->i_dialogue < s->dialogues.n && s->i_turn == turns_of(s, &s->dialogues.rows[s->i_dialogue])) {
        s->i_dialogue++;
        s->i_turn = 0;
    }
    if (s->i_dialogue == s->dialogues.n)
        return 0;
    snprintf(s->item, sizeof(s->item), "chat/%zu.%zu", s->i_dialogue + 1, s->i_turn + 1);
    *rq = s->template;
    rq->index = s->index++;
    rq->item = s->item;
    rq->fresh = s->i_turn == 0;
    rq->text = s->dialogues.rows[s->i_dialogue].turns[s->i_turn++];
    rq->seed += rq->index;
    return 1;
}

static int chat_score(void *state, const struct mb_request *rq, const struct mb_result *rs, struct mb_record *record, struct mb_error *err)
{
    (void)state;
    char item[48], none[] = "";
    snprintf(item, sizeof(item), "%s", rq->item);
    const struct mb_record_answer answer = {.item = item, .given = rs->text ? rs->text : none, .correct = -1, .log_likelihood = (double)NAN};
    const int rc = mb_record_add_answer(record, &answer);
    return rc == MB_OK ? rc : mb_fail(err, MB_ENOMEM, "chat: no memory for an answer");
}

static int chat_end(void *state, struct mb_record *record, struct mb_error *err)
{
    (void)state;
    (void)record;
    (void)err;
    return MB_OK;
}

static void chat_close(void *state)
{
    mb_dialogues_release(&((struct chat *)state)->dialogues);
}

static const struct mb_workload_option options[] = {
    {"file", MB_OPTION_TEXT, "conversations.json", 0, 0, false,
     "list of conversations, each a list of user turns: a shipped file, one of the data folder, or a path with a '/'"},
    {"conversations", MB_OPTION_INTEGER, "3", 0, 100000, false, "the first so many of the file; 0 = all"},
    {"turns", MB_OPTION_INTEGER, "0", 0, 100000, false, "at most so many turns of each; 0 = all"},
    {"max_gen", MB_OPTION_INTEGER, "128", 1, 131072, true, "most tokens of one answer"},
    {"temperature", MB_OPTION_TEXT, "0", 0, 0, false, "0 = greedy, the same answers every time; else a number up to 100"},
    {"top_k", MB_OPTION_INTEGER, "0", 0, 1000000, false, "sample among the k likeliest tokens; 0 = off"},
    {"top_p", MB_OPTION_TEXT, "1", 0, 0, false, "sample among the likeliest tokens of this total probability; 1 = off"},
    {"seed", MB_OPTION_INTEGER, "0", 0, UINT32_MAX, false, "of sampling; 0 = the plan's"},
    {"ctx", MB_OPTION_INTEGER, "0", 0, 131072, false,
     "cache size in tokens; 0 = enough for the longest conversation (bytes of its turns + max_gen each), at most 8192"},
    MB_SETTING_REPETITIONS,
    MB_SETTING_END,
};

const struct mb_workload_ops mb_workload_chat = {
    .abi = MB_WORKLOAD_ABI,
    .name = "chat",
    .summary = "conversations of several turns through the model's chat template, free length",
    .options = options,
    .state_size = sizeof(struct chat),
    .files = chat_files,
    .open = chat_open,
    .begin = chat_begin,
    .next = chat_next,
    .score = chat_score,
    .end = chat_end,
    .close = chat_close,
};
