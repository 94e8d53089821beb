/**
 * plan_store.h - a plan with everything that its cells borrow. Internal to plan*.c: users see struct mb_plan, its first member.
 */
#ifndef MB_HARNESS_PLAN_STORE_H
#define MB_HARNESS_PLAN_STORE_H

#include "harness/plan_inputs.h"

struct mb_plan_store {
    struct mb_plan plan;          /* first: mb_plan_free() gets its address */
    struct mb_plan_inputs inputs;
    json_t *configs;              /* array: the configuration that each cell's strings point into */
    char *data_dir, *share_dir;
};

/** mb_plan_store_init() - name, protocol, folders. */
int mb_plan_store_init(struct mb_plan_store *store, const struct mb_plan_draft *draft, const struct mb_plan_env *env, struct mb_error *err) MB_MUST_CHECK;

/** mb_plan_store_describe() - canonical text of the plan (what it says, and the SHA-256 of every file behind it) and its hash. */
int mb_plan_store_describe(struct mb_plan_store *store, const struct mb_plan_draft *draft, struct mb_error *err) MB_MUST_CHECK;

/** mb_plan_store_label() - a label per cell: axes and options that vary within the plan, and the workload. */
int mb_plan_store_label(struct mb_plan_store *store, uint32_t n_cores, struct mb_error *err) MB_MUST_CHECK;

/** mb_plan_varies() - does this axis take more than one value among the plan's cells? */
bool mb_plan_varies(const struct mb_plan *plan, enum mb_axis axis);

#endif
