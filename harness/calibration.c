/* calibration.c - see calibration.h. Limits are measured in rounds of a few repetitions each, one limit after the other, so that a
 * neighbour who comes and goes disturbs all of them alike: their ratios are worth more than the figures. */
#include "harness/calibration.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness/machine_cpu.h"
#include "harness/machine_facts.h"
#include "harness/stats.h"

enum { PER_ROUND = 3, MAX_WORK = 512 };

struct work { enum mb_limit kind; const struct mb_peak *peak; uint32_t n_threads; };

static uint64_t last_level_cache(void)
{
    json_t *caches = mb_machine_caches(""), *cache;
    uint64_t bytes = 0;
    size_t i;
    json_array_foreach(caches, i, cache) {
        const json_int_t n = json_integer_value(json_object_get(cache, "bytes"));
        bytes = n > 0 && (uint64_t)n > bytes ? (uint64_t)n : bytes;
    }
    json_decref(caches);
    return bytes;
}

static uint64_t available_memory(void)
{
    const long long kib = mb_machine_memory_kib("", "MemAvailable");
    const uint64_t limit = mb_machine_memory_limit(""), bytes = kib > 0 ? (uint64_t)kib * 1024 : (uint64_t)1 << 30;
    return limit && limit < bytes ? limit : bytes;
}

static int add_sample(struct mb_calibration *c, const struct mb_limit_sample *sample, struct mb_error *err)
{
    if (c->n == c->cap) {
        const size_t cap = c->cap ? 2 * c->cap : 64;
        struct mb_limit_sample *grown = realloc(c->samples, cap * sizeof(*grown));
        if (!grown)
            return mb_fail(err, MB_ENOMEM, "no memory for %zu values", cap);
        c->samples = grown;
        c->cap = cap;
    }
    c->samples[c->n++] = *sample;
    return MB_OK;
}

/* What is to be measured: reading with the best set, the peaks of every set or of the best one, for each thread count. */
static size_t list_work(const struct mb_calibration_wish *wish, struct work work[MAX_WORK])
{
    json_t *flags = mb_machine_cpu_flags("");
    size_t n_peaks, n = 0;
    const struct mb_peak *const *peaks = mb_peaks(&n_peaks);
    for (int kind = 0; kind < MB_LIMIT_N; kind++) {
        const bool one = wish->best_isa || kind == MB_LIMIT_READ || kind == MB_LIMIT_READ_MATRICES;
        if (wish->limits && !(wish->limits >> kind & 1))
            continue;
        for (size_t p = 0, n_taken = 0; p < n_peaks && !(one && n_taken); p++) {
            if (!mb_peak_possible(peaks[p], flags))
                continue;
            n_taken++;
            for (size_t t = 0; t < wish->n_threads && n < MAX_WORK; t++)
                work[n++] = (struct work){(enum mb_limit)kind, peaks[p], wish->threads[t]};
        }
    }
    json_decref(flags);
    return n;
}

static int by_limit(const void *a, const void *b)
{
    const struct mb_limit_sample *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    const int isa = strcmp(x->isa, y->isa);
    if (isa)
        return isa;
    if (x->n_threads != y->n_threads)
        return x->n_threads < y->n_threads ? -1 : 1;
    if (x->n_bytes != y->n_bytes)
        return x->n_bytes < y->n_bytes ? -1 : 1;
    return (x->repetition > y->repetition) - (x->repetition < y->repetition);
}

static int measure_round(struct mb_calibration *c, struct mb_roofline *roofline, const struct work *w, uint32_t first, uint32_t n,
                         struct mb_error *err)
{
    double values[PER_ROUND];
    uint64_t n_bytes;
    int rc = mb_roofline_measure(roofline, w->kind, w->peak, w->n_threads, n, values, &n_bytes, err);
    for (uint32_t i = 0; !rc && i < n; i++)
        rc = add_sample(c, &(struct mb_limit_sample){w->kind, w->peak->isa, w->n_threads, n_bytes, first + i, values[i]}, err);
    return rc;
}

