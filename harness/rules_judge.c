/* rules_judge.c - the verdict: each rule of the profile on what the run has stored; see rules.h. */
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "collectors/selection.h"
#include "db/store.h"
#include "harness/cell_run.h"
#include "harness/doctor.h"
#include "harness/plan.h"
#include "harness/resume.h"
#include "harness/rules.h"
#include "harness/stats.h"
#include "workloads/workload.h"

enum { FOR_QUICK = 1 << MB_RULES_QUICK, FOR_STRICT = 1 << MB_RULES_STRICT, FOR_EDGE = 1 << MB_RULES_MLPERF_EDGE,
       FOR_ALL = FOR_QUICK | FOR_STRICT | FOR_EDGE };
#define P90 0.9

/* What is being judged, and one cell of it. */
struct judge {
    struct mb_db *db;
    int64_t run_id;
    const struct mb_plan *plan;
    json_t *broken, *unchecked, *figures;
    bool failed;              /* no memory, or the database: err says */
    struct mb_error *err;
};

struct evidence {
    const struct mb_plan_cell *cell;
    int64_t id;
    struct mb_cell_done done;
};

enum finding { HOLDS, BROKEN, UNKNOWN };

/* --- questions to the database --------------------------------------------------------------------------------- */

/* One number for this cell; NaN for NULL and no row. */
static double ask(struct judge *j, const struct evidence *e, const char *sql)
{
    sqlite3_stmt *s = NULL;
    double value = (double)NAN;
    int rc = sqlite3_prepare_v2(mb_db_handle(j->db), sql, -1, &s, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s, 1, e->id);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s);
    if (rc == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL)
        value = sqlite3_column_double(s, 0);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE && !j->failed) {
        j->failed = true;
        mb_fail(j->err, MB_EIO, "judging the run: %s", sqlite3_errmsg(mb_db_handle(j->db)));
    }
    sqlite3_finalize(s);
    return value;
}

/* A column of numbers for this cell, ascending, freed by the caller. */
static double *ask_all(struct judge *j, const struct evidence *e, const char *sql, size_t *n)
{
    sqlite3_stmt *s = NULL;
    double *values = NULL;
    size_t cap = 0;
    *n = 0;
    if (sqlite3_prepare_v2(mb_db_handle(j->db), sql, -1, &s, NULL) == SQLITE_OK && sqlite3_bind_int64(s, 1, e->id) == SQLITE_OK)
        while (sqlite3_step(s) == SQLITE_ROW) {
            if (*n == cap) {
                cap = cap ? 2 * cap : 256;
                double *grown = realloc(values, cap * sizeof(*grown));
                if (!grown) {
                    j->failed = true;
                    mb_fail(j->err, MB_ENOMEM, "no memory for the times of a cell");
                    break;
                }
                values = grown;
            }
            values[(*n)++] = sqlite3_column_double(s, 0);
        }
    sqlite3_finalize(s);
    return values;
}

#define MEASURED_OK "trial t ON t.id = x.trial_id WHERE t.cell_id = ?1 AND t.kind = 'measured' AND t.status = 'ok'"

static double n_requests(struct judge *j, const struct evidence *e)
{
    return ask(j, e, "SELECT count(*) FROM event x JOIN " MEASURED_OK " AND x.kind = 'request_end'");
}

static bool is_timed(const struct evidence *e)
{
    const struct mb_workload_ops *workload = mb_workload_find(e->cell->cell.workload);
    return !e->cell->refused && workload && !workload->untimed;
}

/* --- rules over cells: what is wrong goes into @text ----------------------------------------------------------- */

static enum finding broken_complete(struct judge *j, const struct evidence *e, double limit, struct mb_strbuf *text)
{
    (void)j;
    const uint32_t n_failed = e->done.n_by_status[MB_TRIAL_FAILED], n_skipped = e->done.n_by_status[MB_TRIAL_SKIPPED];
    if (e->cell->refused || (n_failed <= limit && n_skipped == 0 && e->done.n_by_status[MB_TRIAL_OK] >= e->cell->repetitions))
        return HOLDS;
    mb_strbuf_printf(text, "%u of %u ok, %u failed, %u skipped, %u invalid", e->done.n_by_status[MB_TRIAL_OK], e->cell->repetitions, n_failed,
                     n_skipped, e->done.n_by_status[MB_TRIAL_INVALID]);
    return BROKEN;
}

