/* compare_json.c - a comparison for programs. See compare_print.h. */
#include <math.h>
#include <stdlib.h>

#include "build_info.h"
#include "harness/compare_print.h"

static json_t *real_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *cell_json(const struct mb_compare_cell *cell)
{
    return cell ? json_pack("{s:I, s:s, s:s?, s:I, s:I, s:I, s:I}", "cell_id", (json_int_t)cell->id, "label", cell->label, "refused", cell->refused, "ok",
                            (json_int_t)cell->n_ok, "failed", (json_int_t)cell->n_failed, "invalid", (json_int_t)cell->n_invalid, "skipped",
                            (json_int_t)cell->n_skipped)
                : json_null();
}

static json_t *row_json(const struct mb_compare *c, const struct mb_compare_row *row)
{
    const struct mb_compare_metric_row metric = mb_compare_metric(row->metric);
    json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "metric", metric.name, "better",
                          metric.better == MB_BETTER_HIGHER ? "higher" : "lower", "verdict", mb_compare_verdict_name(row->verdict), "n_a",
                          (json_int_t)row->n_a, "n_b", (json_int_t)row->n_b, "a", real_or_null(row->median_a), "b", real_or_null(row->median_b), "change",
                          real_or_null(row->change), "lo", real_or_null(row->lo), "hi", real_or_null(row->hi), "coverage", real_or_null(row->coverage));
    json_t *more = json_pack("{s:o, s:o, s:o, s:o, s:b, s:s}", "min_effect", real_or_null(row->matters), "p", real_or_null(row->p), "p_adjusted", real_or_null(row->p_adjusted), "effect",
                             real_or_null(row->effect), "fails", mb_compare_fails(c, row), "reason", row->reason);
    if (metric.how == MB_COMPARE_PAIRED)
        json_object_update_new(more, json_pack("{s:I, s:I}", "lost", (json_int_t)row->lost, "won", (json_int_t)row->won));
    if (!o || !more || json_object_update_new(o, more)) {
        json_decref(o);
        return NULL;
    }
    return o;
}

static json_t *pair_json(const struct mb_compare *c, const struct mb_compare_pair *pair)
{
    struct mb_strbuf name = {0};
    json_t *figures = json_array();
    for (size_t i = 0; i < pair->n_rows; i++)
        json_array_append_new(figures, row_json(c, &c->rows[pair->first_row + i]));
    mb_compare_cell_name(pair, &name);
    json_t *o = json_pack("{s:s, s:o, s:o, s:o}", "cell", mb_strbuf_text(&name), "a", cell_json(pair->a), "b", cell_json(pair->b), "figures", figures);
    mb_strbuf_release(&name);
    return o;
}

static json_t *runs_json(const struct mb_compare *c)
{
    json_t *runs = json_array();
    for (size_t i = 0; i < c->n_a; i++)
        json_array_append(runs, c->a[i].facts);
    return runs;
}

static json_t *summary_json(const struct mb_compare *c)
{
    json_t *o = json_object();
    for (int v = 0; v < MB_COMPARE_VERDICT_N; v++)
        json_object_set_new(o, mb_compare_verdict_name((enum mb_compare_verdict)v), json_integer((json_int_t)c->n_verdict[v]));
    json_object_set_new(o, "only_a", json_integer((json_int_t)c->n_only_a));
    json_object_set_new(o, "only_b", json_integer((json_int_t)c->n_only_b));
    json_object_set_new(o, "exit", json_integer(mb_compare_exit(c)));
    return o;
}

int mb_compare_print_json(const struct mb_compare *c, struct mb_strbuf *out, struct mb_error *err)
{
    json_t *cells = json_array();
    for (size_t i = 0; i < c->n_pairs; i++)
        json_array_append_new(cells, pair_json(c, &c->pairs[i]));
    json_t *rule = json_pack("{s:f, s:f, s:s, s:I, s:b}", "confidence", c->rule.confidence, "min_effect", c->rule.min_effect, "adjust",
                             c->rule.by_discovery_rate ? "bh" : "holm", "tests", (json_int_t)c->n_tests, "baseline", c->is_baseline);
    json_t *page = json_pack("{s:i, s:s, s:o, s:O, s:o, s:O, s:o, s:o}", "format", 1, "version", MB_VERSION, "a", runs_json(c), "b", c->b.facts, "rule", rule,
                             "differs", c->differs, "cells", cells, "summary", summary_json(c));
    char *text = page ? json_dumps(page, JSON_INDENT(2) | JSON_PRESERVE_ORDER) : NULL;
    json_decref(page);
    if (!text)
        return mb_fail(err, MB_ENOMEM, "no memory for the comparison as JSON");
    mb_strbuf_printf(out, "%s\n", text);
    free(text);
    return MB_OK;
}
