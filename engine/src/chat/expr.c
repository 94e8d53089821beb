/* expr.c - see expr.h. Grammar and precedence: Jinja 2's, from "x if c else y" down to filters. */
#include "chat/expr.h"

#include <string.h>

/* ---- what follows a value ---- */

static void read_args(struct eng_tx *x, struct eng_tv_args *args)
{
    args->n = 0;
    while (x->t->rc == ENG_OK && !eng_tx_symbol(x, ")")) {
        if (args->n == TV_MAX_ARGS) {
            eng_tm_fail(x->t, "it has a call with more than %d arguments", TV_MAX_ARGS);
            return;
        }
        const char *before = x->p;
        args->name[args->n] = NULL;
        if (!eng_tx_name(x, &args->name[args->n], &args->n_name[args->n]) || !eng_tx_symbol(x, "=") || (x->p < x->end && *x->p == '=')) {
            args->name[args->n] = NULL;
            x->p = before;
        }
        args->value[args->n++] = eng_tx_expr(x);
        if (!eng_tx_symbol(x, ",")) {
            eng_tx_expect(x, ")");
            return;
        }
    }
}

static struct eng_tv item_at(struct eng_tx *x, struct eng_tv v, struct eng_tv key)
{
    if (v.kind == TV_UNDEFINED) {
        eng_tm_fail(x->t, "it asks '%.*s' for a part, which is not there", v.n < 40 ? (int)v.n : 40, v.s ? v.s : "");
    } else if (key.kind == TV_STR) {
        const struct eng_tv *there = eng_tv_dict_get(v, key.s, key.n);
        return there ? *there : eng_tv_undefined(key.s, key.n);
    } else if (key.kind == TV_INT && v.kind == TV_LIST) {
        const int64_t n = (int64_t)v.list->n, i = key.i < 0 ? key.i + n : key.i;
        return i >= 0 && i < n ? v.list->items[i] : eng_tv_undefined("item", 4);
    } else {
        eng_tm_fail(x->t, "it takes a part of a value that has none");
    }
    return (struct eng_tv){0};
}

/* Python's slice.indices() */
static struct eng_tv slice(struct eng_tx *x, struct eng_tv v, const struct eng_tv bound[3])
{
    const int64_t step = bound[2].kind == TV_INT ? bound[2].i : 1;
    if (v.kind != TV_LIST || step == 0) {
        eng_tm_fail(x->t, "it takes a slice of a value that is no list");
        return v;
    }
    const int64_t n = (int64_t)v.list->n, least = step > 0 ? 0 : -1, most = step > 0 ? n : n - 1;
    int64_t at[2] = {step > 0 ? 0 : n - 1, step > 0 ? n : -1};
    for (int k = 0; k < 2; k++) {
        if (bound[k].kind != TV_INT)
            continue;
        at[k] = bound[k].i < 0 ? bound[k].i + n : bound[k].i;
        at[k] = at[k] < least ? least : at[k] > most ? most : at[k];
    }
    struct eng_tv *items = eng_tm_alloc(x->t, (v.list->n + 1) * sizeof *items);
    size_t n_items = 0;
    for (int64_t i = at[0]; items && (step > 0 ? i < at[1] : i > at[1]); i += step)
        items[n_items++] = v.list->items[i];
    return items ? eng_tm_list(x->t, items, n_items) : v;
}

static struct eng_tv read_subscript(struct eng_tx *x, struct eng_tv v)
{
    struct eng_tv bound[3] = {0};
    int n_colons = 0;
    while (n_colons < 3 && x->t->rc == ENG_OK && !eng_tx_symbol(x, "]")) {
        if (eng_tx_symbol(x, ":"))
            n_colons++;
        else
            bound[n_colons] = eng_tx_expr(x);
    }
    if (n_colons == 3)
        eng_tx_fail(x, "a slice cannot be read");
    if (x->off || x->t->rc != ENG_OK)
        return (struct eng_tv){0};
    return n_colons ? slice(x, v, bound) : item_at(x, v, bound[0]);
}

static struct eng_tv call(struct eng_tx *x, struct eng_tv v)
{
    struct eng_tv_args args;
    read_args(x, &args);
    if (x->off || !eng_tm_step(x->t))
        return (struct eng_tv){0};
    return v.kind == TV_MACRO ? eng_tm_call_macro(x->t, v, &args) : eng_tm_call(x->t, v, &args);
}

