/**
 * batch.h - the rows (tokens) of one pass. Rows of a sequence are contiguous and in order: a part.
 */
#ifndef ENG_RUN_BATCH_H
#define ENG_RUN_BATCH_H

#include <stdint.h>

struct eng_batch_part {  /* tokens pos .. pos + n - 1 of sequence seq stand in rows first_row .. first_row + n - 1 */
    uint32_t seq, pos, n, first_row;
};

struct eng_batch {
    uint32_t n;          /* rows, all parts together */
    uint32_t n_parts;
    const struct eng_batch_part *part;
};

/** eng_batch_part_of() - the part that @row < n belongs to. */
static inline const struct eng_batch_part *eng_batch_part_of(const struct eng_batch *batch, uint32_t row)
{
    const struct eng_batch_part *part = batch->part;
    while (row >= part->first_row + part->n)
        part++;
    return part;
}

#endif
