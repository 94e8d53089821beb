/* selection.c - see selection.h. Marks registry rows first and lists them afterwards, so that repeats and order settle themselves. */
#include "collectors/selection.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/axis.h"

#define ROWS_MAX 64 /* registry rows; also names offered as the nearest one */

struct marks {
    const struct mb_collector_ops *const *all;
    size_t n;
    bool wanted[ROWS_MAX];
    char *options[ROWS_MAX]; /* owned, or NULL */
    int last;                /* row that a following key=value belongs to, or -1 */
    bool last_is_sampler;
    unsigned jitter_percent;
};

static bool mark_group(struct marks *m, const char *name)
{
    bool found = strcmp(name, "latency") == 0 || strcmp(name, "none") == 0;
    const bool all_default = strcmp(name, "default") == 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct mb_collector_ops *ops = m->all[i];
        const bool named = ops->flags & MB_COLLECTOR_NAMED;
        const bool plain = !(ops->flags & MB_COLLECTOR_INTRUSIVE) && strcmp(ops->group, "test") != 0;
        if (!named && (all_default ? plain : strcmp(ops->group, name) == 0))
            m->wanted[i] = found = true;
    }
    return found || all_default;
}

static int row_of(const struct marks *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->all[i]->name, name) == 0)
            return (int)i;
    return -1;
}

static int fail_unknown(const struct marks *m, const char *name, struct mb_error *err)
{
    const char *names[2 * ROWS_MAX + 3] = {"default", "latency", "sampler"};
    size_t n = 3;
    for (size_t i = 0; i < m->n; i++) {
        names[n++] = m->all[i]->group;
        names[n++] = m->all[i]->name;
    }
    const char *near = mb_nearest(name, names, n);
    return mb_fail(err, MB_EINVAL, "collect: '%s' is no collector or group%s%s%s; `meltbench list collectors` shows them", name,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
}

static int parse_sampler_option(struct marks *m, const char *text, struct mb_error *err)
{
    char *end = NULL;
    const unsigned long percent = strncmp(text, "jitter=", 7) == 0 ? strtoul(text + 7, &end, 10) : 0;
    if (!end || end == text + 7 || *end || text[7] == '-' || percent > 100)
        return mb_fail(err, MB_EINVAL, "collect: sampler:%s: the sampler takes jitter=PERCENT, 0 to 100", text);
    m->jitter_percent = (unsigned)percent;
    return MB_OK;
}

static int append_option(struct marks *m, int row, const char *text, struct mb_error *err)
{
    const char *old = m->options[row] ? m->options[row] : "";
    const size_t n_old = strlen(old), n_text = strlen(text);
    char *joined = malloc(n_old + n_text + 2);
    if (!joined)
        return mb_fail(err, MB_ENOMEM, "collect: no memory for options");
    memcpy(joined, old, n_old);
    if (n_old)
        joined[n_old] = ',';
    memcpy(joined + n_old + (n_old ? 1 : 0), text, n_text + 1);
    free(m->options[row]);
    m->options[row] = joined;
    return MB_OK;
}

/* @item is a writable copy without blanks around it. */
static int mark_item(struct marks *m, char *item, struct mb_error *err)
{
    char *colon = strchr(item, ':');
    const char *equals = strchr(item, '=');
    if (equals && (!colon || equals < colon)) { /* a value may hold colons: the path of a serial line, an address */
        if (m->last_is_sampler)
            return parse_sampler_option(m, item, err);
        if (m->last < 0)
            return mb_fail(err, MB_EINVAL, "collect: option '%s' follows no collector", item);
        return append_option(m, m->last, item, err);
    }
    m->last = -1;
    m->last_is_sampler = false;
    if (!colon && mark_group(m, item))
        return MB_OK;
    if (colon)
        *colon = '\0';
    if (strcmp(item, "sampler") == 0) {
        m->last_is_sampler = true;
        return colon ? parse_sampler_option(m, colon + 1, err) : MB_OK;
    }
    const int row = row_of(m, item);
    if (row < 0)
        return fail_unknown(m, item, err);
    m->last = row;
    m->wanted[row] = true;
    return colon ? append_option(m, row, colon + 1, err) : MB_OK;
}

static int list_marked(struct mb_selection *sel, struct marks *m, struct mb_error *err)
{
    sel->items = calloc(m->n ? m->n : 1, sizeof(*sel->items));
    if (!sel->items)
        return mb_fail(err, MB_ENOMEM, "collect: no memory");
    for (size_t i = 0; i < m->n; i++) {
        if (!m->wanted[i])
            continue;
        char *options = m->options[i] ? m->options[i] : strdup("");
        m->options[i] = NULL;
        if (!options)
            return mb_fail(err, MB_ENOMEM, "collect: no memory");
        sel->items[sel->n++] = (struct mb_selection_item){.ops = m->all[i], .options = options};
    }
    sel->jitter_percent = m->jitter_percent;
    return MB_OK;
}

int mb_selection_parse(struct mb_selection *sel, const char *text, struct mb_error *err)
{
    memset(sel, 0, sizeof(*sel));
    struct marks m = {.last = -1};
    m.all = mb_collectors(&m.n);
    if (m.n > ROWS_MAX)
        m.n = ROWS_MAX;
    int rc = MB_OK;
    char *copy = strdup(text ? text : ""), *rest = copy;
    if (!copy)
        return mb_fail(err, MB_ENOMEM, "collect: no memory");
    for (char *item; rc == MB_OK && (item = strsep(&rest, ","));) {
        item += strspn(item, " \t");
        item[strcspn(item, " \t")] = '\0';
        if (*item)
            rc = mark_item(&m, item, err);
    }
    if (rc == MB_OK)
        rc = list_marked(sel, &m, err);
    for (size_t i = 0; i < m.n; i++)
        free(m.options[i]);
    free(copy);
    if (rc)
        mb_selection_release(sel);
    return rc;
}

void mb_selection_release(struct mb_selection *sel)
{
    for (size_t i = 0; i < sel->n; i++)
        free(sel->items[i].options);
    free(sel->items);
    memset(sel, 0, sizeof(*sel));
}
