/*
 * cmd_logits.c - `meltbench logits`: the logits of every position of a given sequence of tokens, as a file that NumPy reads. For whoever
 * wants to compare this engine with another, number by number.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eng/engine.h"
#include "harness/catalogue.h"
#include "harness/machine.h"
#include "harness/npy.h"
#include "harness/options.h"
#include "runners/open_engine.h"

struct logits_options {
    const char *model, *tokens, *tokens_file, *text, *out, *quant, *act, *cache_type_k, *cache_type_v;
    uint32_t n_split, n_threads, n_ctx;
};

static const struct mb_opt_row logits_rows[] = {
    {"--model", "-m", MB_OPT_TEXT, offsetof(struct logits_options, model), "MODEL", 0, 0, "model file, or a name of the catalogue"},
    {"--tokens", NULL, MB_OPT_TEXT, offsetof(struct logits_options, tokens), "LIST", 0, 0, "the tokens: 1,2,3"},
    {"--tokens-file", NULL, MB_OPT_TEXT, offsetof(struct logits_options, tokens_file), "FILE", 0, 0,
     "read them from a file, separated by commas, spaces or lines; - = standard input"},
    {"--prompt", "-p", MB_OPT_TEXT, offsetof(struct logits_options, text), "TEXT", 0, 0,
     "the tokens of this text: special tokens recognised, with the begin-of-text token where the model asks for one"},
    {"--output", "-o", MB_OPT_TEXT, offsetof(struct logits_options, out), "FILE.npy", 0, 0,
     "float32, one row per position, one column per token of the vocabulary (NumPy's .npy, version 1.0)"},
    {"--split", NULL, MB_OPT_U32, offsetof(struct logits_options, n_split), "N", 0, 1 << 24,
     "the last N tokens one by one, as in generating; those before as a prompt (0)"},
    {"--act", NULL, MB_OPT_TEXT, offsetof(struct logits_options, act), "TYPE", 0, 0, "activations in matrix products: q8 or f32 (q8)"},
    {"--cache-type-k", "-ctk", MB_OPT_TEXT, offsetof(struct logits_options, cache_type_k), "TYPE", 0, 0, "type of the K cache (f16; f32 with --act f32)"},
    {"--cache-type-v", "-ctv", MB_OPT_TEXT, offsetof(struct logits_options, cache_type_v), "TYPE", 0, 0, "type of the V cache (likewise)"},
    {"--quant", NULL, MB_OPT_TEXT, offsetof(struct logits_options, quant), "FORMAT", 0, 0, "weights brought into this format at load (file = as stored)"},
    {"--ctx-size", "-c", MB_OPT_U32, offsetof(struct logits_options, n_ctx), "N", 1, 1 << 24,
     "size of the context (the number of tokens); some models scale positions by it"},
    {"--threads", "-t", MB_OPT_U32, offsetof(struct logits_options, n_threads), "N", 1, 1024, "threads (the physical cores)"},
    {0},
};

static int logits_main(int argc, char **argv);

const struct mb_command mb_command_logits = {
    .name = "logits",
    .summary = "write the logits of a sequence of tokens for NumPy",
    .description = "Evaluates the tokens from an empty cache and writes what the model says at every position. --act f32 leaves the error of the "
                   "weights alone; with it and an F32 file the numbers are those of the reference to some 1e-6. FILE.npy appears whole or "
                   "not at all. Exit: 0 done, 1 the model cannot be opened or run, 2 a fault in the command line.",
    .rows = logits_rows,
    .run = logits_main,
};

struct ids { int32_t *id; size_t n, cap; };

static int add_id(struct ids *ids, int32_t id, struct mb_error *err)
{
    if (ids->n == ids->cap) {
        const size_t cap = ids->cap ? 2 * ids->cap : 64;
        int32_t *more = realloc(ids->id, cap * sizeof(*more));
        if (!more)
            return mb_fail(err, MB_ENOMEM, "no memory for the tokens");
        ids->id = more;
        ids->cap = cap;
    }
    ids->id[ids->n++] = id;
    return MB_OK;
}

static int parse_ids(const char *text, const char *where, struct ids *ids, struct mb_error *err)
{
    static const char between[] = ", \t\r\n";
    int rc = MB_OK;
    for (const char *p = text + strspn(text, between); *p && !rc; p += strspn(p, between)) {
        char *end;
        errno = 0;
        const long v = strtol(p, &end, 10);
        if (*p < '0' || *p > '9' || errno || v > INT32_MAX || (*end && !strchr(between, *end)))
            return mb_fail(err, MB_EINVAL, "%s: '%.*s' is not a token id", where, (int)strcspn(p, between), p);
        rc = add_id(ids, (int32_t)v, err);
        p = end;
    }
    return rc;
}

static int read_ids(const char *path, struct ids *ids, struct mb_error *err)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char *text = NULL;
    size_t cap = 0;
    if (!in)
        return mb_fail_errno(err, MB_ENOENT, "%s", path);
    const ssize_t n = getdelim(&text, &cap, '\0', in);
    int rc = ferror(in) ? mb_fail_errno(err, MB_EIO, "%s", path) : MB_OK;
    if (!rc && n > 0)
        rc = parse_ids(text, path, ids, err);
    if (in != stdin)
        fclose(in);
    free(text);
    return rc;
}

static int tokens_of_text(const struct eng_model *model, const char *text, struct ids *ids, struct mb_error *err)
{
    struct eng_error e = {0};
    const size_t n_bytes = strlen(text), cap = n_bytes + 2;
    ids->id = malloc(cap * sizeof(*ids->id));
    if (!ids->id)
        return mb_fail(err, MB_ENOMEM, "no memory for the tokens");
    ids->cap = cap;
    return eng_tokenize(model, text, n_bytes, ENG_TOKENIZE_SPECIAL | ENG_TOKENIZE_BOS, ids->id, cap, &ids->n, &e) ? mb_engine_fail(&e, err) : MB_OK;
}

static int check_ids(const struct eng_model *model, const struct ids *ids, uint32_t n_split, struct mb_error *err)
{
    const uint32_t n_vocab = eng_model_info(model)->n_vocab;
    if (ids->n == 0)
        return mb_fail(err, MB_EINVAL, "no tokens: there is nothing to evaluate");
    for (size_t i = 0; i < ids->n; i++)
        if ((uint32_t)ids->id[i] >= n_vocab)
            return mb_fail(err, MB_EINVAL, "token %zu is %" PRId32 "; this model has ids 0 to %" PRIu32, i, ids->id[i], n_vocab - 1);
    if (n_split > ids->n)
        return mb_fail(err, MB_EINVAL, "--split %" PRIu32 ": there are only %zu tokens", n_split, ids->n);
    return MB_OK;
}

/* The prompt part in pieces whose logits fit into a buffer, then the last tokens one by one. */
static int write_logits(struct eng_session *session, const struct ids *ids, uint32_t n_split, uint32_t n_vocab, struct mb_npy *npy,
                        struct mb_error *err)
{
    enum { BUFFER_FLOATS = 16 << 20, LEAST_TOKENS = 16, MOST_TOKENS = 512 };
    struct eng_error e = {0};
    const size_t fit = BUFFER_FLOATS / n_vocab, piece = fit < LEAST_TOKENS ? LEAST_TOKENS : fit > MOST_TOKENS ? MOST_TOKENS : fit;
    const size_t n_prompt = ids->n - n_split;
    float *logits = malloc((piece < ids->n ? piece : ids->n) * n_vocab * sizeof(*logits));
    int rc = logits ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for %zu x %" PRIu32 " logits", piece, n_vocab);
    for (size_t at = 0, n; at < ids->n && !rc; at += n) {
        n = at >= n_prompt ? 1 : n_prompt - at < piece ? n_prompt - at : piece;
        if (eng_eval(session, ids->id + at, n, logits, &e))
            rc = mb_engine_fail(&e, err);
        if (!rc)
            rc = mb_npy_write(npy, logits, n * n_vocab, err);
    }
    free(logits);
    return rc;
}