int mb_calibration_measure(struct mb_calibration *c, const struct mb_calibration_wish *wish, struct mb_error *err)
{
    struct work work[MAX_WORK];
    struct mb_roofline *roofline = NULL;
    const size_t n_work = list_work(wish, work);
    const uint32_t n_rounds = (wish->n_repetitions + PER_ROUND - 1) / PER_ROUND;
    uint32_t most = 1;
    for (size_t i = 0; i < wish->n_threads; i++)
        most = wish->threads[i] > most ? wish->threads[i] : most;
    c->cache_bytes = last_level_cache();
    int rc = mb_roofline_open(&roofline, wish->read_bytes ? wish->read_bytes : mb_roofline_bytes(c->cache_bytes, available_memory()), most,
                              err);
    for (uint32_t r = 0; !rc && r < n_rounds; r++) {
        const uint32_t first = r * PER_ROUND, left = wish->n_repetitions - first;
        for (size_t i = 0; !rc && i < n_work; i++) {
            rc = measure_round(c, roofline, &work[i], first, left < PER_ROUND ? left : PER_ROUND, err);
            if (wish->progress)
                wish->progress(wish->user, r * n_work + i + 1, n_rounds * n_work);
        }
    }
    mb_roofline_close(roofline);
    if (!rc)
        qsort(c->samples, c->n, sizeof(*c->samples), by_limit);
    return rc;
}

void mb_calibration_release(struct mb_calibration *c)
{
    free(c->samples);
    *c = (struct mb_calibration){0};
}

static bool same_limit(const struct mb_limit_sample *a, const struct mb_limit_sample *b)
{
    return a->kind == b->kind && strcmp(a->isa, b->isa) == 0 && a->n_threads == b->n_threads && a->n_bytes == b->n_bytes;
}

bool mb_calibration_next(const struct mb_calibration *c, size_t *at, enum mb_limit *kind, struct mb_limit_figure *figure)
{
    enum { MOST = 4096 };
    double values[MOST];
    size_t n = 0;
    if (*at >= c->n)
        return false;
    const struct mb_limit_sample *first = &c->samples[*at];
    for (; *at < c->n && same_limit(first, &c->samples[*at]); ++*at)
        if (n < MOST)
            values[n++] = c->samples[*at].value;
    *kind = first->kind;
    *figure = (struct mb_limit_figure){.isa = first->isa, .n_threads = first->n_threads, .n = (uint32_t)n, .n_bytes = first->n_bytes};
    figure->median = mb_stats_median(values, n);
    figure->coverage = mb_stats_median_interval(values, n, &figure->lo, &figure->hi);
    return true;
}

/* Position in the list of all sets: the best is 0. */
static size_t rank_of(const char *isa)
{
    size_t n, i = 0;
    const struct mb_peak *const *peaks = mb_peaks(&n);
    while (i < n && strcmp(peaks[i]->isa, isa) != 0)
        i++;
    return i;
}

bool mb_calibration_figure(const struct mb_calibration *c, enum mb_limit kind, const char *isa, uint32_t n_threads,
                           struct mb_limit_figure *figure)
{
    struct mb_limit_figure f;
    enum mb_limit k;
    bool found = false;
    for (size_t at = 0; mb_calibration_next(c, &at, &k, &f);) {
        if (k != kind || f.n_threads != n_threads || (isa && strcmp(isa, f.isa) != 0))
            continue;
        if (!found || rank_of(f.isa) < rank_of(figure->isa) || (strcmp(f.isa, figure->isa) == 0 && f.n_bytes > figure->n_bytes))
            *figure = f;
        found = true;
    }
    return found;
}

/* --- the database ---------------------------------------------------------------------------------------------- */

static int failed(struct mb_db *db, const char *what, struct mb_error *err)
{
    return mb_fail(err, MB_EIO, "the %s cannot be stored: %s", what, sqlite3_errmsg(mb_db_handle(db)));
}

static int insert_head(struct mb_calibration *c, struct mb_db *db, int64_t device_id, int64_t build_id, const char *conditions_json,
                       struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    char utc[32];
    int rc = MB_OK;
    mb_clock_utc(utc, sizeof(utc));
    if (sqlite3_prepare_v2(mb_db_handle(db), "INSERT INTO calibration (device_id, build_id, started_utc, conditions, cache_bytes) "
                           "VALUES (?, ?, ?, ?, nullif(?, 0)) RETURNING id", -1, &s, NULL) != SQLITE_OK)
        return failed(db, "calibration", err);
    sqlite3_bind_int64(s, 1, device_id);
    sqlite3_bind_int64(s, 2, build_id);
    sqlite3_bind_text(s, 3, utc, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 4, conditions_json, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 5, (int64_t)c->cache_bytes);
    if (sqlite3_step(s) == SQLITE_ROW)
        c->id = sqlite3_column_int64(s, 0);
    else
        rc = failed(db, "calibration", err);
    sqlite3_finalize(s);
    return rc;
}

