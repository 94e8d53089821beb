/* call.c - see call.h. What is not in these tables ends the rendering by name. */
#include "chat/call.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct eng_tv call_fn(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args);

struct row {
    const char *name;
    call_fn *fn;
};

/* Argument i by position, or by @name; undefined when it is not given. */
static struct eng_tv arg(const struct eng_tv_args *args, size_t i, const char *name)
{
    for (size_t k = 0; k < args->n; k++) {
        if (args->name[k] ? eng_tv_named(args->name[k], args->n_name[k], name) : k == i)
            return args->value[k];
    }
    return (struct eng_tv){0};
}

static struct eng_tv wrong(struct eng_tm *t, const char *what)
{
    eng_tm_fail(t, "it uses %s on a value that has none", what);
    return (struct eng_tv){0};
}

/* ---- text ---- */

/* Bytes of the white space character that @s[n] begins or ends with, 0 when there is none: Python's str.isspace(). */
static size_t space_bytes(const char *s, size_t n, bool at_end)
{
    static const char *const wide[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
                                       "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
    const char c = n == 0 ? 'x' : at_end ? s[n - 1] : s[0];
    if (c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f))
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        const size_t n_wide = strlen(wide[i]);
        if (n >= n_wide && memcmp(at_end ? s + n - n_wide : s, wide[i], n_wide) == 0)
            return n_wide;
    }
    const char *p = n < 3 ? "abc" : at_end ? s + n - 3 : s; /* U+2000 to U+200A */
    return memcmp(p, "\xe2\x80", 2) == 0 && (unsigned char)p[2] >= 0x80 && (unsigned char)p[2] <= 0x8a ? 3 : 0;
}

static size_t cut_bytes(struct eng_tv v, struct eng_tv chars, bool at_end)
{
    if (chars.kind != TV_STR)
        return space_bytes(v.s, v.n, at_end);
    return v.n && chars.n && memchr(chars.s, at_end ? v.s[v.n - 1] : v.s[0], chars.n);
}

static struct eng_tv cut(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args, bool left, bool right)
{
    const struct eng_tv chars = arg(args, 0, "chars");
    size_t n;
    if (v.kind == TV_UNDEFINED)
        return eng_tv_str("", 0);
    if (v.kind != TV_STR)
        return wrong(t, "trim or strip");
    while (left && (n = cut_bytes(v, chars, false))) {
        v.s += n;
        v.n -= n;
    }
    while (right && (n = cut_bytes(v, chars, true)))
        v.n -= n;
    return v;
}

static struct eng_tv do_strip(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    return cut(t, v, args, true, true);
}

static struct eng_tv do_lstrip(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    return cut(t, v, args, true, false);
}

static struct eng_tv do_rstrip(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    return cut(t, v, args, false, true);
}

static struct eng_tv recase(struct eng_tm *t, struct eng_tv v, char from, char to, bool first_only)
{
    char *s = v.kind == TV_STR ? eng_tm_alloc(t, v.n + 1) : NULL;
    if (!s)
        return v.kind == TV_STR ? v : wrong(t, "upper or lower");
    for (size_t i = 0; i < v.n; i++) {
        const bool is_ascii = (unsigned char)v.s[i] < 0x80;
        if (!is_ascii) { /* the tables of Unicode are not worth it here */
            eng_tm_fail(t, "it changes the case of text that is not ASCII");
            return v;
        }
        s[i] = v.s[i] >= from && v.s[i] <= from + 25 && (!first_only || i == 0) ? (char)(v.s[i] - from + to) : v.s[i];
    }
    return eng_tv_str(s, v.n);
}

static struct eng_tv do_upper(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    (void)args;
    return recase(t, v, 'a', 'A', false);
}

static struct eng_tv do_lower(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    (void)args;
    return recase(t, v, 'A', 'a', false);
}

static struct eng_tv do_capitalize(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    return recase(t, do_lower(t, v, args), 'a', 'A', true);
}

static const char *find_text(const char *s, size_t n, struct eng_tv what)
{
    if (what.n == 0 || what.n > n)
        return NULL;
    for (size_t i = 0; i + what.n <= n; i++) {
        if (memcmp(s + i, what.s, what.n) == 0)
            return s + i;
    }
    return NULL;
}

