/* settings.c - see settings.h. */
#include "workloads/settings.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"

enum { LIST_LIMIT = 64 };

static const struct mb_workload_option *find_row(const struct mb_workload_ops *workload, const char *key)
{
    for (const struct mb_workload_option *row = workload->options; row->key; row++)
        if (strcmp(row->key, key) == 0)
            return row;
    assert(false && "a workload asks for an option that it does not list");
    return workload->options;
}

static const json_t *find_value(const struct mb_cell *cell, const char *key)
{
    const json_t *value = cell->options ? json_object_get(cell->options, key) : NULL;
    return json_is_null(value) ? NULL : value;
}

static int parse_integer(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    const long long parsed = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno)
        return MB_EINVAL;
    *value = parsed;
    return MB_OK;
}

int mb_setting_integer(const struct mb_cell *cell, const struct mb_workload_ops *workload, const char *key, int64_t *value,
                       struct mb_error *err)
{
    const struct mb_workload_option *row = find_row(workload, key);
    const json_t *given = find_value(cell, key);
    int rc = MB_OK;
    if (!given)
        rc = row->def ? parse_integer(row->def, value) : MB_EINVAL;
    else if (json_is_integer(given))
        *value = json_integer_value(given);
    else if (json_is_string(given))
        rc = parse_integer(json_string_value(given), value);
    else
        rc = MB_EINVAL;
    if (rc != MB_OK)
        return mb_fail(err, MB_EINVAL, "%s: %s must be one whole number from %" PRId64 " to %" PRId64, workload->name, key, row->min, row->max);
    if (*value < row->min || *value > row->max)
        return mb_fail(err, MB_EINVAL, "%s: %s must be from %" PRId64 " to %" PRId64 ", not %" PRId64, workload->name, key, row->min,
                       row->max, *value);
    return MB_OK;
}

int mb_setting_u32(const struct mb_cell *cell, const struct mb_workload_ops *workload, const char *key, uint32_t *value,
                   struct mb_error *err)
{
    int64_t wide = 0;
    const int rc = mb_setting_integer(cell, workload, key, &wide, err);
    if (rc != MB_OK)
        return rc;
    if (wide < 0 || wide > UINT32_MAX)
        return mb_fail(err, MB_EINVAL, "%s: %s is out of range", workload->name, key);
    *value = (uint32_t)wide;
    return MB_OK;
}

int mb_setting_text(const struct mb_cell *cell, const struct mb_workload_ops *workload, const char *key, const char **value,
                    struct mb_error *err)
{
    const json_t *given = find_value(cell, key);
    *value = given ? json_string_value(given) : find_row(workload, key)->def;
    if (!*value || !**value)
        return mb_fail(err, MB_EINVAL, "%s: %s must be a text", workload->name, key);
    return MB_OK;
}

int mb_setting_number(const struct mb_cell *cell, const struct mb_workload_ops *workload, const char *key, double min, double max,
                      double *value, struct mb_error *err)
{
    const json_t *given = find_value(cell, key);
    if (json_is_number(given)) {
        *value = json_number_value(given);
    } else {
        const char *text;
        const int rc = mb_setting_text(cell, workload, key, &text, err);
        if (rc != MB_OK)
            return rc;
        char *end;
        *value = strtod(text, &end);
        if (end == text || *end != '\0')
            return mb_fail(err, MB_EINVAL, "%s: %s must be a number from %g to %g, not '%.60s'", workload->name, key, min, max, text);
    }
    if (!(*value >= min && *value <= max))
        return mb_fail(err, MB_EINVAL, "%s: %s must be a number from %g to %g", workload->name, key, min, max);
    return MB_OK;
}

static int split_commas(const char *text, json_t *list)
{
    while (*text) {
        const size_t n = strcspn(text, ",");
        if (json_array_append_new(list, json_stringn(text, n)) != 0)
            return MB_ENOMEM;
        text += n + (text[n] == ',');
    }
    return MB_OK;
}

