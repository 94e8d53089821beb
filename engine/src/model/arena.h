/**
 * arena.h - memory that lives exactly as long as the model: strings, tables, converted norms. Freed as one.
 */
#ifndef ENG_MODEL_ARENA_H
#define ENG_MODEL_ARENA_H

#include <stddef.h>

struct eng_arena;

struct eng_arena *eng_arena_new(void);        /* NULL: no memory */
/** eng_arena_bytes() - of all its blocks; NULL: 0. */
size_t eng_arena_bytes(const struct eng_arena *arena);
void eng_arena_free(struct eng_arena *arena); /* accepts NULL */

/** eng_arena_alloc() - @n elements of @elem_bytes, zeroed, 64-byte aligned. NULL when the product overflows or memory is out. */
void *eng_arena_alloc(struct eng_arena *arena, size_t n, size_t elem_bytes);

/** eng_arena_text() - a NUL-terminated copy of text[n_bytes]. */
char *eng_arena_text(struct eng_arena *arena, const char *text, size_t n_bytes);

#endif
