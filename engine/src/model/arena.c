/* arena.c - a chain of blocks; small requests share one, large ones get their own. */
#include "model/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN_BYTES = 64, BLOCK_BYTES = 64 * 1024 };

struct block {
    struct block *next;
    char *data; /* aligned, inside this block */
    size_t used, cap;
};

struct eng_arena {
    struct block *blocks;
};

struct eng_arena *eng_arena_new(void)
{
    return calloc(1, sizeof(struct eng_arena));
}

void eng_arena_free(struct eng_arena *arena)
{
    if (!arena)
        return;
    for (struct block *b = arena->blocks; b;) {
        struct block *next = b->next;
        free(b);
        b = next;
    }
    free(arena);
}

size_t eng_arena_bytes(const struct eng_arena *arena)
{
    size_t n_bytes = 0;
    for (const struct block *b = arena ? arena->blocks : NULL; b; b = b->next)
        n_bytes += b->cap;
    return n_bytes;
}

/* calloc, because large blocks then cost memory only where they are used; every byte is handed out once, so it is still zero. */
static struct block *add_block(struct eng_arena *arena, size_t bytes)
{
    size_t cap = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    struct block *b = calloc(1, sizeof *b + ALIGN_BYTES + cap);
    if (!b)
        return NULL;
    uintptr_t data = ((uintptr_t)(b + 1) + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    *b = (struct block){.next = arena->blocks, .data = (char *)data, .cap = cap};
    arena->blocks = b;
    return b;
}

void *eng_arena_alloc(struct eng_arena *arena, size_t n, size_t elem_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, elem_bytes, &bytes) || bytes > SIZE_MAX - 3 * ALIGN_BYTES)
        return NULL;
    bytes = (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
    if (bytes == 0)
        bytes = ALIGN_BYTES;
    struct block *b = arena->blocks;
    if (!b || b->cap - b->used < bytes)
        b = add_block(arena, bytes);
    if (!b)
        return NULL;
    char *p = b->data + b->used;
    b->used += bytes;
    return p;
}

char *eng_arena_text(struct eng_arena *arena, const char *text, size_t n_bytes)
{
    if (n_bytes == SIZE_MAX)
        return NULL;
    char *copy = eng_arena_alloc(arena, n_bytes + 1, 1);
    if (copy && n_bytes)
        memcpy(copy, text, n_bytes);
    return copy;
}