static int evaluate(const struct logits_options *o, struct eng_model *model, const struct ids *ids, struct mb_error *err)
{
    const uint32_t n_vocab = eng_model_info(model)->n_vocab;
    const char *cache = o->act && strcmp(o->act, "f32") == 0 ? "f32" : NULL;
    const struct eng_session_params params = {.n_ctx = o->n_ctx ? o->n_ctx : (uint32_t)ids->n,
                                              .n_threads = o->n_threads ? o->n_threads : mb_machine_physical_cores(""), .act = o->act,
                                              .cache_type_k = o->cache_type_k ? o->cache_type_k : cache,
                                              .cache_type_v = o->cache_type_v ? o->cache_type_v : cache};
    struct eng_session *session = NULL;
    struct eng_error e = {0};
    struct mb_npy npy = {0};
    if (params.n_ctx < ids->n)
        return mb_fail(err, MB_EINVAL, "--ctx-size %" PRIu32 ": there are %zu tokens", params.n_ctx, ids->n);
    int rc = eng_session_open(&session, model, &params, &e) ? mb_engine_fail(&e, err) : MB_OK;
    if (!rc)
        rc = mb_npy_open(&npy, o->out, ids->n, n_vocab, err);
    if (!rc)
        rc = write_logits(session, ids, o->n_split, n_vocab, &npy, err);
    if (!rc)
        rc = mb_npy_commit(&npy, err);
    if (!rc)
        printf("%s: %zu x %" PRIu32 " float32\n", o->out, ids->n, n_vocab);
    mb_npy_abort(&npy);
    eng_session_close(session);
    return rc;
}