static enum finding broken_repetitions(struct judge *j, const struct evidence *e, double limit, struct mb_strbuf *text)
{
    (void)j;
    if (!is_timed(e) || e->done.n_by_status[MB_TRIAL_OK] >= limit)
        return HOLDS;
    mb_strbuf_printf(text, "%u", e->done.n_by_status[MB_TRIAL_OK]);
    return BROKEN;
}

static enum finding broken_interval(struct judge *j, const struct evidence *e, double limit, struct mb_strbuf *text)
{
    (void)j;
    const double reach = mb_stopping_interval(e->done.work_ns, e->done.n_by_status[MB_TRIAL_OK]);
    if (!is_timed(e) || reach <= limit)
        return HOLDS;
    if (isnan(reach))
        mb_strbuf_printf(text, "no interval from %u repetitions", e->done.n_by_status[MB_TRIAL_OK]);
    else
        mb_strbuf_printf(text, "%.3g", reach);
    return BROKEN;
}

static enum finding broken_unthrottled(struct judge *j, const struct evidence *e, double limit, struct mb_strbuf *text)
{
    static const char slowed[] = "SELECT count(DISTINCT x.trial_id) FROM metric x JOIN " MEASURED_OK
                                 " AND x.name IN ('throttle_count', 'throttle_state') AND x.scope = '' AND x.value > 0";
    static const char known[] = "SELECT count(x.value) FROM metric x JOIN " MEASURED_OK
                                " AND x.name IN ('throttle_count', 'throttle_state') AND x.scope = ''";
    if (!is_timed(e))
        return HOLDS;
    const double n = ask(j, e, slowed);
    if (n > limit) {
        mb_strbuf_printf(text, "%.0f", n);
        return BROKEN;
    }
    if (ask(j, e, known) > 0)
        return HOLDS;
    mb_strbuf_puts(text, "no throttle count or cooling device was read");
    return UNKNOWN;
}

/* Does the plan itself name a collector of energy? */
static bool asks_energy(struct judge *j)
{
    struct mb_selection selection = {0};
    struct mb_error ignored;
    bool asks = false;
    if (!j->plan->collect_named || mb_selection_parse(&selection, j->plan->collect, &ignored))
        return false;
    for (size_t i = 0; i < selection.n; i++)
        asks |= strcmp(selection.items[i].ops->group, "energy") == 0;
    mb_selection_release(&selection);
    return asks;
}

static enum finding broken_energy(struct judge *j, const struct evidence *e, double limit, struct mb_strbuf *text)
{
    if (!is_timed(e) || !asks_energy(j))
        return HOLDS;
    const double share = ask(j, e, "SELECT 1.0 * count(energy_uj) / count(*) FROM v_trial_energy WHERE cell_id = ?1 AND kind = 'measured'");
    if (share >= limit)
        return HOLDS;
    mb_strbuf_printf(text, "%.2f (a source that works, or no energy in collect)", isnan(share) ? 0 : share);
    return BROKEN;
}

static enum finding broken_queries(struct judge *j, const struct evidence *e, double limit, struct mb_strbuf *text)
{
    const double n = is_timed(e) ? n_requests(j, e) : limit;
    if (n >= limit)
        return HOLDS;
    mb_strbuf_printf(text, "%.0f", n);
    return BROKEN;
}

static enum finding broken_duration(struct judge *j, const struct evidence *e, double limit, struct mb_strbuf *text)
{
    (void)j;
    double ns = 0;
    for (uint32_t i = 0; i < e->done.n_by_status[MB_TRIAL_OK]; i++)
        ns += e->done.work_ns[i];
    if (!is_timed(e) || ns >= limit * 1e9)
        return HOLDS;
    mb_strbuf_printf(text, "%.3g", ns / 1e9);
    return BROKEN;
}

