/* program.c - see program.h. White space as with Jinja's trim_blocks and lstrip_blocks, which Hugging Face sets. */
#include "chat/program.h"

#include <string.h>

static const struct {
    const char *word;
    enum eng_tm_kind kind;
} keywords[] = {{"if", TM_IF},         {"elif", TM_ELIF},   {"else", TM_ELSE},         {"endif", TM_ENDIF},           {"for", TM_FOR},
                {"endfor", TM_ENDFOR}, {"set", TM_SET},     {"endset", TM_ENDSET},     {"macro", TM_MACRO},           {"endmacro", TM_ENDMACRO},
                {"break", TM_BREAK},   {"continue", TM_CONTINUE}, {"generation", TM_NOTHING}, {"endgeneration", TM_NOTHING}};

/* ---- cutting ---- */

struct cutter {
    struct eng_tm *t;
    const char *p, *end;
    bool line_starts; /* at p */
    struct eng_tm_segment *segments;
    uint32_t n, cap;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void add_segment(struct cutter *c, struct eng_tm_segment s)
{
    if (c->n == c->cap) {
        struct eng_tm_segment *more = eng_tm_alloc(c->t, (2 * (size_t)c->cap + 64) * sizeof *more);
        if (!more)
            return;
        if (c->n)
            memcpy(more, c->segments, c->n * sizeof *more);
        c->segments = more;
        c->cap = 2 * c->cap + 64;
    }
    c->segments[c->n++] = s;
}

static const char *find_tag(const char *p, const char *end)
{
    for (; p + 1 < end; p++) {
        if (p[0] == '{' && (p[1] == '{' || p[1] == '%' || p[1] == '#'))
            return p;
    }
    return end;
}

/* Text in front of a tag: a '-' takes all white space away; in front of blocks and comments, spaces that begin a line (lstrip_blocks). */
static void add_text(struct cutter *c, const char *tag)
{
    const char *end = tag;
    const bool is_tag = tag < c->end, is_block = is_tag && tag[1] != '{';
    if (is_tag && tag[2] == '-') {
        while (end > c->p && is_space(end[-1]))
            end--;
    } else if (is_block && tag[2] != '+') {
        const char *line = end;
        while (line > c->p && (line[-1] == ' ' || line[-1] == '\t'))
            line--;
        if (line > c->p ? line[-1] == '\n' : c->line_starts)
            end = line;
    }
    if (end > c->p)
        add_segment(c, (struct eng_tm_segment){.kind = TM_TEXT, .begin = c->p, .end = end});
}

/* The mark that ends the tag: outside of texts in quotes and brackets. */
static const char *find_end(const char *p, const char *end, char first)
{
    int depth = 0;
    for (; p + 1 < end; p++) {
        if (depth == 0 && p[0] == first && p[1] == '}')
            return p;
        if (*p == '\'' || *p == '"') {
            const char quote = *p++;
            while (p + 1 < end && *p != quote)
                p += *p == '\\' ? 2 : 1;
        }
        depth += *p == '(' || *p == '[' || *p == '{';
        depth -= *p == ')' || *p == ']' || *p == '}';
    }
    return NULL;
}

static const char *find_comment_end(const char *p, const char *end)
{
    for (; p + 1 < end; p++) {
        if (p[0] == '#' && p[1] == '}')
            return p;
    }
    return NULL;
}

static void add_statement(struct cutter *c, const char *begin, const char *end)
{
    struct eng_tx x = {.t = c->t, .p = begin, .end = end};
    const char *word;
    size_t n;
    if (!eng_tx_name(&x, &word, &n)) {
        eng_tm_fail(c->t, "a statement has no name");
        return;
    }
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++) {
        if (eng_tv_named(word, n, keywords[i].word)) {
            add_segment(c, (struct eng_tm_segment){.kind = keywords[i].kind, .begin = x.p, .end = end});
            return;
        }
    }
    eng_tm_fail(c->t, "it uses the statement '%.*s'", n < 40 ? (int)n : 40, word);
}

/* What follows a tag: all white space after a '-', one line end after blocks and comments (trim_blocks). */
static void step_over(struct cutter *c, const char *after, bool strip, bool trim)
{
    c->line_starts = false;
    while (strip && after < c->end && is_space(*after))
        after++;
    if (strip)
        c->line_starts = after[-1] == '\n';
    if (trim && after < c->end && *after == '\n') {
        after++;
        c->line_starts = true;
    }
    c->p = after;
}

