/* utf8.c - see utf8.h. */
#include "base/utf8.h"

#include <string.h>

/* Bytes that a sequence beginning with @a has; 1 for what begins none. */
static size_t length_wanted(unsigned char a)
{
    return a >= 0xf0 && a <= 0xf4 ? 4 : a >= 0xe0 && a <= 0xef ? 3 : a >= 0xc2 && a <= 0xdf ? 2 : 1;
}

/* Of the well-formed sequence at s[4], padded with zeros; 0 when it is none. */
static size_t length_of(const unsigned char *s)
{
    const unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80, high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    const size_t n = length_wanted(s[0]);
    if (n == 1)
        return s[0] < 0x80;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

/* May what is held still become a character? */
static bool is_cut(const struct mb_utf8_stream *s)
{
    for (size_t i = 1; i < s->n_held; i++)
        if ((s->held[i] & 0xc0) != 0x80)
            return false;
    return s->n_held < length_wanted(s->held[0]);
}

/* Hand on what is decided; with @last everything. */
static void settle(struct mb_utf8_stream *s, bool last, struct mb_strbuf *out)
{
    while (s->n_held > 0 && (last || !is_cut(s))) {
        const size_t length = length_of(s->held), n_gone = length ? length : 1;
        mb_strbuf_add(out, length ? (const char *)s->held : "\xef\xbf\xbd", length ? length : 3);
        memmove(s->held, s->held + n_gone, s->n_held - n_gone);
        s->n_held -= n_gone;
        memset(s->held + s->n_held, 0, sizeof(s->held) - s->n_held);
    }
}

void mb_utf8_add(struct mb_utf8_stream *s, const char *bytes, size_t n_bytes, struct mb_strbuf *out)
{
    for (size_t i = 0; i < n_bytes && !s->ended; i++) {
        s->ended = bytes[i] == '\0';
        if (!s->ended)
            s->held[s->n_held++] = (unsigned char)bytes[i];
        settle(s, s->ended, out);
    }
}

void mb_utf8_end(struct mb_utf8_stream *s, struct mb_strbuf *out)
{
    settle(s, true, out);
}

char *mb_utf8_copy(const char *text)
{
    struct mb_utf8_stream s = {0};
    struct mb_strbuf copy = {0};
    mb_utf8_add(&s, text, strlen(text), &copy);
    mb_utf8_end(&s, &copy);
    return mb_strbuf_take(&copy);
}
