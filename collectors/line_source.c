/* line_source.c - see line_source.h. */
#include "collectors/line_source.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

void mb_line_attach(struct mb_line_source *s, int fd)
{
    *s = (struct mb_line_source){.fd = fd + 1};
}

void mb_line_close(struct mb_line_source *s)
{
    if (s->fd)
        close(s->fd - 1);
    s->fd = 0;
    s->gone = true;
}

/* More bytes behind those that are there. 0: none for now; -1: the other end is gone. */
static ssize_t fill(struct mb_line_source *s)
{
    if (s->gone || !s->fd)
        return -1;
    memmove(s->bytes, s->bytes + s->i_next, s->n - s->i_next);
    s->n -= s->i_next;
    s->i_next = 0;
    ssize_t n;
    do
        n = read(s->fd - 1, s->bytes + s->n, sizeof(s->bytes) - s->n);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n <= 0) {
        s->gone = true;
        return -1;
    }
    s->n += (size_t)n;
    s->n_bytes += (uint64_t)n;
    return n;
}

enum mb_line mb_line_next(struct mb_line_source *s, char **line)
{
    for (;;) {
        char *begin = s->bytes + s->i_next, *end = memchr(begin, '\n', s->n - s->i_next);
        if (end) {
            s->i_next = (size_t)(end + 1 - s->bytes);
            const bool skip = s->skip;
            s->skip = false;
            if (skip)
                continue;
            if (end > begin && end[-1] == '\r')
                end--;
            *end = '\0';
            *line = begin;
            return MB_LINE_WHOLE;
        }
        if (s->n - s->i_next == sizeof(s->bytes)) {
            const bool known = s->skip;
            s->i_next = s->n = 0;
            s->skip = true;
            if (!known)
                return MB_LINE_TOO_LONG;
        }
        const ssize_t n = fill(s);
        if (n <= 0)
            return n < 0 ? MB_LINE_GONE : MB_LINE_NONE;
    }
}

void mb_line_drop(struct mb_line_source *s, bool partial)
{
    do
        s->n = s->i_next = 0;
    while (fill(s) > 0);
    s->n = s->i_next = 0;
    s->skip = partial;
}

static int fail_waiting(const struct mb_line_source *s, unsigned timeout_ms, uint64_t n_bytes, unsigned n_lines, struct mb_error *err)
{
    if (s->gone)
        return mb_fail(err, MB_ENOTSUP, "the other end hung up");
    if (n_bytes == 0)
        return mb_fail(err, MB_ENOTSUP, "nothing came within %u ms: is it on, and is this the right one?", timeout_ms);
    return mb_fail(err, MB_ENOTSUP, "%llu bytes in %u lines came within %u ms, none as expected: right speed and format?",
                   (unsigned long long)n_bytes, n_lines, timeout_ms);
}

int mb_line_await(struct mb_line_source *s, unsigned timeout_ms, bool (*take)(void *user, char *line), void *user, struct mb_error *err)
{
    const uint64_t deadline_ns = mb_clock_ns() + timeout_ms * 1000000ull, n_before = s->n_bytes;
    unsigned n_lines = 0;
    for (;;) {
        char *line;
        const enum mb_line kind = mb_line_next(s, &line);
        if (kind == MB_LINE_WHOLE && take(user, line))
            return MB_OK;
        n_lines += kind == MB_LINE_WHOLE || kind == MB_LINE_TOO_LONG;
        const uint64_t now_ns = mb_clock_ns();
        if (kind == MB_LINE_GONE || now_ns >= deadline_ns)
            return fail_waiting(s, timeout_ms, s->n_bytes - n_before, n_lines, err);
        struct pollfd p = {.fd = s->fd - 1, .events = POLLIN};
        if (kind == MB_LINE_NONE)
            poll(&p, 1, (int)((deadline_ns - now_ns) / 1000000u) + 1);
    }
}
