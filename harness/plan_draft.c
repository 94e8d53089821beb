/* plan_draft.c - memory of a draft, and the values of its axes; see plan_draft.h. */
#include "harness/plan_draft.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eng/engine.h"

int mb_plan_fail(const struct mb_plan_mark *at, struct mb_error *err, const char *fmt, ...)
{
    char what[560];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    if (at && at->file)
        return mb_fail(err, MB_EINVAL, "%s:%u:%u: %s", at->file, at->line, at->column, what);
    return mb_fail(err, MB_EINVAL, "%s", what);
}

void mb_plan_list_release(struct mb_plan_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i].text);
    free(list->items);
    *list = (struct mb_plan_list){0};
}

int mb_plan_list_add(struct mb_plan_list *list, const char *text, const struct mb_plan_mark *mark, struct mb_error *err)
{
    char *copy = strdup(text);
    if ((list->n & (list->n - 1)) == 0) {
        struct mb_plan_text *grown = realloc(list->items, (list->n ? list->n * 2 : 1) * sizeof(*grown));
        if (!grown) {
            free(copy);
            return mb_fail(err, MB_ENOMEM, "no memory for a plan");
        }
        list->items = grown;
    }
    if (!copy)
        return mb_fail(err, MB_ENOMEM, "no memory for a plan");
    list->items[list->n++] = (struct mb_plan_text){.text = copy, .mark = mark ? *mark : (struct mb_plan_mark){0}};
    return MB_OK;
}

void mb_plan_block_release(struct mb_plan_block *block)
{
    for (size_t i = 0; i < MB_AXIS_N; i++)
        mb_plan_list_release(&block->axis[i]);
    for (size_t i = 0; i < block->n_work; i++)
        json_decref(block->work[i].options);
    free(block->work);
    *block = (struct mb_plan_block){0};
}

void mb_plan_draft_release(struct mb_plan_draft *draft)
{
    for (size_t i = 0; i < draft->n_blocks; i++)
        mb_plan_block_release(&draft->blocks[i]);
    free(draft->blocks);
    free(draft->name);
    free(draft->runner);
    free(draft->collect);
    *draft = (struct mb_plan_draft){0};
}

int mb_axis_family(enum mb_axis axis)
{
    switch (axis) {
    case MB_AXIS_BACKEND: return ENG_FAMILY_BACKEND;
    case MB_AXIS_QUANT: return ENG_FAMILY_QUANT;
    case MB_AXIS_ACT: return ENG_FAMILY_ACT;
    case MB_AXIS_CACHE_TYPE_K:
    case MB_AXIS_CACHE_TYPE_V: return ENG_FAMILY_CACHE;
    case MB_AXIS_EARLY_EXIT: return ENG_FAMILY_EXIT;
    case MB_AXIS_TOKEN_REDUCTION: return ENG_FAMILY_REDUCE;
    case MB_AXIS_MODEL:
    case MB_AXIS_THREADS:
    case MB_AXIS_CPU_MASK:
    case MB_AXIS_N: break;
    }
    return -1;
}

const char *mb_axis_unavailable(enum mb_axis axis, const char *text)
{
    const int family = mb_axis_family(axis);
    const size_t n_name = strcspn(text, ":");
    size_t n = 0;
    const struct eng_method_info *const *methods = family < 0 ? NULL : eng_methods((enum eng_family)family, &n);
    for (size_t i = 0; i < n; i++)
        if (strlen(methods[i]->name) == n_name && strncmp(methods[i]->name, text, n_name) == 0)
            return methods[i]->unavailable;
    return NULL;
}

/* One value in the form that is stored, or an error that names axis and place. */
static int add_canonical(struct mb_plan_list *values, enum mb_axis axis, const char *text, const struct mb_plan_mark *mark,
                         struct mb_error *err)
{
    const struct mb_axis_row *row = &mb_axis_rows[axis];
    const int family = mb_axis_family(axis);
    const bool is_auto = row->def && strcmp(row->def, "auto") == 0 && strcmp(text, "auto") == 0;
    json_t *utf8 = json_string(text);
    if (!utf8)
        return mb_plan_fail(mark, err, "%s: the value is not valid UTF-8", row->key);
    json_decref(utf8);
    if (row->kind == MB_AXIS_KIND_COUNT && !is_auto && strtoull(text, NULL, 10) == 0)
        return mb_plan_fail(mark, err, "%s: '%s' is not a positive number", row->key, text);
    struct eng_error no_mask = {0};
    if (axis == MB_AXIS_CPU_MASK && eng_cpu_mask_check(text, &no_mask) == ENG_EINVAL)
        return mb_plan_fail(mark, err, "%s", no_mask.text);
    if (family < 0 || is_auto)
        return mb_plan_list_add(values, text, mark, err);
    struct eng_method method;
    struct eng_error e = {0};
    char canonical[512];
    if (mb_axis_unavailable(axis, text))
        return mb_plan_list_add(values, text, mark, err); /* nobody here knows its settings; its cells are refused */
    if (eng_method_parse((enum eng_family)family, text, &method, &e))
        return mb_plan_fail(mark, err, "%s: %s", row->key, e.text);
    return mb_plan_list_add(values, eng_method_format(&method, canonical, sizeof(canonical)), mark, err);
}

static bool is_setting(const char *text)
{
    const size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n > 0 && text[n] == '=';
}

int mb_plan_list_join(struct mb_plan_list *joined, enum mb_axis_kind kind, const struct mb_plan_list *given, struct mb_error *err)
{
    int rc = MB_OK;
    for (size_t i = 0; i < given->n && !rc; i++) {
        char **last = joined->n ? &joined->items[joined->n - 1].text : NULL, *longer;
        const bool takes_settings = last && (kind == MB_AXIS_KIND_METHOD || strncmp(*last, "null:", 5) == 0);
        if (!takes_settings || !is_setting(given->items[i].text)) {
            rc = mb_plan_list_add(joined, given->items[i].text, &given->items[i].mark, err);
            continue;
        }
        if (asprintf(&longer, "%s,%s", *last, given->items[i].text) < 0)
            return mb_fail(err, MB_ENOMEM, "no memory for a plan");
        free(*last);
        *last = longer;
    }
    return rc;
}

int mb_plan_axis_fill(struct mb_plan_list *values, enum mb_axis axis, const struct mb_plan_list *given, struct mb_error *err)
{
    const struct mb_axis_row *row = &mb_axis_rows[axis];
    struct mb_plan_list joined = {0};
    int rc = mb_plan_list_join(&joined, row->kind, given, err);
    for (size_t i = 0; i < joined.n && !rc; i++) {
        char **items = NULL;
        size_t n = 0;
        const struct mb_plan_mark *mark = &joined.items[i].mark;
        struct mb_error why = {0};
        rc = mb_axis_list_expand(row->kind, joined.items[i].text, &items, &n, &why);
        if (rc == MB_EINVAL)
            rc = mb_plan_fail(mark, err, "%s: %s", row->key, why.text);
        else if (rc)
            rc = mb_fail(err, rc, "%s", why.text);
        for (size_t j = 0; j < n && !rc; j++)
            rc = add_canonical(values, axis, items[j], mark, err);
        mb_axis_list_free(items, n);
    }
    mb_plan_list_release(&joined);
    return rc;
}

int mb_plan_axis_default(struct mb_plan_list *values, enum mb_axis axis, struct mb_error *err)
{
    const char *def = mb_axis_rows[axis].def;
    return def ? add_canonical(values, axis, def, NULL, err) : MB_OK;
}
