/* pretokenizer.c - see pretokenizer.h. PCRE2 runs the patterns. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "model/pretokenizer.h"

#ifndef ENG_WITHOUT_PCRE2
#include <pcre2.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IGNORE_MERGES = 1, ADD_BOS = 2, MAX_JIT_STACK_BYTES = 8 << 20 };

static const struct scheme {
    const char *names; /* separated by spaces */
    unsigned rules;
    const char *step[ENG_PRETOKENIZER_STEPS];
} schemes[] = {
#define PRETOKENIZER(names, rules, ...) {names, rules, {__VA_ARGS__}},
#include "model/pretokenizers.def"
#undef PRETOKENIZER
};

struct eng_pretokenizer {
    const struct scheme *scheme;
    uint32_t n_steps;
    void *code[ENG_PRETOKENIZER_STEPS]; /* pcre2_code */
};

/* ---- names ---- */

/* Advances *names to the rest; returns the name, *n its length; NULL at the end. */
static const char *next_name(const char **names, size_t *n)
{
    const char *name = *names + (**names == ' ');
    *n = strcspn(name, " ");
    *names = name + *n;
    return *n ? name : NULL;
}

static const struct scheme *find_scheme(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const char *rest = schemes[i].names, *known;
        size_t n_known;
        while ((known = next_name(&rest, &n_known))) {
            if (n_known == n && memcmp(known, name, n) == 0)
                return &schemes[i];
        }
    }
    return NULL;
}

/* The first name of every row: the whole list would not fit an error line. */
static void list_known(char *buf, size_t cap)
{
    size_t n = 0;
    buf[0] = '\0';
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes && n < cap; i++) {
        const char *rest = schemes[i].names;
        size_t n_name;
        const char *name = next_name(&rest, &n_name);
        n += (size_t)snprintf(buf + n, cap - n, "%s%.*s", i ? ", " : "", (int)n_name, name);
    }
}

/* ---- patterns ---- */

#ifdef ENG_WITHOUT_PCRE2
static int compile(struct eng_pretokenizer *p, struct eng_error *err)
{
    return eng_fail(err, ENG_ENOTSUP, "pre-tokenizer '%s' needs PCRE2, which this build does not have", p->scheme->names);
}

static void free_code(void *code)
{
    (void)code;
}

static int search(struct eng_splitter *s, const void *code, struct eng_split_level *l, size_t *begin, size_t *end)
{
    (void)code;
    *begin = *end = l->end;
    return s->failure;
}

static bool open_matching(struct eng_splitter *s)
{
    (void)s;
    return false;
}

static void close_matching(struct eng_splitter *s)
{
    (void)s;
}
#else
static int compile(struct eng_pretokenizer *p, struct eng_error *err)
{
    for (; p->n_steps < ENG_PRETOKENIZER_STEPS && p->scheme->step[p->n_steps]; p->n_steps++) {
        int error;
        PCRE2_SIZE at;
        pcre2_code *code = pcre2_compile((PCRE2_SPTR)p->scheme->step[p->n_steps], PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error, &at,
                                         NULL);
        if (!code) {
            return eng_fail(err, ENG_ENOMEM, "pattern %u of pre-tokenizer '%s' does not compile (PCRE2 error %d at %zu)", p->n_steps + 1,
                            p->scheme->names, error, (size_t)at);
        }
        (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* where there is no JIT the interpreter gives the same words */
        p->code[p->n_steps] = code;
    }
    return ENG_OK;
}

static void free_code(void *code)
{
    pcre2_code_free(code);
}

/* The first match at or after l->pos; none: *begin = l->end. The pattern sees the piece, not what lies around it. */
static int search(struct eng_splitter *s, const void *code, struct eng_split_level *l, size_t *begin, size_t *end)
{
    const int n = pcre2_match(code, (PCRE2_SPTR)s->text + l->begin, l->end - l->begin, l->pos - l->begin, PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY,
                              s->match_data, s->match_context);
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->match_data);
    *begin = n > 0 ? l->begin + span[0] : l->end;
    *end = n > 0 ? l->begin + span[1] : l->end;
    return n > 0 || n == PCRE2_ERROR_NOMATCH ? 0 : n;
}

static bool open_matching(struct eng_splitter *s)
{
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    s->match_context = context;
    s->match_data = pcre2_match_data_create(1, NULL);
    if (!s->match_data || !context)
        return false;
    /* The limits are there for patterns that explode; ours are linear, so only a text's own length can reach them. */
    pcre2_set_match_limit(context, UINT32_MAX);
    s->jit_stack = pcre2_jit_stack_create(32 << 10, MAX_JIT_STACK_BYTES, NULL);
    if (s->jit_stack)
        pcre2_jit_stack_assign(context, NULL, s->jit_stack);
    return true;
}

