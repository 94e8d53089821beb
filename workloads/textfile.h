/**
 * textfile.h - text from files: read whole, checked to be UTF-8, walked line by line.
 * Every reader of workloads/ goes through here, so no data file can bring a NUL, a broken character or an endless line further in.
 */
#ifndef MB_WORKLOADS_TEXTFILE_H
#define MB_WORKLOADS_TEXTFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct mb_text {
    char *bytes;      /* owned, NUL-terminated, valid UTF-8, no NUL inside; zeroed struct = empty */
    size_t n_bytes;
};

struct mb_line {
    const char *start; /* borrowed from the text; not NUL-terminated, without "\n" or "\r\n" */
    size_t n_bytes;
    size_t number;     /* from 1 */
};

/** mb_text_read() - a whole file, at most 64 MiB. A byte order mark is dropped.
 *  Errors (file and line in the sentence): cannot be read, empty, too large, invalid UTF-8, a NUL byte. On failure *text is zeroed. */
int mb_text_read(struct mb_text *text, const char *path, struct mb_error *err) MB_MUST_CHECK;
void mb_text_release(struct mb_text *text);

/** mb_text_next_line() - start with *at = 0 and line->number = 0. False at the end; a last line without newline counts. */
bool mb_text_next_line(const struct mb_text *text, size_t *at, struct mb_line *line);

/** mb_text_is_blank() - nothing but spaces, tabs and line ends. */
bool mb_text_is_blank(const char *start, size_t n_bytes);

/** mb_text_code_points() - Unicode code points of a valid UTF-8 string (what Python's len() counts). */
size_t mb_text_code_points(const char *text);

#endif
