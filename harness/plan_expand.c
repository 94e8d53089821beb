/* plan_expand.c - a checked draft into cells: models, then axes in axis.def order (first slowest), then workloads. See plan.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "harness/machine.h"
#include "harness/plan_draft.h"
#include "harness/plan_inputs.h"
#include "harness/plan_refusal.h"
#include "harness/plan_store.h"
#include "runners/runner.h"

enum { MAX_CELLS = 65536 };

struct expansion {
    struct mb_plan_store *store;
    const struct mb_plan_draft *draft;
    struct mb_plan_inputs *inputs;
    json_t *seen;            /* what tells a cell from others (its hash, or the text of it), of those that are there */
    uint32_t n_cores;
    struct mb_error *err;
};

static int no_memory(struct mb_error *err)
{
    return mb_fail(err, MB_ENOMEM, "no memory for the cells of a plan");
}

static uint32_t layers_of_model(void *user)
{
    return mb_plan_model_layers(user);
}

/* Values of the axes with every "auto" resolved; number is storage for threads. */
static void resolve_axes(const struct expansion *x, const char *axis[MB_AXIS_N], char number[16])
{
    const char *cache_type = strcmp(axis[MB_AXIS_ACT], "f32") == 0 ? "f32" : "f16";
    if (strcmp(axis[MB_AXIS_THREADS], "auto") == 0) {
        snprintf(number, 16, "%u", x->n_cores);
        axis[MB_AXIS_THREADS] = number;
    }
    if (strcmp(axis[MB_AXIS_CPU_MASK], "auto") == 0)
        axis[MB_AXIS_CPU_MASK] = "cores";
    if (strcmp(axis[MB_AXIS_CACHE_TYPE_K], "auto") == 0)
        axis[MB_AXIS_CACHE_TYPE_K] = cache_type;
    if (strcmp(axis[MB_AXIS_CACHE_TYPE_V], "auto") == 0)
        axis[MB_AXIS_CACHE_TYPE_V] = cache_type;
}

/* The workload's own check of its options and files, before anything runs. */
static int try_workload(const struct expansion *x, const struct mb_workload_ops *ops, const struct mb_cell *cell)
{
    struct mb_workload_need need = {0};
    void *state = calloc(1, ops->state_size ? ops->state_size : 1);
    if (!state)
        return no_memory(x->err);
    const int rc = ops->open(state, cell, &need, x->err);
    ops->close(state);
    free(state);
    return rc;
}

/* SHA-256 of every data file that the workload reads, in its order, appended to the array @hashes. */
static int hash_data(struct expansion *x, const struct mb_workload_ops *ops, const struct mb_cell *cell, json_t *hashes)
{
    char **paths = NULL;
    size_t n = 0;
    int rc = ops->files ? ops->files(cell, &paths, &n, x->err) : MB_OK;
    for (size_t i = 0; i < n; i++) {
        const char *hex = NULL;
        if (!rc)
            rc = mb_plan_inputs_file(x->inputs, paths[i], &hex, x->err);
        if (!rc && json_array_append_new(hashes, json_string(hex)))
            rc = no_memory(x->err);
        free(paths[i]);
    }
    free(paths);
    return rc;
}

/* Options and data of a workload do not depend on the axes: looked at once. The array gets one list of hashes per set of options. */
static int prepare_work(struct expansion *x, const struct mb_plan_block *block, const struct mb_plan_work *work, json_t *data)
{
    size_t i;
    json_t *options;
    int rc = MB_OK;
    struct mb_cell cell = {.model_path = "", .runner = "null", .workload = work->ops->name, .data_dir = x->store->data_dir,
                           .share_dir = x->store->share_dir, .seed = x->draft->protocol.seed};
    for (int a = 0; a < MB_AXIS_N; a++)
        cell.axis[a] = block->axis[a].items[0].text;
    json_array_foreach(work->options, i, options) {
        json_t *hashes = json_array();
        if (!hashes || json_array_append_new(data, hashes))
            return no_memory(x->err);
        cell.options = options;
        rc = hash_data(x, work->ops, &cell, hashes);
        if (!rc)
            rc = try_workload(x, work->ops, &cell);
        if (rc)
            break;
    }
    if (rc && work->mark.file)
        return mb_fail_context(x->err, "%s:%u:%u", work->mark.file, work->mark.line, work->mark.column);
    return rc;
}

