/* plan_check.c - a plan file's tree against what a plan may say; see plan_draft.h. Every complaint has file, line and column. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "harness/plan_check.h"

enum { MAX_NAMES = 64 };

static const char *const plan_keys[] = {"name", "models", "runner", "axes", "workloads", "sweeps", "protocol", "collect", "collect_period_ms"};
static const char *const block_keys[] = {"models", "axes", "workloads"};

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static struct mb_plan_mark mark_of(const struct mb_plan_check *c, const struct mb_yaml *node)
{
    return (struct mb_plan_mark){.file = c->file, .line = node->line, .column = node->column};
}

static int no_memory(const struct mb_plan_check *c)
{
    return mb_fail(c->err, MB_ENOMEM, "%s: no memory for this plan", c->file);
}

int mb_plan_need_kind(const struct mb_plan_check *c, const struct mb_yaml *node, enum mb_yaml_kind kind, const char *what)
{
    if (node->kind == kind)
        return MB_OK;
    const bool is_nothing = node->kind == MB_YAML_SCALAR && !node->quoted && !*node->text;
    return mb_yaml_fail(c->file, node, c->err, "%s: expected %s, found %s", what, mb_yaml_kind_name(kind),
                        is_nothing ? "nothing" : mb_yaml_kind_name(node->kind));
}

int mb_plan_need_text(const struct mb_plan_check *c, const struct mb_yaml *node, const char *what)
{
    const int rc = mb_plan_need_kind(c, node, MB_YAML_SCALAR, what);
    if (rc || node->quoted || *node->text)
        return rc;
    return mb_yaml_fail(c->file, node, c->err, "%s has no value", what);
}

static int fail_unknown_key(const struct mb_plan_check *c, const struct mb_yaml *key, const char *const *known, size_t n_known)
{
    const char *nearest = mb_nearest(key->text, known, n_known);
    if (nearest)
        return mb_yaml_fail(c->file, key, c->err, "unknown key '%s'; did you mean '%s'?", key->text, nearest);
    struct mb_strbuf all = {0};
    for (size_t i = 0; i < n_known; i++)
        mb_strbuf_printf(&all, "%s%s", i ? ", " : "", known[i]);
    const int rc = mb_yaml_fail(c->file, key, c->err, "unknown key '%s'; known here: %s", key->text, mb_strbuf_text(&all));
    mb_strbuf_release(&all);
    return rc;
}

int mb_plan_known_keys(const struct mb_plan_check *c, const struct mb_yaml *map, const char *const *known, size_t n_known)
{
    for (size_t i = 0; i < map->n; i++) {
        bool found = false;
        for (size_t j = 0; j < n_known && !found; j++)
            found = strcmp(map->keys[i]->text, known[j]) == 0;
        if (!found)
            return fail_unknown_key(c, map->keys[i], known, n_known);
    }
    return MB_OK;
}

int mb_plan_take_number(const struct mb_plan_check *c, const struct mb_yaml *node, const char *what, uint64_t min, uint64_t max, uint64_t *value)
{
    int rc = mb_plan_need_text(c, node, what);
    if (rc)
        return rc;
    char *end;
    errno = 0;
    const unsigned long long v = strtoull(node->text, &end, 10);
    if (node->text[0] < '0' || node->text[0] > '9' || *end || errno || v < min || v > max)
        return mb_yaml_fail(c->file, node, c->err, "%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64, what, node->text, min, max);
    *value = v;
    return MB_OK;
}

/* A value or a list of values. */
static int take_list(const struct mb_plan_check *c, const struct mb_yaml *node, const char *what, struct mb_plan_list *list)
{
    const struct mb_yaml *const one[] = {node};
    const bool is_list = node->kind == MB_YAML_LIST;
    const struct mb_yaml *const *items = is_list ? (const struct mb_yaml *const *)node->items : one;
    const size_t n = is_list ? node->n : 1;
    if (node->kind == MB_YAML_MAP)
        return mb_yaml_fail(c->file, node, c->err, "%s: expected a value or a list, found a map", what);
    if (n == 0)
        return mb_yaml_fail(c->file, node, c->err, "%s: an empty list", what);
    int rc = MB_OK;
    for (size_t i = 0; i < n && !rc; i++) {
        const struct mb_plan_mark mark = mark_of(c, items[i]);
        rc = mb_plan_need_text(c, items[i], what);
        if (!rc)
            rc = mb_plan_list_add(list, items[i]->text, &mark, c->err);
    }
    return rc;
}

