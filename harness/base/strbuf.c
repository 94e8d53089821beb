/* strbuf.c - see strbuf.h. */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct mb_strbuf *sb, size_t n_more)
{
    if (sb->failed)
        return false;
    const size_t need = sb->n_bytes + n_more + 1;
    if (need <= sb->cap_bytes)
        return true;
    size_t cap = sb->cap_bytes ? sb->cap_bytes * 2 : 64;
    while (cap < need)
        cap *= 2;
    char *grown = realloc(sb->text, cap);
    if (!grown) {
        sb->failed = true;
        return false;
    }
    sb->text = grown;
    sb->cap_bytes = cap;
    return true;
}

void mb_strbuf_add(struct mb_strbuf *sb, const char *bytes, size_t n_bytes)
{
    if (!reserve(sb, n_bytes))
        return;
    memcpy(sb->text + sb->n_bytes, bytes, n_bytes);
    sb->n_bytes += n_bytes;
    sb->text[sb->n_bytes] = '\0';
}

void mb_strbuf_puts(struct mb_strbuf *sb, const char *text)
{
    mb_strbuf_add(sb, text, strlen(text));
}

void mb_strbuf_printf(struct mb_strbuf *sb, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && reserve(sb, (size_t)n)) {
        vsnprintf(sb->text + sb->n_bytes, (size_t)n + 1, fmt, again);
        sb->n_bytes += (size_t)n;
    }
    va_end(again);
}

void mb_strbuf_clear(struct mb_strbuf *sb)
{
    sb->n_bytes = 0;
    if (sb->text)
        sb->text[0] = '\0';
}

void mb_strbuf_release(struct mb_strbuf *sb)
{
    free(sb->text);
    *sb = (struct mb_strbuf){0};
}

const char *mb_strbuf_text(const struct mb_strbuf *sb)
{
    return sb->text ? sb->text : "";
}

char *mb_strbuf_take(struct mb_strbuf *sb)
{
    if (sb->failed || !reserve(sb, 0)) {
        mb_strbuf_release(sb);
        return NULL;
    }
    sb->text[sb->n_bytes] = '\0';
    char *text = sb->text;
    *sb = (struct mb_strbuf){0};
    return text;
}
