/* vocab_gguf.c - byte-level BPE vocabularies of GGUF files: tokens, their kinds, merges, special ids.
 * GPT-2's byte alphabet (encoder.py, bytes_to_unicode): printable Latin-1 stands for itself, the other 68 bytes for U+0100... */
#include <inttypes.h>
#include <string.h>

#include "model/pretokenizer.h"
#include "model/vocab.h"

enum { ALPHABET = 0x144 }; /* code points below it may stand for bytes */

struct loader {
    const struct eng_gguf *g;
    struct eng_arena *arena;
    struct eng_error *err;
    struct eng_vocab *v;
    int16_t byte_of[ALPHABET]; /* -1: none */
};

static void fill_alphabet(int16_t byte_of[ALPHABET])
{
    int next = 0x100;
    for (int i = 0; i < ALPHABET; i++)
        byte_of[i] = -1;
    for (int b = 0; b < 256; b++) {
        bool printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        byte_of[printable ? b : next++] = (int16_t)b;
    }
}

/* Bytes that @text stands for; false when a character is not of the alphabet. out[text.n] has room. */
static bool decode_text(const struct loader *l, struct eng_gguf_str text, char *out, uint32_t *n_out)
{
    uint32_t n = 0;
    for (size_t i = 0; i < text.n;) {
        unsigned c = (unsigned char)text.data[i++];
        if (c >= 0x80) { /* two-byte UTF-8 covers the alphabet */
            if ((c & 0xe0) != 0xc0 || i >= text.n || ((unsigned char)text.data[i] & 0xc0) != 0x80)
                return false;
            c = (c & 0x1f) << 6 | ((unsigned char)text.data[i++] & 0x3f);
        }
        if (c >= ALPHABET || l->byte_of[c] < 0)
            return false;
        out[n++] = (char)l->byte_of[c];
    }
    *n_out = n;
    return true;
}

static int no_memory(const struct loader *l)
{
    return eng_fail(l->err, ENG_ENOMEM, "%s: no memory for the vocabulary", l->g->label);
}

static int check_length(const struct loader *l, const char *key, const struct eng_gguf_kv *kv)
{
    if (!kv || kv->n == l->v->n_tokens)
        return ENG_OK;
    return eng_fail(l->err, ENG_EFORMAT, "%s: key '%s' at byte %" PRIu64 " has %" PRIu64 " entries for %" PRIu32 " tokens", l->g->label,
                    key, eng_gguf_offset(l->g, kv->data), kv->n, l->v->n_tokens);
}

static int read_kinds(struct loader *l)
{
    const struct eng_gguf_kv *kinds;
    int rc = eng_gguf_get_array(l->g, "tokenizer.ggml.token_type", false, ENG_GGUF_I32, &kinds, l->err);
    if (rc == ENG_OK)
        rc = check_length(l, "tokenizer.ggml.token_type", kinds);
    if (rc != ENG_OK)
        return rc;
    for (uint32_t i = 0; i < l->v->n_tokens; i++) {
        int32_t kind = ENG_TOKEN_NORMAL;
        if (kinds)
            memcpy(&kind, kinds->data + 4 * (size_t)i, 4);
        if (kind < ENG_TOKEN_NORMAL || kind > ENG_TOKEN_BYTE) {
            return eng_fail(l->err, ENG_EFORMAT, "%s: token %" PRIu32 " has type %" PRId32 " at byte %" PRIu64 "; known are 1 to 6",
                            l->g->label, i, kind, eng_gguf_offset(l->g, kinds->data) + 4 * (uint64_t)i);
        }
        l->v->pieces[i].kind = (uint8_t)kind;
    }
    return ENG_OK;
}

/* Fills pieces[0..n_tokens): decoded bytes for ordinary tokens, the text itself for the others. */
static int read_pieces(struct loader *l, const struct eng_gguf_kv *tokens)
{
    const uint8_t *cursor = tokens->data;
    size_t total = 0;
    for (uint64_t i = 0; i < tokens->n; i++)
        total += eng_gguf_next_str(&cursor).n; /* inside the file: no overflow */
    char *out = eng_arena_alloc(l->arena, total, 1);
    if (!out)
        return no_memory(l);
    cursor = tokens->data;
    for (uint32_t i = 0; i < l->v->n_tokens; i++) {
        struct eng_piece *p = &l->v->pieces[i];
        struct eng_gguf_str text = eng_gguf_next_str(&cursor);
        if (text.n > UINT16_MAX) {
            return eng_fail(l->err, ENG_EFORMAT, "%s: token %" PRIu32 " has %zu bytes at byte %" PRIu64 "; allowed are %d", l->g->label, i,
                            text.n, eng_gguf_offset(l->g, text.data), UINT16_MAX);
        }
        bool is_word = p->kind == ENG_TOKEN_NORMAL || p->kind == ENG_TOKEN_UNUSED || p->kind == ENG_TOKEN_BYTE;
        p->data = out;
        if (is_word && decode_text(l, text, out, &p->n)) {
            if (p->n)
                eng_vocab_index_add(l->v, i);
        } else {
            memcpy(out, text.data, text.n);
            p->n = (uint32_t)text.n;
        }
        out += p->n;
    }
    return ENG_OK;
}

