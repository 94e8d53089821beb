/** body/tiles.h - what both matrix bodies share: results of 16 rows, how many tokens go together, pieces of rows in a tile. */
#ifndef ENG_KERNELS_BODY_TILES_H
#define ENG_KERNELS_BODY_TILES_H

#include "kernels/body/formats.h"

/* Results of rows [row, row + 16) for one token; rows that the matrix does not have are dropped. */
ENG_INLINE void store_rows(const struct eng_matmul_job *job, size_t row, size_t token, vf16 v)
{
    float *y = job->y + token * job->ldy + row;
    const size_t left = job->w->n_rows - row;
    if (left >= ENG_PANEL_ROWS) {
        vf_store(y, v);
        return;
    }
    float all[ENG_PANEL_ROWS];
    vf_store(all, v);
    memcpy(y, all, left * sizeof(*y));
}

/* What store_rows() stored of the columns before @column: the sum goes on from there. A new sum asks for the line that it will be stored
 * to: a store that misses would hold up all later ones in the store buffer, those of the sums in L1 among them. */
ENG_INLINE vf16 load_rows(const struct eng_matmul_job *job, size_t row, size_t token, size_t column)
{
    const float *y = job->y + token * job->ldy + row;
    if (column == 0) {
        __builtin_prefetch(y, 1);
        return vf_set1(0.0f);
    }
    const size_t left = job->w->n_rows - row;
    if (left >= ENG_PANEL_ROWS)
        return vf_load(y);
    float all[ENG_PANEL_ROWS] = {0};
    memcpy(all, y, left * sizeof(*y));
    return vf_load(all);
}

/* Tokens of the next tile: the most of 8, 4, 2, 1 that stay below @end, @most and the next multiple of themselves. A few tokens,
 * such as a draft to verify, share the weights as well. */
ENG_INLINE size_t tile_at(size_t token, size_t end, size_t most)
{
    size_t n = most;
    while (token % n != 0 || token + n > end)
        n /= 2;
    return n;
}

ENG_INLINE size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Some columns of up to TILE_PANELS panels, expanded, in the kernel's working memory. */
struct piece {
    size_t row, n_panels, column, n_columns;
};

ENG_INLINE const uint8_t *panel_of(const struct eng_matmul_job *job, size_t row)
{
    return (const uint8_t *)job->w->packed + row / ENG_PANEL_ROWS * job->shape.stride_bytes;
}

/* What one token reads streams through once: @n_bytes from @p + FETCH_AHEAD on come into the second-level cache. Into the first one only as
 * many lines can be on their way as it has fill buffers (16 on Sapphire Rapids: 0.79 of the read limit, so 0.88); farther ahead more is
 * fetched in vain where a worker's part ends; the hardware's own prefetch stops at page ends. */
#define FETCH_AHEAD 4096

ENG_INLINE void fetch_ahead(const uint8_t *p, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i += 64)
        __builtin_prefetch(p + i + FETCH_AHEAD, 0, 2);
}

#endif