static int check_axes(const struct mb_plan_check *c, const struct mb_yaml *map, struct mb_plan_block *block)
{
    int rc = mb_plan_need_kind(c, map, MB_YAML_MAP, "axes");
    for (size_t i = 0; i < map->n && !rc; i++) {
        const int axis = mb_axis_find(map->keys[i]->text);
        if (axis < 0) {
            const char *names[MB_AXIS_N];
            for (int j = 0; j < MB_AXIS_N; j++)
                names[j] = mb_axis_rows[j].key;
            return fail_unknown_key(c, map->keys[i], names + 1, MB_AXIS_N - 1); /* without the model */
        }
        if (axis == MB_AXIS_MODEL)
            return mb_yaml_fail(c->file, map->keys[i], c->err, "models are named under the key 'models', not as an axis");
        struct mb_plan_list given = {0};
        mb_plan_list_release(&block->axis[axis]); /* a sweep's list takes the place of the common one */
        rc = take_list(c, map->items[i], mb_axis_rows[axis].key, &given);
        if (!rc)
            rc = mb_plan_axis_fill(&block->axis[axis], (enum mb_axis)axis, &given, c->err);
        mb_plan_list_release(&given);
    }
    return rc;
}

/* Names and paths are taken as they are: a path may hold commas. */
static int check_models(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_plan_block *block)
{
    struct mb_plan_list *list = &block->axis[MB_AXIS_MODEL], given = {0};
    mb_plan_list_release(list);
    int rc = take_list(c, node, "models", &given);
    if (!rc)
        rc = mb_plan_list_join(list, MB_AXIS_KIND_TEXT, &given, c->err);
    mb_plan_list_release(&given);
    for (size_t i = 0; i < list->n && !rc; i++)
        if (!*list->items[i].text)
            rc = mb_plan_fail(&list->items[i].mark, c->err, "models: an empty name");
    return rc;
}

static const struct mb_workload_ops *find_workload(const struct mb_plan_check *c, const struct mb_yaml *name)
{
    const struct mb_workload_ops *found = name->kind == MB_YAML_SCALAR ? mb_workload_find(name->text) : NULL;
    if (found)
        return found;
    size_t n;
    const struct mb_workload_ops *const *ops = mb_workloads(&n);
    const char *names[MAX_NAMES];
    for (size_t i = 0; i < n && i < MAX_NAMES; i++)
        names[i] = ops[i]->name;
    const char *nearest = mb_nearest(name->text, names, n < MAX_NAMES ? n : MAX_NAMES);
    if (nearest)
        mb_yaml_fail(c->file, name, c->err, "unknown workload '%s'; did you mean '%s'?", name->text, nearest);
    else
        mb_yaml_fail(c->file, name, c->err, "unknown workload '%s'; `meltbench list workloads` names them", name->text);
    return NULL;
}

static int check_options(const struct mb_plan_check *c, const struct mb_yaml *map, struct mb_plan_work *work)
{
    int rc = MB_OK;
    for (size_t i = 0; i < map->n && !rc; i++) {
        struct mb_plan_list given = {0};
        const struct mb_plan_mark mark = mark_of(c, map->keys[i]);
        rc = take_list(c, map->items[i], map->keys[i]->text, &given);
        if (!rc)
            rc = mb_plan_option_add(work, map->keys[i]->text, &mark, &given, map->items[i]->kind == MB_YAML_LIST, c->err);
        mb_plan_list_release(&given);
    }
    return rc;
}

/* `- micro` or `- micro: {prompt: 256}` */
static int check_workload(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_plan_work *work)
{
    const struct mb_yaml *name = node, *options = NULL;
    if (node->kind == MB_YAML_MAP) {
        if (node->n != 1)
            return mb_yaml_fail(c->file, node->n > 1 ? node->keys[1] : node, c->err,
                                "a workload is one name with its options: `- micro: {prompt: 256}`; options belong inside the braces");
        name = node->keys[0];
        options = node->items[0];
    } else {
        const int rc = mb_plan_need_text(c, node, "workloads");
        if (rc)
            return rc;
    }
    work->mark = mark_of(c, name);
    work->ops = find_workload(c, name);
    if (!work->ops)
        return MB_EINVAL;
    const bool has_options = options && !(options->kind == MB_YAML_SCALAR && !*options->text);
    int rc = has_options ? mb_plan_need_kind(c, options, MB_YAML_MAP, name->text) : MB_OK;
    if (!rc && has_options)
        rc = check_options(c, options, work);
    return rc ? rc : mb_plan_options_finish(work, c->err);
}

