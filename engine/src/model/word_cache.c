/* word_cache.c - see word_cache.h. */
#include "model/word_cache.h"

#include <stdlib.h>
#include <string.h>

enum { MIN_TEXT_BYTES = 512, MAX_ENTRIES = 8192, MAX_WORD_BYTES = 48 };

struct eng_word_entry {
    const char *word; /* NULL: free */
    size_t first;     /* in sink->ids */
    uint32_t hash;
    uint16_t n_bytes, n_ids;
};

static uint32_t hash_word(const char *word, size_t n)
{
    uint64_t h = n;
    for (size_t i = 0; i < n; i++)
        h = (h ^ (uint8_t)word[i]) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32);
}

void eng_word_cache_open(struct eng_word_cache *cache, size_t n_text)
{
    size_t n = 64;
    *cache = (struct eng_word_cache){0};
    if (n_text < MIN_TEXT_BYTES)
        return;
    while (n < MAX_ENTRIES && n < n_text / 8)
        n *= 2;
    cache->entries = calloc(n, sizeof *cache->entries);
    cache->mask = (uint32_t)n - 1;
}

void eng_word_cache_close(struct eng_word_cache *cache)
{
    free(cache->entries);
    *cache = (struct eng_word_cache){0};
}

bool eng_word_cache_copy(const struct eng_word_cache *cache, const char *word, size_t n_bytes, struct eng_token_sink *sink)
{
    if (!cache->entries || n_bytes > MAX_WORD_BYTES)
        return false;
    const uint32_t hash = hash_word(word, n_bytes);
    const struct eng_word_entry *e = &cache->entries[hash & cache->mask];
    if (!e->word || e->hash != hash || e->n_bytes != n_bytes || memcmp(e->word, word, n_bytes) != 0)
        return false;
    for (size_t i = 0; i < e->n_ids; i++)
        eng_token_sink_add(sink, sink->ids[e->first + i]);
    return true;
}

void eng_word_cache_note(struct eng_word_cache *cache, const char *word, size_t n_bytes, const struct eng_token_sink *sink, size_t first)
{
    if (!cache->entries || n_bytes > MAX_WORD_BYTES || sink->n > sink->cap)
        return;
    const uint32_t hash = hash_word(word, n_bytes);
    cache->entries[hash & cache->mask] = (struct eng_word_entry){
        .word = word, .first = first, .hash = hash, .n_bytes = (uint16_t)n_bytes, .n_ids = (uint16_t)(sink->n - first)};
}
