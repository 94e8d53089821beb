/* findings.c - see findings.h for the rules. Numbers come from views; here they only become sentences. */
#include "plots/findings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plots/table.h"

static double num(const struct mb_table *t, const char *name)
{
    return mb_table_number(t, 0, mb_table_column(t, name));
}

static const char *txt(const struct mb_table *t, const char *name)
{
    return mb_table_text(t, 0, mb_table_column(t, name));
}

/* Four digits, also where they are zeros: 89.00, 1234. */
static void put_number(struct mb_strbuf *s, double v)
{
    mb_strbuf_printf(s, v >= 1000 ? "%.0f" : "%#.4g", v);
}

static void put_range(struct mb_strbuf *s, double lo, double hi)
{
    put_number(s, lo);
    mb_strbuf_puts(s, " to ");
    put_number(s, hi);
}

/* "61.2 tokens/s (median of 5, 93.8 % interval 59.8 to 62.5)" */
static void put_rate(struct mb_strbuf *s, const struct mb_table *t)
{
    put_number(s, num(t, "tps"));
    mb_strbuf_printf(s, " tokens/s (median of %.0f", num(t, "n"));
    if (!isnan(num(t, "lo"))) {
        mb_strbuf_printf(s, ", %.1f %% interval ", 100 * num(t, "coverage"));
        put_range(s, num(t, "lo"), num(t, "hi"));
    }
    mb_strbuf_puts(s, ")");
}

/* What keeps a difference of two medians from being shown: no interval, overlapping ones, or ones that seldom cover the median. */
static void put_doubt(struct mb_strbuf *s, const struct mb_table *t)
{
    if (isnan(num(t, "lo")) || isnan(num(t, "base_lo")))
        mb_strbuf_puts(s, "; too few repetitions for an interval");
    else if (num(t, "lo") <= num(t, "base_hi") && num(t, "base_lo") <= num(t, "hi"))
        mb_strbuf_puts(s, "; the intervals overlap: no difference is shown");
    else if (num(t, "coverage") < 0.9)
        mb_strbuf_printf(s, "; intervals of %.0f %% are weak: more repetitions would settle it", 100 * num(t, "coverage"));
}

static void say_speed(struct mb_strbuf *s, const struct mb_table *t)
{
    if (num(t, "same") == 1) {
        mb_strbuf_printf(s, "Fastest decoding (%s): the file as stored, %s, with ", txt(t, "shape"), txt(t, "label"));
        put_rate(s, t);
        mb_strbuf_puts(s, num(t, "n_cells") > 1 ? "; no other setting of this run is faster." : "; it is the only setting of this run.");
        return;
    }
    mb_strbuf_printf(s, "Fastest decoding (%s): %s with ", txt(t, "shape"), txt(t, "label"));
    put_rate(s, t);
    const double base = num(t, "base_tps");
    if (isnan(base)) {
        mb_strbuf_puts(s, "; this run has no plain setting of the file as stored to compare with.");
        return;
    }
    mb_strbuf_printf(s, ", %.2f times the file as stored (%s: ", num(t, "tps") / base, txt(t, "base_label"));
    put_number(s, base);
    if (!isnan(num(t, "base_lo"))) {
        mb_strbuf_puts(s, ", ");
        put_range(s, num(t, "base_lo"), num(t, "base_hi"));
    }
    mb_strbuf_puts(s, ")");
    put_doubt(s, t);
    mb_strbuf_puts(s, ".");
}

static void say_quality(struct mb_strbuf *s, const struct mb_table *t)
{
    const double size = num(t, "mib"), base_size = num(t, "base_mib"), tps = num(t, "tps"), base_tps = num(t, "base_tps");
    if (num(t, "same") == 1) {
        mb_strbuf_printf(s, "Accuracy: the file as stored, %s, is right on %.3f of %.0f questions (95 %% interval %.3f to %.3f)", txt(t, "label"),
                         num(t, "accuracy"), num(t, "n"), num(t, "base_lo"), num(t, "base_hi"));
        mb_strbuf_puts(s, num(t, "n_settings") > 1 ? "; no faster setting stays within that interval." : ".");
        return;
    }
    mb_strbuf_printf(s, "Best trade: %s keeps accuracy: %.3f right against %.3f of the file as stored (95 %% interval %.3f to %.3f, %.0f questions)",
                     txt(t, "label"), num(t, "accuracy"), num(t, "base_accuracy"), num(t, "base_lo"), num(t, "base_hi"), num(t, "n"));
    if (!isnan(size) && !isnan(base_size))
        mb_strbuf_printf(s, ", %.0f MiB of weights against %.0f", size, base_size);
    if (!isnan(tps) && !isnan(base_tps)) {
        mb_strbuf_printf(s, ", decoding %.2f times as fast", tps / base_tps);
        if (isnan(num(t, "tps_lo")) || num(t, "tps_lo") <= num(t, "base_tps_hi"))
            mb_strbuf_puts(s, " (not shown to be faster)");
    }
    if (num(t, "n_worse") > 0)
        mb_strbuf_printf(s, "; %.0f of %.0f settings fall below that interval", num(t, "n_worse"), num(t, "n_settings"));
    mb_strbuf_puts(s, ".");
}

