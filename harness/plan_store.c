/* plan_store.c - see plan_store.h. */
#include "harness/plan_store.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "harness/plan_protocol.h"

static int no_memory(struct mb_error *err)
{
    return mb_fail(err, MB_ENOMEM, "no memory for a plan");
}

static const char *first_set(const char *a, const char *b)
{
    return a && *a ? a : b && *b ? b : NULL;
}

/* The data sets that come with meltbench: beside the binary when it is installed, else the source tree's. */
static char *default_share(void)
{
    char exe[PATH_MAX], path[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (access(MB_SHARE_SOURCE, R_OK) == 0)
        return strdup(MB_SHARE_SOURCE);
    if (n > 0) {
        exe[n] = '\0';
        char *slash = strrchr(exe, '/');
        if (slash)
            *slash = '\0';
        if (snprintf(path, sizeof(path), "%s/../share/meltbench/data", exe) < (int)sizeof(path) && access(path, R_OK) == 0)
            return realpath(path, NULL);
    }
    return strdup(MB_SHARE_INSTALLED);
}

int mb_plan_store_init(struct mb_plan_store *store, const struct mb_plan_draft *draft, const struct mb_plan_env *env, struct mb_error *err)
{
    const char *data = first_set(env ? env->data_dir : NULL, getenv("MELTBENCH_DATA"));
    const char *share = first_set(env ? env->share_dir : NULL, getenv("MELTBENCH_SHARE"));
    store->data_dir = data ? strdup(data) : NULL;
    store->share_dir = share ? strdup(share) : default_share();
    store->configs = json_array();
    store->plan.name = strdup(draft->name);
    store->plan.path = strdup(draft->file ? draft->file : "");
    store->plan.collect = strdup(draft->collect ? draft->collect : "");
    store->plan.collect_named = draft->collect_named;
    store->plan.period_ns = draft->period_ns;
    store->plan.protocol = draft->protocol;
    const bool complete = (store->data_dir || !data) && store->share_dir && store->configs && store->plan.name && store->plan.path &&
                          store->plan.collect;
    return complete ? MB_OK : no_memory(err);
}

void mb_plan_free(struct mb_plan *plan)
{
    struct mb_plan_store *store = (struct mb_plan_store *)plan;
    if (!store)
        return;
    for (size_t i = 0; i < plan->n_cells; i++) {
        free(plan->cells[i].config_json);
        free(plan->cells[i].label);
        free(plan->cells[i].refused);
    }
    free(plan->cells);
    free(plan->name);
    free(plan->path);
    free(plan->text);
    free(plan->collect);
    mb_plan_inputs_release(&store->inputs);
    json_decref(store->configs);
    free(store->data_dir);
    free(store->share_dir);
    free(store);
}

static json_t *list_json(const struct mb_plan_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < list->n; i++)
        json_array_append_new(array, json_string(list->items[i].text));
    return array;
}

static json_t *block_json(const struct mb_plan_block *block)
{
    json_t *axes = json_object(), *work = json_array();
    for (int a = 0; a < MB_AXIS_N; a++)
        json_object_set_new(axes, mb_axis_rows[a].key, list_json(&block->axis[a]));
    for (size_t w = 0; w < block->n_work; w++)
        json_array_append_new(work, json_pack("{s:s, s:O, s:i}", "name", block->work[w].ops->name, "options", block->work[w].options,
                                              "repetitions", (int)block->work[w].repetitions));
    return json_pack("{s:o, s:o}", "axes", axes, "workloads", work);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Hashes of all files behind the plan, sorted: a plan over other files is another plan. */
static json_t *inputs_json(const struct mb_plan_inputs *inputs)
{
    const size_t n_all = inputs->n_models + inputs->n_files;
    const char **hashes = calloc(n_all ? n_all : 1, sizeof(*hashes));
    json_t *array = json_array();
    size_t n = 0;
    for (size_t i = 0; hashes && i < inputs->n_models; i++)
        if (inputs->models[i].sha256[0])
            hashes[n++] = inputs->models[i].sha256;
    for (size_t i = 0; hashes && i < inputs->n_files; i++)
        hashes[n++] = inputs->files[i].sha256;
    if (n)
        qsort(hashes, n, sizeof(*hashes), compare_texts);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(hashes[i]));
    free(hashes);
    return array;
}

