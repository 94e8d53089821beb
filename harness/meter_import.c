/* meter_import.c - see meter_import.h. */
#include "harness/meter_import.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SOURCE "meter_file"
#define SILENCE_MAX 0.1

struct figure { /* one trial and scope: the sum of its stretches */
    int64_t trial_id;
    char scope[16];
    double joules, span_s, error_j;
    char reason[200];
};

struct stretches {
    struct mb_meter_window *windows; /* [n], owned */
    size_t n, cap;
    struct figure *figures;          /* [n_figures], owned; windows[].owner is the index */
    size_t n_figures, cap_figures;
};

int mb_utc_parse(const char *text, double *seconds, struct mb_error *err)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    double fraction = 0;
    char *rest = (char *)(uintptr_t)end;
    if (end && *end == '.')
        fraction = strtod(end, &rest);
    if (!end || strcmp(rest, "Z") != 0)
        return mb_fail(err, MB_EINVAL, "'%s' is no UTC time like 2026-01-02T03:04:05.678Z", text);
    *seconds = (double)timegm(&tm) + fraction;
    return MB_OK;
}

static int failed(struct mb_db *db, const char *what, struct mb_error *err)
{
    return mb_fail(err, MB_EIO, "%s: %s", what, sqlite3_errmsg(mb_db_handle(db)));
}

/* Room for one more in a growing array. */
static void *grown(void *array, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return array;
    void *more = reallocarray(array, 2 * *cap + 16, size);
    if (more)
        *cap = 2 * *cap + 16;
    return more;
}

static int add_stretch(struct stretches *s, int64_t trial_id, const char *scope, double t0_s, double t1_s, struct mb_error *err)
{
    struct mb_meter_window *windows = grown(s->windows, s->n, &s->cap, sizeof(*windows));
    struct figure *figures = grown(s->figures, s->n_figures, &s->cap_figures, sizeof(*figures));
    s->windows = windows ? windows : s->windows;
    s->figures = figures ? figures : s->figures;
    if (!windows || !figures)
        return mb_fail(err, MB_ENOMEM, "no memory for the stretches of the run");
    size_t i = s->n_figures;
    while (i > 0 && figures[i - 1].trial_id == trial_id && strcmp(figures[i - 1].scope, scope) != 0)
        i--;
    const bool known = i > 0 && figures[i - 1].trial_id == trial_id;
    if (!known) {
        figures[s->n_figures] = (struct figure){.trial_id = trial_id};
        snprintf(figures[s->n_figures].scope, sizeof(figures[0].scope), "%s", scope);
    }
    windows[s->n++] = (struct mb_meter_window){.t0_s = t0_s, .t1_s = t1_s, .owner = known ? i - 1 : s->n_figures};
    s->n_figures += !known;
    return MB_OK;
}

static int read_stretches(struct stretches *s, const struct mb_meter_import *import, struct mb_db *db, struct mb_error *err)
{
    sqlite3_stmt *q = NULL;
    int rc = MB_OK, step = SQLITE_DONE;
    if (sqlite3_prepare_v2(mb_db_handle(db), "SELECT trial_id, scope, utc_s + t0_ns / 1e9, utc_s + t1_ns / 1e9 FROM v_span WHERE run_id = ? "
                           "ORDER BY trial_id, t0_ns", -1, &q, NULL) != SQLITE_OK)
        return failed(db, "stretches of the run", err);
    sqlite3_bind_int64(q, 1, import->run_id);
    while (rc == MB_OK && (step = sqlite3_step(q)) == SQLITE_ROW)
        rc = add_stretch(s, sqlite3_column_int64(q, 0), (const char *)sqlite3_column_text(q, 1), sqlite3_column_double(q, 2) - import->zero_s,
                         sqlite3_column_double(q, 3) - import->zero_s, err);
    if (rc == MB_OK && step != SQLITE_DONE)
        rc = failed(db, "stretches of the run", err);
    sqlite3_finalize(q);
    if (rc == MB_OK && s->n == 0)
        rc = mb_fail(err, MB_ENOENT, "run %lld has no repetition that went well", (long long)import->run_id);
    return rc;
}

static int by_begin(const void *a, const void *b)
{
    const double x = ((const struct mb_meter_window *)a)->t0_s, y = ((const struct mb_meter_window *)b)->t0_s;
    return (x > y) - (x < y);
}

