/**
 * doctor.h - can figures taken on this machine now be trusted? Findings (how the machine is set, doctor.def) and a noise grade
 * (noise.h). A finding never disappears because a file is missing: what is unknown is said so, with the reason.
 * Nothing is changed here; `do` is a sentence or a command for the user.
 */
#ifndef MB_HARNESS_DOCTOR_H
#define MB_HARNESS_DOCTOR_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"

enum mb_verdict { MB_VERDICT_OK, MB_VERDICT_NOTE /* nothing to mend, to be known */, MB_VERDICT_WARN /* figures move by it */,
                  MB_VERDICT_BAD /* figures are wrong or not comparable */, MB_VERDICT_N };

struct mb_finding {
    const char *check, *why;  /* of the row in doctor.def */
    char subject[48];         /* which of several: "policy0", "rapl"; may be empty */
    enum mb_verdict verdict;
    bool known;               /* else @text says why not */
    char *text, *fix;         /* owned; one line each; fix "" when there is nothing to do */
};

struct mb_doctor {
    const char *root;                /* prefix of /sys and /proc */
    json_t *facts, *conditions;      /* machine_facts.h: the readers that runs store as well */
    const char *check, *why;         /* the row at work */
    struct mb_finding *findings;     /* [n], owned */
    size_t n, cap;
    bool failed;                     /* no memory */
};

/** mb_doctor_examine() - every check of doctor.def, in its order. Takes about 0.3 s (busiest processes, root "" only). MB_ENOMEM. */
int mb_doctor_examine(struct mb_doctor *d, const char *root, struct mb_error *err) MB_MUST_CHECK;
void mb_doctor_release(struct mb_doctor *d);

const char *mb_verdict_name(enum mb_verdict verdict);

/* For checks. */

/** mb_find() - add a finding; @subject and @fix may be NULL. mb_find_unknown() - one that could not be read; verdict note. */
void mb_find(struct mb_doctor *d, enum mb_verdict verdict, const char *subject, const char *fix, const char *fmt, ...) MB_PRINTF(5, 6);
void mb_find_unknown(struct mb_doctor *d, const char *reason);

/** mb_doctor_condition() - a value of the conditions, or NULL after saying why it is unknown. */
const json_t *mb_doctor_condition(struct mb_doctor *d, const char *key);

#define CHECK(id, why) void mb_check_##id(struct mb_doctor *d);
#include "harness/doctor.def"
#undef CHECK

#endif