static int check_workloads(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_plan_block *block)
{
    int rc = mb_plan_need_kind(c, node, MB_YAML_LIST, "workloads");
    if (rc)
        return rc;
    if (!node->n)
        return mb_yaml_fail(c->file, node, c->err, "workloads: an empty list");
    for (size_t i = 0; i < block->n_work; i++)
        json_decref(block->work[i].options);
    free(block->work);
    block->n_work = 0;
    block->work = calloc(node->n, sizeof(*block->work));
    if (!block->work)
        return no_memory(c);
    block->n_work = node->n;
    for (size_t i = 0; i < node->n && !rc; i++)
        rc = check_workload(c, node->items[i], &block->work[i]);
    return rc;
}

/* models, axes and workloads of the plan or of one sweep, over what @block already has */
static int check_block(const struct mb_plan_check *c, const struct mb_yaml *map, struct mb_plan_block *block)
{
    const struct mb_yaml *models = mb_yaml_get(map, "models"), *axes = mb_yaml_get(map, "axes"), *work = mb_yaml_get(map, "workloads");
    int rc = models ? check_models(c, models, block) : MB_OK;
    if (!rc && axes)
        rc = check_axes(c, axes, block);
    if (!rc && work)
        rc = check_workloads(c, work, block);
    return rc;
}

/* A block that can be expanded: it names models and workloads, and every other axis has a value. */
static int complete_block(const struct mb_plan_check *c, const struct mb_yaml *at, struct mb_plan_block *block)
{
    if (!block->axis[MB_AXIS_MODEL].n)
        return mb_yaml_fail(c->file, at, c->err, "no models: name at least one, as in `models: [smollm2-135m]`");
    if (!block->n_work)
        return mb_yaml_fail(c->file, at, c->err, "no workloads: name at least one, as in `workloads: [micro: {prompt: 256, gen: 64}]`");
    int rc = MB_OK;
    for (int i = 0; i < MB_AXIS_N && !rc; i++)
        if (!block->axis[i].n)
            rc = mb_plan_axis_default(&block->axis[i], (enum mb_axis)i, c->err);
    return rc;
}

static int check_sweeps(const struct mb_plan_check *c, const struct mb_yaml *root, const struct mb_yaml *sweeps)
{
    int rc = mb_plan_need_kind(c, sweeps, MB_YAML_LIST, "sweeps");
    if (rc)
        return rc;
    if (!sweeps->n)
        return mb_yaml_fail(c->file, sweeps, c->err, "sweeps: an empty list");
    c->draft->blocks = calloc(sweeps->n, sizeof(*c->draft->blocks));
    if (!c->draft->blocks)
        return no_memory(c);
    c->draft->n_blocks = sweeps->n;
    for (size_t i = 0; i < sweeps->n && !rc; i++) {
        const struct mb_yaml *sweep = sweeps->items[i];
        rc = mb_plan_need_kind(c, sweep, MB_YAML_MAP, "sweeps");
        if (!rc)
            rc = mb_plan_known_keys(c, sweep, block_keys, COUNT_OF(block_keys));
        if (!rc)
            rc = check_block(c, root, &c->draft->blocks[i]); /* the common part, then the sweep's own */
        if (!rc)
            rc = check_block(c, sweep, &c->draft->blocks[i]);
        if (!rc)
            rc = complete_block(c, sweep, &c->draft->blocks[i]);
    }
    return rc;
}

static int check_product(const struct mb_plan_check *c, const struct mb_yaml *root)
{
    const struct mb_yaml *sweeps = mb_yaml_get(root, "sweeps");
    if (sweeps)
        return check_sweeps(c, root, sweeps);
    c->draft->blocks = calloc(1, sizeof(*c->draft->blocks));
    if (!c->draft->blocks)
        return no_memory(c);
    c->draft->n_blocks = 1;
    const int rc = check_block(c, root, c->draft->blocks);
    return rc ? rc : complete_block(c, root, c->draft->blocks);
}

