/* vocab_gguf.c - the vocabulary of a GGUF file: what all tokenizers share (tokens, their kinds, special ids), and which loader reads the
 * rest. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/known_tokens.h"
#include "model/pretokenizer.h"
#include "model/vocab_load.h"

static const struct tokenizer {
    const char *name; /* tokenizer.ggml.model */
    enum eng_vocab_algorithm algorithm;
    int (*load)(struct eng_vocab_load *l);
} tokenizers[] = {
    {"gpt2", ENG_VOCAB_BYTE_BPE, eng_vocab_load_bpe},
    {"llama", ENG_VOCAB_SCORED, eng_vocab_load_spm},
    {"rwkv", ENG_VOCAB_LONGEST, eng_vocab_load_rwkv},
};

static const struct tokenizer *find_tokenizer(struct eng_gguf_str name)
{
    for (size_t i = 0; i < sizeof tokenizers / sizeof *tokenizers; i++) {
        if (strlen(tokenizers[i].name) == name.n && memcmp(tokenizers[i].name, name.data, name.n) == 0)
            return &tokenizers[i];
    }
    return NULL;
}

static int refuse(struct eng_vocab_load *l, struct eng_gguf_str name)
{
    char text[160];
    snprintf(text, sizeof text, "tokenizer '%.*s' is not known; known are gpt2 (byte-level BPE), llama (sentencepiece) and rwkv",
             name.n < 64 ? (int)name.n : 64, name.data);
    l->v->refusal = eng_arena_text(l->arena, text, strlen(text));
    return l->v->refusal ? ENG_OK : eng_vocab_no_memory(l);
}

static int check_tokens(struct eng_vocab_load *l)
{
    if (l->tokens->n == 0 || l->tokens->n > INT32_MAX / 2) {
        return eng_fail(l->err, ENG_EFORMAT, "%s: a vocabulary of %" PRIu64 " tokens cannot be used", l->g->label, l->tokens->n);
    }
    const uint8_t *cursor = l->tokens->data;
    for (uint64_t i = 0; i < l->tokens->n; i++) {
        const struct eng_gguf_str text = eng_gguf_next_str(&cursor);
        if (text.n > UINT16_MAX) {
            return eng_fail(l->err, ENG_EFORMAT, "%s: token %" PRIu64 " has %zu bytes at byte %" PRIu64 "; allowed are %d", l->g->label, i,
                            text.n, eng_gguf_offset(l->g, text.data), UINT16_MAX);
        }
        l->n_text_bytes += text.n;
    }
    l->v->n_tokens = l->v->n_symbols = (uint32_t)l->tokens->n;
    return ENG_OK;
}

/* Phi-3's special tokens take the white space behind them along (rstrip in its tokenizer.json). A GGUF file does not say so: llama.cpp goes by
 * the model's name, and so must we. */
static bool is_phi3(const struct eng_vocab_load *l)
{
    struct eng_gguf_str name = {0};
    if (eng_gguf_get_str(l->g, "general.name", false, &name, NULL) != ENG_OK)
        return false;
    for (size_t i = 0; i + 4 <= name.n; i++) {
        const char *p = name.data + i;
        if ((p[0] | 32) == 'p' && (p[1] | 32) == 'h' && (p[2] | 32) == 'i' && (p[3] == '3' || (i + 5 <= name.n && p[3] == '-' && p[4] == '3')))
            return true;
    }
    return false;
}

static bool is_one_of(struct eng_gguf_str text, const char *const *texts)
{
    for (; *texts; texts++) {
        if (strlen(*texts) == text.n && memcmp(*texts, text.data, text.n) == 0)
            return true;
    }
    return false;
}