/* The symbol of these bytes; a new one when they are no token. */
static uint32_t intern(struct loader *l, const char *bytes, uint32_t n)
{
    struct eng_vocab *v = l->v;
    uint32_t symbol = eng_vocab_find(v, bytes, n);
    if (symbol != ENG_NO_SYMBOL)
        return symbol;
    char *copy = eng_arena_alloc(l->arena, n, 1);
    if (!copy || eng_vocab_index_reserve(v, v->n_symbols + 1, l->arena, NULL) != ENG_OK)
        return ENG_NO_SYMBOL;
    memcpy(copy, bytes, n);
    symbol = v->n_symbols++;
    v->pieces[symbol] = (struct eng_piece){.data = copy, .n = n, .kind = ENG_TOKEN_UNUSED};
    eng_vocab_index_add(v, symbol);
    return symbol;
}

/* "left right": cut at the first space that is not the first character (as llama.cpp does), decode, join. */
static int read_merge(struct loader *l, struct eng_gguf_str text, uint32_t rank)
{
    enum { MAX_MERGE_BYTES = 2048 };
    char bytes[MAX_MERGE_BYTES];
    const char *space = text.n > 2 ? memchr(text.data + 1, ' ', text.n - 1) : NULL;
    uint32_t n_left = 0, n_right = 0;
    bool ok = space && text.n <= MAX_MERGE_BYTES;
    ok = ok && decode_text(l, (struct eng_gguf_str){text.data, (size_t)(space - text.data)}, bytes, &n_left);
    ok = ok && decode_text(l, (struct eng_gguf_str){space + 1, text.n - (size_t)(space + 1 - text.data)}, bytes + n_left, &n_right);
    if (!ok || n_left == 0 || n_right == 0) {
        return eng_fail(l->err, ENG_EFORMAT, "%s: merge %" PRIu32 " at byte %" PRIu64 " is not of the form 'left right'", l->g->label, rank,
                        eng_gguf_offset(l->g, text.data));
    }
    uint32_t left = intern(l, bytes, n_left), right = intern(l, bytes + n_left, n_right), merged = intern(l, bytes, n_left + n_right);
    if (left == ENG_NO_SYMBOL || right == ENG_NO_SYMBOL || merged == ENG_NO_SYMBOL)
        return no_memory(l);
    struct eng_merge *m = eng_vocab_merge_slot(l->v->merges, l->v->merge_mask, left, right);
    if (m->rank == UINT32_MAX)
        *m = (struct eng_merge){left, right, rank, merged};
    return ENG_OK;
}

static int read_merges(struct loader *l, const struct eng_gguf_kv *merges)
{
    uint64_t cap = 16;
    while (cap < 2 * merges->n)
        cap *= 2;
    l->v->merge_mask = cap - 1;
    l->v->merges = eng_arena_alloc(l->arena, (size_t)cap, sizeof *l->v->merges);
    if (!l->v->merges)
        return no_memory(l);
    for (uint64_t i = 0; i < cap; i++)
        l->v->merges[i].rank = UINT32_MAX;
    const uint8_t *cursor = merges->data;
    int rc = ENG_OK;
    for (uint32_t i = 0; i < merges->n && rc == ENG_OK; i++)
        rc = read_merge(l, eng_gguf_next_str(&cursor), i);
    return rc;
}

static int read_id(struct loader *l, const char *key, int32_t *id)
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

static int read_ids(struct loader *l)
{
    struct eng_vocab *v = l->v;
    int32_t eot = -1, eom = -1;
    int rc = eng_gguf_get_bool(l->g, "tokenizer.ggml.add_bos_token", false, &v->add_bos, l->err);
    if (rc == ENG_OK)
        rc = read_id(l, "tokenizer.ggml.bos_token_id", &v->bos);
    if (rc == ENG_OK)
        rc = read_id(l, "tokenizer.ggml.eos_token_id", &v->eos);
    if (rc == ENG_OK)
        rc = read_id(l, "tokenizer.ggml.padding_token_id", &v->pad);
    if (rc == ENG_OK)
        rc = read_id(l, "tokenizer.ggml.eot_token_id", &eot);
    if (rc == ENG_OK)
        rc = read_id(l, "tokenizer.ggml.eom_token_id", &eom);
    if (rc != ENG_OK)
        return rc;
    const int32_t ends[] = {v->eos, eot, eom};
    for (size_t i = 0; i < 3; i++) {
        if (ends[i] >= 0)
            v->pieces[ends[i]].is_eog = true;
    }
    return ENG_OK;
}