static struct eng_tv read_attribute(struct eng_tx *x, struct eng_tv v)
{
    struct eng_tv_args args;
    const char *name;
    size_t n;
    if (!eng_tx_name(x, &name, &n)) {
        eng_tx_fail(x, "a name is missing");
        return v;
    }
    if (!eng_tx_symbol(x, "("))
        return x->off ? v : item_at(x, v, eng_tv_str(name, n));
    read_args(x, &args);
    if (x->off || x->t->rc != ENG_OK)
        return (struct eng_tv){0};
    return eng_tm_method(x->t, name, n, v, &args);
}

static struct eng_tv read_filter(struct eng_tx *x, struct eng_tv v)
{
    struct eng_tv_args args = {.n = 0};
    const char *name;
    size_t n;
    if (!eng_tx_name(x, &name, &n)) {
        eng_tx_fail(x, "a filter has no name");
        return v;
    }
    if (eng_tx_symbol(x, "("))
        read_args(x, &args);
    return x->off || x->t->rc != ENG_OK ? (struct eng_tv){0} : eng_tm_filter(x->t, name, n, v, &args);
}

/* An argument of a test may stand without parentheses: x is equalto 'y'. */
static bool begins_value(struct eng_tx *x)
{
    eng_tx_skip_spaces(x);
    return x->p < x->end && (*x->p == '\'' || *x->p == '"' || (*x->p >= '0' && *x->p <= '9'));
}

static struct eng_tv read_test(struct eng_tx *x, struct eng_tv v)
{
    struct eng_tv_args args = {.n = 0};
    const char *name;
    size_t n;
    const bool negate = eng_tx_word(x, "not");
    if (!eng_tx_name(x, &name, &n)) {
        eng_tx_fail(x, "a test has no name");
        return v;
    }
    if (eng_tx_symbol(x, "("))
        read_args(x, &args);
    else if (begins_value(x))
        args.value[args.n++] = eng_tx_primary(x);
    if (args.n && !x->off)
        args.name[0] = NULL;
    if (x->off || x->t->rc != ENG_OK)
        return (struct eng_tv){0};
    return eng_tv_bool(eng_tm_test(x->t, name, n, v, &args) != negate);
}

static bool enter(struct eng_tx *x)
{
    if (++x->t->depth > TV_MAX_DEPTH)
        eng_tm_fail(x->t, "it is nested deeper than %d", TV_MAX_DEPTH);
    return eng_tm_step(x->t);
}

static struct eng_tv read_unary(struct eng_tx *x, bool with_filters)
{
    struct eng_tv v;
    eng_tx_skip_spaces(x);
    if (eng_tx_symbol(x, "-")) {
        v = enter(x) ? read_unary(x, false) : (struct eng_tv){0};
        x->t->depth--;
        if (!x->off && v.kind != TV_INT)
            eng_tm_fail(x->t, "it negates what is no number");
        v.i = -v.i;
    } else {
        v = eng_tx_primary(x);
    }
    while (x->t->rc == ENG_OK) {
        if (eng_tx_symbol(x, "."))
            v = read_attribute(x, v);
        else if (eng_tx_symbol(x, "["))
            v = read_subscript(x, v);
        else if (eng_tx_symbol(x, "("))
            v = call(x, v);
        else if (with_filters && eng_tx_symbol(x, "|"))
            v = read_filter(x, v);
        else if (with_filters && eng_tx_word(x, "is"))
            v = read_test(x, v);
        else
            break;
    }
    return v;
}

/* ---- operators ---- */

static struct eng_tv arithmetic(struct eng_tx *x, char op, struct eng_tv a, struct eng_tv b)
{
    const bool numbers = a.kind == TV_INT && b.kind == TV_INT && a.i < INT32_MAX && a.i > INT32_MIN && b.i < INT32_MAX && b.i > INT32_MIN;
    struct eng_tv_text out = {0};
    if (x->off || x->t->rc != ENG_OK)
        return (struct eng_tv){0};
    if (op == '~' || (op == '+' && a.kind == TV_STR && b.kind == TV_STR)) {
        eng_tm_print(x->t, &out, a);
        eng_tm_print(x->t, &out, b);
        return eng_tv_str(out.data ? out.data : "", out.n);
    }
    if (numbers && op == '+')
        return eng_tv_int(a.i + b.i);
    if (numbers && op == '-')
        return eng_tv_int(a.i - b.i);
    if (numbers && op == '*')
        return eng_tv_int(a.i * b.i);
    if (numbers && op == '%' && b.i > 0)
        return eng_tv_int((a.i % b.i + b.i) % b.i);
    if (op == '+' && a.kind == TV_LIST && b.kind == TV_LIST) {
        struct eng_tv *both = eng_tm_alloc(x->t, (a.list->n + b.list->n + 1) * sizeof *both);
        if (!both)
            return a;
        memcpy(both, a.list->items, a.list->n * sizeof *both);
        memcpy(both + a.list->n, b.list->items, b.list->n * sizeof *both);
        return eng_tm_list(x->t, both, a.list->n + b.list->n);
    }
    const struct eng_tv odd = a.kind == TV_UNDEFINED ? a : b;
    if (odd.kind == TV_UNDEFINED && odd.s)
        eng_tm_fail(x->t, "it joins '%.*s', which is not there", odd.n < 40 ? (int)odd.n : 40, odd.s);
    else
        eng_tm_fail(x->t, "it uses '%c' on values that it does not fit", op);
    return (struct eng_tv){0};
}

