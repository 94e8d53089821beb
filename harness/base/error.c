/* error.c - the only place that formats error text. Bottom layer; see error.h. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int exit_code;
} rows[] = {
#define STATUS(name, exit_code, text) {#name, exit_code},
#include "base/status.def"
#undef STATUS
};

static const size_t n_rows = sizeof(rows) / sizeof(rows[0]);

/* What a user wrote goes into sentences: its newlines and control bytes do not. */
static void keep_to_one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = ' ';
}

int mb_fail(struct mb_error *err, int code, const char *fmt, ...)
{
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    keep_to_one_line(err->text);
    return code;
}

int mb_fail_errno(struct mb_error *err, int code, const char *fmt, ...)
{
    const int saved = errno;
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    const int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(err->text))
        snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", strerror(saved));
    keep_to_one_line(err->text);
    errno = saved;
    return code;
}

int mb_fail_context(struct mb_error *err, const char *fmt, ...)
{
    if (!err)
        return MB_EFAILED;
    char old[sizeof(err->text)];
    memcpy(old, err->text, sizeof(old));
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(err->text))
        snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %.400s", old);
    keep_to_one_line(err->text);
    return err->code;
}

const char *mb_status_name(int code)
{
    return code <= 0 && (size_t)-code < n_rows ? rows[-code].name : "unknown";
}

int mb_status_exit(int code)
{
    return code <= 0 && (size_t)-code < n_rows ? rows[-code].exit_code : 1;
}
