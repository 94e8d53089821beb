/**
 * plan_draft.h - a plan between reading and expanding: checked values with the place in the file where each stands.
 * Internal to plan*.c. plan_check.c fills it from YAML, plan.c from flags, plan_expand.c turns it into cells.
 * Ownership: the draft owns its strings and JSON; mb_plan_draft_release() frees them.
 */
#ifndef MB_HARNESS_PLAN_DRAFT_H
#define MB_HARNESS_PLAN_DRAFT_H

#include "harness/plan.h"
#include "workloads/workload.h"

struct mb_plan_mark { const char *file; unsigned line, column; }; /* file NULL: from a flag; borrowed */

struct mb_plan_text { char *text; struct mb_plan_mark mark; };

struct mb_plan_list { struct mb_plan_text *items; size_t n; }; /* n 0: not given */

struct mb_plan_work {
    const struct mb_workload_ops *ops;
    json_t *options;      /* array of objects with every option but `repetitions`: the product of what is swept */
    uint32_t repetitions; /* 0: the plan's */
    struct mb_plan_mark mark;
};

struct mb_plan_block { /* one product of lists */
    struct mb_plan_list axis[MB_AXIS_N]; /* canonical texts; "auto" may stand where a default is auto */
    struct mb_plan_work *work;
    size_t n_work;
};

struct mb_plan_draft {
    const char *file;     /* borrowed; NULL: flags */
    char *name, *runner, *collect; /* runner NULL: engine, or null for models that are a null script */
    bool collect_named;   /* `collect:` is in the plan */
    uint64_t period_ns;
    struct mb_protocol protocol;
    struct mb_plan_block *blocks;
    size_t n_blocks;
};

void mb_plan_draft_release(struct mb_plan_draft *draft);
void mb_plan_list_release(struct mb_plan_list *list);
void mb_plan_block_release(struct mb_plan_block *block);

/** mb_plan_fail() - MB_EINVAL, "file:line:column: " in front where there is a file. */
int mb_plan_fail(const struct mb_plan_mark *at, struct mb_error *err, const char *fmt, ...) MB_PRINTF(3, 4);

/** mb_plan_list_add() - append a copy. */
int mb_plan_list_add(struct mb_plan_list *list, const char *text, const struct mb_plan_mark *mark, struct mb_error *err) MB_MUST_CHECK;

/** mb_plan_list_join() - a copy in which each key=value item went into the method (or null script) before it: a YAML list
 *  [verify:layer=20, draft=4] is two items and one method. */
int mb_plan_list_join(struct mb_plan_list *joined, enum mb_axis_kind kind, const struct mb_plan_list *given, struct mb_error *err) MB_MUST_CHECK;

/** mb_plan_axis_fill() - expand @given (each by the list grammar; a key=value item belongs to the method before it) into checked,
 *  canonical values of an axis. mb_plan_axis_default() - its default, where it has one. */
int mb_plan_axis_fill(struct mb_plan_list *values, enum mb_axis axis, const struct mb_plan_list *given, struct mb_error *err) MB_MUST_CHECK;
int mb_plan_axis_default(struct mb_plan_list *values, enum mb_axis axis, struct mb_error *err) MB_MUST_CHECK;

/** mb_axis_family() - the engine's family of methods behind a METHOD axis, or -1. */
int mb_axis_family(enum mb_axis axis);

/** mb_axis_unavailable() - why the method that @text names cannot be used here; NULL when it can, or is unknown. */
const char *mb_axis_unavailable(enum mb_axis axis, const char *text);

/** mb_plan_option_add() - one option of a workload, checked against its row, into work->options (the product grows when several
 *  values are swept) or work->repetitions. mb_plan_options_finish() - defaults of what was not given. */
int mb_plan_option_add(struct mb_plan_work *work, const char *key, const struct mb_plan_mark *key_mark, const struct mb_plan_list *given,
                       bool is_list, struct mb_error *err) MB_MUST_CHECK;
int mb_plan_options_finish(struct mb_plan_work *work, struct mb_error *err) MB_MUST_CHECK;

/** mb_plan_options_json() - all options from a JSON object, then the defaults. */
int mb_plan_options_json(struct mb_plan_work *work, const json_t *options, struct mb_error *err) MB_MUST_CHECK;

/** mb_plan_collect_add() - one name of `collect:`, checked, appended to the comma list *collect. */
int mb_plan_collect_add(char **collect, const char *name, const struct mb_plan_mark *mark, struct mb_error *err) MB_MUST_CHECK;

/** mb_plan_runner_check() - is there a runner of this name? */
int mb_plan_runner_check(const char *name, const struct mb_plan_mark *mark, struct mb_error *err) MB_MUST_CHECK;

/** mb_plan_check_yaml() - a plan file into a draft. mb_plan_check_bytes() - its bytes; @file only for messages. */
int mb_plan_check_bytes(struct mb_plan_draft *draft, const char *file, const char *bytes, size_t n_bytes, struct mb_error *err) MB_MUST_CHECK;
int mb_plan_check_yaml(struct mb_plan_draft *draft, const char *file, struct mb_error *err) MB_MUST_CHECK;

/** mb_plan_expand() - cells, hashes and canonical text. */
int mb_plan_expand(struct mb_plan **out, const struct mb_plan_draft *draft, const struct mb_plan_env *env, struct mb_error *err) MB_MUST_CHECK;

#endif
