/* primary.c - the words, marks and values that expressions are made of: see expr.h. */
#include <inttypes.h>
#include <string.h>

#include "chat/expr.h"

bool eng_tx_is_name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

void eng_tx_skip_spaces(struct eng_tx *x)
{
    while (x->p < x->end && (*x->p == ' ' || (*x->p >= '\t' && *x->p <= '\r')))
        x->p++;
}

bool eng_tx_at_end(struct eng_tx *x)
{
    eng_tx_skip_spaces(x);
    return x->p == x->end;
}

bool eng_tx_symbol(struct eng_tx *x, const char *symbol)
{
    const size_t n = strlen(symbol);
    eng_tx_skip_spaces(x);
    if ((size_t)(x->end - x->p) < n || memcmp(x->p, symbol, n) != 0)
        return false;
    x->p += n;
    return true;
}

bool eng_tx_name(struct eng_tx *x, const char **name, size_t *n)
{
    eng_tx_skip_spaces(x);
    const char *p = x->p;
    while (p < x->end && eng_tx_is_name_char(*p, p == x->p))
        p++;
    *name = x->p;
    *n = (size_t)(p - x->p);
    x->p = p;
    return *n > 0;
}

bool eng_tx_word(struct eng_tx *x, const char *word)
{
    const char *before = x->p, *name;
    size_t n;
    if (eng_tx_name(x, &name, &n) && eng_tv_named(name, n, word))
        return true;
    x->p = before;
    return false;
}

void eng_tx_fail(struct eng_tx *x, const char *what)
{
    const size_t n = (size_t)(x->end - x->p);
    eng_tm_fail(x->t, "%s at '%.*s'", what, n < 40 ? (int)n : 40, x->p);
}

void eng_tx_expect(struct eng_tx *x, const char *symbol)
{
    if (eng_tx_symbol(x, symbol) || x->t->rc != ENG_OK)
        return;
    char what[40] = "it has no '";
    strncat(what, symbol, 8);
    strcat(what, "'");
    eng_tx_fail(x, what);
}

/* ---- values ---- */

static void write_code_point(struct eng_tm *t, struct eng_tv_text *out, uint32_t c)
{
    char s[4];
    if (c < 0x80) {
        s[0] = (char)c;
        eng_tm_write(t, out, s, 1);
    } else if (c < 0x800) {
        s[0] = (char)(0xc0 | c >> 6);
        s[1] = (char)(0x80 | (c & 0x3f));
        eng_tm_write(t, out, s, 2);
    } else {
        s[0] = (char)(0xe0 | c >> 12);
        s[1] = (char)(0x80 | (c >> 6 & 0x3f));
        s[2] = (char)(0x80 | (c & 0x3f));
        eng_tm_write(t, out, s, 3);
    }
}

/* \uXXXX after the u; surrogates are refused: no template writes characters that way. */
static void read_code_point(struct eng_tx *x, struct eng_tv_text *out)
{
    uint32_t c = 0;
    for (int i = 0; i < 4 && x->p < x->end; i++, x->p++) {
        const char d = *x->p;
        const int digit = d >= '0' && d <= '9' ? d - '0' : (d | 32) >= 'a' && (d | 32) <= 'f' ? (d | 32) - 'a' + 10 : -1;
        if (digit < 0)
            break;
        c = c << 4 | (uint32_t)digit;
    }
    if (c == 0 || (c >= 0xd800 && c < 0xe000))
        eng_tx_fail(x, "it has an odd \\u in a text");
    else
        write_code_point(x->t, out, c);
}

static void read_string(struct eng_tx *x, struct eng_tv_text *out)
{
    static const char escapes[][2] = {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'\\', '\\'}, {'\'', '\''}, {'"', '"'}, {'b', '\b'}, {'f', '\f'}};
    const char quote = *x->p++;
    while (x->p < x->end && *x->p != quote && eng_tm_step(x->t)) {
        const char *run = x->p;
        while (x->p < x->end && *x->p != quote && *x->p != '\\')
            x->p++;
        eng_tm_write(x->t, out, run, (size_t)(x->p - run));
        if (x->p + 1 >= x->end || *x->p == quote)
            continue;
        const char c = x->p[1];
        x->p += 2;
        size_t i = 0;
        while (i < sizeof escapes / sizeof *escapes && escapes[i][0] != c)
            i++;
        if (i < sizeof escapes / sizeof *escapes)
            eng_tm_write(x->t, out, &escapes[i][1], 1);
        else if (c == 'u')
            read_code_point(x, out);
        else if (c != '\n')
            eng_tx_fail(x, "it has an unknown escape in a text");
    }
    if (x->p < x->end)
        x->p++;
}