static int read_pattern(struct loader *l)
{
    struct eng_gguf_str model, pre = {"gpt-2", 5};
    int rc = eng_gguf_get_str(l->g, "tokenizer.ggml.model", true, &model, l->err);
    if (rc == ENG_OK)
        rc = eng_gguf_get_str(l->g, "tokenizer.ggml.pre", false, &pre, l->err);
    if (rc != ENG_OK)
        return rc;
    if (model.n != 4 || memcmp(model.data, "gpt2", 4) != 0) {
        return eng_fail(l->err, ENG_ENOTSUP, "%s: tokenizer '%.*s' is not supported; known is gpt2 (byte-level BPE)", l->g->label,
                        model.n < 64 ? (int)model.n : 64, model.data);
    }
    struct eng_error why = {0};
    rc = eng_pretokenizer_compile(&l->v->pattern, pre.data, pre.n, &why);
    return rc == ENG_OK ? rc : eng_fail(l->err, rc, "%s: %s", l->g->label, why.text);
}

/* Symbols: every token, at most three per merge, 256 bytes. */
static int allocate(struct loader *l, uint64_t n_tokens, uint64_t n_merges)
{
    uint64_t n_max = n_tokens + 3 * n_merges + 256;
    if (n_tokens == 0 || n_max > INT32_MAX) {
        return eng_fail(l->err, ENG_EFORMAT, "%s: a vocabulary of %" PRIu64 " tokens and %" PRIu64 " merges cannot be used", l->g->label,
                        n_tokens, n_merges);
    }
    l->v->n_tokens = l->v->n_symbols = (uint32_t)n_tokens;
    l->v->pieces = eng_arena_alloc(l->arena, (size_t)n_max, sizeof *l->v->pieces);
    if (!l->v->pieces)
        return no_memory(l);
    return eng_vocab_index_reserve(l->v, (uint32_t)n_tokens + 256, l->arena, l->err);
}

static int load(struct loader *l)
{
    const struct eng_gguf_kv *tokens, *merges;
    int rc = read_pattern(l);
    if (rc == ENG_OK)
        rc = eng_gguf_get_array(l->g, "tokenizer.ggml.tokens", true, ENG_GGUF_STRING, &tokens, l->err);
    if (rc == ENG_OK)
        rc = eng_gguf_get_array(l->g, "tokenizer.ggml.merges", true, ENG_GGUF_STRING, &merges, l->err);
    if (rc == ENG_OK)
        rc = allocate(l, tokens->n, merges->n);
    if (rc == ENG_OK)
        rc = read_kinds(l);
    if (rc == ENG_OK)
        rc = read_pieces(l, tokens);
    if (rc == ENG_OK)
        rc = read_merges(l, merges);
    if (rc == ENG_OK)
        rc = read_ids(l);
    if (rc != ENG_OK)
        return rc;
    for (int b = 0; b < 256; b++) {
        char byte = (char)b;
        l->v->byte_symbol[b] = intern(l, &byte, 1);
        if (l->v->byte_symbol[b] == ENG_NO_SYMBOL)
            return no_memory(l);
    }
    uint32_t replacement = eng_vocab_find(l->v, "\xef\xbf\xbd", 3);
    l->v->replacement = replacement < l->v->n_tokens ? (int32_t)replacement : -1;
    return eng_vocab_find_specials(l->v, l->arena, l->err);
}

int eng_vocab_from_gguf(struct eng_vocab **out, const struct eng_gguf *g, struct eng_arena *arena, struct eng_error *err)
{
    struct loader l = {.g = g, .arena = arena, .err = err};
    *out = NULL;
    l.v = eng_arena_alloc(arena, 1, sizeof *l.v);
    if (!l.v)
        return no_memory(&l);
    *l.v = (struct eng_vocab){.algorithm = ENG_VOCAB_BYTE_BPE, .bos = -1, .eos = -1, .pad = -1, .replacement = -1};
    fill_alphabet(l.byte_of);
    int rc = load(&l);
    if (rc == ENG_OK)
        *out = l.v;
    else
        eng_vocab_release(l.v);
    return rc;
}