static void say_method(struct mb_strbuf *s, const struct mb_table *t)
{
    const double speedup = num(t, "speedup");
    mb_strbuf_printf(s, "%s %s (%s) decodes at %.2f times the rate of the same setting without it", txt(t, "what"), txt(t, "method"), txt(t, "label"),
                     speedup);
    if (!isnan(num(t, "acceptance")))
        mb_strbuf_printf(s, ", %.0f %% of its drafts accepted", 100 * num(t, "acceptance"));
    if (!isnan(num(t, "kept")))
        mb_strbuf_printf(s, ", keeping %.0f of %.0f tokens", num(t, "kept"), num(t, "seen"));
    if (!isnan(num(t, "same_output")))
        mb_strbuf_puts(s, num(t, "same_output") == 1 ? "; the output is the same token for token" : "; the output differs");
    mb_strbuf_puts(s, speedup < 1 ? "; here it costs time" : "");
    put_doubt(s, t);
    mb_strbuf_puts(s, ".");
}

static void say_energy(struct mb_strbuf *s, const struct mb_table *t)
{
    mb_strbuf_printf(s, "Least energy (%s): %s with %.4g mJ per generated token (gross, %s, %s)", txt(t, "shape"), txt(t, "label"), num(t, "mj"),
                     txt(t, "basis"), txt(t, "origin"));
    if (!isnan(num(t, "base_mj")) && num(t, "base_mj") > num(t, "mj"))
        mb_strbuf_printf(s, " against %.4g of the file as stored", num(t, "base_mj"));
    mb_strbuf_puts(s, ".");
}

static void say_problems(struct mb_strbuf *s, const struct mb_table *t)
{
    mb_strbuf_printf(s, "%.0f of %.0f cells did not give all their numbers; the first: %s (%s: %s).", num(t, "n"), num(t, "n_cells"), txt(t, "label"),
                     txt(t, "what"), txt(t, "reason"));
}

static void say_latency(struct mb_strbuf *s, const struct mb_table *t)
{
    mb_strbuf_printf(s, "Shortest time to first token (%s): %.4g ms with %s (median of %.0f).", txt(t, "shape"), num(t, "ms"), txt(t, "label"),
                     num(t, "n"));
}

static void say_missing(struct mb_strbuf *s, const struct mb_table *t)
{
    mb_strbuf_printf(s, "Energy is unknown on this machine: %s.", txt(t, "reason"));
}

/* A plain cell: the file as stored, nothing skipped, nothing dropped. */
#define PLAIN "quant = 'file' AND early_exit = 'none' AND token_reduction = 'none'"