static void close_matching(struct eng_splitter *s)
{
    pcre2_match_data_free(s->match_data);
    pcre2_match_context_free(s->match_context);
    pcre2_jit_stack_free(s->jit_stack);
}
#endif

void eng_pretokenizer_close(struct eng_pretokenizer *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; i < p->n_steps; i++)
        free_code(p->code[i]);
    free(p);
}

int eng_pretokenizer_open(struct eng_pretokenizer **out, const char *name, size_t n, struct eng_error *err)
{
    *out = NULL;
    const struct scheme *scheme = find_scheme(name, n);
    if (!scheme) {
        char known[300];
        list_known(known, sizeof known);
        return eng_fail(err, ENG_ENOTSUP, "pre-tokenizer '%.*s' is not known; known are %s", n < 64 ? (int)n : 64, name, known);
    }
    struct eng_pretokenizer *p = calloc(1, sizeof *p);
    if (!p)
        return eng_fail(err, ENG_ENOMEM, "no memory for pre-tokenizer '%s'", scheme->names);
    p->scheme = scheme;
    int rc = compile(p, err);
    if (rc == ENG_OK)
        *out = p;
    else
        eng_pretokenizer_close(p);
    return rc;
}

struct eng_pretokenizer_rules eng_pretokenizer_rules(const struct eng_pretokenizer *p)
{
    return (struct eng_pretokenizer_rules){.ignore_merges = p->scheme->rules & IGNORE_MERGES, .add_bos = p->scheme->rules & ADD_BOS};
}

/* ---- text ---- */

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
    if (s->cap_repaired < s->n_bytes) {
        free(s->repaired);
        s->repaired = malloc(s->n_bytes);
        s->cap_repaired = s->repaired ? s->n_bytes : 0;
    }
    if (!s->repaired)
        return eng_fail(err, ENG_ENOMEM, "no memory to tokenize %zu bytes", s->n_bytes);
    memcpy(s->repaired, s->text, s->n_bytes);
    for (; pos < s->n_bytes; pos = first_invalid(s->text, pos + 1, s->n_bytes))
        s->repaired[pos] = '\x01';
    s->text = s->repaired;
    return ENG_OK;
}

int eng_splitter_open(struct eng_splitter *s, const struct eng_pretokenizer *p, struct eng_error *err)
{
    *s = (struct eng_splitter){.pretokenizer = p};
    if (open_matching(s))
        return ENG_OK;
    eng_splitter_close(s);
    return eng_fail(err, ENG_ENOMEM, "no memory to tokenize");
}

void eng_splitter_close(struct eng_splitter *s)
{
    close_matching(s);
    free(s->repaired);
    *s = (struct eng_splitter){0};
}

int eng_splitter_begin(struct eng_splitter *s, const char *text, size_t n_bytes, struct eng_error *err)
{
    s->text = text;
    s->n_bytes = n_bytes;
    s->whole_taken = false;
    memset(s->level, 0, sizeof s->level);
    size_t invalid = first_invalid(text, 0, n_bytes);
    return invalid < n_bytes ? repair(s, invalid, err) : ENG_OK;
}

/* The next piece after @n_steps steps. */
static bool next_piece(struct eng_splitter *s, uint32_t n_steps, size_t *begin, size_t *end)
{
    if (n_steps == 0) {
        const bool more = !s->whole_taken && s->n_bytes > 0;
        s->whole_taken = true;
        *begin = 0;
        *end = s->n_bytes;
        return more;
    }
    struct eng_split_level *l = &s->level[n_steps - 1];
    if (l->pos == l->end) {
        if (!next_piece(s, n_steps - 1, &l->begin, &l->end))
            return false;
        l->pos = l->begin;
        l->match_end = 0;
    }
    size_t match_begin = l->pos, match_end = l->match_end;
    if (match_end == 0)
        s->failure = search(s, s->pretokenizer->code[n_steps - 1], l, &match_begin, &match_end);
    if (s->failure)
        return false;
    *begin = l->pos;
    *end = match_begin > l->pos ? match_begin : match_end; /* what lies before the match comes first */
    l->match_end = match_begin > l->pos && match_begin < l->end ? match_end : 0;
    l->pos = *end;
    return true;
}

int eng_splitter_next(struct eng_splitter *s, size_t *begin, size_t *end, struct eng_error *err)
{
    if (next_piece(s, s->pretokenizer->n_steps, begin, end))
        return 1;
    if (s->failure == 0)
        return 0;
    return eng_fail(err, ENG_ELIMIT, "the text cannot be cut into words: pre-tokenizer '%s', PCRE2 error %d", s->pretokenizer->scheme->names,
                    s->failure);
}
