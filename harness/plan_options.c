/* plan_options.c - options of workloads against their rows, and names of collectors; see plan_draft.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/collector.h"
#include "harness/plan_draft.h"
#include "runners/runner.h"

enum { MAX_KEYS = 64, MAX_PRODUCT = 4096 };

static const struct mb_workload_option *find_row(const struct mb_workload_ops *ops, const char *key)
{
    for (const struct mb_workload_option *row = ops->options; row && row->key; row++)
        if (strcmp(row->key, key) == 0)
            return row;
    return NULL;
}

static int fail_unknown(const struct mb_plan_work *work, const char *key, const struct mb_plan_mark *mark, struct mb_error *err)
{
    const char *keys[MAX_KEYS];
    size_t n = 0;
    for (const struct mb_workload_option *row = work->ops->options; row && row->key && n < MAX_KEYS; row++)
        keys[n++] = row->key;
    const char *nearest = mb_nearest(key, keys, n);
    return mb_plan_fail(mark, err, "%s: unknown option '%s'%s%s%s", work->ops->name, key, nearest ? "; did you mean '" : "",
                        nearest ? nearest : "", nearest ? "'?" : "");
}

static int add_integer(json_t *values, const struct mb_workload_option *row, const char *text, const struct mb_plan_mark *mark,
                       struct mb_error *err)
{
    char *end;
    errno = 0;
    const long long v = strtoll(text, &end, 10);
    const bool digits = (*text >= '0' && *text <= '9') || (*text == '-' && text[1] >= '0' && text[1] <= '9');
    if (!digits || *end || errno || v < row->min || v > row->max)
        return mb_plan_fail(mark, err, "%s: '%s' is not a whole number from %" PRId64 " to %" PRId64, row->key, text, row->min, row->max);
    return json_array_append_new(values, json_integer(v)) ? mb_fail(err, MB_ENOMEM, "no memory for a plan") : MB_OK;
}

static int add_integers(json_t *values, const struct mb_workload_option *row, const struct mb_plan_text *given, struct mb_error *err)
{
    if (!row->sweep || given->text[0] == '-')
        return add_integer(values, row, given->text, &given->mark, err);
    char **items = NULL;
    size_t n = 0;
    struct mb_error why = {0};
    int rc = mb_axis_list_expand(MB_AXIS_KIND_COUNT, given->text, &items, &n, &why);
    if (rc)
        rc = rc == MB_EINVAL ? mb_plan_fail(&given->mark, err, "%s: %s", row->key, why.text) : mb_fail(err, rc, "%s", why.text);
    for (size_t i = 0; i < n && !rc; i++)
        rc = add_integer(values, row, items[i], &given->mark, err);
    mb_axis_list_free(items, n);
    return rc;
}

static int add_text(json_t *values, const char *key, const char *text, const struct mb_plan_mark *mark, struct mb_error *err)
{
    json_t *string = json_string(text);
    if (!string)
        return mb_plan_fail(mark, err, "%s: the value is not valid UTF-8", key);
    return json_array_append_new(values, string) ? mb_fail(err, MB_ENOMEM, "no memory for a plan") : MB_OK;
}

/* A LIST option has one value: the whole list. */
static int add_list(json_t *values, const struct mb_workload_option *row, const struct mb_plan_list *given, struct mb_error *err)
{
    json_t *list = json_array();
    int rc = MB_OK;
    for (size_t i = 0; i < given->n && !rc; i++) {
        char **items = NULL;
        size_t n = 0;
        if (given->items[i].text[0])
            rc = mb_axis_list_expand(MB_AXIS_KIND_TEXT, given->items[i].text, &items, &n, err);
        if (rc == MB_EINVAL)
            rc = mb_plan_fail(&given->items[i].mark, err, "%s: an empty item in the list", row->key);
        for (size_t j = 0; j < n && !rc; j++)
            rc = add_text(list, row->key, items[j], &given->items[i].mark, err);
        mb_axis_list_free(items, n);
    }
    if (rc) {
        json_decref(list);
        return rc;
    }
    return json_array_append_new(values, list) ? mb_fail(err, MB_ENOMEM, "no memory for a plan") : MB_OK;
}

/* What the option may be in turn: a JSON array of values. */
static int values_of(json_t *values, const struct mb_workload_option *row, const struct mb_plan_list *given, bool is_list,
                     struct mb_error *err)
{
    if (row->kind == MB_OPTION_LIST)
        return add_list(values, row, given, err);
    if (is_list && !(row->kind == MB_OPTION_INTEGER && row->sweep))
        return mb_plan_fail(&given->items[0].mark, err, "%s takes one value, not a list", row->key);
    int rc = MB_OK;
    for (size_t i = 0; i < given->n && !rc; i++)
        rc = row->kind == MB_OPTION_INTEGER ? add_integers(values, row, &given->items[i], err) :
                                              add_text(values, row->key, given->items[i].text, &given->items[i].mark, err);
    return rc;
}

/* Every option set so far, once with each value. */
static int multiply(struct mb_plan_work *work, const char *key, const json_t *values, const struct mb_plan_mark *mark, struct mb_error *err)
{
    if (json_array_size(work->options) * json_array_size(values) > MAX_PRODUCT)
        return mb_plan_fail(mark, err, "%s: the options make more than %d combinations", work->ops->name, MAX_PRODUCT);
    json_t *product = json_array(), *before, *value;
    size_t i, j;
    bool failed = !product;
    json_array_foreach(work->options, i, before) {
        json_array_foreach(values, j, value) {
            json_t *with = json_copy(before);
            failed |= !with || json_object_set(with, key, value) || json_array_append_new(product, with);
        }
    }
    if (failed) {
        json_decref(product);
        return mb_fail(err, MB_ENOMEM, "no memory for a plan");
    }
    json_decref(work->options);
    work->options = product;
    return MB_OK;
}