static int check_collect(const struct mb_plan_check *c, const struct mb_yaml *node)
{
    static const char *const by_default[] = {"latency", "memory", "energy", "counters", "thermal"};
    struct mb_plan_list names = {0};
    int rc = MB_OK;
    c->draft->collect_named = node != NULL;
    for (size_t i = 0; !node && i < COUNT_OF(by_default) && !rc; i++)
        rc = mb_plan_list_add(&names, by_default[i], NULL, c->err);
    if (node && node->kind == MB_YAML_LIST && !node->n)
        rc = (c->draft->collect = strdup("")) ? MB_OK : no_memory(c);
    else if (node)
        rc = take_list(c, node, "collect", &names);
    for (size_t i = 0; i < names.n && !rc; i++) {
        char **items = NULL;
        size_t n = 0;
        rc = mb_axis_list_expand(MB_AXIS_KIND_TEXT, names.items[i].text, &items, &n, c->err);
        if (rc == MB_EINVAL)
            rc = mb_plan_fail(&names.items[i].mark, c->err, "collect: an empty item in the list");
        for (size_t j = 0; j < n && !rc; j++)
            rc = mb_plan_collect_add(&c->draft->collect, items[j], &names.items[i].mark, c->err);
        mb_axis_list_free(items, n);
    }
    mb_plan_list_release(&names);
    return rc;
}

static int check_name(const struct mb_plan_check *c, const struct mb_yaml *node)
{
    const char *base = strrchr(c->file, '/');
    base = base ? base + 1 : c->file;
    int rc = node ? mb_plan_need_text(c, node, "name") : MB_OK;
    if (!rc && node && (!*node->text || strlen(node->text) > 200))
        rc = mb_yaml_fail(c->file, node, c->err, "name: expected 1 to 200 bytes");
    if (rc)
        return rc;
    c->draft->name = node ? strdup(node->text) : strndup(base, strcspn(base, "."));
    return c->draft->name ? MB_OK : no_memory(c);
}

static int check_root(const struct mb_plan_check *c, const struct mb_yaml *root)
{
    const struct mb_yaml *node;
    uint64_t period_ms = MB_PLAN_PERIOD_MS;
    int rc = mb_plan_need_kind(c, root, MB_YAML_MAP, "a plan");
    if (!rc)
        rc = mb_plan_known_keys(c, root, plan_keys, COUNT_OF(plan_keys));
    if (!rc)
        rc = check_name(c, mb_yaml_get(root, "name"));
    if (!rc && (node = mb_yaml_get(root, "runner")) && !(rc = mb_plan_need_text(c, node, "runner"))) {
        const struct mb_plan_mark mark = mark_of(c, node);
        rc = mb_plan_runner_check(node->text, &mark, c->err);
        if (!rc && !(c->draft->runner = strdup(node->text)))
            rc = no_memory(c);
    }
    if (!rc && (node = mb_yaml_get(root, "protocol")))
        rc = mb_plan_take_protocol(c, node);
    if (!rc)
        rc = check_collect(c, mb_yaml_get(root, "collect"));
    if (!rc && (node = mb_yaml_get(root, "collect_period_ms")))
        rc = mb_plan_take_number(c, node, "collect_period_ms", 1, 60000, &period_ms);
    c->draft->period_ns = period_ms * 1000000u;
    return rc ? rc : check_product(c, root);
}

static int check_tree(struct mb_plan_draft *draft, const char *file, struct mb_yaml *root, struct mb_error *err)
{
    const struct mb_plan_check c = {.file = file, .draft = draft, .err = err};
    draft->file = file;
    const int rc = check_root(&c, root);
    mb_yaml_free(root);
    return rc;
}

int mb_plan_check_yaml(struct mb_plan_draft *draft, const char *file, struct mb_error *err)
{
    struct mb_yaml *root = NULL;
    const int rc = mb_yaml_read(&root, file, err);
    return rc ? rc : check_tree(draft, file, root, err);
}

int mb_plan_check_bytes(struct mb_plan_draft *draft, const char *file, const char *bytes, size_t n_bytes, struct mb_error *err)
{
    struct mb_yaml *root = NULL;
    const int rc = mb_yaml_parse(&root, file, bytes, n_bytes, err);
    return rc ? rc : check_tree(draft, file, root, err);
}