static struct eng_tv read_product(struct eng_tx *x)
{
    struct eng_tv v = read_unary(x, true);
    while (x->t->rc == ENG_OK) {
        if (eng_tx_symbol(x, "*"))
            v = arithmetic(x, '*', v, read_unary(x, true));
        else if (eng_tx_symbol(x, "%"))
            v = arithmetic(x, '%', v, read_unary(x, true));
        else
            break;
    }
    return v;
}

static struct eng_tv read_concat(struct eng_tx *x)
{
    struct eng_tv v = read_product(x);
    while (x->t->rc == ENG_OK && eng_tx_symbol(x, "~"))
        v = arithmetic(x, '~', v, read_product(x));
    return v;
}

static struct eng_tv read_sum(struct eng_tx *x)
{
    struct eng_tv v = read_concat(x);
    while (x->t->rc == ENG_OK) {
        if (eng_tx_symbol(x, "+"))
            v = arithmetic(x, '+', v, read_concat(x));
        else if (eng_tx_symbol(x, "-"))
            v = arithmetic(x, '-', v, read_concat(x));
        else
            break;
    }
    return v;
}

static bool contains(struct eng_tx *x, struct eng_tv all, struct eng_tv one)
{
    if (all.kind == TV_DICT && one.kind == TV_STR)
        return eng_tv_dict_get(all, one.s, one.n);
    if (all.kind == TV_STR && one.kind == TV_STR)
        return one.n == 0 || (one.n <= all.n && memmem(all.s, all.n, one.s, one.n));
    for (size_t i = 0; all.kind == TV_LIST && i < all.list->n; i++) {
        if (eng_tv_equal(all.list->items[i], one))
            return true;
    }
    if (all.kind != TV_LIST && all.kind != TV_UNDEFINED && all.kind != TV_DICT)
        eng_tm_fail(x->t, "it looks for something in a value that holds nothing");
    return false;
}

static struct eng_tv order(struct eng_tx *x, struct eng_tv a, struct eng_tv b, bool greater, bool or_equal)
{
    if (x->off || x->t->rc != ENG_OK)
        return (struct eng_tv){0};
    if (a.kind != TV_INT || b.kind != TV_INT) {
        eng_tm_fail(x->t, "it orders values that are no numbers");
        return (struct eng_tv){0};
    }
    return eng_tv_bool(a.i == b.i ? or_equal : (a.i > b.i) == greater);
}

static struct eng_tv read_comparison(struct eng_tx *x)
{
    struct eng_tv v = read_sum(x);
    while (x->t->rc == ENG_OK) {
        const char *before = x->p;
        const bool not_in = eng_tx_word(x, "not");
        if (not_in && !eng_tx_word(x, "in")) {
            x->p = before;
            break;
        }
        if (not_in || eng_tx_word(x, "in")) {
            const struct eng_tv all = read_sum(x);
            v = x->off ? v : eng_tv_bool(contains(x, all, v) != not_in);
        } else if (eng_tx_symbol(x, "==")) {
            v = eng_tv_bool(eng_tv_equal(v, read_sum(x)));
        } else if (eng_tx_symbol(x, "!=")) {
            v = eng_tv_bool(!eng_tv_equal(v, read_sum(x)));
        } else if (eng_tx_symbol(x, "<=")) {
            v = order(x, v, read_sum(x), false, true);
        } else if (eng_tx_symbol(x, ">=")) {
            v = order(x, v, read_sum(x), true, true);
        } else if (eng_tx_symbol(x, "<")) {
            v = order(x, v, read_sum(x), false, false);
        } else if (eng_tx_symbol(x, ">")) {
            v = order(x, v, read_sum(x), true, false);
        } else {
            break;
        }
    }
    return v;
}

