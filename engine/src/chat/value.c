/* value.c - see value.h. */
#include "chat/value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat/call.h"

struct eng_tm_chunk {
    struct eng_tm_chunk *next;
    size_t n_bytes;
    _Alignas(16) char data[];
};

void eng_tm_fail(struct eng_tm *t, const char *format, ...)
{
    char text[300];
    va_list args;
    if (t->rc != ENG_OK)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    }
    t->rc = eng_fail(t->err, ENG_ENOTSUP, "%s", text);
}

bool eng_tm_step(struct eng_tm *t)
{
    if (t->rc == ENG_OK && ++t->n_steps > TV_MAX_STEPS)
        eng_tm_fail(t, "it takes more than %d steps", TV_MAX_STEPS);
    return t->rc == ENG_OK;
}

void *eng_tm_alloc(struct eng_tm *t, size_t n_bytes)
{
    if (n_bytes > TV_MAX_BYTES || t->n_bytes + n_bytes > TV_MAX_BYTES) {
        eng_tm_fail(t, "it needs more than %d MiB", TV_MAX_BYTES >> 20);
        return NULL;
    }
    struct eng_tm_chunk *chunk = calloc(1, sizeof *chunk + n_bytes);
    if (!chunk) {
        if (t->rc == ENG_OK)
            t->rc = eng_fail(t->err, ENG_ENOMEM, "no memory for the chat template");
        return NULL;
    }
    chunk->next = t->chunks;
    chunk->n_bytes = n_bytes;
    t->chunks = chunk;
    t->n_bytes += n_bytes + sizeof *chunk;
    return chunk->data;
}

void eng_tm_free(struct eng_tm *t)
{
    while (t->chunks) {
        struct eng_tm_chunk *next = t->chunks->next;
        free(t->chunks);
        t->chunks = next;
    }
}

void eng_tm_write(struct eng_tm *t, struct eng_tv_text *out, const char *s, size_t n)
{
    if (t->rc != ENG_OK)
        return;
    if (out->n + n + 1 > out->cap) {
        const size_t cap = 2 * (out->n + n + 64);
        char *data = eng_tm_alloc(t, cap);
        if (!data)
            return;
        if (out->n)
            memcpy(data, out->data, out->n);
        out->data = data;
        out->cap = cap;
    }
    if (n)
        memcpy(out->data + out->n, s, n);
    out->n += n;
    out->data[out->n] = '\0';
}

void eng_tm_print(struct eng_tm *t, struct eng_tv_text *out, struct eng_tv v)
{
    char number[32];
    switch (v.kind) {
    case TV_UNDEFINED:
        return;
    case TV_NONE:
        eng_tm_write(t, out, "None", 4);
        return;
    case TV_BOOL:
        eng_tm_write(t, out, v.i ? "True" : "False", v.i ? 4 : 5);
        return;
    case TV_INT:
        eng_tm_write(t, out, number, (size_t)snprintf(number, sizeof number, "%" PRId64, v.i));
        return;
    case TV_STR:
        eng_tm_write(t, out, v.s, v.n);
        return;
    default:
        eng_tm_fail(t, "it prints a list, a dictionary or a function");
    }
}

struct eng_tv eng_tv_str(const char *s, size_t n)
{
    return (struct eng_tv){.kind = TV_STR, .s = s, .n = n};
}

struct eng_tv eng_tv_int(int64_t i)
{
    return (struct eng_tv){.kind = TV_INT, .i = i};
}

struct eng_tv eng_tv_bool(bool b)
{
    return (struct eng_tv){.kind = TV_BOOL, .i = b};
}

struct eng_tv eng_tv_undefined(const char *name, size_t n)
{
    return (struct eng_tv){.kind = TV_UNDEFINED, .s = name, .n = n};
}

struct eng_tv eng_tm_list(struct eng_tm *t, const struct eng_tv *items, size_t n)
{
    struct eng_tv_list *list = eng_tm_alloc(t, sizeof *list);
    struct eng_tv *copy = eng_tm_alloc(t, (n + 1) * sizeof *copy);
    if (!list || !copy)
        return (struct eng_tv){0};
    if (n)
        memcpy(copy, items, n * sizeof *copy);
    *list = (struct eng_tv_list){copy, n};
    return (struct eng_tv){.kind = TV_LIST, .list = list};
}

