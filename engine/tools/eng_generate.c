/*
 * eng_generate - the engine in a hundred lines: open a model, generate, print text and times. An example; not installed.
 *
 *     eng_generate MODEL.gguf "The capital of France is" [-n 64] [-t 2] [--act f32] [--quant q8_0] [--exit verify:layer=20,draft=4]
 *                  [--reduce streaming:sink=4,window=256] [--cache f32] [--temp 0.8] [--top-p 0.95] [--seed 1] [--stop]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eng/engine.h"

struct times {
    uint64_t at[ENG_MARK_N];
    uint64_t first_token, last_token;
};

static void on_mark(void *user, enum eng_mark what, uint32_t index, int64_t value, uint64_t t_ns)
{
    struct times *t = user;
    (void)value;
    t->at[what] = t_ns;
    if (what == ENG_MARK_TOKEN && index == 0)
        t->first_token = t_ns;
    if (what == ENG_MARK_TOKEN)
        t->last_token = t_ns;
}

static double ms(uint64_t from, uint64_t to)
{
    return (double)(to - from) / 1e6;
}

static void print_stats(const struct times *t, const struct eng_generate_result *rs, const struct eng_session *s)
{
    struct eng_session_info info;
    eng_session_info(s, &info);
    const double prefill = ms(t->at[ENG_MARK_PREFILL_BEGIN], t->at[ENG_MARK_PREFILL_END]);
    const double decode = rs->n_gen > 1 ? ms(t->first_token, t->last_token) : 0;
    fprintf(stderr, "\nload %.1f ms; prefill %u tokens %.1f ms (%.1f tok/s)", ms(t->at[ENG_MARK_LOAD_BEGIN], t->at[ENG_MARK_LOAD_END]),
            rs->n_prompt, prefill, rs->n_prompt / prefill * 1e3);
    if (decode > 0)
        fprintf(stderr, "; decode %u tokens %.1f ms (%.1f tok/s)", rs->n_gen - 1, decode, (rs->n_gen - 1) / decode * 1e3);
    fprintf(stderr, "\nkernels %s; cache %.1f MiB, scratch %.1f MiB; kept %u of %u tokens; drafts accepted %u of %u\n", info.kernels,
            (double)info.kv_bytes / 0x1p20, (double)info.scratch_bytes / 0x1p20, info.n_kept, info.n_seen, rs->n_accepted, rs->n_drafted);
}

static int generate(struct eng_session *s, struct eng_generate_request *rq, const struct times *t, struct eng_error *err)
{
    struct eng_generate_result rs = {.cap_ids = rq->max_gen, .cap_text = 64 * (size_t)rq->max_gen + 1};
    rs.ids = calloc(rs.cap_ids + 1, sizeof *rs.ids);
    rs.text = calloc(rs.cap_text, 1);
    int rc = rs.ids && rs.text ? eng_generate(s, rq, &rs, err) : ENG_ENOMEM;
    if (rc == ENG_OK) {
        printf("%s\n", rs.text);
        print_stats(t, &rs, s);
    }
    free(rs.ids);
    free(rs.text);
    return rc;
}

int main(int argc, char **argv)
{
    struct times times = {{0}, 0, 0};
    struct eng_model_params mp = {.observer = {on_mark, &times}};
    struct eng_session_params sp = {.observer = {on_mark, &times}};
    struct eng_generate_request rq = {.max_gen = 64, .ignore_eos = true, .tokenize_flags = ENG_TOKENIZE_SPECIAL | ENG_TOKENIZE_BOS};
    struct eng_model *model = NULL;
    struct eng_session *session = NULL;
    struct eng_error err = {0, ""};
    if (argc < 3 || argc % 2 == 0) {
        fprintf(stderr, "usage: eng_generate MODEL PROMPT [-n N] [-t N] [-c N] [-b N] [--act A] [--quant Q] [--cache C] [--exit E] [--reduce R] "
                        "[--temp T] [--top-p P] [--top-k K] [--seed S] [--eos stop]\n");
        return 2;
    }
    for (int i = 3; i < argc; i += 2) {
        const char *key = argv[i], *value = argv[i + 1];
        if (!strcmp(key, "-n")) rq.max_gen = (uint32_t)atoi(value);
        else if (!strcmp(key, "-t")) sp.n_threads = mp.n_threads = (uint32_t)atoi(value);
        else if (!strcmp(key, "-c")) sp.n_ctx = (uint32_t)atoi(value);
        else if (!strcmp(key, "-b")) sp.n_batch = (uint32_t)atoi(value);
        else if (!strcmp(key, "--act")) sp.act = value;
        else if (!strcmp(key, "--quant")) mp.quant = value;
        else if (!strcmp(key, "--cache")) sp.cache_type_k = sp.cache_type_v = value;
        else if (!strcmp(key, "--exit")) sp.early_exit = value;
        else if (!strcmp(key, "--reduce")) sp.token_reduction = value;
        else if (!strcmp(key, "--temp")) rq.sampling.temperature = strtof(value, NULL);
        else if (!strcmp(key, "--top-p")) rq.sampling.top_p = strtof(value, NULL);
        else if (!strcmp(key, "--top-k")) rq.sampling.top_k = (uint32_t)atoi(value);
        else if (!strcmp(key, "--seed")) rq.sampling.seed = strtoull(value, NULL, 10);
        else if (!strcmp(key, "--eos")) rq.ignore_eos = strcmp(value, "stop") != 0;
        else return fprintf(stderr, "unknown option %s\n", key), 2;
    }
    rq.text = argv[2];
    rq.n_text = strlen(argv[2]);

    int rc = eng_model_open(&model, argv[1], &mp, &err);
    if (rc == ENG_OK)
        rc = eng_session_open(&session, model, &sp, &err);
    if (rc == ENG_OK)
        rc = generate(session, &rq, &times, &err);
    if (rc != ENG_OK)
        fprintf(stderr, "eng_generate: %s\n", err.text);
    eng_session_close(session);
    eng_model_close(model);
    return rc == ENG_OK ? 0 : 1;
}
