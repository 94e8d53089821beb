/* direct.c - see direct.h. */
#include "harness/direct.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "db/store.h"

static const double NOISE_S = 0.5; /* somebody waits: shorter than that of `run` */

int mb_direct_run(const struct mb_plan *plan, const char *db_path, struct mb_session_options *options, struct mb_session_result *result,
                  struct mb_error *err)
{
    struct mb_db *db = NULL;
    if (db_path) {
        const int rc = mb_db_open(&db, db_path, MB_DB_CREATE, err);
        if (rc)
            return rc;
    }
    options->db = db;
    options->noise_s = NOISE_S;
    options->again = true; /* asked for on the command line: measured now, beside what is there */
    const int rc = mb_session_run(plan, options, result, err);
    mb_db_close(db);
    options->db = NULL;
    return rc;
}

int mb_direct_exit(const struct mb_session_result *result)
{
    if (result->n_failed || (result->n_invalid && !result->n_ok))
        return 1;
    return result->n_ok ? 0 : mb_status_exit(MB_ENOTSUP);
}

size_t mb_direct_say_refused(const struct mb_plan *plan)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n_cells; i++) {
        if (!plan->cells[i].refused)
            continue;
        fprintf(stderr, "meltbench: skipped %s: %s\n", plan->cells[i].label, plan->cells[i].refused);
        n++;
    }
    return n;
}

double mb_record_value(const struct mb_record *record, enum mb_metric metric, const char *scope)
{
    for (size_t i = 0; i < record->n_metrics; i++) {
        const struct mb_record_metric *m = &record->metrics[i];
        if (m->metric == metric && strcmp(m->scope, scope) == 0 && !isnan(m->value))
            return m->value;
    }
    return (double)NAN;
}

uint64_t mb_record_stamp(const struct mb_record *record, enum mb_event_kind kind, uint32_t request, bool last)
{
    uint64_t t_ns = 0;
    for (size_t i = 0; i < record->n_events; i++) {
        const struct mb_event *e = &record->events[i];
        if (e->kind != kind || e->request != request)
            continue;
        t_ns = e->t_ns;
        if (!last)
            break;
    }
    return t_ns;
}