static struct eng_tv do_replace(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    const struct eng_tv from = arg(args, 0, "old"), to = arg(args, 1, "new");
    struct eng_tv_text out = {0};
    if (v.kind != TV_STR || from.kind != TV_STR || to.kind != TV_STR || from.n == 0 || args->n != 2)
        return wrong(t, "replace");
    for (const char *at; (at = find_text(v.s, v.n, from)) && eng_tm_step(t);) {
        eng_tm_write(t, &out, v.s, (size_t)(at - v.s));
        eng_tm_write(t, &out, to.s, to.n);
        v.n -= (size_t)(at - v.s) + from.n;
        v.s = at + from.n;
    }
    eng_tm_write(t, &out, v.s, v.n);
    return eng_tv_str(out.data ? out.data : "", out.n);
}

static struct eng_tv do_split(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    enum { MAX_PARTS = 64 };
    struct eng_tv parts[MAX_PARTS];
    const struct eng_tv by = arg(args, 0, "sep"), limit = arg(args, 1, "maxsplit");
    size_t n = 0, most = limit.kind == TV_INT && limit.i >= 0 && limit.i < MAX_PARTS ? (size_t)limit.i : MAX_PARTS;
    if (v.kind != TV_STR || by.kind != TV_STR || by.n == 0)
        return wrong(t, "split");
    const char *at;
    while (n < most && (at = find_text(v.s, v.n, by))) {
        if (n == MAX_PARTS - 1) {
            eng_tm_fail(t, "it splits a text into more than %d parts", MAX_PARTS);
            return v;
        }
        parts[n++] = eng_tv_str(v.s, (size_t)(at - v.s));
        v.n -= (size_t)(at - v.s) + by.n;
        v.s = at + by.n;
    }
    parts[n++] = v;
    return eng_tm_list(t, parts, n);
}

static struct eng_tv has_end(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args, bool front)
{
    const struct eng_tv what = arg(args, 0, "prefix");
    if (v.kind != TV_STR || what.kind != TV_STR)
        return wrong(t, "startswith or endswith");
    return eng_tv_bool(what.n <= v.n && memcmp(front ? v.s : v.s + v.n - what.n, what.s, what.n) == 0);
}

static struct eng_tv do_startswith(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    return has_end(t, v, args, true);
}

static struct eng_tv do_endswith(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    return has_end(t, v, args, false);
}

static struct eng_tv do_string(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    struct eng_tv_text out = {0};
    (void)args;
    if (v.kind == TV_STR)
        return v;
    eng_tm_print(t, &out, v);
    return eng_tv_str(out.data ? out.data : "", out.n);
}

static struct eng_tv do_same(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    (void)t;
    (void)args;
    return v;
}

/* ---- lists ---- */

/* Characters of valid UTF-8; a stray byte counts as one. */
static size_t count_chars(struct eng_tv v)
{
    size_t n = 0;
    for (size_t i = 0; i < v.n; i++)
        n += ((unsigned char)v.s[i] & 0xc0) != 0x80;
    return n;
}

static struct eng_tv do_length(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    (void)args;
    switch (v.kind) {
    case TV_UNDEFINED:
        return eng_tv_int(0);
    case TV_STR:
        return eng_tv_int((int64_t)count_chars(v));
    case TV_LIST:
        return eng_tv_int((int64_t)v.list->n);
    case TV_DICT:
        return eng_tv_int((int64_t)v.dict->n);
    default:
        return wrong(t, "length");
    }
}

/* The end of a list. */
static struct eng_tv end_item(struct eng_tm *t, struct eng_tv v, bool first)
{
    if (v.kind != TV_LIST)
        return wrong(t, "first or last");
    return v.list->n ? v.list->items[first ? 0 : v.list->n - 1] : (struct eng_tv){0};
}

static struct eng_tv do_first(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    (void)args;
    return end_item(t, v, true);
}

static struct eng_tv do_last(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    (void)args;
    return end_item(t, v, false);
}

static struct eng_tv do_reverse(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    (void)args;
    if (v.kind != TV_LIST)
        return wrong(t, "reverse");
    struct eng_tv r = eng_tm_list(t, v.list->items, v.list->n);
    for (size_t i = 0; r.kind == TV_LIST && i < v.list->n; i++)
        r.list->items[i] = v.list->items[v.list->n - 1 - i];
    return r;
}

static struct eng_tv do_list(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    (void)args;
    return v.kind == TV_LIST ? v : wrong(t, "list");
}

