/* wire.c - see wire.h. */
#include "harness/wire.h"

#include <string.h>

/* NULL becomes null, on the way there and back. */
static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

json_t *mb_wire_open_command(const struct mb_site_setup *setup)
{
    const struct mb_cell *cell = setup->cell;
    json_t *axes = json_object();
    bool ok = axes != NULL;
    for (int i = 0; i < MB_AXIS_N; i++)
        ok = ok && json_object_set_new(axes, mb_axis_rows[i].key, json_string(cell->axis[i])) == 0;
    json_t *options = cell->options ? json_deep_copy(cell->options) : json_object();
    if (!ok || !options) {
        json_decref(axes);
        json_decref(options);
        return NULL;
    }
    return json_pack("{s:s, s:{s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:I}, s:s, s:s, s:I, s:I, s:b, s:b, s:b, s:s}", "do", "open", "cell", "axes", axes,
                     "model_path", cell->model_path ? cell->model_path : "", "runner", cell->runner, "workload", cell->workload,
                     "options", options, "data_dir", text_or_null(cell->data_dir), "share_dir", text_or_null(cell->share_dir), "seed",
                     (json_int_t)cell->seed, "collect", setup->collect ? setup->collect : "", "root", setup->root ? setup->root : "",
                     "period_ns", (json_int_t)setup->period_ns, "max_samples", (json_int_t)setup->max_samples, "cold", (int)setup->cold, "unstored",
                     (int)setup->unstored, "stream", (int)(setup->text != NULL),
                     "page_cache", mb_page_cache_name(setup->page_cache));
}

json_t *mb_wire_trial_command(enum mb_trial_kind kind, uint32_t repetition)
{
    return json_pack("{s:s, s:s, s:I}", "do", "trial", "kind", mb_trial_kind_name(kind), "repetition", (json_int_t)repetition);
}

static int read_cell(json_t *json, struct mb_cell *cell, struct mb_error *err)
{
    json_t *axes, *options;
    json_int_t seed;
    json_error_t why;
    *cell = (struct mb_cell){0};
    if (json_unpack_ex(json, &why, 0, "{s:o, s:s, s:s, s:s, s:o, s:I}", "axes", &axes, "model_path", &cell->model_path, "runner",
                       &cell->runner, "workload", &cell->workload, "options", &options, "seed", &seed))
        return mb_fail(err, MB_EFORMAT, "the cell of the command: %s", why.text);
    for (int i = 0; i < MB_AXIS_N; i++) {
        cell->axis[i] = json_string_value(json_object_get(axes, mb_axis_rows[i].key));
        if (!cell->axis[i])
            return mb_fail(err, MB_EFORMAT, "the cell of the command has no axis %s", mb_axis_rows[i].key);
    }
    if (!json_is_object(options))
        return mb_fail(err, MB_EFORMAT, "the options of the cell are no object");
    cell->options = options;
    cell->data_dir = json_string_value(json_object_get(json, "data_dir"));
    cell->share_dir = json_string_value(json_object_get(json, "share_dir"));
    cell->seed = (uint64_t)seed;
    return MB_OK;
}

static int read_open(json_t *json, struct mb_wire_command *c, struct mb_error *err)
{
    json_t *cell;
    json_int_t period_ns, max_samples;
    int cold, unstored = 0, stream = 0;
    const char *page_cache = mb_page_cache_name(MB_PAGE_CACHE_AS_IS);
    json_error_t why;
    if (json_unpack_ex(json, &why, 0, "{s:o, s:s, s:s, s:I, s:I, s:b, s?b, s?b, s?s}", "cell", &cell, "collect", &c->setup.collect, "root", &c->setup.root,
                       "period_ns", &period_ns, "max_samples", &max_samples, "cold", &cold, "unstored", &unstored,
                       "stream", &stream, "page_cache", &page_cache))
        return mb_fail(err, MB_EFORMAT, "command open: %s", why.text);
    if (period_ns <= 0 || max_samples < 0 || max_samples > UINT32_MAX)
        return mb_fail(err, MB_EFORMAT, "command open: period_ns or max_samples out of range");
    c->setup.period_ns = (uint64_t)period_ns;
    c->setup.max_samples = (uint32_t)max_samples;
    c->setup.cold = cold != 0;
    c->setup.unstored = unstored != 0;
    const int state = mb_page_cache_find(page_cache);
    if (state < 0)
        return mb_fail(err, MB_EFORMAT, "command open: page_cache '%s'", page_cache);
    c->setup.page_cache = (enum mb_page_cache)state;
    c->stream = stream != 0;
    c->setup.cell = &c->cell;
    return read_cell(cell, &c->cell, err);
}