static struct eng_tv read_strings(struct eng_tx *x)
{
    struct eng_tv_text out = {0};
    do { /* neighbours are one text */
        read_string(x, &out);
        eng_tx_skip_spaces(x);
    } while (x->p < x->end && (*x->p == '\'' || *x->p == '"'));
    return eng_tv_str(out.data ? out.data : "", out.n);
}

static struct eng_tv read_number(struct eng_tx *x)
{
    int64_t i = 0;
    for (; x->p < x->end && *x->p >= '0' && *x->p <= '9' && i < INT64_MAX / 100; x->p++)
        i = 10 * i + (*x->p - '0');
    if (x->p < x->end && (*x->p == '.' || (*x->p >= '0' && *x->p <= '9')))
        eng_tx_fail(x, "it uses a number that is no small integer");
    return eng_tv_int(i);
}

static struct eng_tv read_list(struct eng_tx *x, const char *close)
{
    enum { MAX_ITEMS = 64 };
    struct eng_tv items[MAX_ITEMS];
    size_t n = 0;
    while (x->t->rc == ENG_OK && !eng_tx_symbol(x, close)) {
        if (n == MAX_ITEMS) {
            eng_tm_fail(x->t, "it has a list of more than %d items", MAX_ITEMS);
            break;
        }
        items[n++] = eng_tx_expr(x);
        if (!eng_tx_symbol(x, ",")) {
            eng_tx_expect(x, close);
            break;
        }
    }
    return eng_tm_list(x->t, items, n);
}

static struct eng_tv read_dict(struct eng_tx *x)
{
    struct eng_tv d = eng_tm_dict(x->t);
    while (x->t->rc == ENG_OK && !eng_tx_symbol(x, "}")) {
        const struct eng_tv key = eng_tx_expr(x);
        eng_tx_expect(x, ":");
        const struct eng_tv value = eng_tx_expr(x);
        if (!x->off && key.kind != TV_STR)
            eng_tx_fail(x, "it has a key that is no text");
        if (key.kind == TV_STR)
            eng_tm_dict_set(x->t, d, key.s, key.n, value);
        if (!eng_tx_symbol(x, ",")) {
            eng_tx_expect(x, "}");
            break;
        }
    }
    return d;
}

/* (x), or a tuple (x, y) */
static struct eng_tv read_parentheses(struct eng_tx *x)
{
    if (eng_tx_symbol(x, ")"))
        return eng_tm_list(x->t, NULL, 0);
    const struct eng_tv v = eng_tx_tuple(x);
    eng_tx_expect(x, ")");
    return v;
}

struct eng_tv eng_tx_primary(struct eng_tx *x)
{
    const char *name;
    size_t n;
    eng_tx_skip_spaces(x);
    if (x->p == x->end) {
        eng_tm_fail(x->t, "an expression ends too early");
        return (struct eng_tv){0};
    }
    if (*x->p == '\'' || *x->p == '"')
        return read_strings(x);
    if (*x->p >= '0' && *x->p <= '9')
        return read_number(x);
    if (eng_tx_symbol(x, "("))
        return read_parentheses(x);
    if (eng_tx_symbol(x, "["))
        return read_list(x, "]");
    if (eng_tx_symbol(x, "{"))
        return read_dict(x);
    if (!eng_tx_name(x, &name, &n)) {
        eng_tx_fail(x, "an expression cannot be read");
        return (struct eng_tv){0};
    }
    if (eng_tv_named(name, n, "true") || eng_tv_named(name, n, "True"))
        return eng_tv_bool(true);
    if (eng_tv_named(name, n, "false") || eng_tv_named(name, n, "False"))
        return eng_tv_bool(false);
    if (eng_tv_named(name, n, "none") || eng_tv_named(name, n, "None"))
        return (struct eng_tv){.kind = TV_NONE};
    return x->off ? eng_tv_undefined(name, n) : eng_tm_get(x->t, name, n);
}