static struct eng_tv join(struct eng_tm *t, struct eng_tv list, struct eng_tv by)
{
    struct eng_tv_text out = {0};
    if (list.kind != TV_LIST || (by.kind != TV_STR && by.kind != TV_UNDEFINED))
        return wrong(t, "join");
    for (size_t i = 0; i < list.list->n; i++) {
        if (i && by.kind == TV_STR)
            eng_tm_write(t, &out, by.s, by.n);
        eng_tm_print(t, &out, list.list->items[i]);
    }
    return eng_tv_str(out.data ? out.data : "", out.n);
}

static struct eng_tv do_join(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    return join(t, v, arg(args, 0, "d"));
}

static struct eng_tv do_join_method(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    return join(t, arg(args, 0, "iterable"), v);
}

/* selectattr(name), selectattr(name, test, value) */
static struct eng_tv select_items(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args, bool wanted)
{
    const struct eng_tv name = arg(args, 0, ""), test = arg(args, 1, "");
    const struct eng_tv_args rest = {.value = {arg(args, 2, "")}, .n = args->n > 2};
    if (v.kind == TV_UNDEFINED)
        return eng_tm_list(t, NULL, 0);
    if (v.kind != TV_LIST || name.kind != TV_STR || (args->n > 1 && test.kind != TV_STR))
        return wrong(t, "selectattr or rejectattr");
    struct eng_tv *kept = eng_tm_alloc(t, (v.list->n + 1) * sizeof *kept);
    size_t n = 0;
    for (size_t i = 0; kept && i < v.list->n && eng_tm_step(t); i++) {
        const struct eng_tv *there = eng_tv_dict_get(v.list->items[i], name.s, name.n);
        const struct eng_tv part = there ? *there : eng_tv_undefined(name.s, name.n);
        const bool passes = args->n > 1 ? eng_tm_test(t, test.s, test.n, part, &rest) : eng_tv_true(part);
        if (passes == wanted)
            kept[n++] = v.list->items[i];
    }
    return kept ? eng_tm_list(t, kept, n) : v;
}

static struct eng_tv do_selectattr(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    return select_items(t, v, args, true);
}

static struct eng_tv do_rejectattr(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    return select_items(t, v, args, false);
}

static struct eng_tv do_default(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    (void)t;
    const bool falsy = eng_tv_true(arg(args, 1, "boolean")) && !eng_tv_true(v);
    if (v.kind != TV_UNDEFINED && !falsy)
        return v;
    return args->n ? arg(args, 0, "default_value") : eng_tv_str("", 0);
}

/* ---- dictionaries ---- */

static struct eng_tv do_get(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    const struct eng_tv key = arg(args, 0, "key");
    if (v.kind != TV_DICT || key.kind != TV_STR)
        return wrong(t, "get");
    const struct eng_tv *there = eng_tv_dict_get(v, key.s, key.n);
    if (there)
        return *there;
    return args->n > 1 ? arg(args, 1, "default") : (struct eng_tv){.kind = TV_NONE};
}

enum part { KEYS = 1, VALUES = 2 };

static struct eng_tv parts(struct eng_tm *t, struct eng_tv v, unsigned which)
{
    if (v.kind == TV_UNDEFINED && which == (KEYS | VALUES))
        return eng_tm_list(t, NULL, 0);
    if (v.kind != TV_DICT)
        return wrong(t, "items, keys or values");
    struct eng_tv *items = eng_tm_alloc(t, (v.dict->n + 1) * sizeof *items);
    for (size_t i = 0; items && i < v.dict->n; i++) {
        const struct eng_tv_pair *p = &v.dict->pairs[i];
        const struct eng_tv both[2] = {eng_tv_str(p->key, p->n_key), p->value};
        items[i] = which == KEYS ? both[0] : which == VALUES ? both[1] : eng_tm_list(t, both, 2);
    }
    return items ? eng_tm_list(t, items, v.dict->n) : v;
}

static struct eng_tv do_items(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    (void)args;
    return parts(t, v, KEYS | VALUES);
}

static struct eng_tv do_keys(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    (void)args;
    return parts(t, v, KEYS);
}

static struct eng_tv do_values(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    (void)args;
    return parts(t, v, VALUES);
}

/* ---- functions ---- */

