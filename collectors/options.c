/* options.c - see options.h. */
#include "collectors/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_word_of(const char *words, const char *word, size_t n_word)
{
    for (const char *at = words; *at;) {
        const size_t n = strcspn(at, " ");
        if (n == n_word && strncmp(at, word, n) == 0)
            return true;
        at += n + strspn(at + n, " ");
    }
    return false;
}

int mb_collector_options_check(const char *options, const char *keys, struct mb_error *err)
{
    for (const char *at = options ? options : ""; *at;) {
        const size_t n = strcspn(at, ","), n_key = strcspn(at, "=");
        if (n_key >= n || !is_word_of(keys, at, n_key))
            return mb_fail(err, MB_EINVAL, "option '%.*s': these are KEY=VALUE with one of: %s", (int)(n < 80 ? n : 80), at, keys);
        at += n + (at[n] == ',');
    }
    return MB_OK;
}

bool mb_collector_option_text(const char *options, const char *key, char *buf, size_t cap)
{
    const size_t n_key = strlen(key);
    bool found = false;
    buf[0] = '\0';
    for (const char *at = options ? options : ""; *at;) {
        const size_t n = strcspn(at, ",");
        if (strncmp(at, key, n_key) == 0 && at[n_key] == '=') {
            snprintf(buf, cap, "%.*s", (int)(n - n_key - 1), at + n_key + 1);
            found = true;
        }
        at += n + (at[n] == ',');
    }
    return found;
}

int mb_collector_option_number(const char *options, const char *key, double min, double max, double absent, double *value,
                               struct mb_error *err)
{
    char text[32], *end;
    *value = absent;
    if (!mb_collector_option_text(options, key, text, sizeof(text)))
        return MB_OK;
    *value = strtod(text, &end);
    if (end != text && !*end && *value >= min && *value <= max)
        return MB_OK;
    return mb_fail(err, MB_EINVAL, "option '%s=%s': a number from %g to %g", key, text, min, max);
}
