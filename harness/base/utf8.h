/**
 * utf8.h - text that may be anything made UTF-8: each byte that belongs to no well-formed sequence (Unicode 15, table 3-7) becomes
 * U+FFFD, and a zero byte ends the text. Generated text may be cut inside a character, and JSON and SQL take none of that.
 */
#ifndef MB_BASE_UTF8_H
#define MB_BASE_UTF8_H

#include "base/strbuf.h"

/* A text that comes in pieces. Zeroed = at its beginning. */
struct mb_utf8_stream {
    unsigned char held[4]; /* [n_held] the beginning of a character whose end may come with the next piece */
    size_t n_held;
    bool ended;            /* by a zero byte: nothing more is taken */
};

/** mb_utf8_add() - append the piece to @out, as far as it is known. However a text is divided, mb_utf8_end() leaves the same bytes. */
void mb_utf8_add(struct mb_utf8_stream *s, const char *bytes, size_t n_bytes, struct mb_strbuf *out);
/** mb_utf8_end() - append what was held back: no more will come. */
void mb_utf8_end(struct mb_utf8_stream *s, struct mb_strbuf *out);

/** mb_utf8_copy() - a whole text at once; free(). NULL without memory. */
char *mb_utf8_copy(const char *text);

#endif
