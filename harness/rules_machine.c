/* rules_machine.c - the machine's part of a verdict: findings of doctor.h at each start of a run, the worst kept; see rules.h. */
#include <sqlite3.h>
#include <stdlib.h>

#include "db/store.h"
#include "harness/doctor.h"
#include "harness/rules.h"

static int rank_of(const json_t *kept)
{
    return json_is_true(json_object_get(kept, "known")) ? (int)json_integer_value(json_object_get(kept, "verdict")) : -1;
}

/* The worst finding of each check, over what @kept says already; an unknown one only where nothing is known. */
static int merge(json_t *kept, const struct mb_doctor *d)
{
    int failed = 0;
    for (size_t i = 0; i < d->n; i++) {
        const struct mb_finding *f = &d->findings[i];
        const json_t *before = json_object_get(kept, f->check);
        if (!before || (f->known ? (int)f->verdict : -1) > rank_of(before))
            failed |= json_object_set_new(kept, f->check, json_pack("{s:i, s:b, s:s}", "verdict", (int)f->verdict, "known", f->known, "text", f->text));
    }
    return failed;
}

int mb_rules_note_machine(struct mb_db *db, int64_t run_id, const char *root, struct mb_error *err)
{
    struct mb_doctor d = {0};
    json_t *kept = NULL;
    char *text = NULL;
    int rc = mb_db_condition(db, run_id, "doctor", &text, err);
    if (!rc)
        rc = mb_doctor_examine(&d, root, err);
    if (!rc) {
        kept = text ? json_loads(text, 0, NULL) : NULL;
        kept = kept ? kept : json_object();
        const int failed = merge(kept, &d);
        char *merged = failed ? NULL : json_dumps(kept, JSON_COMPACT | JSON_SORT_KEYS);
        rc = merged ? mb_db_set_condition(db, run_id, "doctor", merged, err) : mb_fail(err, MB_ENOMEM, "no memory for the findings");
        free(merged);
    }
    json_decref(kept);
    mb_doctor_release(&d);
    free(text);
    return rc;
}