static enum finding broken_p90(struct judge *j, const struct evidence *e, double limit, struct mb_strbuf *text)
{
    const size_t need = mb_stats_quantile_need(P90, limit);
    const double n = is_timed(e) ? n_requests(j, e) : (double)need;
    if (n >= (double)need)
        return HOLDS;
    mb_strbuf_printf(text, "%.0f of %zu", n, need);
    return BROKEN;
}

/* The plain cell: weights as stored, nothing left out, all else equal. A cell is its own reference where it is that one. */
static enum finding broken_length(struct judge *j, const struct evidence *e, double limit, struct mb_strbuf *text)
{
    static const char ratio[] =
        "WITH g AS (SELECT t.cell_id, avg(x.value) AS n FROM cell c JOIN cell all_of ON all_of.run_id = c.run_id JOIN trial t ON t.cell_id = all_of.id"
        " AND t.kind = 'measured' AND t.status = 'ok' JOIN event x ON x.trial_id = t.id AND x.kind = 'request_end' WHERE c.id = ?1 GROUP BY t.cell_id)"
        " SELECT a.n / b.n FROM cell c JOIN g a ON a.cell_id = c.id JOIN cell r ON r.run_id = c.run_id AND r.quant = 'file' AND r.early_exit = 'none'"
        " AND r.token_reduction = 'none' AND r.model = c.model AND r.runner = c.runner AND r.backend = c.backend AND r.threads = c.threads"
        " AND r.cpu_mask = c.cpu_mask AND r.workload = c.workload AND r.options = c.options AND r.act = c.act AND r.cache_type_k = c.cache_type_k"
        " AND r.cache_type_v = c.cache_type_v JOIN g b ON b.cell_id = r.id WHERE c.id = ?1";
    const double off = is_timed(e) ? ask(j, e, ratio) : 1;
    if (fabs(off - 1) <= limit)
        return HOLDS;
    if (isnan(off))
        mb_strbuf_puts(text, "no plain cell (quant file, no method) of the same workload to compare with");
    else
        mb_strbuf_printf(text, "%.3f of the plain cell's length", off);
    return isnan(off) ? UNKNOWN : BROKEN;
}

static enum finding broken_accuracy(struct judge *j, const struct evidence *e, double limit, struct mb_strbuf *text)
{
    static const char scored[] = "SELECT count(DISTINCT b.cell_id) FROM v_name a JOIN v_name b ON b.run_id = a.run_id AND b.setting = a.setting "
                                 "JOIN cell c ON c.id = b.cell_id JOIN trial t ON t.cell_id = c.id AND t.kind = 'measured' AND t.status = 'ok' "
                                 "WHERE a.cell_id = ?1 AND c.workload IN ('accuracy', 'perplexity')";
    const double n = is_timed(e) ? ask(j, e, scored) : limit;
    if (n >= limit)
        return HOLDS;
    mb_strbuf_printf(text, "%.0f", n);
    return BROKEN;
}

/* --- the verdict ----------------------------------------------------------------------------------------------- */

static void add_row(struct judge *j, json_t *list, const char *rule, const char *text, const char *source)
{
    json_t *row = source ? json_pack("{s:s, s:s, s:s}", "rule", rule, "text", text, "source", source) : json_pack("{s:s, s:s}", "rule", rule, "text", text);
    j->failed |= json_array_append_new(list, row) != 0;
}

static void judge_machine(struct judge *j, const json_t *findings, const char *check, const char *source)
{
    const json_t *f = json_object_get(findings, check);
    const char *text = json_string_value(json_object_get(f, "text"));
    if (!f || !json_is_true(json_object_get(f, "known")))
        add_row(j, j->unchecked, check, text ? text : "not examined", NULL);
    else if (json_integer_value(json_object_get(f, "verdict")) >= MB_VERDICT_WARN)
        add_row(j, j->broken, check, text, source);
}

