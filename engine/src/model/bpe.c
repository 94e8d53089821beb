/* bpe.c - see bpe.h. The same loop serves merges by rank (GPT-2) and by score of the result (sentencepiece). */
#include "model/bpe.h"

#include <stdlib.h>

enum { NONE = -1, BYTE_FALLBACK = -2 };

struct eng_bpe_symbol {
    int32_t id;              /* symbol of the vocabulary; BYTE_FALLBACK: a character that is no piece */
    int32_t prev, next;      /* positions in the list, NONE at the ends */
    uint32_t begin, n_bytes; /* span in the word; n_bytes 0: merged away */
};

struct eng_bpe_pair {    /* stale when one of its sides has changed since */
    float cost;          /* smaller merges first: rank, or minus the score */
    uint32_t rank;       /* exact order for ranks above 2^24 */
    int32_t left, right; /* positions */
    int32_t merged;      /* resulting symbol */
    uint32_t n_bytes;    /* of both sides together */
};

static bool before(const struct eng_bpe_pair *a, const struct eng_bpe_pair *b)
{
    if (a->cost != b->cost)
        return a->cost < b->cost;
    if (a->rank != b->rank)
        return a->rank < b->rank;
    return a->left < b->left;
}

static void heap_push(struct eng_bpe *bpe, struct eng_bpe_pair pair)
{
    size_t i = bpe->n_heap++;
    for (; i > 0; i = (i - 1) / 2) {
        struct eng_bpe_pair *up = &bpe->heap[(i - 1) / 2];
        if (!before(&pair, up))
            break;
        bpe->heap[i] = *up;
    }
    bpe->heap[i] = pair;
}

static struct eng_bpe_pair heap_pop(struct eng_bpe *bpe)
{
    struct eng_bpe_pair top = bpe->heap[0], last = bpe->heap[--bpe->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= bpe->n_heap)
            break;
        if (child + 1 < bpe->n_heap && before(&bpe->heap[child + 1], &bpe->heap[child]))
            child++;
        if (!before(&bpe->heap[child], &last))
            break;
        bpe->heap[i] = bpe->heap[child];
        i = child;
    }
    bpe->heap[i] = last;
    return top;
}

/* Every merge removes a symbol and proposes at most two pairs: fewer than 3 n pairs ever. */
static int reserve(struct eng_bpe *bpe, size_t n, struct eng_error *err)
{
    if (n <= bpe->cap)
        return ENG_OK;
    size_t cap = n < 64 ? 64 : n + n / 2;
    struct eng_bpe_symbol *symbols = realloc(bpe->symbols, cap * sizeof *symbols);
    if (symbols)
        bpe->symbols = symbols;
    struct eng_bpe_pair *heap = realloc(bpe->heap, 3 * cap * sizeof *heap);
    if (heap)
        bpe->heap = heap;
    if (!symbols || !heap)
        return eng_fail(err, ENG_ENOMEM, "no memory to tokenize a word of %zu bytes", n);
    bpe->cap = cap;
    return ENG_OK;
}

static void propose(struct eng_bpe *bpe, const struct eng_vocab *v, const char *word, int32_t left)
{
    if (left < 0 || bpe->symbols[left].next < 0)
        return;
    const struct eng_bpe_symbol *a = &bpe->symbols[left], *b = &bpe->symbols[a->next];
    struct eng_bpe_pair pair = {.left = left, .right = a->next, .n_bytes = a->n_bytes + b->n_bytes};
    if (a->id < 0 || b->id < 0)
        return;
    if (v->algorithm == ENG_VOCAB_BYTE_BPE) {
        const struct eng_merge *m = eng_vocab_find_merge(v, (uint32_t)a->id, (uint32_t)b->id);
        if (!m)
            return;
        pair.rank = m->rank;
        pair.merged = (int32_t)m->merged;
    } else {
        uint32_t merged = eng_vocab_find(v, word + a->begin, pair.n_bytes);
        if (merged == ENG_NO_SYMBOL)
            return;
        pair.cost = -v->scores[merged];
        pair.merged = (int32_t)merged;
    }
    heap_push(bpe, pair);
}

