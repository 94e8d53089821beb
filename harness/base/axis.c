/* axis.c - see axis.h. List grammar of plans and flags; ranges after llama-bench's `first-last`, `+step`, `*factor`. */
#include "base/axis.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ITEMS = 4096, MAX_WORD = 64 };

const struct mb_axis_row mb_axis_rows[MB_AXIS_N] = {
#define AXIS(id, key, short_flag, def, kind, column, help) {key, short_flag, def, MB_AXIS_KIND_##kind, column, help},
#include "base/axis.def"
#undef AXIS
};

static bool same_key(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
            return false;
    return *a == *b;
}

int mb_axis_find(const char *key)
{
    for (int i = 0; i < MB_AXIS_N; i++)
        if (same_key(mb_axis_rows[i].key, key))
            return i;
    return -1;
}

void mb_axis_list_free(char **items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(items[i]);
    free(items);
}

/* Room is made by powers of two, so that no capacity has to travel along with the list. */
static int append(char ***items, size_t *n, char *item, struct mb_error *err)
{
    if (!item)
        return mb_fail(err, MB_ENOMEM, "no memory for a list of values");
    if (*n >= MAX_ITEMS) {
        free(item);
        return mb_fail(err, MB_EINVAL, "a list of more than %d values", MAX_ITEMS);
    }
    if ((*n & (*n - 1)) == 0) {
        char **grown = realloc(*items, (*n ? *n * 2 : 1) * sizeof(**items));
        if (!grown) {
            free(item);
            return mb_fail(err, MB_ENOMEM, "no memory for a list of values");
        }
        *items = grown;
    }
    (*items)[(*n)++] = item;
    return MB_OK;
}

static int append_number(char ***items, size_t *n, uint64_t value, struct mb_error *err)
{
    char text[24];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    return append(items, n, strdup(text), err);
}

/* Decimal digits at *p into *value, at most UINT32_MAX; *p moves behind them. */
static bool take_number(const char **p, uint64_t *value)
{
    if (!isdigit((unsigned char)**p))
        return false;
    for (*value = 0; isdigit((unsigned char)**p); (*p)++) {
        *value = *value * 10 + (uint64_t)(**p - '0');
        if (*value > UINT32_MAX)
            return false;
    }
    return true;
}

struct range {
    uint64_t first, last, step, factor; /* factor 0: by step */
};

static int parse_range(const char *item, struct range *r, struct mb_error *err)
{
    static const char accepted[] = "expected a whole number up to 4294967295 or a range: 1-4, 256-1024+256, 1-8*2";
    const char *p = item;
    *r = (struct range){.step = 1};
    if (!take_number(&p, &r->first))
        return mb_fail(err, MB_EINVAL, "'%s': %s", item, accepted);
    r->last = r->first;
    if (*p == '-') {
        p++;
        if (!take_number(&p, &r->last))
            return mb_fail(err, MB_EINVAL, "'%s': %s", item, accepted);
        const char op = *p;
        if (op == '+' || op == '*') {
            p++;
            if (!take_number(&p, op == '+' ? &r->step : &r->factor))
                return mb_fail(err, MB_EINVAL, "'%s': %s", item, accepted);
            if (op == '+' ? r->step == 0 : (r->factor < 2 || r->first == 0))
                return mb_fail(err, MB_EINVAL, "'%s': this range never ends (a step is at least 1, a factor at least 2, from at least 1)", item);
        }
    }
    if (*p)
        return mb_fail(err, MB_EINVAL, "'%s': %s", item, accepted);
    if (r->last < r->first)
        return mb_fail(err, MB_EINVAL, "'%s': the range runs backwards; write %llu-%llu", item, (unsigned long long)r->last,
                       (unsigned long long)r->first);
    return MB_OK;
}

