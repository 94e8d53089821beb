/**
 * error.h - errors are values with context.
 *
 * Functions return MB_OK (0) or a negative MB_E*; the sentence for the user goes into the caller's struct mb_error where the
 * fault is found (what, where, what to do), and callers add context in front. Nothing here prints or exits.
 * Thread: each struct mb_error belongs to one thread.
 */
#ifndef MB_BASE_ERROR_H
#define MB_BASE_ERROR_H

#include <stddef.h>

#define MB_MUST_CHECK __attribute__((warn_unused_result))
#define MB_PRINTF(fmt_index, arg_index) __attribute__((format(printf, fmt_index, arg_index)))

enum mb_status_ordinal {
#define STATUS(name, exit_code, text) MB_STATUS_ORDINAL_##name,
#include "base/status.def"
#undef STATUS
};

enum mb_status {
#define STATUS(name, exit_code, text) MB_##name = -(int)MB_STATUS_ORDINAL_##name,
#include "base/status.def"
#undef STATUS
};

struct mb_error {
    int code;         /* MB_OK or MB_E*; zeroed means no error */
    char text[600];   /* one line without newline, fit for a person; may be empty */
};

/** mb_fail() - store code and sentence, return code. @err may be NULL: then only the code comes back. */
int mb_fail(struct mb_error *err, int code, const char *fmt, ...) MB_PRINTF(3, 4);

/** mb_fail_errno() - as mb_fail(), with ": strerror(errno)" appended. Keeps errno. */
int mb_fail_errno(struct mb_error *err, int code, const char *fmt, ...) MB_PRINTF(3, 4);

/** mb_fail_context() - put "context: " in front of the sentence already stored; returns err->code. */
int mb_fail_context(struct mb_error *err, const char *fmt, ...) MB_PRINTF(2, 3);

/** mb_status_name() - "EINVAL" for MB_EINVAL; static storage; "unknown" for what is not in the list. */
const char *mb_status_name(int code);

/** mb_status_exit() - the process exit code that belongs to a status (0, 1, 2, 77, 130). */
int mb_status_exit(int code);

#endif