static void cut_tag(struct cutter *c, const char *tag)
{
    const char kind = tag[1], *begin = tag + 2;
    if (begin < c->end && (*begin == '-' || *begin == '+'))
        begin++;
    const char *mark = kind == '#' ? find_comment_end(begin, c->end) : find_end(begin, c->end, kind == '{' ? '}' : '%');
    if (!mark) {
        eng_tm_fail(c->t, "'%.20s' has no end", tag);
        return;
    }
    const char *end = mark;
    const bool strip = end > begin && end[-1] == '-', keep = end > begin && end[-1] == '+';
    if (strip || (keep && kind != '{'))
        end--;
    if (kind == '{')
        add_segment(c, (struct eng_tm_segment){.kind = TM_PRINT, .begin = begin, .end = end});
    else if (kind == '%')
        add_statement(c, begin, end);
    step_over(c, mark + 2, strip, kind != '{' && !keep && !strip);
}

static void cut(struct cutter *c)
{
    while (c->t->rc == ENG_OK && c->p < c->end) {
        const char *tag = find_tag(c->p, c->end);
        add_text(c, tag);
        if (tag == c->end)
            return;
        cut_tag(c, tag);
    }
}

/* ---- joining ---- */

bool eng_tm_is_block_set(const struct eng_tm_segment *s)
{
    return s->kind == TM_SET && !memchr(s->begin, '=', (size_t)(s->end - s->begin));
}

struct open_block {
    uint32_t begin, branch;
};

/* Does segment @kind continue or end the block that @begin opened? */
static bool belongs(enum eng_tm_kind kind, enum eng_tm_kind begin)
{
    switch (kind) {
    case TM_ELIF:
    case TM_ENDIF:
        return begin == TM_IF;
    case TM_ELSE:
        return begin == TM_IF || begin == TM_FOR;
    case TM_ENDFOR:
        return begin == TM_FOR;
    case TM_ENDSET:
        return begin == TM_SET;
    default:
        return begin == TM_MACRO;
    }
}

static void join(struct eng_tm *t, struct eng_tm_segment *segments, uint32_t n)
{
    struct open_block open[TV_MAX_DEPTH];
    uint32_t n_open = 0;
    for (uint32_t i = 0; i < n && t->rc == ENG_OK; i++) {
        struct eng_tm_segment *s = &segments[i];
        if (s->kind == TM_IF || s->kind == TM_FOR || s->kind == TM_MACRO || eng_tm_is_block_set(s)) {
            if (n_open == TV_MAX_DEPTH)
                eng_tm_fail(t, "it is nested deeper than %d", TV_MAX_DEPTH);
            else
                open[n_open++] = (struct open_block){i, i};
        } else if (s->kind == TM_ELIF || s->kind == TM_ELSE || s->kind == TM_ENDIF || s->kind == TM_ENDFOR || s->kind == TM_ENDSET || s->kind == TM_ENDMACRO) {
            struct open_block *o = n_open ? &open[n_open - 1] : NULL;
            if (!o || !belongs(s->kind, segments[o->begin].kind) || (segments[o->branch].kind == TM_ELSE && (s->kind == TM_ELSE || s->kind == TM_ELIF))) {
                eng_tm_fail(t, "its blocks do not fit together");
                return;
            }
            segments[o->branch].next = i;
            o->branch = i;
            if (s->kind == TM_ELIF || s->kind == TM_ELSE)
                continue;
            for (uint32_t k = o->begin; k != i; k = segments[k].next)
                segments[k].last = i;
            n_open--;
        }
    }
    if (n_open)
        eng_tm_fail(t, "a block has no end");
}

void eng_tm_cut(struct eng_tm *t, struct eng_tm_program *program, const char *source, size_t n_bytes)
{
    if (n_bytes && source[n_bytes - 1] == '\n') /* keep_trailing_newline is off */
        n_bytes--;
    struct cutter c = {.t = t, .p = source, .end = source + n_bytes, .line_starts = true};
    cut(&c);
    if (t->rc == ENG_OK)
        join(t, c.segments, c.n);
    *program = (struct eng_tm_program){c.segments, c.n};
}