int mb_plan_store_describe(struct mb_plan_store *store, const struct mb_plan_draft *draft, struct mb_error *err)
{
    json_t *blocks = json_array();
    for (size_t b = 0; b < draft->n_blocks; b++)
        json_array_append_new(blocks, block_json(&draft->blocks[b]));
    json_t *text = json_pack("{s:s, s:s?, s:s, s:I, s:o, s:o, s:o}", "name", draft->name, "runner", draft->runner, "collect",
                             store->plan.collect, "collect_period_ms", (json_int_t)(draft->period_ns / 1000000u), "protocol",
                             mb_protocol_json(&draft->protocol), "sweeps", blocks, "inputs", inputs_json(&store->inputs));
    store->plan.text = text ? json_dumps(text, JSON_SORT_KEYS | JSON_COMPACT) : NULL;
    json_decref(text);
    if (!store->plan.text)
        return no_memory(err);
    return store->inputs.unstored ? MB_OK : mb_digest_bytes(store->plan.text, strlen(store->plan.text), store->plan.hash, err);
}

bool mb_plan_varies(const struct mb_plan *plan, enum mb_axis axis)
{
    for (size_t i = 1; i < plan->n_cells; i++)
        if (strcmp(plan->cells[i].cell.axis[axis], plan->cells[0].cell.axis[axis]) != 0)
            return true;
    return false;
}

/* Options in which cells of the same workload differ: key -> true, per workload. */
static json_t *varying_options(const struct mb_plan *plan)
{
    json_t *varying = json_object(), *first = json_object(), *value;
    const char *key;
    for (size_t i = 0; varying && first && i < plan->n_cells; i++) {
        const struct mb_cell *cell = &plan->cells[i].cell;
        const json_t *model = json_object_get(first, cell->workload);
        if (!model) {
            json_object_set(first, cell->workload, (json_t *)cell->options);
            json_object_set_new(varying, cell->workload, json_object());
            continue;
        }
        json_object_foreach((json_t *)cell->options, key, value)
            if (!json_equal(value, json_object_get(model, key)))
                json_object_set_new(json_object_get(varying, cell->workload), key, json_true());
    }
    json_decref(first);
    return varying;
}

static void add_option_text(struct mb_strbuf *label, const char *key, const json_t *value, bool first)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    mb_strbuf_printf(label, "%s%s=%.40s", first ? "" : ",", key, json_is_string(value) ? json_string_value(value) : text ? text : "");
    free(text);
}

static char *label_of(const struct mb_plan_cell *cell, const bool varies[MB_AXIS_N], const json_t *varying, uint32_t n_cores)
{
    const struct mb_workload_ops *ops = mb_workload_find(cell->cell.workload);
    const json_t *changing = json_object_get(varying, cell->cell.workload);
    struct mb_strbuf label = {0};
    bool first = true;
    for (int a = 0; a < MB_AXIS_N; a++) {
        if (!varies[a])
            continue;
        if (a == MB_AXIS_MODEL)
            mb_strbuf_printf(&label, "%s ", cell->cell.axis[a]);
        else
            mb_strbuf_printf(&label, "%s=%s ", mb_axis_rows[a].key, cell->cell.axis[a]);
    }
    mb_strbuf_puts(&label, cell->cell.workload);
    for (const struct mb_workload_option *row = ops->options; row && row->key; row++) {
        if (!json_object_get(changing, row->key))
            continue;
        mb_strbuf_puts(&label, first ? "(" : "");
        add_option_text(&label, row->key, json_object_get(cell->cell.options, row->key), first);
        first = false;
    }
    mb_strbuf_puts(&label, first ? "" : ")");
    if (strtoull(cell->cell.axis[MB_AXIS_THREADS], NULL, 10) > n_cores)
        mb_strbuf_printf(&label, " [warning: more threads than the %u cores here]", n_cores);
    return mb_strbuf_take(&label);
}

int mb_plan_store_label(struct mb_plan_store *store, uint32_t n_cores, struct mb_error *err)
{
    struct mb_plan *plan = &store->plan;
    bool varies[MB_AXIS_N];
    json_t *varying = varying_options(plan);
    for (int a = 0; a < MB_AXIS_N; a++)
        varies[a] = mb_plan_varies(plan, (enum mb_axis)a);
    int rc = varying ? MB_OK : no_memory(err);
    for (size_t i = 0; i < plan->n_cells && !rc; i++)
        if (!(plan->cells[i].label = label_of(&plan->cells[i], varies, varying, n_cores)))
            rc = no_memory(err);
    json_decref(varying);
    return rc;
}
