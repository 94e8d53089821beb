/**
 * bpe.h - byte-pair merges inside one word: always the best-ranked adjacent pair, of equals the leftmost (Sennrich et al. 2016).
 * A heap of candidate pairs over a linked list of symbols: O(n log n) for a word of n bytes.
 */
#ifndef ENG_MODEL_BPE_H
#define ENG_MODEL_BPE_H

#include "model/vocab.h"

struct eng_bpe { /* working memory, reused from word to word */
    struct eng_bpe_symbol *symbols;
    struct eng_bpe_pair *heap;
    size_t cap, n_heap;
};

struct eng_token_sink { /* ids beyond cap are counted, not stored */
    int32_t *ids;
    size_t cap, n;
};

static inline void eng_token_sink_add(struct eng_token_sink *sink, int32_t id)
{
    if (sink->n < sink->cap)
        sink->ids[sink->n] = id;
    sink->n++;
}

/** eng_bpe_word() - tokens of word[n_bytes], n_bytes <= INT32_MAX. ENG_ENOMEM is the only failure. */
int eng_bpe_word(struct eng_bpe *bpe, const struct eng_vocab *vocab, const char *word, size_t n_bytes, struct eng_token_sink *sink,
                 struct eng_error *err) ENG_MUST_CHECK;

/** eng_bpe_char_length() - bytes of the character at text[0..n_bytes), n_bytes >= 1; 1 for algorithms that begin with bytes. */
size_t eng_bpe_char_length(const struct eng_vocab *vocab, const char *text, size_t n_bytes);

void eng_bpe_free(struct eng_bpe *bpe); /* safe on zeroed */

#endif