static struct eng_tv do_raise(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    const struct eng_tv why = arg(args, 0, "message");
    (void)v;
    eng_tm_fail(t, "it refuses the conversation: %.*s", why.kind == TV_STR && why.n < 200 ? (int)why.n : 0, why.kind == TV_STR ? why.s : "");
    return (struct eng_tv){0};
}

static struct eng_tv do_namespace(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    struct eng_tv d = eng_tm_dict(t);
    (void)v;
    for (size_t i = 0; d.kind == TV_DICT && i < args->n; i++) {
        if (!args->name[i])
            return wrong(t, "namespace");
        eng_tm_dict_set(t, d, args->name[i], args->n_name[i], args->value[i]);
    }
    return d;
}

static struct eng_tv do_range(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    enum { MAX_RANGE = 10000 };
    const struct eng_tv a = arg(args, 0, ""), b = arg(args, 1, ""), c = arg(args, 2, "");
    const int64_t begin = args->n > 1 ? a.i : 0, end = args->n > 1 ? b.i : a.i, step = args->n > 2 ? c.i : 1;
    (void)v;
    if (a.kind != TV_INT || (args->n > 1 && b.kind != TV_INT) || (args->n > 2 && c.kind != TV_INT) || step == 0)
        return wrong(t, "range");
    if (begin > MAX_RANGE || begin < -MAX_RANGE || end > MAX_RANGE || end < -MAX_RANGE || step > MAX_RANGE || step < -MAX_RANGE) {
        eng_tm_fail(t, "it counts further than %d", MAX_RANGE);
        return v;
    }
    const int64_t n = step > 0 ? (end - begin + step - 1) / step : (begin - end - step - 1) / -step;
    struct eng_tv *items = eng_tm_alloc(t, (size_t)((n > 0 ? n : 0) + 1) * sizeof *items);
    for (int64_t i = 0; items && i < n; i++)
        items[i] = eng_tv_int(begin + i * step);
    return items ? eng_tm_list(t, items, n > 0 ? (size_t)n : 0) : v;
}

/* The date is always the same: a prompt that changes every day cannot be measured again. It is the one that Llama 3's templates fall back to. */
static struct eng_tv do_strftime(struct eng_tm *t, struct eng_tv v, const struct eng_tv_args *args)
{
    static const struct {
        char letter;
        const char *text;
    } parts_of_date[] = {{'Y', "2024"}, {'y', "24"}, {'m', "07"}, {'d', "26"}, {'b', "Jul"}, {'B', "July"}, {'a', "Fri"},
                         {'A', "Friday"}, {'H', "00"}, {'M', "00"}, {'S', "00"}, {'%', "%"}};
    const struct eng_tv format = arg(args, 0, "format");
    struct eng_tv_text out = {0};
    if (format.kind != TV_STR)
        return wrong(t, "strftime_now");
    for (size_t i = 0; i < format.n; i++) {
        size_t k = 0;
        if (format.s[i] != '%' || i + 1 == format.n) {
            eng_tm_write(t, &out, format.s + i, 1);
            continue;
        }
        i++;
        while (k < sizeof parts_of_date / sizeof *parts_of_date && parts_of_date[k].letter != format.s[i])
            k++;
        if (k == sizeof parts_of_date / sizeof *parts_of_date) {
            eng_tm_fail(t, "it uses %%%c of a date", format.s[i]);
            return v;
        }
        eng_tm_write(t, &out, parts_of_date[k].text, strlen(parts_of_date[k].text));
    }
    return eng_tv_str(out.data ? out.data : "", out.n);
}

/* ---- tables ---- */

static const struct row filters[] = {
    {"trim", do_strip},     {"length", do_length},   {"count", do_length},           {"default", do_default}, {"d", do_default},
    {"upper", do_upper},    {"lower", do_lower},     {"capitalize", do_capitalize},  {"string", do_string},   {"safe", do_same},
    {"replace", do_replace}, {"join", do_join},      {"first", do_first},            {"last", do_last},       {"reverse", do_reverse},
    {"list", do_list},      {"items", do_items},     {"selectattr", do_selectattr},  {"rejectattr", do_rejectattr},
};

