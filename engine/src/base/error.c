/* error.c - one line of text for every failure; the nearest known word for a typing mistake. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Names come from files: a newline in one must not break the one-line promise. */
static void blank_control_bytes(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
    }
}

int eng_fail(struct eng_error *err, int code, const char *fmt, ...)
{
    if (!err)
        return code;
    char text[sizeof err->text]; /* an argument may be err->text itself, when a caller adds context */
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    blank_control_bytes(text);
    memcpy(err->text, text, sizeof text);
    err->code = code;
    return code;
}

enum { MAX_WORD = 64 };

/* Edit distance with one row (Wagner & Fischer 1974). Both lengths <= MAX_WORD. */
static size_t edit_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t row[MAX_WORD + 1];
    for (size_t j = 0; j <= n_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            if (above + 1 < best)
                best = above + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[n_b];
}

const char *eng_nearest(const char *word, const char *const *candidates, size_t n)
{
    size_t n_word = strlen(word);
    if (n_word > MAX_WORD)
        return NULL;
    size_t best_distance = n_word / 3 + 2; /* one more than allowed */
    const char *best = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t n_candidate = strlen(candidates[i]);
        if (n_candidate > MAX_WORD)
            continue;
        size_t distance = edit_distance(word, n_word, candidates[i], n_candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidates[i];
        }
    }
    return best;
}