static void judge_noise(struct judge *j, const char *most, const char *source)
{
    static const char sql[] = "SELECT max(grade) FROM v_run_noise WHERE run_id = ?1 AND grade BETWEEN 'A' AND 'E'";
    sqlite3_stmt *s = NULL;
    char line[80] = "no grade: not measured, or not long enough (--noise)";
    const bool asked = sqlite3_prepare_v2(mb_db_handle(j->db), sql, -1, &s, NULL) == SQLITE_OK && sqlite3_bind_int64(s, 1, j->run_id) == SQLITE_OK &&
                       sqlite3_step(s) == SQLITE_ROW;
    const char *grade = asked ? (const char *)sqlite3_column_text(s, 0) : NULL;
    if (grade)
        snprintf(line, sizeof(line), "noise grade %s, at most %s", grade, most);
    if (!grade)
        add_row(j, j->unchecked, "noise", line, NULL);
    else if (strcmp(grade, most) > 0)
        add_row(j, j->broken, "noise", line, source);
    sqlite3_finalize(s);
}

typedef enum finding (*cell_rule)(struct judge *j, const struct evidence *e, double limit, struct mb_strbuf *text);

/* One line a rule: how many cells, and the first of them. */
static void judge_cells(struct judge *j, const struct evidence *cells, const char *id, cell_rule rule, double limit, const char *asks, const char *source)
{
    struct mb_strbuf first[3] = {{0}};
    size_t n[3] = {0};
    for (size_t i = 0; i < j->plan->n_cells; i++) {
        struct mb_strbuf text = {0};
        const enum finding f = rule(j, &cells[i], limit, &text);
        if (n[f]++ == 0 && f != HOLDS)
            mb_strbuf_printf(&first[f], "%s: %s", cells[i].cell->label, mb_strbuf_text(&text));
        mb_strbuf_release(&text);
    }
    for (int f = BROKEN; f <= UNKNOWN; f++) {
        struct mb_strbuf line = {0};
        mb_strbuf_printf(&line, "%s %g; %zu of %zu cells, as %s", asks, limit, n[f], j->plan->n_cells, mb_strbuf_text(&first[f]));
        if (n[f])
            add_row(j, f == BROKEN ? j->broken : j->unchecked, id, mb_strbuf_text(&line), f == BROKEN ? source : NULL);
        mb_strbuf_release(&line);
        mb_strbuf_release(&first[f]);
    }
}

static double p90_of(struct judge *j, const struct evidence *e, const char *sql, size_t *n)
{
    double *values = ask_all(j, e, sql, n);
    const double p90 = *n ? mb_stats_quantile(values, *n, P90) : (double)NAN;
    free(values);
    return p90;
}

static json_t *number_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static void add_figures(struct judge *j, const struct evidence *e)
{
    size_t n, unused;
    if (!is_timed(e))
        return;
    const double e2e = p90_of(j, e, "SELECT e2e_ns FROM v_request WHERE cell_id = ?1 AND kind = 'measured' ORDER BY 1", &n);
    const double ttft = p90_of(j, e, "SELECT ttft_ns FROM v_request WHERE cell_id = ?1 AND kind = 'measured' AND ttft_ns IS NOT NULL ORDER BY 1", &unused);
    const double tpot = p90_of(j, e, "SELECT tpot_ns FROM v_request WHERE cell_id = ?1 AND kind = 'measured' AND tpot_ns IS NOT NULL ORDER BY 1", &unused);
    if (n < mb_stats_quantile_need(P90, 0.99))
        return; /* too few for an honest p90: rule p90 says so */
    j->failed |= json_array_append_new(j->figures, json_pack("{s:s, s:I, s:o, s:o, s:o}", "cell", e->cell->label, "n", (json_int_t)n, "e2e_p90_ns",
                                                             number_or_null(e2e), "ttft_p90_ns", number_or_null(ttft), "tpot_p90_ns",
                                                             number_or_null(tpot))) != 0;
}