static const struct row methods[] = {
    {"strip", do_strip},     {"lstrip", do_lstrip},         {"rstrip", do_rstrip},     {"split", do_split}, {"replace", do_replace},
    {"upper", do_upper},     {"lower", do_lower},           {"startswith", do_startswith}, {"endswith", do_endswith},
    {"capitalize", do_capitalize}, {"join", do_join_method}, {"get", do_get},          {"items", do_items}, {"keys", do_keys},
    {"values", do_values},
};

static const struct row functions[] = {{"raise_exception", do_raise}, {"namespace", do_namespace}, {"dict", do_namespace}, {"range", do_range},
                                       {"strftime_now", do_strftime}};

#define ROWS(table) (sizeof(table) / sizeof *(table))

static const struct row *find_row(const struct row *rows, size_t n_rows, const char *name, size_t n)
{
    for (size_t i = 0; i < n_rows; i++) {
        if (eng_tv_named(name, n, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

static struct eng_tv run_row(struct eng_tm *t, const struct row *row, const char *what, const char *name, size_t n, struct eng_tv v,
                             const struct eng_tv_args *args)
{
    if (!eng_tm_step(t))
        return (struct eng_tv){0};
    if (row)
        return row->fn(t, v, args);
    eng_tm_fail(t, "it uses the %s '%.*s'", what, n < 40 ? (int)n : 40, name);
    return (struct eng_tv){0};
}

struct eng_tv eng_tm_filter(struct eng_tm *t, const char *name, size_t n, struct eng_tv v, const struct eng_tv_args *args)
{
    return run_row(t, find_row(filters, ROWS(filters), name, n), "filter", name, n, v, args);
}

struct eng_tv eng_tm_method(struct eng_tm *t, const char *name, size_t n, struct eng_tv v, const struct eng_tv_args *args)
{
    return run_row(t, find_row(methods, ROWS(methods), name, n), "method", name, n, v, args);
}

struct eng_tv eng_tm_function(const char *name, size_t n)
{
    const struct row *row = find_row(functions, ROWS(functions), name, n);
    return row ? (struct eng_tv){.kind = TV_FUNC, .i = row - functions, .s = name, .n = n} : eng_tv_undefined(name, n);
}

struct eng_tv eng_tm_call(struct eng_tm *t, struct eng_tv function, const struct eng_tv_args *args)
{
    const struct row *row = function.kind == TV_FUNC ? &functions[function.i] : NULL;
    return run_row(t, row, "function", function.kind == TV_UNDEFINED || function.kind == TV_FUNC ? function.s : "?",
                   function.kind == TV_UNDEFINED || function.kind == TV_FUNC ? function.n : 1, (struct eng_tv){0}, args);
}

bool eng_tm_test(struct eng_tm *t, const char *name, size_t n, struct eng_tv v, const struct eng_tv_args *args)
{
    static const struct {
        const char *name;
        unsigned kinds; /* bits 1 << kind that pass */
    } rows[] = {
        {"undefined", 1u << TV_UNDEFINED},
        {"defined", ~(1u << TV_UNDEFINED)},
        {"none", 1u << TV_NONE},
        {"string", 1u << TV_STR},
        {"number", 1u << TV_INT | 1u << TV_BOOL},
        {"integer", 1u << TV_INT},
        {"boolean", 1u << TV_BOOL},
        {"mapping", 1u << TV_DICT},
        {"iterable", 1u << TV_STR | 1u << TV_LIST | 1u << TV_DICT | 1u << TV_UNDEFINED},
        {"sequence", 1u << TV_STR | 1u << TV_LIST | 1u << TV_DICT | 1u << TV_UNDEFINED},
        {"callable", 1u << TV_MACRO | 1u << TV_FUNC},
    };
    if (!eng_tm_step(t))
        return false;
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (eng_tv_named(name, n, rows[i].name))
            return rows[i].kinds >> v.kind & 1;
    }
    if (eng_tv_named(name, n, "true") || eng_tv_named(name, n, "false"))
        return v.kind == TV_BOOL && (v.i != 0) == (n == 4);
    if (eng_tv_named(name, n, "equalto") || eng_tv_named(name, n, "eq"))
        return eng_tv_equal(v, arg(args, 0, "other"));
    if (v.kind == TV_INT && (eng_tv_named(name, n, "odd") || eng_tv_named(name, n, "even")))
        return (v.i % 2 != 0) == (n == 3);
    eng_tm_fail(t, "it uses the test '%.*s'", n < 40 ? (int)n : 40, name);
    return false;
}