static struct eng_tv read_not(struct eng_tx *x)
{
    if (!eng_tx_word(x, "not"))
        return read_comparison(x);
    const struct eng_tv v = enter(x) ? read_not(x) : (struct eng_tv){0};
    x->t->depth--;
    return eng_tv_bool(!eng_tv_true(v));
}

static struct eng_tv read_and(struct eng_tx *x)
{
    const bool was_off = x->off;
    struct eng_tv v = read_not(x);
    while (x->t->rc == ENG_OK && eng_tx_word(x, "and")) {
        const bool decided = !eng_tv_true(v);
        x->off = was_off || decided;
        const struct eng_tv next = read_not(x);
        if (!decided)
            v = next;
    }
    x->off = was_off;
    return v;
}

struct eng_tv eng_tx_or(struct eng_tx *x)
{
    const bool was_off = x->off;
    struct eng_tv v = read_and(x);
    while (x->t->rc == ENG_OK && eng_tx_word(x, "or")) {
        const bool decided = eng_tv_true(v);
        x->off = was_off || decided;
        const struct eng_tv next = read_and(x);
        if (!decided)
            v = next;
    }
    x->off = was_off;
    return v;
}

/* The end of a text in quotes that begins at p. */
static const char *after_string(const char *p, const char *end)
{
    const char quote = *p++;
    while (p < end && *p != quote)
        p += *p == '\\' && p + 1 < end ? 2 : 1;
    return p < end ? p + 1 : end;
}

/* Does an "if" follow, before this expression ends? */
static bool is_conditional(const struct eng_tx *x)
{
    struct eng_tx ahead = *x;
    int depth = 0;
    while (ahead.p < ahead.end) {
        const char *name, c = *ahead.p;
        size_t n;
        if (c == '\'' || c == '"') {
            ahead.p = after_string(ahead.p, ahead.end);
        } else if (eng_tx_is_name_char(c, true) && eng_tx_name(&ahead, &name, &n)) {
            if (depth == 0 && eng_tv_named(name, n, "if"))
                return true;
            if (depth == 0 && eng_tv_named(name, n, "else"))
                return false;
        } else {
            depth += c == '(' || c == '[' || c == '{';
            depth -= c == ')' || c == ']' || c == '}';
            if (depth < 0 || (depth == 0 && (c == ',' || c == ':')))
                return false;
            ahead.p++;
        }
    }
    return false;
}

/* "x if c else y": x stands before its condition, so it is read twice. */
static struct eng_tv read_choice(struct eng_tx *x)
{
    const bool was_off = x->off;
    const char *begin = x->p;
    if (!is_conditional(x))
        return eng_tx_or(x);
    x->off = true;
    struct eng_tv v = eng_tx_or(x);
    if (x->t->rc == ENG_OK && !eng_tx_word(x, "if"))
        eng_tx_fail(x, "a condition cannot be read");
    x->off = was_off;
    const bool yes = eng_tv_true(eng_tx_or(x));
    const char *after = x->p;
    x->p = begin;
    x->off = was_off || !yes;
    v = eng_tx_or(x);
    x->p = after;
    x->off = was_off || yes;
    const bool has_else = x->t->rc == ENG_OK && eng_tx_word(x, "else");
    const struct eng_tv other = has_else ? eng_tx_expr(x) : eng_tv_undefined("else", 4);
    x->off = was_off;
    return yes ? v : other;
}

struct eng_tv eng_tx_expr(struct eng_tx *x)
{
    const struct eng_tv v = enter(x) ? read_choice(x) : (struct eng_tv){0};
    x->t->depth--;
    return v;
}

struct eng_tv eng_tx_tuple(struct eng_tx *x)
{
    enum { MAX_ITEMS = 16 };
    struct eng_tv items[MAX_ITEMS];
    size_t n = 0;
    bool is_tuple = false;
    items[n++] = eng_tx_expr(x);
    while (x->t->rc == ENG_OK && eng_tx_symbol(x, ",")) {
        is_tuple = true;
        eng_tx_skip_spaces(x);
        if (x->p == x->end || *x->p == ')')
            break;
        if (n == MAX_ITEMS)
            eng_tm_fail(x->t, "it has a tuple of more than %d items", MAX_ITEMS);
        else
            items[n++] = eng_tx_expr(x);
    }
    return is_tuple ? eng_tm_list(x->t, items, n) : items[0];
}