static void merge_all(struct eng_bpe *bpe, const struct eng_vocab *v, const char *word)
{
    while (bpe->n_heap) {
        struct eng_bpe_pair pair = heap_pop(bpe);
        struct eng_bpe_symbol *a = &bpe->symbols[pair.left], *b = &bpe->symbols[pair.right];
        if (a->n_bytes == 0 || b->n_bytes == 0 || a->n_bytes + b->n_bytes != pair.n_bytes)
            continue; /* stale */
        a->id = pair.merged;
        a->n_bytes = pair.n_bytes;
        a->next = b->next;
        b->n_bytes = 0;
        if (a->next >= 0)
            bpe->symbols[a->next].prev = pair.left;
        propose(bpe, v, word, a->prev);
        propose(bpe, v, word, pair.left);
    }
}

/* Bytes one by one; where even the byte is no token, the replacement character stands for it, or nothing. */
static void emit_bytes(const struct eng_vocab *v, const char *bytes, size_t n, struct eng_token_sink *sink)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t symbol = v->byte_symbol[(uint8_t)bytes[i]];
        if (symbol < v->n_tokens)
            eng_token_sink_add(sink, (int32_t)symbol);
        else if (v->replacement >= 0)
            eng_token_sink_add(sink, v->replacement);
    }
}

/* As its first byte tells; where that is not to be trusted, cut at continuation bytes that are missing. */
size_t eng_bpe_char_length(const struct eng_vocab *v, const char *text, size_t n_bytes)
{
    const unsigned char c = (unsigned char)text[0];
    size_t want = v->algorithm != ENG_VOCAB_SCORED || c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4, n = 1;
    if (v->trust_lead_byte)
        return want < n_bytes ? want : n_bytes;
    while (n < want && n < n_bytes && ((unsigned char)text[n] & 0xc0) == 0x80)
        n++;
    return n;
}

static void first_symbols(struct eng_bpe *bpe, const struct eng_vocab *v, const char *word, size_t n_bytes)
{
    int32_t n = 0;
    for (uint32_t at = 0; at < n_bytes; n++) {
        struct eng_bpe_symbol *s = &bpe->symbols[n];
        *s = (struct eng_bpe_symbol){.prev = n - 1, .next = n + 1, .begin = at, .n_bytes = 1};
        if (v->algorithm == ENG_VOCAB_BYTE_BPE) {
            s->id = (int32_t)v->byte_symbol[(uint8_t)word[at]];
        } else {
            s->n_bytes = (uint32_t)eng_bpe_char_length(v, word + at, n_bytes - at);
            uint32_t symbol = eng_vocab_find(v, word + at, s->n_bytes);
            s->id = symbol == ENG_NO_SYMBOL ? BYTE_FALLBACK : (int32_t)symbol;
        }
        at += s->n_bytes;
    }
    bpe->symbols[n - 1].next = NONE;
    bpe->n_heap = 0;
    for (int32_t i = 0; i + 1 < n; i++)
        propose(bpe, v, word, i);
}

int eng_bpe_word(struct eng_bpe *bpe, const struct eng_vocab *v, const char *word, size_t n_bytes, struct eng_token_sink *sink,
                 struct eng_error *err)
{
    if (n_bytes == 0)
        return ENG_OK;
    int rc = reserve(bpe, n_bytes, err);
    if (rc != ENG_OK)
        return rc;
    first_symbols(bpe, v, word, n_bytes);
    merge_all(bpe, v, word);
    for (int32_t i = 0; i >= 0; i = bpe->symbols[i].next) {
        const struct eng_bpe_symbol *s = &bpe->symbols[i];
        if (s->id >= 0 && (uint32_t)s->id < v->n_tokens)
            eng_token_sink_add(sink, s->id);
        else
            emit_bytes(v, word + s->begin, s->n_bytes, sink);
    }
    return ENG_OK;
}

void eng_bpe_free(struct eng_bpe *bpe)
{
    free(bpe->symbols);
    free(bpe->heap);
    *bpe = (struct eng_bpe){0};
}