static int append_count(char ***items, size_t *n, const char *item, struct mb_error *err)
{
    if (strcmp(item, "auto") == 0)
        return append(items, n, strdup(item), err);
    struct range r;
    int rc = parse_range(item, &r, err);
    for (uint64_t v = r.first; !rc && v <= r.last; v = r.factor ? v * r.factor : v + r.step)
        rc = append_number(items, n, v, err);
    return rc == MB_EINVAL && err && !strchr(err->text, '\'') ? mb_fail_context(err, "'%s'", item) : rc;
}

/* "layer=20" with nothing but a name in front of the '=' */
static bool is_setting(const char *item)
{
    const char *p = item;
    while (isalnum((unsigned char)*p) || *p == '_' || *p == '-')
        p++;
    return p > item && *p == '=';
}

static int append_setting(char **items, size_t n, const char *item, struct mb_error *err)
{
    char **last = &items[n - 1], *joined;
    if (asprintf(&joined, "%s%c%s", *last, strchr(*last, ':') ? ',' : ':', item) < 0)
        return mb_fail(err, MB_ENOMEM, "no memory for a list of values");
    free(*last);
    *last = joined;
    return MB_OK;
}

/* @n_before: items that were in the list before this text; a setting never joins one of those. */
static int append_item(enum mb_axis_kind kind, char ***items, size_t *n, size_t n_before, const char *item, struct mb_error *err)
{
    if (!*item)
        return mb_fail(err, MB_EINVAL, "an empty item in a list of values");
    if (kind == MB_AXIS_KIND_COUNT)
        return append_count(items, n, item, err);
    /* A file may have '=' in its name: a TEXT takes settings only where it has a script ("null:prefill=1,token=2"). */
    const bool has_owner = *n > n_before && (kind == MB_AXIS_KIND_METHOD || strchr((*items)[*n - 1], ':'));
    if (is_setting(item) && has_owner)
        return append_setting(*items, *n, item, err);
    if (is_setting(item) && kind == MB_AXIS_KIND_METHOD)
        return mb_fail(err, MB_EINVAL, "'%s': a setting needs its method in front, as in verify:layer=20,draft=4", item);
    return append(items, n, strdup(item), err);
}

int mb_axis_list_expand(enum mb_axis_kind kind, const char *text, char ***items, size_t *n, struct mb_error *err)
{
    const size_t n_before = *n;
    int rc = MB_OK;
    for (const char *p = text; !rc; p++) {
        const char *end = strchrnul(p, ','), *next = end;
        while (p < end && isspace((unsigned char)*p))
            p++;
        while (end > p && isspace((unsigned char)end[-1]))
            end--;
        char *item = strndup(p, (size_t)(end - p));
        rc = item ? append_item(kind, items, n, n_before, item, err) : mb_fail(err, MB_ENOMEM, "no memory for a list of values");
        free(item);
        p = next;
        if (!*p)
            break;
    }
    return rc;
}

static char fold(char c)
{
    return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours: optimal string alignment (Damerau 1964). */
static size_t edit_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t before[MAX_WORD + 1], above[MAX_WORD + 1], row[MAX_WORD + 1];
    for (size_t j = 0; j <= n_b; j++)
        above[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            const size_t differs = fold(a[i - 1]) != fold(b[j - 1]);
            row[j] = least(above[j - 1] + differs, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) && fold(a[i - 2]) == fold(b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
        memcpy(before, above, sizeof(above));
        memcpy(above, row, sizeof(row));
    }
    return above[n_b];
}

const char *mb_nearest(const char *word, const char *const *candidates, size_t n)
{
    const size_t n_word = strlen(word);
    if (n_word > MAX_WORD)
        return NULL;
    const char *best = NULL;
    size_t best_distance = n_word / 3 + 2; /* one more than is accepted */
    for (size_t i = 0; i < n; i++) {
        const size_t n_candidate = strlen(candidates[i]);
        if (n_candidate > MAX_WORD)
            continue;
        const size_t distance = edit_distance(word, n_word, candidates[i], n_candidate);
        if (distance < best_distance && distance < (n_candidate > n_word ? n_candidate : n_word)) {
            best_distance = distance;
            best = candidates[i];
        }
    }
    return best;
}
