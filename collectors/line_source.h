/**
 * line_source.h - lines of text from a descriptor that must not block: a serial line or a socket. Pieces are put together, a line that
 * is too long is given up as a whole. The buffer is part of the struct: nothing is allocated, so that poll() may call it.
 * Thread: one at a time.
 */
#ifndef MB_COLLECTORS_LINE_SOURCE_H
#define MB_COLLECTORS_LINE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define MB_LINE_BYTES 512u

#define MB_LINE_GONE_TEXT "the meter hung up: its plug or its connection is gone; the next cell looks for it again"

enum mb_line { MB_LINE_NONE, MB_LINE_WHOLE, MB_LINE_TOO_LONG, MB_LINE_GONE };

struct mb_line_source {     /* zeroed: nothing open */
    int fd;                 /* + 1, 0 = not open; owned */
    char bytes[MB_LINE_BYTES];
    size_t n, i_next;       /* bytes there; where the next line begins */
    bool skip;              /* up to the next newline it is no line of ours: its beginning is lost or was too long */
    bool gone;              /* the other end hung up: the plug was pulled, the connection closed */
    uint64_t n_bytes;       /* ever read */
};

/** mb_line_attach() - read lines from @fd (O_NONBLOCK), which now belongs to @s. */
void mb_line_attach(struct mb_line_source *s, int fd);
void mb_line_close(struct mb_line_source *s); /* safe on zeroed; what follows is GONE */

/** mb_line_next() - the next whole line without its end (CR LF or LF) in *line, valid until the next call. NONE: nothing more for now. */
enum mb_line mb_line_next(struct mb_line_source *s, char **line);

/** mb_line_drop() - forget what has come so far, also what the kernel still holds; with @partial the next line is cut off at its front,
 *  as on a line that talks all the time, and is skipped. */
void mb_line_drop(struct mb_line_source *s, bool partial);

/** mb_line_await() - untimed: read until @take says true for a line, at most @timeout_ms. MB_ENOTSUP with what came instead. */
int mb_line_await(struct mb_line_source *s, unsigned timeout_ms, bool (*take)(void *user, char *line), void *user,
                  struct mb_error *err) MB_MUST_CHECK;

#endif