static const struct {
    const char *name, *sql;
    void (*say)(struct mb_strbuf *s, const struct mb_table *t);
} rules[] = {
    {"speed",
     "WITH c AS MATERIALIZED (SELECT * FROM v_cell WHERE run_id = :run AND decode_tps IS NOT NULL AND workload IN ('micro', 'chat')),"
     "s AS (SELECT shape FROM c GROUP BY shape ORDER BY min(workload) <> 'micro', count(*) DESC, min(i_cell) LIMIT 1),"
     "f AS (SELECT c.* FROM c JOIN s USING (shape) ORDER BY decode_tps DESC, i_cell LIMIT 1),"
     "b AS (SELECT p.* FROM (SELECT * FROM c WHERE " PLAIN ") p JOIN f USING (shape, model, runner, backend)"
     " ORDER BY p.decode_tps DESC, p.i_cell LIMIT 1)"
     "SELECT f.shape, f.label, f.decode_tps AS tps, f.decode_tps_lo AS lo, f.decode_tps_hi AS hi, f.ci_coverage AS coverage, f.n_ok AS n,"
     " f.cell_id = b.cell_id AS same, b.label AS base_label, b.decode_tps AS base_tps, b.decode_tps_lo AS base_lo, b.decode_tps_hi AS base_hi,"
     " (SELECT count(*) FROM c JOIN s USING (shape)) AS n_cells FROM f LEFT JOIN b", say_speed},
    {"quality",
     "WITH c AS MATERIALIZED (SELECT * FROM v_tradeoff WHERE run_id = :run AND accuracy IS NOT NULL AND accuracy_lo IS NOT NULL),"
     "b AS (SELECT * FROM c WHERE " PLAIN " ORDER BY decode_tps DESC, i_cell LIMIT 1),"
     "f AS (SELECT c.* FROM c JOIN b ON c.model_name = b.model_name WHERE c.accuracy >= b.accuracy_lo"
     " ORDER BY c.decode_tps DESC, c.weight_bytes, c.i_cell LIMIT 1)"
     "SELECT f.label, f.accuracy, f.n_questions AS n, f.decode_tps AS tps, f.weight_bytes / 1048576.0 AS mib, b.accuracy AS base_accuracy,"
     " b.accuracy_lo AS base_lo, b.accuracy_hi AS base_hi, b.decode_tps AS base_tps, f.decode_tps_lo AS tps_lo,"
     " b.decode_tps_hi AS base_tps_hi, b.weight_bytes / 1048576.0 AS base_mib,"
     " f.setting = b.setting AS same, (SELECT count(*) FROM c) AS n_settings,"
     " (SELECT count(*) FROM c WHERE accuracy < b.accuracy_lo) AS n_worse FROM f JOIN b", say_quality},
    {"method",
     "SELECT CASE WHEN early_exit = 'none' THEN 'Token reduction' ELSE 'Early exit' END AS what,"
     " CASE WHEN early_exit = 'none' THEN token_reduction WHEN token_reduction = 'none' THEN early_exit"
     "  ELSE early_exit || ' with ' || token_reduction END AS method, shape || ', ' || quant || ', ' || threads || ' threads' AS label, speedup,"
     " decode_tps_lo AS lo, decode_tps_hi AS hi, baseline_tps_lo AS base_lo, baseline_tps_hi AS base_hi, ci_coverage AS coverage,"
     " acceptance, CASE WHEN token_reduction <> 'none' THEN kept END AS kept, seen, same_output"
     " FROM v_method WHERE run_id = :run AND NOT is_baseline ORDER BY speedup DESC, i_cell LIMIT 1", say_method},
    {"energy",
     "WITH c AS MATERIALIZED (SELECT * FROM v_cell WHERE run_id = :run AND energy_per_token_uj IS NOT NULL AND workload IN ('micro', 'chat')),"
     "f AS (SELECT * FROM c ORDER BY workload <> 'micro', energy_per_token_uj, i_cell LIMIT 1)"
     "SELECT f.shape, f.label, f.energy_per_token_uj / 1e3 AS mj, f.energy_basis AS basis, f.energy_origin AS origin,"
     " (SELECT min(energy_per_token_uj) / 1e3 FROM (SELECT * FROM c WHERE " PLAIN ") p WHERE p.shape = f.shape AND p.model = f.model) AS base_mj"
     " FROM f", say_energy},
    {"problems",
     "SELECT (SELECT count(DISTINCT cell_id) FROM v_problem WHERE run_id = :run) AS n, (SELECT count(*) FROM v_name WHERE run_id = :run) AS n_cells,"
     " n.label, p.what, p.reason FROM v_problem p JOIN v_name n USING (cell_id) WHERE p.run_id = :run AND p.kind <> 'warmup'"
     " ORDER BY p.what = 'refused', p.i_cell LIMIT 1", say_problems},
    {"latency",
     "SELECT shape, label, ttft_ns / 1e6 AS ms, n_ok AS n FROM v_cell WHERE run_id = :run AND ttft_ns IS NOT NULL AND workload IN ('micro', 'chat')"
     " ORDER BY workload <> 'micro', ttft_ns, i_cell LIMIT 1", say_latency},
    {"missing",
     "SELECT group_concat(DISTINCT energy_reason) AS reason FROM v_cell WHERE run_id = :run AND energy_reason IS NOT NULL HAVING count(*) > 0",
     say_missing},
};

int mb_findings_make(struct sqlite3 *db, int64_t run_id, struct mb_report_result *result, struct mb_error *err)
{
    size_t n = 0;
    memset(result->findings, 0, sizeof(result->findings));
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && n < 3; i++) {
        struct mb_table t;
        const int rc = mb_table_query(&t, db, rules[i].name, rules[i].sql, run_id, err);
        if (rc)
            return mb_fail_context(err, "findings");
        if (t.n_rows) {
            struct mb_strbuf s = {0};
            rules[i].say(&s, &t);
            snprintf(result->findings[n], sizeof(result->findings[n]), "%s", mb_strbuf_text(&s));
            n += s.n_bytes > 0;
            mb_strbuf_release(&s);
        }
        mb_table_release(&t);
    }
    return MB_OK;
}