static json_t *config_of(const struct mb_cell *cell, const char *const axis[MB_AXIS_N], json_t *data, enum mb_page_cache page_cache)
{
    json_t *axes = json_object();
    bool failed = !axes;
    for (int i = 0; i < MB_AXIS_N; i++)
        failed |= json_object_set_new(axes, mb_axis_rows[i].key, json_string(axis[i])) != 0;
    if (failed) {
        json_decref(axes);
        return NULL;
    }
    json_t *config = json_pack("{s:o, s:s, s:O, s:s, s:I, s:O}", "axes", axes, "workload", cell->workload, "options", (json_t *)cell->options,
                               "runner", cell->runner, "seed", (json_int_t)cell->seed, "data", data);
    if (config && page_cache != MB_PAGE_CACHE_AS_IS && json_object_set_new(config, "page_cache", json_string(mb_page_cache_name(page_cache)))) {
        json_decref(config); /* loading from a cold cache is another thing to measure; as-is is left out: hashes of old cells stay */
        return NULL;
    }
    return config;
}

/* The hash of a cell, where it will be stored, and what tells it from the others of this plan: freed by the caller. */
static int identify_cell(const struct expansion *x, struct mb_plan_cell *made, char **identity)
{
    const bool unstored = x->inputs->unstored;
    struct mb_strbuf all = {0};
    mb_strbuf_printf(&all, "%s\n%s\n", made->config_json, unstored ? made->cell.model_path : made->model_sha256); /* the data's hashes are in config_json */
    int rc = all.failed ? no_memory(x->err) : unstored ? MB_OK : mb_digest_bytes(all.text, all.n_bytes, made->hash, x->err);
    *identity = rc ? NULL : unstored ? strdup(all.text) : strdup(made->hash);
    if (!rc && !*identity)
        rc = no_memory(x->err);
    mb_strbuf_release(&all);
    return rc;
}

static int refuse(const struct expansion *x, struct mb_plan_cell *made, struct mb_plan_model *model)
{
    char buf[512];
    const char *reason = mb_cell_refusal(&made->cell, buf, sizeof(buf));
    if (!reason)
        reason = mb_cell_layer_refusal(&made->cell, layers_of_model, model, buf, sizeof(buf));
    if (reason && !(made->refused = strdup(reason)))
        return no_memory(x->err);
    return MB_OK;
}

static void release_cell(struct mb_plan_cell *cell)
{
    free(cell->config_json);
    free(cell->label);
    free(cell->refused);
}

static int keep_cell(struct expansion *x, struct mb_plan_cell *made, const char *identity, json_t *config)
{
    struct mb_plan *plan = &x->store->plan;
    if (plan->n_cells >= MAX_CELLS)
        return mb_fail(x->err, MB_EINVAL, "%s: more than %d cells; a plan of this size never ends", plan->name, MAX_CELLS);
    if ((plan->n_cells & (plan->n_cells - 1)) == 0) {
        struct mb_plan_cell *grown = realloc(plan->cells, (plan->n_cells ? plan->n_cells * 2 : 1) * sizeof(*grown));
        if (!grown)
            return no_memory(x->err);
        plan->cells = grown;
    }
    if (json_object_set_new(x->seen, identity, json_true()) || json_array_append(x->store->configs, config))
        return no_memory(x->err);
    plan->cells[plan->n_cells++] = *made;
    return MB_OK;
}

/* Everything of the cell that is borrowed points into @config, which the store keeps. */
static void point_into_config(struct mb_cell *cell, const json_t *config)
{
    const json_t *axes = json_object_get(config, "axes");
    for (int i = 0; i < MB_AXIS_N; i++)
        cell->axis[i] = json_string_value(json_object_get(axes, mb_axis_rows[i].key));
    cell->options = json_object_get(config, "options");
}

/* A workload's own number is exact. Repeating what has no time but a score narrows nothing: once, where the protocol is free to choose. */
static void set_repetitions(struct mb_plan_cell *made, const struct mb_plan_work *work, const struct mb_protocol *p)
{
    made->repetitions = work->repetitions ? work->repetitions : p->stopping.most && work->ops->untimed ? 1 : p->repetitions;
    if (!work->repetitions && !work->ops->untimed)
        made->stopping = p->stopping;
    made->replace_invalid = p->replace_invalid;
}

