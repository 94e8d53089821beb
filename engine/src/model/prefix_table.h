/**
 * prefix_table.h - which piece of a vocabulary does this text begin with? The longest one. Special tokens are found with it in any
 * text, and the RWKV tokenizer is nothing else. Pieces in byte order and a range per first byte: a few comparisons per byte of the
 * answer, whatever the vocabulary's size.
 */
#ifndef ENG_MODEL_PREFIX_TABLE_H
#define ENG_MODEL_PREFIX_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct eng_arena;
struct eng_piece;

struct eng_prefix_table {
    const struct eng_piece *pieces; /* borrowed */
    int32_t *ids;                   /* [n] in byte order of their pieces; equal pieces by id */
    uint32_t n;
    uint32_t first[257]; /* pieces that begin with byte b are ids[first[b]..first[b + 1]) */
};

/** eng_prefix_table_fill() - the pieces [0..n_pieces) whose kind is in @kinds (bit 1 << kind) and that are not empty.
 *  Memory from @arena. 0, or -1 when there is none. */
int eng_prefix_table_fill(struct eng_prefix_table *table, const struct eng_piece *pieces, uint32_t n_pieces, unsigned kinds,
                          struct eng_arena *arena);

/** eng_prefix_table_longest() - id of the longest piece of @kinds that text[n_bytes] begins with, n_bytes >= 1, or -1; of equal ones the
 *  last. */
int32_t eng_prefix_table_search(const struct eng_prefix_table *table, const char *text, size_t n_bytes, unsigned kinds);
static inline int32_t eng_prefix_table_longest(const struct eng_prefix_table *table, const char *text, size_t n_bytes, unsigned kinds)
{
    const uint8_t begin = (uint8_t)text[0]; /* most bytes begin nothing */
    return table->first[begin] == table->first[begin + 1] ? -1 : eng_prefix_table_search(table, text, n_bytes, kinds);
}

#endif
