/**
 * plan_check.h - what the parts of checking a plan file share: plan_check.c (the plan) and plan_protocol.c (its protocol). Internal to
 * plan*.c. Every complaint is MB_EINVAL with file, line and column; @what names the key.
 */
#ifndef MB_HARNESS_PLAN_CHECK_H
#define MB_HARNESS_PLAN_CHECK_H

#include "harness/plan_draft.h"
#include "harness/plan_yaml.h"

struct mb_plan_check {
    const char *file;
    struct mb_plan_draft *draft;
    struct mb_error *err;
};

int mb_plan_need_kind(const struct mb_plan_check *c, const struct mb_yaml *node, enum mb_yaml_kind kind, const char *what) MB_MUST_CHECK;
int mb_plan_need_text(const struct mb_plan_check *c, const struct mb_yaml *node, const char *what) MB_MUST_CHECK;
/** mb_plan_known_keys() - every key of the map is one of these, else the nearest is named. */
int mb_plan_known_keys(const struct mb_plan_check *c, const struct mb_yaml *map, const char *const *known, size_t n_known) MB_MUST_CHECK;
int mb_plan_take_number(const struct mb_plan_check *c, const struct mb_yaml *node, const char *what, uint64_t min, uint64_t max,
                        uint64_t *value) MB_MUST_CHECK;

/** mb_plan_take_protocol() - the map of `protocol:` over what the draft's protocol already says. */
int mb_plan_take_protocol(const struct mb_plan_check *c, const struct mb_yaml *map) MB_MUST_CHECK;

#endif
