/*
 * refusal.c - configurations that are not run, and why. The reason is stored with the cell and printed by `plan` and the report.
 *
 * Scoring (accuracy, perplexity) under token reduction is allowed: a method that evicts cache rows after they were computed leaves
 * logits at every position, so the continuation is scored under the policy, teacher-forced, and the figure carries the method's
 * name in its column. (A method that drops rows before the last layer would have no logits to score; it has to refuse here.)
 * Scoring under early exit is refused: no token is generated, so nothing can exit early.
 * The rules hold for the null runner too: its figures never carry the name of something that this machine could not run.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eng/engine.h"
#include "harness/plan_draft.h"
#include "harness/plan_refusal.h"
#include "runners/runner.h"

struct choices {
    struct eng_method method[ENG_FAMILY_N];
    struct eng_method cache_v; /* the family has one slot, the cache two types */
};

static bool parse_all(const struct mb_cell *cell, struct choices *c, struct eng_error *e)
{
    for (int axis = 0; axis < MB_AXIS_N; axis++) {
        const int family = mb_axis_family((enum mb_axis)axis);
        if (family < 0)
            continue;
        struct eng_method *slot = axis == MB_AXIS_CACHE_TYPE_V ? &c->cache_v : &c->method[family];
        if (eng_method_parse((enum eng_family)family, cell->axis[axis], slot, e))
            return false;
    }
    return true;
}

static const char *unavailable(const struct mb_cell *cell, char *buf, size_t cap)
{
    for (int axis = 0; axis < MB_AXIS_N; axis++) {
        const char *reason = mb_axis_unavailable((enum mb_axis)axis, cell->axis[axis]);
        if (reason) {
            snprintf(buf, cap, "%s %s is not available here: %s", mb_axis_rows[axis].column, cell->axis[axis], reason);
            return buf;
        }
    }
    return NULL;
}

static bool is_scoring(const struct mb_cell *cell)
{
    return strcmp(cell->workload, "accuracy") == 0 || strcmp(cell->workload, "perplexity") == 0;
}

/* The sampling temperature of the workload, 0 where it has none. */
static double temperature_of(const struct mb_cell *cell)
{
    const json_t *value = json_object_get(cell->options, "temperature");
    return json_is_string(value) ? strtod(json_string_value(value), NULL) : json_number_value(value);
}

static const char *runner_refusal(const struct mb_cell *cell, char *buf, size_t cap)
{
    const struct mb_runner_ops *runner = mb_runner_find(cell->runner);
    struct mb_error why = {0};
    if (!runner) {
        snprintf(buf, cap, "there is no runner '%s'", cell->runner);
        return buf;
    }
    if (runner->probe && runner->probe(&why)) {
        snprintf(buf, cap, "runner %s is not available here: %s", cell->runner, why.text);
        return buf;
    }
    const bool is_script = strcmp(cell->axis[MB_AXIS_MODEL], "null") == 0 || strncmp(cell->axis[MB_AXIS_MODEL], "null:", 5) == 0;
    if (is_script != (strcmp(cell->runner, "null") == 0)) {
        snprintf(buf, cap, is_script ? "a null script is no model for runner %s" : "runner %s takes a script for a model (null:token_us=1000)",
                 cell->runner);
        return buf;
    }
    return NULL;
}

const char *mb_cell_refusal(const struct mb_cell *cell, char *buf, size_t cap)
{
    struct choices c = {0};
    struct eng_error e = {0};
    const char *reason = runner_refusal(cell, buf, cap);
    if (reason || (reason = unavailable(cell, buf, cap)))
        return reason;
    if (eng_cpu_mask_check(cell->axis[MB_AXIS_CPU_MASK], &e)) {
        snprintf(buf, cap, "%s", e.text);
        return buf;
    }
    if (!parse_all(cell, &c, &e)) {
        snprintf(buf, cap, "%s", e.text);
        return buf;
    }
    if ((reason = eng_methods_conflict(c.method)))
        return reason;
    const struct eng_method_info *early_exit = c.method[ENG_FAMILY_EXIT].info;
    if (strcmp(early_exit->name, "none") == 0)
        return NULL;
    if (is_scoring(cell))
        return "scoring generates no tokens, so early exit has no effect";
    if (temperature_of(cell) > 0) {
        snprintf(buf, cap, "%s accepts drafts by comparing greedy choices, so it needs temperature 0", early_exit->name);
        return buf;
    }
    return NULL;
}

const char *mb_cell_layer_refusal(const struct mb_cell *cell, uint32_t (*n_layers)(void *user), void *user, char *buf, size_t cap)
{
    struct eng_method method = {0};
    struct eng_error e = {0};
    if (strcmp(cell->runner, "null") == 0 || eng_method_parse(ENG_FAMILY_EXIT, cell->axis[MB_AXIS_EARLY_EXIT], &method, &e))
        return NULL;
    for (int i = 0; method.info->params && i < ENG_METHOD_PARAMS && method.info->params[i].name; i++) {
        if (strcmp(method.info->params[i].name, "layer") != 0)
            continue;
        const uint32_t n = n_layers(user);
        if (n == 0 || method.value[i] < (int64_t)n)
            return NULL;
        snprintf(buf, cap, "%s: layer=%lld is not an early one: the model has %u layers, so at most layer=%u can exit", method.info->name,
                 (long long)method.value[i], n, n - 1);
        return buf;
    }
    return NULL;
}
