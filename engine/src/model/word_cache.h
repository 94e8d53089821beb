/**
 * word_cache.h - texts repeat their words: where the tokens of a word already stand in the output, they are copied instead of merged
 * again. Direct-mapped, for one call of eng_tokenize(); a zeroed cache is closed and remembers nothing.
 */
#ifndef ENG_MODEL_WORD_CACHE_H
#define ENG_MODEL_WORD_CACHE_H

#include <stdbool.h>

#include "model/bpe.h"

struct eng_word_cache {
    struct eng_word_entry *entries;
    uint32_t mask;
};

/** eng_word_cache_open() - sized for a text of @n_text bytes; none for a short text, or without memory. */
void eng_word_cache_open(struct eng_word_cache *cache, size_t n_text);
void eng_word_cache_close(struct eng_word_cache *cache);

/** eng_word_cache_copy() - true: the tokens of word[n_bytes] were known and are added to @sink. */
bool eng_word_cache_copy(const struct eng_word_cache *cache, const char *word, size_t n_bytes, struct eng_token_sink *sink);

/** eng_word_cache_note() - the tokens of @word are sink->ids[first..sink->n). @word must stay where it is until the cache is closed. */
void eng_word_cache_note(struct eng_word_cache *cache, const char *word, size_t n_bytes, const struct eng_token_sink *sink, size_t first);

#endif