static int read_evidence(struct judge *j, struct evidence *cells)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(mb_db_handle(j->db), "SELECT id FROM cell WHERE run_id = ? AND hash = ?", -1, &s, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < j->plan->n_cells; i++) {
        cells[i].cell = &j->plan->cells[i];
        sqlite3_bind_int64(s, 1, j->run_id);
        sqlite3_bind_text(s, 2, cells[i].cell->hash, -1, SQLITE_STATIC);
        rc = sqlite3_step(s);
        cells[i].id = sqlite3_column_int64(s, 0);
        rc = rc == SQLITE_ROW ? sqlite3_reset(s) : SQLITE_ERROR;
    }
    sqlite3_finalize(s);
    if (rc != SQLITE_OK)
        return mb_fail(j->err, MB_EIO, "judging the run: the cells of run %lld are not those of the plan", (long long)j->run_id);
    for (size_t i = 0; i < j->plan->n_cells; i++)
        if ((rc = mb_resume_cell(j->db, cells[i].id, &cells[i].done, j->err)))
            return rc;
    return MB_OK;
}

static void judge_all(struct judge *j, const struct evidence *cells, const json_t *findings)
{
    const int profile = 1 << j->plan->protocol.rules;
#define RULE_PROFILE(id, name, exit_code, summary)
#define RULE_MACHINE(profiles, check, source) if (profile & (profiles)) judge_machine(j, findings, #check, source);
#define RULE_NOISE(profiles, grade, source) if (profile & (profiles)) judge_noise(j, grade, source);
#define RULE_CELLS(profiles, id, limit, asks, source) if (profile & (profiles)) judge_cells(j, cells, #id, broken_##id, limit, asks, source);
#include "harness/rules.def"
#undef RULE_PROFILE
#undef RULE_MACHINE
#undef RULE_NOISE
#undef RULE_CELLS
    for (size_t i = 0; profile == FOR_EDGE && i < j->plan->n_cells; i++)
        add_figures(j, &cells[i]);
}

static int keep(struct judge *j, json_t *verdict)
{
    char *text = verdict ? json_dumps(verdict, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    const int rc = text ? mb_db_set_condition(j->db, j->run_id, "rules", text, j->err) : mb_fail(j->err, MB_ENOMEM, "no memory for the verdict");
    free(text);
    return rc;
}

int mb_rules_judge(struct mb_db *db, int64_t run_id, const struct mb_plan *plan, json_t **verdict, struct mb_error *err)
{
    struct judge j = {.db = db, .run_id = run_id, .plan = plan, .broken = json_array(), .unchecked = json_array(), .figures = json_array(), .err = err};
    struct evidence *cells = calloc(plan->n_cells ? plan->n_cells : 1, sizeof(*cells));
    char *machine = NULL;
    *verdict = NULL;
    err->code = MB_OK;
    int rc = cells ? read_evidence(&j, cells) : mb_fail(err, MB_ENOMEM, "no memory for %zu cells", plan->n_cells);
    if (!rc)
        rc = mb_db_condition(db, run_id, "doctor", &machine, err);
    if (!rc) {
        json_t *findings = machine ? json_loads(machine, 0, NULL) : NULL;
        judge_all(&j, cells, findings);
        json_decref(findings);
        rc = !j.failed ? MB_OK : err->code ? err->code : mb_fail(err, MB_ENOMEM, "no memory for the verdict");
    }
    if (!rc) {
        *verdict = json_pack("{s:s, s:b, s:O, s:O, s:O}", "profile", mb_rules_name(plan->protocol.rules), "valid", json_array_size(j.broken) == 0,
                             "broken", j.broken, "unchecked", j.unchecked, "figures", j.figures);
        rc = keep(&j, *verdict);
    }
    for (size_t i = 0; cells && i < plan->n_cells; i++)
        mb_resume_release(&cells[i].done);
    free(cells);
    free(machine);
    json_decref(j.broken);
    json_decref(j.unchecked);
    json_decref(j.figures);
    return rc;
}
