/* vocab.c - the lookups that tokenizing needs, shared by the loaders of both tokenizer formats. */
#include "model/vocab.h"

#include <string.h>

#include "model/known_tokens.h"
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
            (void)eng_vocab_index_add(vocab, old[i] - 1);
    }
    return ENG_OK;
}

bool eng_vocab_index_add(struct eng_vocab *vocab, uint32_t symbol)
{
    const struct eng_piece *p = &vocab->pieces[symbol];
    uint32_t *slot = &vocab->piece_index[find_slot(vocab, p->data, p->n)];
    const bool is_new = *slot == 0;
    *slot = symbol + 1;
    return is_new;
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

int eng_vocab_find_specials(struct eng_vocab *vocab, struct eng_arena *arena, struct eng_error *err)
{
    if (eng_prefix_table_fill(&vocab->specials, vocab->pieces, vocab->n_tokens, ENG_KINDS_SPECIAL, arena) != 0)
        return eng_fail(err, ENG_ENOMEM, "no memory for the vocabulary");
    eng_known_tokens_mark_ends(vocab->pieces, vocab->n_tokens);
    return ENG_OK;
}

void eng_vocab_release(struct eng_vocab *vocab)
{
    if (vocab)
        eng_pretokenizer_close(vocab->pretokenizer);
}
