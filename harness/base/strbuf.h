/**
 * strbuf.h - a growing string. Invariant: text is NULL (nothing yet) or NUL-terminated with n_bytes before the NUL.
 * An allocation failure sets `failed`, frees nothing and makes later appends no-ops, so callers check once at the end.
 */
#ifndef MB_BASE_STRBUF_H
#define MB_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct mb_strbuf {
    char *text;      /* owned; free with mb_strbuf_release(), or take it with mb_strbuf_take() */
    size_t n_bytes, cap_bytes;
    bool failed;
};

void mb_strbuf_add(struct mb_strbuf *sb, const char *bytes, size_t n_bytes);
void mb_strbuf_puts(struct mb_strbuf *sb, const char *text);
void mb_strbuf_printf(struct mb_strbuf *sb, const char *fmt, ...) MB_PRINTF(2, 3);
void mb_strbuf_clear(struct mb_strbuf *sb);   /* empty, keep the memory */
void mb_strbuf_release(struct mb_strbuf *sb); /* free, back to zeroed */

/** mb_strbuf_text() - the text, "" when empty. Valid until the next change. */
const char *mb_strbuf_text(const struct mb_strbuf *sb);

/** mb_strbuf_take() - hand the text to the caller, who frees it with free(); NULL when `failed`. @sb is zeroed. */
char *mb_strbuf_take(struct mb_strbuf *sb);

#endif
