/* textfile.c - see textfile.h. UTF-8 is checked by table 3-7 of the Unicode standard (no overlong forms, no surrogates). */
#include "workloads/textfile.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_LIMIT_BYTES = 64 << 20 };

/* Length of the character at @s[n], 0 when it is not a well-formed one. */
static size_t character_bytes(const unsigned char *s, size_t n)
{
    if (s[0] < 0x80)
        return 1;
    unsigned low = 0x80, high = 0xbf; /* bounds of the second byte */
    size_t len;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        len = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        len = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        len = 4;
    else
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    if (s[0] == 0xed)
        high = 0x9f;
    if (s[0] == 0xf0)
        low = 0x90;
    if (s[0] == 0xf4)
        high = 0x8f;
    if (n < len || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return len;
}

static int check_characters(const struct mb_text *text, const char *path, struct mb_error *err)
{
    const unsigned char *s = (const unsigned char *)text->bytes;
    size_t line = 1, line_start = 0;
    for (size_t i = 0; i < text->n_bytes;) {
        const size_t len = character_bytes(s + i, text->n_bytes - i);
        if (len == 0)
            return mb_fail(err, MB_EFORMAT, "%s:%zu: byte %zu of the line is not valid UTF-8 (0x%02x)", path, line, i - line_start + 1, s[i]);
        if (s[i] == '\0')
            return mb_fail(err, MB_EFORMAT, "%s:%zu: byte %zu of the line is NUL; a text file was expected", path, line, i - line_start + 1);
        if (s[i] == '\n') {
            line++;
            line_start = i + 1;
        }
        i += len;
    }
    return MB_OK;
}

static int read_bytes(FILE *f, struct mb_text *text, const char *path, struct mb_error *err)
{
    size_t cap = 1 << 16;
    char *bytes = malloc(cap + 1);
    size_t n = 0;
    int rc = MB_OK;
    while (bytes) {
        n += fread(bytes + n, 1, cap - n, f);
        if (n < cap)
            break;
        if (cap > FILE_LIMIT_BYTES) {
            rc = mb_fail(err, MB_EFORMAT, "%s: larger than 64 MiB, the most that is read as text", path);
            break;
        }
        cap *= 2;
        char *grown = realloc(bytes, cap + 1);
        if (!grown)
            free(bytes);
        bytes = grown;
    }
    if (!bytes)
        return mb_fail(err, MB_ENOMEM, "%s: no memory to read it", path);
    if (rc == MB_OK && ferror(f))
        rc = mb_fail_errno(err, MB_EIO, "%s: reading failed", path);
    bytes[n] = '\0';
    text->bytes = bytes;
    text->n_bytes = n;
    return rc;
}

int mb_text_read(struct mb_text *text, const char *path, struct mb_error *err)
{
    *text = (struct mb_text){0};
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return mb_fail(err, MB_EIO, "%s: is a folder, a file was expected", path);
    FILE *f = fopen(path, "rb");
    if (!f)
        return mb_fail_errno(err, MB_EIO, "%s: cannot be opened", path);
    int rc = read_bytes(f, text, path, err);
    fclose(f);
    if (rc == MB_OK && text->n_bytes >= 3 && memcmp(text->bytes, "\xef\xbb\xbf", 3) == 0) {
        text->n_bytes -= 3;
        memmove(text->bytes, text->bytes + 3, text->n_bytes + 1);
    }
    if (rc == MB_OK && mb_text_is_blank(text->bytes, text->n_bytes))
        rc = mb_fail(err, MB_EFORMAT, "%s:1: the file is empty", path);
    if (rc == MB_OK)
        rc = check_characters(text, path, err);
    if (rc != MB_OK)
        mb_text_release(text);
    return rc;
}

void mb_text_release(struct mb_text *text)
{
    free(text->bytes);
    *text = (struct mb_text){0};
}

bool mb_text_next_line(const struct mb_text *text, size_t *at, struct mb_line *line)
{
    if (*at >= text->n_bytes)
        return false;
    const char *start = text->bytes + *at;
    const char *newline = memchr(start, '\n', text->n_bytes - *at);
    size_t n = newline ? (size_t)(newline - start) : text->n_bytes - *at;
    *at += newline ? n + 1 : n;
    if (n > 0 && start[n - 1] == '\r')
        n--;
    line->start = start;
    line->n_bytes = n;
    line->number++;
    return true;
}

bool mb_text_is_blank(const char *start, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        if (!strchr(" \t\r\n", start[i]) || start[i] == '\0')
            return false;
    return true;
}

size_t mb_text_code_points(const char *text)
{
    size_t n = 0;
    for (const unsigned char *s = (const unsigned char *)text; *s; s++)
        n += (*s & 0xc0u) != 0x80u;
    return n;
}
