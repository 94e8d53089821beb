/* meter_options.c - see meter_options.h. */
#include "collectors/meter_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail_key(const char *item, int n_item, const struct mb_meter_option *rows, size_t n, struct mb_error *err)
{
    char keys[160] = "";
    size_t at = 0;
    for (size_t i = 0; i < n && at < sizeof(keys) - 24; i++)
        at += (size_t)snprintf(keys + at, sizeof(keys) - at, "%s%.20s=", i ? ", " : "", rows[i].key);
    return mb_fail(err, MB_EINVAL, "option '%.*s': %s", n_item, item, keys);
}

static int take(const struct mb_meter_option *row, const char *item, int n_item, const char *value, size_t n_value, struct mb_error *err)
{
    char text[32], *end;
    if (row->text) {
        if (n_value == 0 || n_value >= row->cap)
            return mb_fail(err, MB_EINVAL, "option '%.*s': 1 to %zu characters", n_item, item, row->cap - 1);
        memcpy(row->text, value, n_value);
        row->text[n_value] = '\0';
        return MB_OK;
    }
    snprintf(text, sizeof(text), "%.*s", n_value < sizeof(text) ? (int)n_value : 0, value);
    const double number = strtod(text, &end);
    if (end == text || *end || !(number >= row->min && number <= row->max))
        return mb_fail(err, MB_EINVAL, "option '%.*s': a number from %g to %g", n_item, item, row->min, row->max);
    *row->number = number;
    return MB_OK;
}

int mb_meter_options_parse(const char *options, const struct mb_meter_option *rows, size_t n, struct mb_error *err)
{
    for (const char *item = options ? options : ""; *item;) {
        const size_t n_item = strcspn(item, ",");
        const char *eq = memchr(item, '=', n_item);
        size_t i = 0;
        while (eq && i < n && (strlen(rows[i].key) != (size_t)(eq - item) || strncmp(rows[i].key, item, (size_t)(eq - item)) != 0))
            i++;
        if (!eq || i == n)
            return fail_key(item, (int)n_item, rows, n, err);
        const int rc = take(&rows[i], item, (int)n_item, eq + 1, n_item - (size_t)(eq + 1 - item), err);
        if (rc)
            return rc;
        item += n_item + (item[n_item] == ',');
    }
    return MB_OK;
}
