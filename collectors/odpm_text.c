/* odpm_text.c - see odpm_text.h. */
#include "collectors/odpm_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Digits only; *end behind them. */
static bool parse_number(const char *text, uint64_t *value, const char **end)
{
    char *stop;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &stop, 10);
    *end = stop;
    return errno == 0;
}

static bool parse_rail(const char *at, uint64_t t_ms, struct mb_odpm_rail *rail)
{
    uint64_t channel;
    rail->t_ms = t_ms;
    if (strncmp(at, "CH", 2) != 0 || !parse_number(at + 2, &channel, &at))
        return false;
    if (strncmp(at, "(T=", 3) == 0 && (!parse_number(at + 3, &rail->t_ms, &at) || *at++ != ')'))
        return false;
    const size_t n = *at == '[' ? strcspn(at + 1, "]\n") : 0;
    if (n == 0 || n >= sizeof(rail->name) || at[1 + n] != ']' || strncmp(at + n + 2, ", ", 2) != 0)
        return false;
    memcpy(rail->name, at + 1, n);
    rail->name[n] = '\0';
    return parse_number(at + n + 4, &rail->uws, &at) && *at == '\n';
}

size_t mb_odpm_parse(const char *text, struct mb_odpm_rail *rails)
{
    uint64_t t_ms = 0;
    const char *rest;
    size_t n = 0;
    if (strncmp(text, "t=", 2) == 0 && !parse_number(text + 2, &t_ms, &rest))
        t_ms = 0;
    for (const char *line = text; line && *line && n < MB_ODPM_RAILS_MAX; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
        n += parse_rail(line, t_ms, &rails[n]);
    return n;
}
