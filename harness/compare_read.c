/* compare_read.c - see compare_read.h. */
#include "harness/compare_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "db/store.h"
#include "plots/table.h"

/* What two runs are told apart by. energy: where its figures come from, of all cells. */
static const char facts_sql[] =
    "SELECT json_object('run', run_id, 'plan', plan, 'plan_hash', plan_hash, 'started_utc', started_utc, 'state', state, 'version', version,"
    " 'commit', commit_id, 'build_type', build_type, 'sanitizer', sanitizer, 'compiler', compiler, 'flags', flags, 'binary_sha256', binary_sha256,"
    " 'device', device, 'cpu', cpu, 'cores', n_cores, 'memory_bytes', memory_bytes, 'kernel', kernel, 'energy',"
    " (SELECT group_concat(DISTINCT e.origin || ' by ' || e.basis) FROM v_trial_energy e JOIN cell c ON c.id = e.cell_id"
    "  WHERE c.run_id = :run AND e.energy_uj IS NOT NULL),"
    " 'order', (SELECT p.text ->> '$.protocol.order' FROM plan p WHERE p.hash = plan_hash), 'noise_grade', (SELECT max(grade) FROM v_run_noise n WHERE n.run_id = :run), 'conditions', json(coalesce(conditions, '{}'))) FROM v_run WHERE run_id = :run";

static const char values_sql[] =
    "WITH c AS (SELECT id FROM cell WHERE run_id = :run) "
    "SELECT cell_id, name, value, trial_id FROM v_trial_value WHERE cell_id IN c "
    "UNION ALL SELECT cell_id, name, value, trial_id FROM v_trial_itl WHERE cell_id IN c "
    "UNION ALL SELECT cell_id, 'energy_uj', energy_uj, trial_id FROM v_trial_energy WHERE cell_id IN c AND kind = 'measured' AND energy_uj IS NOT NULL "
    "ORDER BY 1, 4";

static const char answers_sql[] =
    "SELECT t.cell_id, a.item, a.correct FROM answer a JOIN trial t ON t.id = a.trial_id JOIN cell c ON c.id = t.cell_id "
    "WHERE c.run_id = :run AND a.correct IS NOT NULL AND t.id = (SELECT id FROM trial f WHERE f.cell_id = t.cell_id AND f.kind = 'measured' "
    "AND f.status = 'ok' ORDER BY f.repetition LIMIT 1) ORDER BY t.cell_id, a.item";

static int lack_memory(struct mb_error *err)
{
    return mb_fail(err, MB_ENOMEM, "no memory for the values of a run");
}

/* The query for cells: what identifies one, with the axes that are left out of the key, then every axis as text. */
static char *cells_sql(const bool without[MB_AXIS_N])
{
    struct mb_strbuf sql = {0};
    bool any = false;
    for (size_t i = 0; i < MB_AXIS_N; i++)
        any |= without[i];
    mb_strbuf_puts(&sql, "SELECT c.id, n.label, n.shape, c.runner, c.refused, o.ok, o.failed, o.skipped, o.invalid, ");
    if (any) {
        mb_strbuf_puts(&sql, "json_remove(c.config");
        for (size_t i = 0; i < MB_AXIS_N; i++)
            if (without[i])
                mb_strbuf_printf(&sql, ", '$.axes.%s'", mb_axis_rows[i].key);
        mb_strbuf_puts(&sql, without[MB_AXIS_MODEL] ? ")" : ") || coalesce(m.sha256, '')");
    } else {
        mb_strbuf_puts(&sql, "c.hash");
    }
    mb_strbuf_puts(&sql, " AS key, n.model_name");
    for (size_t i = 0; i < MB_AXIS_N; i++)
        mb_strbuf_printf(&sql, ", CAST(c.%s AS TEXT) AS axis_%zu", mb_axis_rows[i].key, i);
    mb_strbuf_puts(&sql, " FROM cell c JOIN v_name n ON n.cell_id = c.id LEFT JOIN model m ON m.id = c.model_id LEFT JOIN (SELECT cell_id,"
                         " sum(status = 'ok') AS ok, sum(status = 'failed') AS failed, sum(status = 'skipped') AS skipped,"
                         " sum(status = 'invalid') AS invalid FROM trial WHERE kind = 'measured' GROUP BY cell_id) o ON o.cell_id = c.id"
                         " WHERE c.run_id = :run ORDER BY c.i_cell");
    return mb_strbuf_take(&sql);
}

