/* pretokenizer.c - GPT-2's word pattern (Radford et al. 2019, encoder.py) and SmolLM's variant, run by PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "model/pretokenizer.h"

#ifndef ENG_WITHOUT_PCRE2
#include <pcre2.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* White_Space of Unicode. PCRE2's own \s also has U+180E, which has not been white space since Unicode 6.3. */
#define SPACES      "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define SPACE       "[" SPACES "]"
#define CONTRACTION "'(?:s|t|re|ve|m|ll|d)"
#define LETTERS     " ?\\p{L}+"
#define SYMBOLS     " ?[^" SPACES "\\p{L}\\p{N}]+"

static const struct scheme {
    const char *name, *pattern;
} schemes[] = {
    /* A run of spaces leaves its last one to the word that follows. */
    {"gpt-2", CONTRACTION "|" LETTERS "| ?\\p{N}+|" SYMBOLS "|" SPACE "+(?![^" SPACES "])|" SPACE "+"},
    /* Digits are split off one by one first, then GPT-2's pattern runs on what lies between them: so a digit ends a run of spaces
     * as the end of the text does. Both steps in one pattern. */
    {"smollm", "\\p{N}|" CONTRACTION "|" LETTERS "|" SYMBOLS "|" SPACE "+(?![^" SPACES "\\p{N}])|" SPACE "+"},
};

static void list_known(char *buf, size_t cap)
{
    size_t n = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes && n < cap; i++) {
        n += (size_t)snprintf(buf + n, cap - n, "%s%s", i ? ", " : "", schemes[i].name);
    }
}

#ifdef ENG_WITHOUT_PCRE2
static int compile(void **pattern, const struct scheme *scheme, struct eng_error *err)
{
    *pattern = NULL;
    return eng_fail(err, ENG_ENOTSUP, "pre-tokenizer '%s' needs PCRE2, which this build does not have", scheme->name);
}

static void free_pattern(void *pattern)
{
    (void)pattern;
}

static size_t match(struct eng_splitter *s)
{
    return s->pos;
}

static bool match_open(struct eng_splitter *s)
{
    (void)s;
    return false;
}

static void match_close(struct eng_splitter *s)
{
    (void)s;
}
#else
static int compile(void **pattern, const struct scheme *scheme, struct eng_error *err)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)scheme->pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &code, &at, NULL);
    if (!compiled)
        return eng_fail(err, ENG_ENOMEM, "the pattern of pre-tokenizer '%s' does not compile (PCRE2 error %d)", scheme->name, code);
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* where there is no JIT the interpreter gives the same words */
    *pattern = compiled;
    return ENG_OK;
}

static void free_pattern(void *pattern)
{
    pcre2_code_free(pattern);
}

/* End of the match at s->pos, or s->pos. */
static size_t match(struct eng_splitter *s)
{
    const int n = pcre2_match(s->pattern, (PCRE2_SPTR)s->text, s->n_bytes, s->pos, PCRE2_NO_UTF_CHECK, s->match_data, NULL);
    return n > 0 ? pcre2_get_ovector_pointer(s->match_data)[1] : s->pos;
}

static bool match_open(struct eng_splitter *s)
{
    s->match_data = pcre2_match_data_create(1, NULL);
    return s->match_data != NULL;
}

static void match_close(struct eng_splitter *s)
{
    pcre2_match_data_free(s->match_data);
}
#endif

void eng_pretokenizer_free(void *pattern)
{
    free_pattern(pattern);
}

int eng_pretokenizer_compile(void **pattern, const char *name, size_t n, struct eng_error *err)
{
    *pattern = NULL;
    const struct scheme *scheme = NULL;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strlen(schemes[i].name) == n && memcmp(schemes[i].name, name, n) == 0)
            scheme = &schemes[i];
    }
    if (!scheme) {
        char known[80];
        list_known(known, sizeof known);
        return eng_fail(err, ENG_ENOTSUP, "pre-tokenizer '%.*s' is not supported; known are %s", n < 64 ? (int)n : 64, name, known);
    }
    return compile(pattern, scheme, err);
}

/* Length of the UTF-8 sequence at p[0..n), 0 when there is none (RFC 3629: shortest form, no surrogates, up to U+10FFFF). */
static size_t utf8_length(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

static size_t first_invalid(const char *text, size_t pos, size_t n)
{
    while (pos < n) {
        size_t len = utf8_length((const unsigned char *)text + pos, n - pos);
        if (len == 0)
            return pos;
        pos += len;
    }
    return n;
}

/* Same length, so that word boundaries hold for the caller's bytes: a stray byte becomes a control character, which the patterns
 * treat as what it is, a symbol. */
static int repair(struct eng_splitter *s, size_t pos, struct eng_error *err)
{
    s->repaired = malloc(s->n_bytes);
    if (!s->repaired)
        return eng_fail(err, ENG_ENOMEM, "no memory to tokenize %zu bytes", s->n_bytes);
    memcpy(s->repaired, s->text, s->n_bytes);
    for (; pos < s->n_bytes; pos = first_invalid(s->text, pos + 1, s->n_bytes))
        s->repaired[pos] = '\x01';
    s->text = s->repaired;
    return ENG_OK;
}

int eng_splitter_open(struct eng_splitter *s, const void *pattern, const char *text, size_t n_bytes, struct eng_error *err)
{
    *s = (struct eng_splitter){.pattern = pattern, .text = text, .n_bytes = n_bytes};
    size_t invalid = first_invalid(text, 0, n_bytes);
    int rc = invalid < n_bytes ? repair(s, invalid, err) : ENG_OK;
    if (rc != ENG_OK)
        return rc;
    if (match_open(s))
        return ENG_OK;
    eng_splitter_close(s);
    return eng_fail(err, ENG_ENOMEM, "no memory to tokenize %zu bytes", n_bytes);
}

bool eng_splitter_next(struct eng_splitter *s, size_t *begin, size_t *end)
{
    if (s->pos >= s->n_bytes)
        return false;
    *begin = s->pos;
    *end = match(s);
    /* The patterns match everywhere; should PCRE2 give up (a resource limit), go on character by character. */
    if (*end <= s->pos)
        *end = s->pos + utf8_length((const unsigned char *)s->text + s->pos, s->n_bytes - s->pos);
    s->pos = *end;
    return true;
}

void eng_splitter_close(struct eng_splitter *s)
{
    match_close(s);
    free(s->repaired);
    *s = (struct eng_splitter){0};
}
