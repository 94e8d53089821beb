/* validation.c - see validation.h. */
#include "harness/validation.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static const struct section { const char *id; int (*run)(struct mb_validation *v, struct mb_error *err); } sections[] = {
#define SECTION(id, what) {#id, mb_validate_##id},
#include "harness/validation.def"
#undef SECTION
};

const char *mb_validation_verdict_name(enum mb_validation_verdict verdict)
{
    static const char *const names[MB_VALIDATION_N] = {"figure", "ok", "broken", "absent"};
    return names[verdict];
}

static int add(struct mb_validation *v, struct mb_validation_row *row, const char *subject, const char *note, const char *what, va_list ap,
               struct mb_error *err)
{
    if (v->n == v->cap) {
        const size_t cap = v->cap ? 2 * v->cap : 32;
        struct mb_validation_row *grown = realloc(v->rows, cap * sizeof(*grown));
        if (!grown)
            return mb_fail(err, MB_ENOMEM, "no memory for %zu rows", cap);
        v->rows = grown;
        v->cap = cap;
    }
    row->section = v->section;
    snprintf(row->subject, sizeof(row->subject), "%s", subject);
    snprintf(row->note, sizeof(row->note), "%s", note ? note : "");
    vsnprintf(row->what, sizeof(row->what), what, ap);
    v->rows[v->n++] = *row;
    return MB_OK;
}

int mb_validation_figure(struct mb_validation *v, const char *subject, const char *unit, double value, const char *note, struct mb_error *err,
                         const char *what, ...)
{
    struct mb_validation_row row = {.unit = unit, .expected = NAN, .value = value, .bound = NAN,
                                    .verdict = isnan(value) ? MB_VALIDATION_ABSENT : MB_VALIDATION_FIGURE};
    va_list ap;
    va_start(ap, what);
    const int rc = add(v, &row, subject, note, what, ap, err);
    va_end(ap);
    return rc;
}

int mb_validation_check(struct mb_validation *v, const char *subject, const char *unit, double expected, double value, double bound,
                        const char *note, struct mb_error *err, const char *what, ...)
{
    struct mb_validation_row row = {.unit = unit, .expected = expected, .value = value, .bound = bound,
                                    .verdict = isnan(value) ? MB_VALIDATION_ABSENT
                                               : fabs(value - expected) <= bound ? MB_VALIDATION_OK : MB_VALIDATION_BROKEN};
    va_list ap;
    va_start(ap, what);
    const int rc = add(v, &row, subject, note, what, ap, err);
    va_end(ap);
    return rc;
}

double mb_validation_metric(const struct mb_record *record, enum mb_metric metric, const char *source, char *note, size_t n)
{
    snprintf(note, n, "not reported");
    for (size_t i = 0; i < record->n_metrics; i++) {
        const struct mb_record_metric *m = &record->metrics[i];
        if (m->metric != metric || m->scope[0] || (source && strcmp(m->source, source) != 0))
            continue;
        snprintf(note, n, "%s", m->reason ? m->reason : "");
        return m->value;
    }
    return NAN;
}

void mb_validation_sleep(uint64_t ns)
{
    mb_clock_sleep_until_ns(mb_clock_ns() + ns);
}

int mb_validation_run(struct mb_validation *v, const char *root, struct mb_error *err)
{
    int rc = MB_OK;
    v->root = root;
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]) && !rc; i++) {
        v->section = sections[i].id;
        if (v->progress)
            v->progress(v->user, v->section);
        rc = sections[i].run(v, err);
    }
    return rc;
}

size_t mb_validation_count(const struct mb_validation *v, enum mb_validation_verdict verdict)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        n += v->rows[i].verdict == verdict;
    return n;
}

void mb_validation_release(struct mb_validation *v)
{
    free(v->rows);
    *v = (struct mb_validation){0};
}
