/* vocab.c - the lookups that tokenizing needs, shared by the loaders of both tokenizer formats. */
#include "model/vocab.h"

#include <stdlib.h>
#include <string.h>

#include "model/pretokenizer.h"

/* Eight bytes a step, multiply and fold: pieces are short and this runs once per symbol of a merge. */
static uint64_t hash_bytes(const char *bytes, size_t n)
{
    uint64_t h = n * 0x9e3779b97f4a7c15u, word;
    for (; n >= 8; bytes += 8, n -= 8) {
        memcpy(&word, bytes, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    word = 0;
    memcpy(&word, bytes, n);
    h = (h ^ word) * 0xff51afd7ed558ccdu;
    return h ^ (h >> 29);
}

static uint64_t find_slot(const struct eng_vocab *vocab, const char *bytes, size_t n)
{
    uint64_t slot = hash_bytes(bytes, n) & vocab->piece_mask;
    for (; vocab->piece_index[slot]; slot = (slot + 1) & vocab->piece_mask) {
        const struct eng_piece *p = &vocab->pieces[vocab->piece_index[slot] - 1];
        if (p->n == n && memcmp(p->data, bytes, n) == 0)
            break;
    }
    return slot;
}

uint32_t eng_vocab_find(const struct eng_vocab *vocab, const char *bytes, size_t n)
{
    uint32_t entry = vocab->piece_index[find_slot(vocab, bytes, n)];
    return entry ? entry - 1 : ENG_NO_SYMBOL;
}

int eng_vocab_index_reserve(struct eng_vocab *vocab, uint32_t n, struct eng_arena *arena, struct eng_error *err)
{
    uint64_t cap = 1024, old_cap = vocab->piece_index ? vocab->piece_mask + 1 : 0;
    while (cap < 2 * (uint64_t)n)
        cap *= 2;
    if (cap <= old_cap)
        return ENG_OK;
    uint32_t *old = vocab->piece_index;
    uint32_t *fresh = eng_arena_alloc(arena, (size_t)cap, sizeof *fresh); /* the old table stays behind: at most as large again */
    if (!fresh)
        return eng_fail(err, ENG_ENOMEM, "no memory for the vocabulary");
    vocab->piece_index = fresh;
    vocab->piece_mask = cap - 1;
    for (uint64_t i = 0; i < old_cap; i++) {
        if (old[i])
            eng_vocab_index_add(vocab, old[i] - 1);
    }
    return ENG_OK;
}

void eng_vocab_index_add(struct eng_vocab *vocab, uint32_t symbol)
{
    const struct eng_piece *p = &vocab->pieces[symbol];
    vocab->piece_index[find_slot(vocab, p->data, p->n)] = symbol + 1;
}

struct eng_merge *eng_vocab_merge_slot(struct eng_merge *merges, uint64_t mask, uint32_t left, uint32_t right)
{
    uint64_t h = ((uint64_t)left << 32 | right) * 0x9e3779b97f4a7c15u;
    uint64_t slot = (h ^ (h >> 32)) & mask;
    while (merges[slot].rank != UINT32_MAX && (merges[slot].left != left || merges[slot].right != right))
        slot = (slot + 1) & mask;
    return &merges[slot];
}

const struct eng_merge *eng_vocab_find_merge(const struct eng_vocab *vocab, uint32_t left, uint32_t right)
{
    const struct eng_merge *m = eng_vocab_merge_slot(vocab->merges, vocab->merge_mask, left, right);
    return m->rank != UINT32_MAX ? m : NULL;
}

/* Texts by which models end a text, turn or message, whatever the header's ids say. */
static bool is_known_end(const struct eng_piece *p)
{
    static const char *const texts[] = {"<|im_end|>",    "<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|end|>",
                                        "<end_of_turn>", "<|endofturn|>", "<|return|>",      "<EOT>",      "<|eot|>",    "</s>"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strlen(texts[i]) == p->n && memcmp(texts[i], p->data, p->n) == 0)
            return true;
    }
    return false;
}

static bool is_special(const struct eng_piece *p)
{
    return p->n > 0 && (p->kind == ENG_TOKEN_CONTROL || p->kind == ENG_TOKEN_USER || p->kind == ENG_TOKEN_UNKNOWN);
}

struct length_id {
    uint32_t n;
    int32_t id;
};

static int longest_first(const void *a, const void *b)
{
    const struct length_id *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : (x->id > y->id) - (x->id < y->id);
}

int eng_vocab_find_specials(struct eng_vocab *vocab, struct eng_arena *arena, struct eng_error *err)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < vocab->n_tokens; i++)
        n += is_special(&vocab->pieces[i]);
    vocab->specials = eng_arena_alloc(arena, n, sizeof *vocab->specials);
    struct length_id *order = malloc(((size_t)n + 1) * sizeof *order);
    if (!vocab->specials || !order) {
        free(order);
        return eng_fail(err, ENG_ENOMEM, "no memory for the vocabulary");
    }
    n = 0;
    for (uint32_t i = 0; i < vocab->n_tokens; i++) {
        struct eng_piece *p = &vocab->pieces[i];
        if (!is_special(p))
            continue;
        order[n++] = (struct length_id){p->n, (int32_t)i};
        vocab->special_first_byte[(uint8_t)p->data[0]] = true;
        if (is_known_end(p))
            p->is_eog = true;
    }
    qsort(order, n, sizeof *order, longest_first);
    for (uint32_t i = 0; i < n; i++)
        vocab->specials[i] = order[i].id;
    vocab->n_specials = n;
    free(order);
    return ENG_OK;
}

void eng_vocab_release(struct eng_vocab *vocab)
{
    if (vocab)
        eng_pretokenizer_free(vocab->pattern);
}