static int read_kinds(struct eng_vocab_load *l)
{
    static const char *const never_strip[] = {"<unk>", "<s>", "<|endoftext|>", NULL};
    const struct eng_gguf_kv *kinds;
    int rc = eng_gguf_get_array(l->g, "tokenizer.ggml.token_type", false, ENG_GGUF_I32, &kinds, l->err);
    if (rc != ENG_OK)
        return rc;
    if (kinds && kinds->n != l->tokens->n) {
        return eng_fail(l->err, ENG_EFORMAT,
                        "%s: key 'tokenizer.ggml.token_type' at byte %" PRIu64 " has %" PRIu64 " entries for %" PRIu64 " tokens", l->g->label,
                        eng_gguf_offset(l->g, kinds->data), kinds->n, l->tokens->n);
    }
    const bool strips = is_phi3(l);
    const uint8_t *cursor = l->tokens->data;
    for (uint32_t i = 0; i < l->v->n_tokens; i++) {
        const struct eng_gguf_str text = eng_gguf_next_str(&cursor);
        int32_t kind = ENG_TOKEN_NORMAL;
        if (kinds)
            memcpy(&kind, kinds->data + 4 * (size_t)i, 4);
        if (kind < ENG_TOKEN_NORMAL || kind > ENG_TOKEN_BYTE) {
            return eng_fail(l->err, ENG_EFORMAT, "%s: token %" PRIu32 " has type %" PRId32 " at byte %" PRIu64 "; known are 1 to 6",
                            l->g->label, i, kind, eng_gguf_offset(l->g, kinds->data) + 4 * (uint64_t)i);
        }
        struct eng_piece *p = &l->v->pieces[i];
        p->kind = eng_known_token_kind(text.data, text.n, (uint8_t)kind);
        p->strips_right = strips && ENG_KINDS_SPECIAL >> p->kind & 1 && !is_one_of(text, never_strip);
    }
    return ENG_OK;
}

static int read_id(struct eng_vocab_load *l, const char *key, int32_t *id)
{
    uint32_t value = UINT32_MAX; /* some converters write this for "none" */
    int rc = eng_gguf_get_u32(l->g, key, false, &value, l->err);
    if (rc != ENG_OK || value == UINT32_MAX)
        return rc;
    if (value >= l->v->n_tokens) {
        return eng_fail(l->err, ENG_EFORMAT, "%s: key '%s' is %" PRIu32 ", beyond the %" PRIu32 " tokens", l->g->label, key, value,
                        l->v->n_tokens);
    }
    *id = (int32_t)value;
    return ENG_OK;
}

static int read_ids(struct eng_vocab_load *l)
{
    struct eng_vocab *v = l->v;
    int32_t eot = -1, eom = -1, unknown = -1;
    const struct {
        const char *key;
        int32_t *id;
    } rows[] = {
        {"tokenizer.ggml.bos_token_id", &v->bos},     {"tokenizer.ggml.eos_token_id", &v->eos}, {"tokenizer.ggml.padding_token_id", &v->pad},
        {"tokenizer.ggml.unknown_token_id", &unknown}, {"tokenizer.ggml.eot_token_id", &eot},    {"tokenizer.ggml.eom_token_id", &eom},
    };
    int rc = ENG_OK;
    for (size_t i = 0; i < sizeof rows / sizeof *rows && rc == ENG_OK; i++)
        rc = read_id(l, rows[i].key, rows[i].id);
    if (rc != ENG_OK)
        return rc;
    const int32_t ends[] = {v->eos, eot, eom};
    for (size_t i = 0; i < 3; i++) {
        if (ends[i] >= 0)
            v->pieces[ends[i]].is_eog = true;
    }
    if (unknown >= 0 && v->algorithm != ENG_VOCAB_BYTE_BPE)
        v->replacement = unknown;
    if (v->algorithm == ENG_VOCAB_LONGEST) /* such models are trained without; llama.cpp adds none, whatever the file says */
        return ENG_OK;
    return eng_gguf_get_bool(l->g, "tokenizer.ggml.add_bos_token", false, &v->add_bos, l->err);
}