static bool passes(const struct mb_table *t, size_t row, const struct mb_cell_filter *filter)
{
    for (size_t i = 0; i < MB_AXIS_N; i++) {
        char column[24];
        snprintf(column, sizeof(column), "axis_%zu", i);
        if (!filter->axis[i] || strcmp(filter->axis[i], mb_table_text(t, row, mb_table_column(t, column))) == 0)
            continue;
        if (i != MB_AXIS_MODEL || strcmp(filter->axis[i], mb_table_text(t, row, mb_table_column(t, "model_name"))) != 0)
            return false;
    }
    return true;
}

static int64_t count_of(const struct mb_table *t, size_t row, const char *column)
{
    const double n = mb_table_number(t, row, mb_table_column(t, column));
    return isnan(n) ? 0 : (int64_t)n;
}

static char *text_of(const struct mb_table *t, size_t row, const char *column)
{
    return strdup(mb_table_text(t, row, mb_table_column(t, column)));
}

static int add_cell(struct mb_compare_run *run, const struct mb_table *t, size_t row, struct mb_error *err)
{
    struct mb_compare_cell *cell = &run->cells[run->n_cells++];
    *cell = (struct mb_compare_cell){.id = count_of(t, row, "id"), .n_ok = count_of(t, row, "ok"), .n_failed = count_of(t, row, "failed"),
                                     .n_skipped = count_of(t, row, "skipped"), .n_invalid = count_of(t, row, "invalid"),
                                     .key = text_of(t, row, "key"), .label = text_of(t, row, "label"), .shape = text_of(t, row, "shape"),
                                     .runner = text_of(t, row, "runner")};
    if (*mb_table_text(t, row, mb_table_column(t, "refused")))
        cell->refused = text_of(t, row, "refused");
    return cell->key && cell->label && cell->shape && cell->runner ? MB_OK : lack_memory(err);
}

static int check_keys(const struct mb_compare_run *run, struct mb_error *err)
{
    for (size_t i = 0; i < run->n_cells; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(run->cells[i].key, run->cells[j].key) == 0)
                return mb_fail(err, MB_EINVAL, "two cells of one side would meet one of the other (%s, %s): name one value of each axis that differs",
                               run->cells[j].label, run->cells[i].label);
    return MB_OK;
}

static int read_cells(struct mb_compare_run *run, struct mb_db *db, int64_t id, const struct mb_cell_filter *filter, const bool without[MB_AXIS_N],
                      struct mb_error *err)
{
    struct mb_table t = {0};
    char *sql = cells_sql(without);
    int rc = sql ? mb_table_query(&t, mb_db_handle(db), "cells", sql, id, err) : lack_memory(err);
    if (!rc && !(run->cells = calloc(t.n_rows ? t.n_rows : 1, sizeof(*run->cells))))
        rc = lack_memory(err);
    for (size_t i = 0; i < t.n_rows && !rc; i++)
        if (passes(&t, i, filter))
            rc = add_cell(run, &t, i, err);
    if (!rc && run->n_cells == 0)
        rc = mb_fail(err, MB_ENOENT, t.n_rows ? "none of its %zu cells has these values" : "it has no cells (%zu)", t.n_rows);
    if (!rc)
        rc = check_keys(run, err);
    mb_table_release(&t);
    free(sql);
    return rc;
}

static struct mb_compare_cell *cell_of_id(struct mb_compare_run *run, int64_t id)
{
    for (size_t i = 0; i < run->n_cells; i++)
        if (run->cells[i].id == id)
            return &run->cells[i];
    return NULL;
}

/* Capacity is the next power of two: arrays grow when n is one. */
static void *grown(void *array, size_t n, size_t size)
{
    return (n & (n - 1)) == 0 ? reallocarray(array, n ? 2 * n : 1, size) : array;
}

static int add_value(struct mb_compare_cell *cell, const char *name, double value, struct mb_error *err)
{
    for (size_t m = 0; m < MB_COMPARE_METRIC_N; m++) {
        if (strcmp(mb_compare_metric(m).name, name) != 0)
            continue;
        double *all = grown(cell->value[m], cell->n_value[m], sizeof(*all));
        if (!all)
            return lack_memory(err);
        cell->value[m] = all;
        all[cell->n_value[m]++] = value;
    }
    return MB_OK;
}