static int add_cell(struct expansion *x, const struct mb_plan_work *work, json_t *options, json_t *data, const char *axis[MB_AXIS_N])
{
    struct mb_plan_store *store = x->store;
    struct mb_plan_model *model = mb_plan_inputs_find(x->inputs, axis[MB_AXIS_MODEL]);
    const char *runner = x->draft->runner && !model->is_null ? x->draft->runner : model->is_null ? "null" : "engine";
    struct mb_plan_cell made = {.model_bytes = model->n_bytes};
    char threads[16], *identity = NULL;
    json_t *config = NULL;
    int rc = MB_OK;
    set_repetitions(&made, work, &x->draft->protocol);
    memcpy(made.model_sha256, model->sha256, sizeof(made.model_sha256));
    axis[MB_AXIS_MODEL] = model->label;
    resolve_axes(x, axis, threads);
    made.cell = (struct mb_cell){.model_path = model->path, .runner = mb_runner_find(runner)->name, .workload = work->ops->name,
                                 .options = options, .data_dir = store->data_dir, .share_dir = store->share_dir,
                                 .seed = x->draft->protocol.seed};
    memcpy(made.cell.axis, axis, sizeof(made.cell.axis));
    if (!(config = config_of(&made.cell, axis, data, x->draft->protocol.page_cache)) || !(made.config_json = json_dumps(config, JSON_SORT_KEYS | JSON_COMPACT))) {
        rc = no_memory(x->err);
        goto out;
    }
    if ((rc = identify_cell(x, &made, &identity)) || json_object_get(x->seen, identity))
        goto out; /* the same cell by another way: once is enough */
    point_into_config(&made.cell, config);
    if (!(rc = refuse(x, &made, model)) && !(rc = keep_cell(x, &made, identity, config)))
        made = (struct mb_plan_cell){0};
out:
    json_decref(config);
    free(identity);
    release_cell(&made);
    return rc;
}

/* @data: per workload, per set of options, the hashes of its files. */
static int add_combination(struct expansion *x, const struct mb_plan_block *block, const json_t *data, const size_t at[MB_AXIS_N])
{
    int rc = MB_OK;
    for (size_t w = 0; w < block->n_work && !rc; w++) {
        json_t *options;
        size_t i;
        json_array_foreach(block->work[w].options, i, options) {
            const char *axis[MB_AXIS_N];
            for (int a = 0; a < MB_AXIS_N; a++)
                axis[a] = block->axis[a].items[at[a]].text;
            if ((rc = add_cell(x, &block->work[w], options, json_array_get(json_array_get(data, w), i), axis)))
                break;
        }
    }
    return rc;
}

/* A number of combinations is known before the first is made: a slip of the pen must not fill the memory. */
static int check_size(const struct expansion *x, const struct mb_plan_block *block)
{
    size_t n = 0;
    for (size_t w = 0; w < block->n_work; w++)
        n += json_array_size(block->work[w].options);
    for (int a = 0; a < MB_AXIS_N && n <= MAX_CELLS; a++)
        n *= block->axis[a].n; /* each list has at most 4096 * 64 Ki items: no overflow below MAX_CELLS */
    if (n > MAX_CELLS)
        return mb_fail(x->err, MB_EINVAL, "%s: more than %d cells; a plan of this size never ends",
                       x->draft->file ? x->draft->file : x->draft->name, MAX_CELLS);
    return MB_OK;
}

static int prepare_block(struct expansion *x, const struct mb_plan_block *block, json_t *data)
{
    int rc = check_size(x, block);
    for (size_t w = 0; w < block->n_work && !rc; w++) {
        json_t *list = json_array();
        rc = !list || json_array_append_new(data, list) ? no_memory(x->err) : prepare_work(x, block, &block->work[w], list);
    }
    return rc;
}

static int expand_block(struct expansion *x, const struct mb_plan_block *block)
{
    size_t at[MB_AXIS_N] = {0};
    json_t *data = json_array();
    int rc = data ? prepare_block(x, block, data) : no_memory(x->err);
    while (!rc) {
        int a = MB_AXIS_N - 1;
        if ((rc = add_combination(x, block, data, at)))
            break;
        while (a >= 0 && ++at[a] == block->axis[a].n)
            at[a--] = 0;
        if (a < 0)
            break;
    }
    json_decref(data);
    return rc;
}

static int fill_plan(struct expansion *x, const struct mb_plan_env *env)
{
    const struct mb_plan_draft *draft = x->draft;
    int rc = mb_plan_store_init(x->store, draft, env, x->err);
    x->inputs->unstored = env && env->unstored;
    if (!rc)
        rc = mb_plan_inputs_models(x->inputs, draft, x->err);
    for (size_t b = 0; b < draft->n_blocks && !rc; b++)
        rc = expand_block(x, &draft->blocks[b]);
    if (!rc)
        rc = mb_plan_store_describe(x->store, draft, x->err);
    return rc ? rc : mb_plan_store_label(x->store, x->n_cores, x->err);
}

int mb_plan_expand(struct mb_plan **out, const struct mb_plan_draft *draft, const struct mb_plan_env *env, struct mb_error *err)
{
    *out = NULL;
    struct mb_plan_store *store = calloc(1, sizeof(*store));
    struct expansion x = {.store = store, .draft = draft, .seen = json_object(), .n_cores = mb_machine_physical_cores(""), .err = err};
    if (!store || !x.seen) {
        free(store);
        json_decref(x.seen);
        return no_memory(err);
    }
    x.inputs = &store->inputs;
    const int rc = fill_plan(&x, env);
    json_decref(x.seen);
    if (rc)
        mb_plan_free(&store->plan);
    else
        *out = &store->plan;
    return rc;
}
