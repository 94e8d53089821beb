/* prefix_table.c - see prefix_table.h. */
#include "model/prefix_table.h"

#include <stdlib.h>
#include <string.h>

#include "model/arena.h"
#include "model/vocab.h"

struct entry {
    const struct eng_piece *piece;
    int32_t id;
};

static int in_byte_order(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    const uint32_t n = x->piece->n < y->piece->n ? x->piece->n : y->piece->n;
    const int order = memcmp(x->piece->data, y->piece->data, n);
    if (order)
        return order;
    if (x->piece->n != y->piece->n)
        return x->piece->n < y->piece->n ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static bool belongs(const struct eng_piece *p, unsigned kinds)
{
    return p->n > 0 && kinds >> p->kind & 1;
}

int eng_prefix_table_fill(struct eng_prefix_table *table, const struct eng_piece *pieces, uint32_t n_pieces, unsigned kinds,
                          struct eng_arena *arena)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_pieces; i++)
        n += belongs(&pieces[i], kinds);
    *table = (struct eng_prefix_table){.pieces = pieces, .n = n, .ids = eng_arena_alloc(arena, (size_t)n + 1, sizeof *table->ids)};
    struct entry *order = malloc(((size_t)n + 1) * sizeof *order);
    if (!table->ids || !order) {
        free(order);
        return -1;
    }
    n = 0;
    for (uint32_t i = 0; i < n_pieces; i++) {
        if (!belongs(&pieces[i], kinds))
            continue;
        order[n++] = (struct entry){&pieces[i], (int32_t)i};
        table->first[(uint8_t)pieces[i].data[0] + 1]++;
    }
    for (int b = 0; b < 256; b++)
        table->first[b + 1] += table->first[b];
    qsort(order, n, sizeof *order, in_byte_order);
    for (uint32_t i = 0; i < n; i++)
        table->ids[i] = order[i].id;
    free(order);
    return 0;
}

/* The first of ids[lo..hi), all longer than @at, whose byte @at is not below @byte (1 + byte: above it). */
static uint32_t lower_bound(const struct eng_prefix_table *t, uint32_t lo, uint32_t hi, size_t at, int byte)
{
    while (lo < hi) {
        const uint32_t middle = lo + (hi - lo) / 2;
        if ((uint8_t)t->pieces[t->ids[middle]].data[at] < byte)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

int32_t eng_prefix_table_search(const struct eng_prefix_table *t, const char *text, size_t n_bytes, unsigned kinds)
{
    int32_t best = -1;
    const uint8_t begin = (uint8_t)text[0];
    uint32_t lo = t->first[begin], hi = t->first[begin + 1];
    for (size_t n = 1; lo < hi; n++) { /* ids[lo..hi): all that share n bytes with the text, shortest first */
        for (; lo < hi && t->pieces[t->ids[lo]].n == n; lo++) {
            if (kinds >> t->pieces[t->ids[lo]].kind & 1)
                best = t->ids[lo];
        }
        if (n == n_bytes)
            break;
        lo = lower_bound(t, lo, hi, n, (uint8_t)text[n]);
        hi = lower_bound(t, lo, hi, n, (uint8_t)text[n] + 1);
    }
    return best;
}
