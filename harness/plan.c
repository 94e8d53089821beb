/* plan.c - a plan from a file or from flags; see plan.h. Checking is plan_check.c, cells are plan_expand.c. */
#include "harness/plan.h"

#include <stdlib.h>
#include <string.h>

#include "harness/plan_draft.h"

static const struct mb_protocol default_protocol = {.repetitions = 5, .replace_invalid = MB_PLAN_REPLACE_INVALID, .mark_throttled = true, .warmup = -1,
                                                     .order = MB_ORDER_SHUFFLED, .seed = 42, .timeout_s = 600, .cooldown = {.fixed_s = -1}};

int mb_plan_load(struct mb_plan **out, const char *path, const struct mb_plan_env *env, struct mb_error *err)
{
    struct mb_plan_draft draft = {.protocol = default_protocol};
    enum mb_rules rules = MB_RULES_NONE;
    *out = NULL;
    int rc = env && env->rules ? mb_rules_find(env->rules, &rules, err) : MB_OK;
    if (!rc && rules != MB_RULES_NONE)
        mb_rules_preset(&draft.protocol, rules);
    if (!rc)
        rc = mb_plan_check_yaml(&draft, path, err);
    if (!rc)
        rc = mb_plan_expand(out, &draft, env, err);
    mb_plan_draft_release(&draft);
    return rc;
}

static int axes_from_flags(struct mb_plan_block *block, const char *const axis[MB_AXIS_N], struct mb_error *err)
{
    int rc = MB_OK;
    for (int a = 0; a < MB_AXIS_N && !rc; a++) {
        struct mb_plan_list given = {0};
        if (!axis[a]) {
            rc = mb_plan_axis_default(&block->axis[a], (enum mb_axis)a, err);
        } else if (!(rc = mb_plan_list_add(&given, axis[a], NULL, err))) {
            rc = mb_plan_axis_fill(&block->axis[a], (enum mb_axis)a, &given, err);
        }
        mb_plan_list_release(&given);
        if (!rc && !block->axis[a].n)
            rc = mb_fail(err, MB_EINVAL, "no model: give one with -m (a file, or a name of `meltbench list models`)");
    }
    return rc;
}

static int collect_from_flags(struct mb_plan_draft *draft, const char *collect, struct mb_error *err)
{
    char **items = NULL;
    size_t n = 0;
    int rc = collect && *collect ? mb_axis_list_expand(MB_AXIS_KIND_TEXT, collect, &items, &n, err) : MB_OK;
    for (size_t i = 0; i < n && !rc; i++)
        rc = mb_plan_collect_add(&draft->collect, items[i], NULL, err);
    mb_axis_list_free(items, n);
    return rc;
}

static int work_from_flags(struct mb_plan_block *block, const char *workload, const json_t *options, struct mb_error *err)
{
    const struct mb_workload_ops *ops = mb_workload_find(workload);
    if (!ops)
        return mb_fail(err, MB_EINVAL, "unknown workload '%s'", workload);
    const size_t n = json_is_array(options) ? json_array_size(options) : 1;
    block->work = calloc(n, sizeof(*block->work));
    if (!block->work)
        return mb_fail(err, MB_ENOMEM, "no memory for a plan");
    block->n_work = n;
    int rc = MB_OK;
    for (size_t i = 0; i < n; i++)
        block->work[i].ops = ops;
    for (size_t i = 0; i < n && !rc; i++)
        rc = mb_plan_options_json(&block->work[i], json_is_array(options) ? json_array_get(options, i) : options, err);
    return rc;
}

int mb_plan_single(struct mb_plan **out, const char *name, const char *const axis[MB_AXIS_N], const char *runner, const char *workload,
                   json_t *options, const struct mb_protocol *protocol, const char *collect, const struct mb_plan_env *env,
                   struct mb_error *err)
{
    struct mb_plan_draft draft = {.protocol = protocol ? *protocol : default_protocol, .period_ns = MB_PLAN_PERIOD_MS * UINT64_C(1000000), .n_blocks = 1};
    *out = NULL;
    draft.name = strdup(name);
    draft.runner = runner ? strdup(runner) : NULL;
    draft.blocks = calloc(1, sizeof(*draft.blocks));
    int rc = MB_OK;
    if (!draft.name || (runner && !draft.runner) || !draft.blocks) {
        draft.n_blocks = 0;
        rc = mb_fail(err, MB_ENOMEM, "no memory for a plan");
    }
    if (!rc && runner)
        rc = mb_plan_runner_check(runner, NULL, err);
    if (!rc)
        rc = axes_from_flags(draft.blocks, axis, err);
    if (!rc)
        rc = work_from_flags(draft.blocks, workload, options, err);
    if (!rc)
        rc = collect_from_flags(&draft, collect, err);
    if (!rc)
        rc = mb_plan_expand(out, &draft, env, err);
    mb_plan_draft_release(&draft);
    return rc;
}