static int insert_samples(const struct mb_calibration *c, struct mb_db *db, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = MB_OK;
    if (sqlite3_prepare_v2(mb_db_handle(db), "INSERT INTO calibration_sample VALUES (?, ?, ?, ?, ?, ?, ?)", -1, &s, NULL) != SQLITE_OK)
        return failed(db, "calibration", err);
    for (size_t i = 0; !rc && i < c->n; i++) {
        const struct mb_limit_sample *v = &c->samples[i];
        sqlite3_bind_int64(s, 1, c->id);
        sqlite3_bind_text(s, 2, mb_limit_rows[v->kind].name, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 3, v->isa, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 4, v->n_threads);
        sqlite3_bind_int64(s, 5, (int64_t)v->n_bytes);
        sqlite3_bind_int64(s, 6, v->repetition);
        sqlite3_bind_double(s, 7, v->value);
        if (sqlite3_step(s) != SQLITE_DONE)
            rc = failed(db, "calibration", err);
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    return rc;
}

int mb_calibration_store(struct mb_calibration *c, struct mb_db *db, int64_t device_id, int64_t build_id, const char *conditions_json,
                         struct mb_error *err)
{
    if (sqlite3_exec(mb_db_handle(db), "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return failed(db, "calibration", err);
    int rc = insert_head(c, db, device_id, build_id, conditions_json, err);
    if (!rc)
        rc = insert_samples(c, db, err);
    if (!rc && sqlite3_exec(mb_db_handle(db), "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        rc = failed(db, "calibration", err);
    if (rc) {
        sqlite3_exec(mb_db_handle(db), "ROLLBACK", NULL, NULL, NULL);
        c->id = 0;
    }
    return rc;
}

/* A name of the database as the row that it means; false for what a newer program stored. */
static bool known_names(const char *kind, const char *isa, struct mb_limit_sample *sample)
{
    size_t n;
    const struct mb_peak *const *peaks = mb_peaks(&n);
    const size_t i = rank_of(isa);
    sample->kind = mb_limit_find(kind);
    if (sample->kind == MB_LIMIT_N || i == n)
        return false;
    sample->isa = peaks[i]->isa;
    return true;
}

int mb_calibration_load(struct mb_calibration *c, struct mb_db *db, int64_t device_id, uint32_t n_threads, struct mb_error *err)
{
    sqlite3_stmt *s = NULL;
    int rc = MB_OK;
    if (sqlite3_prepare_v2(mb_db_handle(db),
                           "SELECT kind, isa, threads, n_bytes, repetition, value, calibration_id FROM calibration_sample WHERE "
                           "calibration_id = (SELECT max(c.id) FROM calibration c JOIN calibration_sample s ON s.calibration_id = c.id "
                           "WHERE c.device_id = ? AND s.threads = ?)", -1, &s, NULL) != SQLITE_OK)
        return mb_fail(err, MB_EIO, "calibrations cannot be read: %s", sqlite3_errmsg(mb_db_handle(db)));
    sqlite3_bind_int64(s, 1, device_id);
    sqlite3_bind_int64(s, 2, n_threads);
    while (!rc && sqlite3_step(s) == SQLITE_ROW) {
        struct mb_limit_sample v = {.n_threads = (uint32_t)sqlite3_column_int64(s, 2), .n_bytes = (uint64_t)sqlite3_column_int64(s, 3),
                                    .repetition = (uint32_t)sqlite3_column_int64(s, 4), .value = sqlite3_column_double(s, 5)};
        c->id = sqlite3_column_int64(s, 6);
        if (known_names((const char *)sqlite3_column_text(s, 0), (const char *)sqlite3_column_text(s, 1), &v))
            rc = add_sample(c, &v, err);
    }
    sqlite3_finalize(s);
    if (!rc && c->n)
        qsort(c->samples, c->n, sizeof(*c->samples), by_limit);
    return rc;
}