static int start_options(struct mb_plan_work *work, struct mb_error *err)
{
    if (!work->options)
        work->options = json_pack("[{}]");
    return work->options ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for a plan");
}

int mb_plan_option_add(struct mb_plan_work *work, const char *key, const struct mb_plan_mark *key_mark, const struct mb_plan_list *given,
                       bool is_list, struct mb_error *err)
{
    const struct mb_workload_option *row = find_row(work->ops, key);
    if (!row)
        return fail_unknown(work, key, key_mark, err);
    if (!given->n)
        return mb_plan_fail(key_mark, err, "%s: %s has an empty list", work->ops->name, row->key);
    int rc = start_options(work, err);
    json_t *values = json_array();
    if (!rc)
        rc = values_of(values, row, given, is_list, err);
    if (!rc && strcmp(row->key, "repetitions") == 0)
        work->repetitions = (uint32_t)json_integer_value(json_array_get(values, 0)); /* how often is no part of what is run */
    else if (!rc)
        rc = multiply(work, row->key, values, key_mark, err);
    json_decref(values);
    return rc;
}

int mb_plan_options_finish(struct mb_plan_work *work, struct mb_error *err)
{
    int rc = start_options(work, err);
    for (const struct mb_workload_option *row = work->ops->options; row && row->key && !rc; row++) {
        if (json_object_get(json_array_get(work->options, 0), row->key) || strcmp(row->key, "repetitions") == 0)
            continue;
        if (!row->def)
            return mb_plan_fail(&work->mark, err, "%s needs the option '%s' (%s)", work->ops->name, row->key, row->help);
        struct mb_plan_list given = {0};
        rc = mb_plan_list_add(&given, row->def, &work->mark, err);
        if (!rc)
            rc = mb_plan_option_add(work, row->key, &work->mark, &given, false, err);
        mb_plan_list_release(&given);
    }
    return rc;
}

static int list_of_json(struct mb_plan_list *list, const char *key, const json_t *value, struct mb_error *err)
{
    char number[40];
    const char *text = number;
    if (json_is_string(value))
        text = json_string_value(value);
    else if (json_is_integer(value))
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        snprintf(number, sizeof(number), "%.9g", json_real_value(value));
    else
        return mb_fail(err, MB_EINVAL, "%s: expected a text, a number, or a list of them", key);
    return mb_plan_list_add(list, text, NULL, err);
}

int mb_plan_options_json(struct mb_plan_work *work, const json_t *options, struct mb_error *err)
{
    const char *key;
    json_t *value;
    int rc = MB_OK;
    json_object_foreach((json_t *)options, key, value) {
        struct mb_plan_list given = {0};
        size_t i;
        json_t *item;
        if (!json_is_array(value))
            rc = list_of_json(&given, key, value, err);
        else
            json_array_foreach(value, i, item)
                rc = rc ? rc : list_of_json(&given, key, item, err);
        if (!rc)
            rc = mb_plan_option_add(work, key, &work->mark, &given, json_is_array(value), err);
        mb_plan_list_release(&given);
        if (rc)
            return rc;
    }
    return mb_plan_options_finish(work, err);
}

int mb_plan_collect_add(char **collect, const char *name, const struct mb_plan_mark *mark, struct mb_error *err)
{
    const char *known[MAX_KEYS * 2] = {"latency", "default", "none", "sampler"}; /* token times are always there: "latency" is no collector */
    size_t n_collectors, n = 4;
    const struct mb_collector_ops *const *ops = mb_collectors(&n_collectors);
    for (size_t i = 0; i < n_collectors && n + 2 <= MAX_KEYS * 2; i++) {
        known[n++] = ops[i]->name;
        known[n++] = ops[i]->group;
    }
    char word[MAX_KEYS];
    const size_t n_word = strcspn(name, ":=");
    snprintf(word, sizeof(word), "%.*s", (int)n_word, name);
    bool found = name[n_word] == '=' && *collect && strchr(*collect, ':'); /* a further option of the collector before it */
    for (size_t i = 0; i < n && !found; i++)
        found = strcmp(known[i], word) == 0;
    if (!found) {
        const char *nearest = mb_nearest(word, known, n);
        return mb_plan_fail(mark, err, "collect: unknown collector or group '%s'%s%s%s", word, nearest ? "; did you mean '" : "",
                            nearest ? nearest : "", nearest ? "'?" : "");
    }
    char *longer;
    if (asprintf(&longer, "%s%s%s", *collect ? *collect : "", *collect && **collect ? "," : "", name) < 0)
        return mb_fail(err, MB_ENOMEM, "no memory for a plan");
    free(*collect);
    *collect = longer;
    return MB_OK;
}

int mb_plan_runner_check(const char *name, const struct mb_plan_mark *mark, struct mb_error *err)
{
    if (mb_runner_find(name))
        return MB_OK;
    size_t n;
    const struct mb_runner_ops *const *ops = mb_runners(&n);
    const char *names[MAX_KEYS];
    for (size_t i = 0; i < n && i < MAX_KEYS; i++)
        names[i] = ops[i]->name;
    const char *nearest = mb_nearest(name, names, n < MAX_KEYS ? n : MAX_KEYS);
    return mb_plan_fail(mark, err, "unknown runner '%s'%s%s%s", name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                        nearest ? "'?" : "; `meltbench list runners` names them");
}
