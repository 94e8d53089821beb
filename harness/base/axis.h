/**
 * axis.h - the axes that a plan sweeps, from axis.def. Values are canonical text ("verify:layer=20,draft=4", "2").
 * What a value may be is decided above this layer (the engine's registries); here is only the row and the list grammar.
 */
#ifndef MB_BASE_AXIS_H
#define MB_BASE_AXIS_H

#include <stddef.h>

#include "base/error.h"

enum mb_axis {
#define AXIS(id, key, short_flag, def, kind, column, help) MB_AXIS_##id,
#include "base/axis.def"
#undef AXIS
    MB_AXIS_N
};

enum mb_axis_kind { MB_AXIS_KIND_TEXT, MB_AXIS_KIND_COUNT, MB_AXIS_KIND_METHOD };

struct mb_axis_row {
    const char *key;        /* snake_case */
    const char *short_flag; /* "-t" or NULL */
    const char *def;        /* NULL: must be given */
    enum mb_axis_kind kind;
    const char *column;     /* report header */
    const char *help;
};

extern const struct mb_axis_row mb_axis_rows[MB_AXIS_N];

/** mb_axis_find() - index of the row with this key ('-' and '_' are the same), or -1. */
int mb_axis_find(const char *key);

/**
 * mb_axis_list_expand() - one flag or scalar into its items, appended to *items (freed with mb_axis_list_free()).
 * "a,b" -> a b. An item `key=value` belongs to the method before it: "none,verify:layer=20,draft=4" -> none | verify:layer=20,draft=4.
 * COUNT rows take llama-bench's ranges: "1-4" -> 1 2 3 4, "256-1024+256", "1-8*2" -> 1 2 4 8.
 * Errors: MB_EINVAL naming the item and what is accepted; more than 4096 items.
 */
int mb_axis_list_expand(enum mb_axis_kind kind, const char *text, char ***items, size_t *n, struct mb_error *err) MB_MUST_CHECK;
void mb_axis_list_free(char **items, size_t n);

/** mb_nearest() - the candidate closest to @word by edit distance (at most a third of its length + 1 edits), or NULL. */
const char *mb_nearest(const char *word, const char *const *candidates, size_t n);

#endif