static int run_logits(const struct logits_options *o, struct mb_error *err)
{
    const struct eng_model_params params = {.quant = o->quant, .n_threads = o->n_threads ? o->n_threads : mb_machine_physical_cores("")};
    struct eng_model *model = NULL;
    struct eng_error e = {0};
    struct ids ids = {0};
    char path[4096];
    int rc = o->tokens ? parse_ids(o->tokens, "--tokens", &ids, err) : o->tokens_file ? read_ids(o->tokens_file, &ids, err) : MB_OK;
    if (!rc)
        rc = mb_model_locate(o->model, path, sizeof(path), err);
    if (!rc && eng_model_open(&model, path, &params, &e)) /* of which an unknown architecture is a failure, nothing to skip */
        rc = e.code == ENG_ENOTSUP ? mb_fail(err, MB_EFAILED, "%s", e.text) : mb_engine_fail(&e, err);
    if (!rc && o->text)
        rc = tokens_of_text(model, o->text, &ids, err);
    if (!rc)
        rc = check_ids(model, &ids, o->n_split, err);
    if (!rc)
        rc = evaluate(o, model, &ids, err);
    eng_model_close(model);
    free(ids.id);
    return rc;
}

static int logits_main(int argc, char **argv)
{
    struct logits_options o = {0};
    struct mb_error err = {0};
    int n = 0;
    int rc = mb_opt_parse(&mb_command_logits, argc, argv, &o, &n, &err);
    if (rc == 1)
        return 0;
    if (!rc && !o.model)
        rc = mb_fail(&err, MB_EINVAL, "which model? give -m FILE or a catalogue name (smollm2-135m)");
    if (!rc && !!o.tokens + !!o.tokens_file + !!o.text != 1)
        rc = mb_fail(&err, MB_EINVAL, "give the tokens with one of --tokens LIST, --tokens-file FILE, -p TEXT");
    if (!rc && !o.out)
        rc = mb_fail(&err, MB_EINVAL, "where to? give -o FILE.npy");
    if (!rc)
        rc = run_logits(&o, &err);
    return rc ? mb_complain(&mb_command_logits, &err) : 0;
}