struct eng_tv eng_tm_dict(struct eng_tm *t)
{
    struct eng_tv_dict *dict = eng_tm_alloc(t, sizeof *dict);
    return dict ? (struct eng_tv){.kind = TV_DICT, .dict = dict} : (struct eng_tv){0};
}

const struct eng_tv *eng_tv_dict_get(struct eng_tv v, const char *key, size_t n_key)
{
    for (size_t i = 0; v.kind == TV_DICT && i < v.dict->n; i++) {
        const struct eng_tv_pair *p = &v.dict->pairs[i];
        if (p->n_key == n_key && memcmp(p->key, key, n_key) == 0)
            return &p->value;
    }
    return NULL;
}

void eng_tm_dict_set(struct eng_tm *t, struct eng_tv v, const char *key, size_t n_key, struct eng_tv value)
{
    if (t->rc != ENG_OK)
        return;
    struct eng_tv *there = (struct eng_tv *)(uintptr_t)eng_tv_dict_get(v, key, n_key);
    if (there) {
        *there = value;
        return;
    }
    struct eng_tv_dict *d = v.dict;
    if (d->n == d->cap) {
        struct eng_tv_pair *more = eng_tm_alloc(t, (2 * d->cap + 8) * sizeof *more);
        if (!more)
            return;
        if (d->n)
            memcpy(more, d->pairs, d->n * sizeof *more);
        d->pairs = more;
        d->cap = 2 * d->cap + 8;
    }
    d->pairs[d->n++] = (struct eng_tv_pair){key, n_key, value};
}

bool eng_tv_true(struct eng_tv v)
{
    switch (v.kind) {
    case TV_UNDEFINED:
    case TV_NONE:
        return false;
    case TV_BOOL:
    case TV_INT:
        return v.i != 0;
    case TV_STR:
        return v.n > 0;
    case TV_LIST:
        return v.list->n > 0;
    case TV_DICT:
        return v.dict->n > 0;
    default:
        return true;
    }
}

static bool is_number(struct eng_tv v)
{
    return v.kind == TV_INT || v.kind == TV_BOOL;
}

bool eng_tv_equal(struct eng_tv a, struct eng_tv b)
{
    if (is_number(a) && is_number(b))
        return a.i == b.i;
    if (a.kind != b.kind)
        return false;
    if (a.kind == TV_STR)
        return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
    if (a.kind == TV_LIST) {
        bool equal = a.list->n == b.list->n;
        for (size_t i = 0; equal && i < a.list->n; i++)
            equal = eng_tv_equal(a.list->items[i], b.list->items[i]);
        return equal;
    }
    return a.kind == TV_DICT ? a.dict == b.dict : a.i == b.i;
}

bool eng_tv_is(struct eng_tv v, const char *text)
{
    return v.kind == TV_STR && eng_tv_named(v.s, v.n, text);
}

static struct eng_tv_variable *find(struct eng_tm *t, size_t from, size_t to, const char *name, size_t n)
{
    for (size_t i = to; i-- > from;) {
        if (t->vars[i].n_name == n && memcmp(t->vars[i].name, name, n) == 0)
            return &t->vars[i];
    }
    return NULL;
}

struct eng_tv eng_tm_get(struct eng_tm *t, const char *name, size_t n)
{
    const struct eng_tv_variable *v = find(t, t->frame, t->n_vars, name, n);
    if (!v && t->frame > 0)
        v = find(t, 0, t->n_global < t->frame ? t->n_global : t->frame, name, n);
    return v ? v->value : eng_tm_function(name, n);
}

void eng_tm_set(struct eng_tm *t, const char *name, size_t n, struct eng_tv value)
{
    struct eng_tv_variable *v = find(t, t->scope, t->n_vars, name, n);
    if (v)
        v->value = value;
    else if (t->n_vars < TV_MAX_VARIABLES)
        t->vars[t->n_vars++] = (struct eng_tv_variable){name, n, value};
    else
        eng_tm_fail(t, "it has more than %d variables", TV_MAX_VARIABLES);
}
