/**
 * rules.h - profiles of validity (rules.def): what they preset in a protocol, what they ask of the machine and of the stored results, and the
 * verdict. A rule that cannot be looked at (a governor in a machine without frequency policies) is named as unchecked and breaks nothing.
 */
#ifndef MB_HARNESS_RULES_H
#define MB_HARNESS_RULES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

struct mb_db;
struct mb_plan;
struct mb_protocol;

enum mb_rules {
    MB_RULES_NONE,
#define RULE_PROFILE(id, name, exit_code, summary) MB_RULES_##id,
#define RULE_MACHINE(profiles, check, source)
#define RULE_NOISE(profiles, grade, source)
#define RULE_CELLS(profiles, id, limit, asks, source)
#include "harness/rules.def"
#undef RULE_PROFILE
#undef RULE_MACHINE
#undef RULE_NOISE
#undef RULE_CELLS
    MB_RULES_N
};

/** mb_rules_name() - "" for none. mb_rules_find() - by name; MB_EINVAL naming those there are. */
const char *mb_rules_name(enum mb_rules rules);
int mb_rules_find(const char *name, enum mb_rules *rules, struct mb_error *err) MB_MUST_CHECK;

/** mb_rules_preset() - the profile and its settings into a protocol; what a plan says itself comes over it, and is judged then. */
void mb_rules_preset(struct mb_protocol *protocol, enum mb_rules rules);

/** mb_rules_note_machine() - examine the machine (doctor.h, 0.3 s) and keep the worst of what was found at any start of this run in its
 *  conditions, key "doctor". */
int mb_rules_note_machine(struct mb_db *db, int64_t run_id, const char *root, struct mb_error *err) MB_MUST_CHECK;

/**
 * mb_rules_judge() - look at what run @run_id of @plan has stored, by the profile of its protocol (not NONE); keep the verdict in the run's
 * conditions, key "rules". *verdict: new reference:
 * {"profile","valid":bool,"broken":[{"rule","text","source"}],"unchecked":[{"rule","text"}],"figures":[{"cell","n","e2e_p90_ns",...}]}
 */
int mb_rules_judge(struct mb_db *db, int64_t run_id, const struct mb_plan *plan, json_t **verdict, struct mb_error *err) MB_MUST_CHECK;

/** mb_rules_print() - "VALID by strict" or "INVALID by strict", then a line for each reason, each unchecked rule, each figure. */
void mb_rules_print(const json_t *verdict, FILE *out);

/** mb_rules_exit() - 0, or what the profile exits with when it is invalid. */
int mb_rules_exit(const json_t *verdict);

#endif
