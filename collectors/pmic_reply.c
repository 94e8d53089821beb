/* pmic_reply.c - see pmic_reply.h. */
#include "collectors/pmic_reply.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 100.0 /* V or A: what no rail of such a board has */

static struct mb_pmic_rail *rail_named(struct mb_pmic_rail *rails, size_t *n, const char *name, size_t n_name)
{
    for (size_t i = 0; i < *n; i++)
        if (strlen(rails[i].name) == n_name && strncmp(rails[i].name, name, n_name) == 0)
            return &rails[i];
    if (*n == MB_PMIC_RAILS_MAX || n_name == 0 || n_name >= sizeof(rails->name))
        return NULL;
    struct mb_pmic_rail *rail = &rails[(*n)++];
    memset(rail, 0, sizeof(*rail));
    memcpy(rail->name, name, n_name);
    return rail;
}

/* "current(0)=0.09954870A" up to @end: kind, any number in brackets, a value with its unit as the line's last character. */
static bool parse_value(const char *text, const char *end, const char *kind, char unit, double *value)
{
    const size_t n_kind = strlen(kind);
    const char *at = memchr(text, '=', (size_t)(end - text));
    char *stop;
    if (strncmp(text, kind, n_kind) != 0 || text[n_kind] != '(' || !at || at[-1] != ')')
        return false;
    *value = strtod(at + 1, &stop);
    return stop != at + 1 && stop + 1 == end && *stop == unit && isfinite(*value) && fabs(*value) < VALUE_MAX;
}

static void parse_line(const char *line, const char *end, struct mb_pmic_rail *rails, size_t *n)
{
    double value;
    line += strspn(line, " \t");
    const char *space = line < end ? memchr(line, ' ', (size_t)(end - line)) : NULL;
    if (!space || space - line < 3 || space[-2] != '_')
        return;
    const bool amps = space[-1] == 'A';
    if (!parse_value(space + 1, end, amps ? "current" : "volt", amps ? 'A' : 'V', &value))
        return;
    struct mb_pmic_rail *rail = rail_named(rails, n, line, (size_t)(space - 2 - line));
    if (!rail)
        return;
    *(amps ? &rail->amps : &rail->volts) = value;
    *(amps ? &rail->has_amps : &rail->has_volts) = true;
}

size_t mb_pmic_parse(const char *text, struct mb_pmic_rail *rails)
{
    size_t n = 0;
    while (*text) {
        const char *end = text + strcspn(text, "\n");
        const char *last = end;
        while (last > text && (last[-1] == '\r' || last[-1] == ' '))
            last--;
        parse_line(text, last, rails, &n);
        text = end + (*end == '\n');
    }
    return n;
}
