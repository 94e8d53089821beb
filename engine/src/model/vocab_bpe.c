/* vocab_bpe.c - byte-level BPE vocabularies: texts in GPT-2's byte alphabet, merges in order of rank, a word pattern.
 * The alphabet (encoder.py, bytes_to_unicode): printable Latin-1 stands for itself, the other 68 bytes for U+0100... */
#include <inttypes.h>
#include <string.h>

#include "model/pretokenizer.h"
#include "model/vocab_load.h"

enum { ALPHABET = 0x144 }; /* code points below it may stand for bytes */

/* Merges stand in the order in which training made their tokens, and so do the tokens: the next merge nearly always makes this one. Then the
 * file's texts say so, and nothing need be decoded or looked up for it. */
struct next_made {
    bool usable; /* every ordinary token decodes to bytes of its own: equal texts are the token that a lookup would find */
    uint32_t id; /* n_tokens: none left */
    const uint8_t *cursor;
    struct eng_gguf_str text;
};

struct loader {
    struct eng_vocab_load *common;
    struct eng_vocab *v;
    int16_t byte_of[ALPHABET]; /* -1: none */
    struct next_made next;
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

static bool is_ordinary(const struct eng_piece *p)
{
    return ENG_KINDS_TEXT >> p->kind & 1;
}

/* Decoded bytes for ordinary tokens, the text itself for the others. */
static int read_pieces(struct loader *l)
{
    const uint8_t *cursor = l->common->tokens->data;
    char *out = eng_arena_alloc(l->common->arena, (size_t)l->common->n_text_bytes, 1);
    if (!out)
        return eng_vocab_no_memory(l->common);
    l->next.usable = true;
    for (uint32_t i = 0; i < l->v->n_tokens; i++) {
        struct eng_piece *p = &l->v->pieces[i];
        const struct eng_gguf_str text = eng_gguf_next_str(&cursor);
        const bool ordinary = is_ordinary(p);
        p->data = out;
        if (ordinary && decode_text(l, text, out, &p->n)) {
            if (p->n)
                l->next.usable &= eng_vocab_index_add(l->v, i);
        } else {
            memcpy(out, text.data, text.n);
            p->n = (uint32_t)text.n;
            l->next.usable &= !ordinary;
        }
        out += p->n;
    }
    return ENG_OK;
}

/* ---- merges ---- */

static void begin_next_made(struct loader *l)
{
    l->next.cursor = l->common->tokens->data;
    l->next.id = UINT32_MAX; /* one before the first */
}

/* Behind @id: the next ordinary token. Never backwards: a merge that makes an older token leaves things as they are. */
static void go_behind(struct loader *l, uint32_t id)
{
    struct next_made *next = &l->next;
    while (next->id == UINT32_MAX || (next->id < l->v->n_tokens && (next->id <= id || !is_ordinary(&l->v->pieces[next->id])))) {
        next->id++;
        next->text = next->id < l->v->n_tokens ? eng_gguf_next_str(&next->cursor) : (struct eng_gguf_str){0};
    }
}

/* "left right" makes the next token. */
static bool makes_next(const struct loader *l, struct eng_gguf_str merge, size_t n_left)
{
    const struct eng_gguf_str made = l->next.text;
    return l->next.usable && made.n + 1 == merge.n && memcmp(made.data, merge.data, n_left) == 0 &&
           memcmp(made.data + n_left, merge.data + n_left + 1, made.n - n_left) == 0;
}

/* Each character stands for a byte. */
static uint32_t count_chars(const char *text, size_t n_bytes)
{
    uint32_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

/* The symbol of these bytes; a new one when they are no token. */
static uint32_t intern(struct loader *l, const char *bytes, uint32_t n)
{
    struct eng_vocab *v = l->v;
    uint32_t symbol = eng_vocab_find(v, bytes, n);
    if (symbol != ENG_NO_SYMBOL)
        return symbol;
    char *copy = eng_arena_alloc(l->common->arena, n, 1);
    if (!copy || eng_vocab_index_reserve(v, v->n_symbols + 1, l->common->arena, NULL) != ENG_OK)
        return ENG_NO_SYMBOL;
    memcpy(copy, bytes, n);
    symbol = v->n_symbols++;
    v->pieces[symbol] = (struct eng_piece){.data = copy, .n = n, .kind = ENG_TOKEN_UNUSED};
    (void)eng_vocab_index_add(v, symbol);
    return symbol;
}

/* What a merge is made of; bytes of the left part, then of the right. */
struct halves {
    const char *bytes;
    uint32_t n_left, n_right;
    uint32_t merged; /* ENG_NO_SYMBOL: not known yet */
};

enum { MAX_MERGE_BYTES = 2048 };

/* "left right": cut at the first space that is not the first character (as llama.cpp does), decode, join. */
static bool halve(struct loader *l, struct eng_gguf_str text, char room[MAX_MERGE_BYTES], struct halves *h)
{
    const char *space = text.n > 2 && text.n <= MAX_MERGE_BYTES ? memchr(text.data + 1, ' ', text.n - 1) : NULL;
    if (!space)
        return false;
    const size_t n_left = (size_t)(space - text.data);
    *h = (struct halves){.bytes = room, .merged = ENG_NO_SYMBOL};
    if (makes_next(l, text, n_left)) {
        const struct eng_piece *made = &l->v->pieces[l->next.id];
        *h = (struct halves){.bytes = made->data, .n_left = count_chars(text.data, n_left), .merged = l->next.id};
        h->n_right = made->n - h->n_left;
    } else if (!decode_text(l, (struct eng_gguf_str){text.data, n_left}, room, &h->n_left) ||
               !decode_text(l, (struct eng_gguf_str){space + 1, text.n - n_left - 1}, room + h->n_left, &h->n_right)) {
        return false;
    }
    return h->n_left > 0 && h->n_right > 0;
}

static int read_merge(struct loader *l, struct eng_gguf_str text, uint32_t rank)
{
    char room[MAX_MERGE_BYTES];
    struct halves h;
    if (!halve(l, text, room, &h)) {
        return eng_fail(l->common->err, ENG_EFORMAT, "%s: merge %" PRIu32 " at byte %" PRIu64 " is not of the form 'left right'", l->common->g->label, rank,
                        eng_gguf_offset(l->common->g, text.data));
    }
    const uint32_t left = intern(l, h.bytes, h.n_left), right = intern(l, h.bytes + h.n_left, h.n_right);
    const uint32_t merged = h.merged != ENG_NO_SYMBOL ? h.merged : intern(l, h.bytes, h.n_left + h.n_right);
    if (left == ENG_NO_SYMBOL || right == ENG_NO_SYMBOL || merged == ENG_NO_SYMBOL)
        return eng_vocab_no_memory(l->common);
    if (merged < l->v->n_tokens)
        go_behind(l, merged);
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
    l->v->merges = eng_arena_alloc(l->common->arena, (size_t)cap, sizeof *l->v->merges);
    if (!l->v->merges)
        return eng_vocab_no_memory(l->common);
    for (uint64_t i = 0; i < cap; i++)
        l->v->merges[i].rank = UINT32_MAX;
    const uint8_t *cursor = merges->data;
    int rc = ENG_OK;
    begin_next_made(l);
    for (uint32_t i = 0; i < merges->n && rc == ENG_OK; i++)
        rc = read_merge(l, eng_gguf_next_str(&cursor), i);
    return rc;
}

static int read_pattern(struct loader *l)
{
    struct eng_gguf_str pre = {"default", 7}; /* files from before the key existed: what llama.cpp does */
    struct eng_error why = {0};
    int rc = eng_gguf_get_str(l->common->g, "tokenizer.ggml.pre", false, &pre, l->common->err);
    if (rc != ENG_OK)
        return rc;
    rc = eng_pretokenizer_open(&l->v->pretokenizer, pre.data, pre.n, &why);
    if (rc == ENG_OK) {
        l->v->add_bos = eng_pretokenizer_rules(l->v->pretokenizer).add_bos;
        return rc;
    }
    if (rc != ENG_ENOTSUP)
        return eng_fail(l->common->err, rc, "%s: %s", l->common->g->label, why.text);
    l->v->refusal = eng_arena_text(l->common->arena, why.text, strlen(why.text));
    return l->v->refusal ? ENG_OK : eng_vocab_no_memory(l->common);
}

int eng_vocab_load_bpe(struct eng_vocab_load *common)
{
    struct loader l = {.common = common, .v = common->v};
    const struct eng_gguf_kv *merges;
    fill_alphabet(l.byte_of);
    int rc = read_pattern(&l);
    if (rc == ENG_OK)
        rc = eng_gguf_get_array(common->g, "tokenizer.ggml.merges", true, ENG_GGUF_STRING, &merges, common->err);
    if (rc == ENG_OK)
        rc = read_pieces(&l);
    if (rc == ENG_OK)
        rc = read_merges(&l, merges);
    if (rc != ENG_OK)
        return rc;
    for (int b = 0; b < 256; b++) {
        char byte = (char)b;
        l.v->byte_symbol[b] = intern(&l, &byte, 1);
        if (l.v->byte_symbol[b] == ENG_NO_SYMBOL)
            return eng_vocab_no_memory(common);
    }
    const uint32_t replacement = eng_vocab_find(l.v, "\xef\xbf\xbd", 3);
    l.v->replacement = replacement < l.v->n_tokens ? (int32_t)replacement : -1;
    return ENG_OK;
}