static void add_to_figure(struct figure *f, const struct mb_meter_window *w, const struct mb_meter_import *import)
{
    const double span = w->t1_s - w->t0_s, n = (double)w->n, mean = w->sum_w / n, interval = span / n;
    f->span_s += span;
    if (f->reason[0])
        return;
    if (!w->covered) {
        snprintf(f->reason, sizeof(f->reason), "the recording does not cover it");
    } else if (w->n < 2 || w->gap_max_s > SILENCE_MAX * span) {
        snprintf(f->reason, sizeof(f->reason), "no reading for %.4g ms of %.4g ms: more than a tenth", w->gap_max_s * 1e3, span * 1e3);
    } else if (interval + import->clock_error_s > import->target * span) {
        snprintf(f->reason, sizeof(f->reason), "%.4g ms long, and laid on the recording to within %.4g ms: error above %.4g %%", span * 1e3,
                 (interval + import->clock_error_s) * 1e3, import->target * 100);
    } else {
        const double deviation = sqrt(fmax(0, w->sum_squares_w2 / n - mean * mean) * n / (n - 1));
        f->joules += w->joules;
        f->error_j += 2 * deviation / sqrt(n) * span + (w->most_w - w->least_w) * (interval + import->clock_error_s);
    }
}

static int insert(sqlite3_stmt *q, const struct figure *f, const char *metric, double value, struct mb_db *db, struct mb_error *err)
{
    sqlite3_bind_int64(q, 1, f->trial_id);
    sqlite3_bind_text(q, 2, metric, -1, SQLITE_STATIC);
    sqlite3_bind_text(q, 3, f->scope, -1, SQLITE_STATIC);
    if (f->reason[0])
        sqlite3_bind_null(q, 4);
    else
        sqlite3_bind_double(q, 4, value);
    sqlite3_bind_text(q, 5, f->reason[0] ? f->reason : NULL, -1, SQLITE_STATIC);
    const int rc = sqlite3_step(q) == SQLITE_DONE ? MB_OK : failed(db, "figures of the recording", err);
    sqlite3_reset(q);
    return rc;
}

static int insert_figures(struct mb_meter_import *import, const struct stretches *s, struct mb_db *db, struct mb_error *err)
{
    sqlite3_stmt *q = NULL;
    int rc = MB_OK;
    if (sqlite3_prepare_v2(mb_db_handle(db), "INSERT OR REPLACE INTO metric (trial_id, name, scope, source, origin, value, reason) "
                           "VALUES (?, ?, ?, '" SOURCE "', 'measured', ?, ?)", -1, &q, NULL) != SQLITE_OK)
        return failed(db, "figures of the recording", err);
    for (size_t i = 0; rc == MB_OK && i < s->n_figures; i++) {
        const struct figure *f = &s->figures[i];
        rc = insert(q, f, "energy_uj", f->joules * 1e6, db, err);
        rc = rc ? rc : insert(q, f, "power_mean_uw", f->joules / f->span_s * 1e6, db, err);
        rc = rc ? rc : insert(q, f, "energy_error_uj", f->error_j * 1e6, db, err);
        import->n_known += !f->reason[0];
        import->n_unknown += f->reason[0] != '\0';
    }
    sqlite3_finalize(q);
    return rc;
}

static int store(struct mb_meter_import *import, const struct stretches *s, struct mb_db *db, struct mb_error *err)
{
    if (sqlite3_exec(mb_db_handle(db), "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return failed(db, "figures of the recording", err);
    int rc = insert_figures(import, s, db, err);
    if (rc == MB_OK && sqlite3_exec(mb_db_handle(db), "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        rc = failed(db, "figures of the recording", err);
    if (rc)
        sqlite3_exec(mb_db_handle(db), "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

int mb_meter_import(struct mb_meter_import *import, struct mb_meter_file *m, struct mb_db *db, struct mb_error *err)
{
    struct stretches s = {0};
    import->n_known = import->n_unknown = 0;
    int rc = read_stretches(&s, import, db, err);
    if (rc == MB_OK) {
        qsort(s.windows, s.n, sizeof(*s.windows), by_begin);
        rc = mb_meter_file_integrate(m, s.windows, s.n, err);
    }
    for (size_t i = 0; rc == MB_OK && i < s.n; i++)
        add_to_figure(&s.figures[s.windows[i].owner], &s.windows[i], import);
    if (rc == MB_OK)
        rc = store(import, &s, db, err);
    free(s.windows);
    free(s.figures);
    return rc;
}