static int read_values(struct mb_compare_run *run, struct mb_db *db, int64_t id, struct mb_error *err)
{
    struct mb_table t = {0};
    int rc = mb_table_query(&t, mb_db_handle(db), "values", values_sql, id, err);
    for (size_t i = 0; i < t.n_rows && !rc; i++) {
        struct mb_compare_cell *cell = cell_of_id(run, (int64_t)mb_table_number(&t, i, 0));
        if (cell)
            rc = add_value(cell, mb_table_text(&t, i, 1), mb_table_number(&t, i, 2), err);
    }
    mb_table_release(&t);
    return rc;
}

static int read_answers(struct mb_compare_run *run, struct mb_db *db, int64_t id, struct mb_error *err)
{
    struct mb_table t = {0};
    int rc = mb_table_query(&t, mb_db_handle(db), "answers", answers_sql, id, err);
    for (size_t i = 0; i < t.n_rows && !rc; i++) {
        struct mb_compare_cell *cell = cell_of_id(run, (int64_t)mb_table_number(&t, i, 0));
        if (!cell)
            continue;
        struct mb_compare_answer *all = grown(cell->answers, cell->n_answers, sizeof(*all));
        if (!all) {
            rc = lack_memory(err);
            break;
        }
        cell->answers = all;
        all[cell->n_answers] = (struct mb_compare_answer){strdup(mb_table_text(&t, i, 1)), mb_table_number(&t, i, 2) > 0};
        rc = all[cell->n_answers++].item ? MB_OK : lack_memory(err);
    }
    mb_table_release(&t);
    return rc;
}

static int read_facts(struct mb_compare_run *run, struct mb_db *db, const char *path, int64_t id, struct mb_error *err)
{
    struct mb_table t = {0};
    int rc = mb_table_query(&t, mb_db_handle(db), "run", facts_sql, id, err);
    if (!rc && t.n_rows == 0)
        rc = mb_fail(err, MB_ENOENT, "there is no such run");
    if (!rc) {
        run->facts = json_loads(mb_table_text(&t, 0, 0), 0, NULL);
        if (!run->facts || json_object_set_new(run->facts, "database", json_string(path)))
            rc = mb_fail(err, MB_EFORMAT, "what it ran on cannot be read as JSON");
    }
    mb_table_release(&t);
    return rc;
}

int mb_compare_read(struct mb_compare_run *run, const char *path, int64_t run_id, const struct mb_cell_filter *filter, const bool without[MB_AXIS_N],
                    struct mb_error *err)
{
    struct mb_db *db = NULL;
    *run = (struct mb_compare_run){0};
    int rc = mb_db_open(&db, path, MB_DB_READ, err);
    if (rc)
        return rc;
    rc = mb_db_only_run(db, run_id, err);
    if (!rc)
        rc = read_facts(run, db, path, run_id, err);
    if (!rc)
        rc = read_cells(run, db, run_id, filter, without, err);
    if (!rc)
        rc = read_values(run, db, run_id, err);
    if (!rc)
        rc = read_answers(run, db, run_id, err);
    mb_db_close(db);
    if (rc) {
        mb_fail_context(err, "%s, run %lld", path, (long long)run_id);
        mb_compare_run_release(run);
    }
    return rc;
}

static void release_cell(struct mb_compare_cell *cell)
{
    for (size_t m = 0; m < MB_COMPARE_METRIC_N; m++)
        free(cell->value[m]);
    for (size_t i = 0; i < cell->n_answers; i++)
        free(cell->answers[i].item);
    free(cell->answers);
    free(cell->key);
    free(cell->label);
    free(cell->shape);
    free(cell->runner);
    free(cell->refused);
}

void mb_compare_run_release(struct mb_compare_run *run)
{
    for (size_t i = 0; i < run->n_cells; i++)
        release_cell(&run->cells[i]);
    free(run->cells);
    json_decref(run->facts);
    *run = (struct mb_compare_run){0};
}

const char *mb_compare_fact(const struct mb_compare_run *run, const char *key)
{
    const char *text = json_string_value(json_object_get(run->facts, key));
    return text ? text : "";
}

const struct mb_compare_cell *mb_compare_find(const struct mb_compare_run *run, const char *key)
{
    for (size_t i = 0; i < run->n_cells; i++)
        if (strcmp(run->cells[i].key, key) == 0)
            return &run->cells[i];
    return NULL;
}
