/* doctor.c - runs the rows of doctor.def; see doctor.h. */
#include "harness/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/machine_facts.h"

static const struct { const char *id, *why; void (*run)(struct mb_doctor *d); } checks[] = {
#define CHECK(id, why) {#id, why, mb_check_##id},
#include "harness/doctor.def"
#undef CHECK
};

const char *mb_verdict_name(enum mb_verdict verdict)
{
    static const char *const names[MB_VERDICT_N] = {"ok", "note", "warn", "bad"};
    return names[verdict];
}

static struct mb_finding *next_finding(struct mb_doctor *d)
{
    if (d->n == d->cap) {
        const size_t cap = d->cap ? 2 * d->cap : 32;
        struct mb_finding *grown = realloc(d->findings, cap * sizeof(*grown));
        if (!grown) {
            d->failed = true;
            return NULL;
        }
        d->findings = grown;
        d->cap = cap;
    }
    return &d->findings[d->n++];
}

static void add(struct mb_doctor *d, struct mb_finding finding, const char *subject, char *text, const char *fix)
{
    struct mb_finding *f = next_finding(d);
    if (!f) {
        free(text);
        return;
    }
    *f = finding;
    f->check = d->check;
    f->why = d->why;
    f->text = text;
    f->fix = strdup(fix ? fix : "");
    snprintf(f->subject, sizeof(f->subject), "%s", subject ? subject : "");
    d->failed |= !f->text || !f->fix;
}

void mb_find(struct mb_doctor *d, enum mb_verdict verdict, const char *subject, const char *fix, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    add(d, (struct mb_finding){.verdict = verdict, .known = true}, subject, strdup(line), fix);
}

void mb_find_unknown(struct mb_doctor *d, const char *reason)
{
    struct mb_strbuf line = {0};
    mb_strbuf_printf(&line, "unknown: %s", reason);
    add(d, (struct mb_finding){.verdict = MB_VERDICT_NOTE}, NULL, mb_strbuf_take(&line), NULL);
}

const json_t *mb_doctor_condition(struct mb_doctor *d, const char *key)
{
    const json_t *value = json_object_get(d->conditions, key);
    if (value && !json_is_null(value))
        return value;
    const char *reason = json_string_value(json_object_get(json_object_get(d->conditions, "absent"), key));
    mb_find_unknown(d, reason ? reason : "could not be read");
    return NULL;
}

int mb_doctor_examine(struct mb_doctor *d, const char *root, struct mb_error *err)
{
    *d = (struct mb_doctor){.root = root, .facts = mb_machine_facts(root), .conditions = mb_machine_conditions(root)};
    d->failed = !d->facts || !d->conditions;
    for (size_t i = 0; !d->failed && i < sizeof(checks) / sizeof(checks[0]); i++) {
        d->check = checks[i].id;
        d->why = checks[i].why;
        checks[i].run(d);
    }
    return d->failed ? mb_fail(err, MB_ENOMEM, "no memory for the findings") : MB_OK;
}

void mb_doctor_release(struct mb_doctor *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->findings[i].text);
        free(d->findings[i].fix);
    }
    free(d->findings);
    json_decref(d->facts);
    json_decref(d->conditions);
    *d = (struct mb_doctor){0};
}