static int copy_list(const json_t *list, char ***items, size_t *n)
{
    char **copy = calloc(json_array_size(list), sizeof(*copy));
    if (!copy)
        return MB_ENOMEM;
    for (size_t i = 0; i < json_array_size(list); i++) {
        copy[i] = strdup(json_string_value(json_array_get(list, i)));
        if (!copy[i]) {
            mb_setting_list_free(copy, i);
            return MB_ENOMEM;
        }
    }
    *items = copy;
    *n = json_array_size(list);
    return MB_OK;
}

int mb_setting_list(const struct mb_cell *cell, const struct mb_workload_ops *workload, const char *key, char ***items, size_t *n,
                    struct mb_error *err)
{
    *items = NULL;
    *n = 0;
    const json_t *given = find_value(cell, key);
    json_t *list = json_is_array(given) ? json_deep_copy(given) : json_array();
    if (!list)
        return mb_fail(err, MB_ENOMEM, "%s: no memory for %s", workload->name, key);
    const char *text;
    int rc = json_is_array(given) ? MB_OK : mb_setting_text(cell, workload, key, &text, err);
    if (rc != MB_OK)
        goto out;
    if (!json_is_array(given) && split_commas(text, list) != MB_OK) {
        rc = mb_fail(err, MB_ENOMEM, "%s: no memory for %s", workload->name, key);
        goto out;
    }
    bool texts = json_array_size(list) > 0 && json_array_size(list) <= LIST_LIMIT;
    for (size_t i = 0; texts && i < json_array_size(list); i++)
        texts = json_string_length(json_array_get(list, i)) > 0;
    if (!texts)
        rc = mb_fail(err, MB_EINVAL, "%s: %s must be a list of 1 to %d texts", workload->name, key, LIST_LIMIT);
    else if (copy_list(list, items, n) != MB_OK)
        rc = mb_fail(err, MB_ENOMEM, "%s: no memory for %s", workload->name, key);
out:
    json_decref(list);
    return rc;
}

void mb_setting_list_free(char **items, size_t n)
{
    for (size_t i = 0; items && i < n; i++)
        free(items[i]);
    free(items);
}

static char *join(const char *folder, const char *name)
{
    struct mb_strbuf sb = {0};
    mb_strbuf_printf(&sb, "%s/%s", folder, name);
    char *path = sb.failed ? NULL : mb_strbuf_take(&sb);
    mb_strbuf_release(&sb);
    return path;
}

int mb_data_locate(const struct mb_cell *cell, const char *name, char **path, struct mb_error *err)
{
    *path = NULL;
    if (strchr(name, '/')) {
        *path = strdup(name);
        if (!*path)
            return mb_fail(err, MB_ENOMEM, "%s: no memory for its path", name);
        if (access(*path, R_OK) == 0)
            return MB_OK;
        free(*path);
        *path = NULL;
        return mb_fail_errno(err, MB_ENOENT, "data file %s cannot be read", name);
    }
    const char *const folders[] = {cell->share_dir, cell->data_dir};
    for (size_t i = 0; i < 2; i++) {
        if (!folders[i] || !*folders[i])
            continue;
        char *candidate = join(folders[i], name);
        if (!candidate)
            return mb_fail(err, MB_ENOMEM, "%s: no memory for its path", name);
        if (access(candidate, R_OK) == 0) {
            *path = candidate;
            return MB_OK;
        }
        free(candidate);
    }
    return mb_fail(err, MB_ENOENT, "data file %s is neither among the shipped ones (%s) nor in the data folder (%s): name the folder with --data DIR or MELTBENCH_DATA",
                   name, cell->share_dir ? cell->share_dir : "none", cell->data_dir ? cell->data_dir : "none given");
}

int mb_data_add(char ***paths, size_t *n, char *path, struct mb_error *err)
{
    char **grown = realloc(*paths, (*n + 1) * sizeof(*grown));
    if (!grown) {
        free(path);
        return mb_fail(err, MB_ENOMEM, "no memory for a list of data files");
    }
    grown[(*n)++] = path;
    *paths = grown;
    return MB_OK;
}