static int read_trial(json_t *json, struct mb_wire_command *c, struct mb_error *err)
{
    const char *kind;
    json_int_t repetition;
    json_error_t why;
    if (json_unpack_ex(json, &why, 0, "{s:s, s:I}", "kind", &kind, "repetition", &repetition))
        return mb_fail(err, MB_EFORMAT, "command trial: %s", why.text);
    if (repetition < 0 || repetition > UINT32_MAX)
        return mb_fail(err, MB_EFORMAT, "command trial: repetition out of range");
    c->repetition = (uint32_t)repetition;
    for (int k = MB_TRIAL_MEASURED; k <= MB_TRIAL_COLD; k++) {
        c->kind = (enum mb_trial_kind)k;
        if (strcmp(mb_trial_kind_name(c->kind), kind) == 0)
            return MB_OK;
    }
    return mb_fail(err, MB_EFORMAT, "command trial: no kind '%s'", kind);
}

int mb_wire_read_command(const json_t *json, struct mb_wire_command *c, struct mb_error *err)
{
    *c = (struct mb_wire_command){0};
    const char *verb = json_string_value(json_object_get(json, "do"));
    if (verb && strcmp(verb, "open") == 0) {
        c->verb = MB_WIRE_OPEN;
        return read_open((json_t *)json, c, err);
    }
    if (verb && strcmp(verb, "trial") == 0) {
        c->verb = MB_WIRE_TRIAL;
        return read_trial((json_t *)json, c, err);
    }
    return mb_fail(err, MB_EFORMAT, "no command '%s'", verb ? verb : "");
}

/* --- answers --- */

json_t *mb_wire_error_answer(const struct mb_error *err)
{
    json_t *json = json_pack("{s:i, s:s}", "error", err->code, "text", err->text);
    return json ? json : json_pack("{s:i, s:s}", "error", err->code, "text", "(the reason is not valid UTF-8)");
}

json_t *mb_wire_facts_answer(const struct mb_runner_facts *f)
{
    return json_pack("{s:{s:o, s:I, s:I, s:I, s:I, s:o, s:o}}", "facts", "arch", text_or_null(f->arch), "n_params", (json_int_t)f->n_params,
                     "weight_bytes", (json_int_t)f->weight_bytes, "n_layers", (json_int_t)f->n_layers, "n_ctx_train",
                     (json_int_t)f->n_ctx_train, "tensor_types", text_or_null(f->tensor_types), "tensors", text_or_null(f->tensors));
}

json_t *mb_wire_record_answer(const struct mb_record *record)
{
    json_t *json = mb_record_to_json(record);
    return json ? json_pack("{s:o}", "record", json) : NULL;
}

/* MB_OK when the answer is not an error. */
static int read_error(const json_t *json, struct mb_error *err)
{
    const json_t *code = json_object_get(json, "error");
    if (!code)
        return MB_OK;
    const char *text = json_string_value(json_object_get(json, "text"));
    const json_int_t value = json_integer_value(code);
    return mb_fail(err, value < 0 && value > -1000 ? (int)value : MB_EFAILED, "%s", text && *text ? text : "the worker failed without saying why");
}

int mb_wire_read_facts(const json_t *json, struct mb_runner_facts *f, struct mb_error *err)
{
    *f = (struct mb_runner_facts){0};
    const int rc = read_error(json, err);
    if (rc)
        return rc;
    json_t *facts = json_object_get(json, "facts");
    json_int_t n_params, weight_bytes, n_layers, n_ctx_train;
    if (json_unpack(facts, "{s:I, s:I, s:I, s:I}", "n_params", &n_params, "weight_bytes", &weight_bytes, "n_layers", &n_layers,
                    "n_ctx_train", &n_ctx_train))
        return mb_fail(err, MB_EFORMAT, "the worker's answer has no facts");
    *f = (struct mb_runner_facts){.arch = json_string_value(json_object_get(facts, "arch")), .n_params = (uint64_t)n_params,
                                  .weight_bytes = (uint64_t)weight_bytes, .n_layers = (uint32_t)n_layers, .n_ctx_train = (uint32_t)n_ctx_train,
                                  .tensor_types = json_string_value(json_object_get(facts, "tensor_types")),
                                  .tensors = json_string_value(json_object_get(facts, "tensors"))};
    return MB_OK;
}

int mb_wire_read_record(const json_t *json, struct mb_record *record, struct mb_error *err)
{
    const int rc = read_error(json, err);
    if (rc)
        return rc;
    const json_t *body = json_object_get(json, "record");
    return body ? mb_record_from_json(record, body, err) : mb_fail(err, MB_EFORMAT, "the worker's answer has no record");
}