/* A tokenizer that is not known: ids mean what they mean, and the header's special ids are read. */
static int load_ids_only(struct eng_vocab_load *l, struct eng_gguf_str name)
{
    int rc = refuse(l, name);
    l->v->algorithm = ENG_VOCAB_NONE;
    if (rc == ENG_OK)
        rc = eng_gguf_get_array(l->g, "tokenizer.ggml.tokens", false, ENG_GGUF_STRING, &l->tokens, l->err);
    if (rc != ENG_OK || !l->tokens)
        return rc;
    rc = check_tokens(l);
    if (rc != ENG_OK)
        return rc;
    l->v->pieces = eng_arena_alloc(l->arena, l->v->n_tokens, sizeof *l->v->pieces);
    return l->v->pieces ? read_ids(l) : eng_vocab_no_memory(l);
}

/* Symbols: every token, 256 bytes, and at most three per merge. */
static int allocate(struct eng_vocab_load *l)
{
    const struct eng_gguf_kv *merges = NULL;
    int rc = ENG_OK;
    if (l->v->algorithm == ENG_VOCAB_BYTE_BPE)
        rc = eng_gguf_get_array(l->g, "tokenizer.ggml.merges", true, ENG_GGUF_STRING, &merges, l->err);
    if (rc != ENG_OK)
        return rc;
    const uint64_t n_merges = merges ? merges->n : 0, n_max = l->v->n_tokens + 3 * n_merges + 256;
    if (n_merges > INT32_MAX / 4 || n_max > INT32_MAX) {
        return eng_fail(l->err, ENG_EFORMAT, "%s: a vocabulary of %" PRIu32 " tokens and %" PRIu64 " merges cannot be used", l->g->label,
                        l->v->n_tokens, n_merges);
    }
    l->v->pieces = eng_arena_alloc(l->arena, (size_t)n_max, sizeof *l->v->pieces);
    if (!l->v->pieces)
        return eng_vocab_no_memory(l);
    return eng_vocab_index_reserve(l->v, l->v->n_tokens + 256, l->arena, l->err);
}

static int load(struct eng_vocab_load *l)
{
    struct eng_gguf_str name;
    int rc = eng_gguf_get_str(l->g, "tokenizer.ggml.model", true, &name, l->err);
    if (rc != ENG_OK)
        return rc;
    const struct tokenizer *tokenizer = find_tokenizer(name);
    if (!tokenizer)
        return load_ids_only(l, name);
    l->v->algorithm = tokenizer->algorithm;
    rc = eng_gguf_get_array(l->g, "tokenizer.ggml.tokens", true, ENG_GGUF_STRING, &l->tokens, l->err);
    if (rc == ENG_OK)
        rc = check_tokens(l);
    if (rc == ENG_OK)
        rc = allocate(l);
    if (rc == ENG_OK)
        rc = read_kinds(l);
    if (rc == ENG_OK)
        rc = tokenizer->load(l);
    if (rc == ENG_OK)
        rc = read_ids(l);
    return rc == ENG_OK ? eng_vocab_find_specials(l->v, l->arena, l->err) : rc;
}

int eng_vocab_from_gguf(struct eng_vocab **out, const struct eng_gguf *g, struct eng_arena *arena, struct eng_error *err)
{
    struct eng_vocab_load l = {.g = g, .arena = arena, .err = err};
    *out = NULL;
    l.v = eng_arena_alloc(arena, 1, sizeof *l.v);
    if (!l.v)
        return eng_vocab_no_memory(&l);
    *l.v = (struct eng_vocab){.bos = -1, .eos = -1, .pad = -1, .replacement = -1};
    for (int b = 0; b < 256; b++)
        l.v->byte_symbol[b] = ENG_NO_SYMBOL;
    int rc = load(&l);
    if (rc == ENG_OK)
        *out = l.v;
    else
        eng_vocab_release(l.v);
    return rc;
}
