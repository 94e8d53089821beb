/* compare_print.c - a comparison for people: Markdown that is also aligned. See compare_print.h. */
#include "harness/compare_print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_COLUMNS = 8, COLUMN_CAP = 200, MOST_NAMES = 2, LABEL_CAP = 40 };

static const char *const headers[N_COLUMNS] = {"cell", "metric", "A", "B", "change", "interval", "p", "verdict"};
typedef char line_text[N_COLUMNS][COLUMN_CAP];

/* A label is a model's path at worst: its end says most. Not cut inside a character. */
static void put_label(struct mb_strbuf *out, const char *label)
{
    const size_t n = strlen(label);
    const char *from = n > LABEL_CAP ? label + n - LABEL_CAP : label;
    while (((unsigned char)*from & 0xc0) == 0x80)
        from++;
    mb_strbuf_printf(out, "%s%s", from > label ? "..." : "", from);
}

void mb_compare_cell_name(const struct mb_compare_pair *pair, struct mb_strbuf *out)
{
    const struct mb_compare_cell *one = pair->b ? pair->b : pair->a;
    put_label(out, pair->a ? pair->a->label : one->label);
    if (pair->a && pair->b && strcmp(pair->a->label, pair->b->label) != 0) {
        mb_strbuf_puts(out, " -> ");
        put_label(out, pair->b->label);
    }
    mb_strbuf_printf(out, ", %s", one->shape);
}

/* By the unit at the end of the name, in the size a person reads. */
static void format_value(char *text, const char *name, double value)
{
    static const struct { const char *end, *unit; double by; } units[] = {
        {"_tps", "t/s", 1}, {"_ns", "ms", 1e-6}, {"_bytes", "MiB", 1.0 / 1048576}, {"_uj", "J", 1e-6}, {"accuracy", "%", 100}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        const size_t n = strlen(name), n_end = strlen(units[i].end);
        if (isnan(value))
            break;
        if (n >= n_end && strcmp(name + n - n_end, units[i].end) == 0) {
            const double shown = value * units[i].by;
            snprintf(text, COLUMN_CAP, "%.*f %s", shown >= 1000 ? 0 : shown >= 100 ? 1 : shown >= 10 ? 2 : 3, shown, units[i].unit);
            return;
        }
    }
    snprintf(text, COLUMN_CAP, isnan(value) ? "-" : "%.5g", value);
}

static void format_p(char *text, double p)
{
    if (isnan(p))
        snprintf(text, COLUMN_CAP, "-");
    else
        snprintf(text, COLUMN_CAP, p < 0.0001 ? "<0.0001" : "%.4f", p);
}

/* With its true coverage where the values are too few for the one asked for. */
static void format_interval(char *text, const struct mb_compare_row *row, double confidence)
{
    int n = 0;
    if (!(row->coverage >= 0.5))
        n = snprintf(text, COLUMN_CAP, "-");
    else
        n = snprintf(text, COLUMN_CAP, "%+.2f..%+.2f", 100 * row->lo, 100 * row->hi);
    if (row->coverage >= 0.5 && row->coverage < confidence)
        snprintf(text + n, (size_t)(COLUMN_CAP - n), " (%.0f %%)", 100 * row->coverage);
}

static void fill_line(line_text line, const struct mb_compare *c, const struct mb_compare_pair *pair, const struct mb_compare_row *row)
{
    const struct mb_compare_metric_row metric = mb_compare_metric(row->metric);
    const char *unit = metric.how == MB_COMPARE_PAIRED ? " pt" : " %";
    struct mb_strbuf name = {0};
    mb_compare_cell_name(pair, &name);
    snprintf(line[0], COLUMN_CAP, "%s", mb_strbuf_text(&name));
    mb_strbuf_release(&name);
    snprintf(line[1], COLUMN_CAP, "%s", metric.name);
    format_value(line[2], metric.name, row->median_a);
    format_value(line[3], metric.name, row->median_b);
    snprintf(line[4], COLUMN_CAP, isnan(row->change) ? "-" : "%+.2f%s", 100 * row->change, unit);
    if (row->exact)
        snprintf(line[5], COLUMN_CAP, metric.how == MB_COMPARE_PAIRED ? "no answer changed" : "equal in all repetitions");
    else
        format_interval(line[5], row, c->rule.confidence);
    format_p(line[6], row->p_adjusted);
    snprintf(line[7], COLUMN_CAP, row->verdict == MB_COMPARE_WORSE ? "**worse**%s" : "%s%s",
             row->verdict == MB_COMPARE_WORSE ? (mb_compare_fails(c, row) ? "" : " (allowed)") : mb_compare_verdict_name(row->verdict), "");
}

/* Code points, which is what a terminal's columns mostly are. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p; p++)
        n += ((unsigned char)*p & 0xc0) != 0x80;
    return n;
}

static void put_line(struct mb_strbuf *out, const char *const *cells, const size_t *width)
{
    for (size_t i = 0; i < N_COLUMNS; i++)
        mb_strbuf_printf(out, "| %s%*s ", cells[i], (int)(width[i] - width_of(cells[i])), "");
    mb_strbuf_puts(out, "|\n");
}

/* Numbers to the right in Markdown. */
static void put_rule(struct mb_strbuf *out, const size_t *width)
{
    for (size_t i = 0; i < N_COLUMNS; i++) {
        mb_strbuf_puts(out, "| ");
        for (size_t k = 0; k + 1 < width[i] || k < 2; k++)
            mb_strbuf_puts(out, "-");
        mb_strbuf_puts(out, i >= 2 && i <= 6 ? ": " : "- ");
    }
    mb_strbuf_puts(out, "|\n");
}

static void put_table(const struct mb_compare *c, struct mb_strbuf *out)
{
    line_text *lines = calloc(c->n_rows + 1, sizeof(*lines));
    size_t width[N_COLUMNS], n = 0;
    if (!lines) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < N_COLUMNS; i++)
        width[i] = width_of(headers[i]);
    for (size_t i = 0; i < c->n_pairs; i++)
        for (size_t r = 0; r < c->pairs[i].n_rows; r++, n++) {
            fill_line(lines[n], c, &c->pairs[i], &c->rows[c->pairs[i].first_row + r]);
            for (size_t k = 0; k < N_COLUMNS; k++)
                width[k] = width_of(lines[n][k]) > width[k] ? width_of(lines[n][k]) : width[k];
        }
    put_line(out, headers, width);
    put_rule(out, width);
    for (size_t i = 0; i < n; i++) {
        const char *cells[N_COLUMNS];
        for (size_t k = 0; k < N_COLUMNS; k++)
            cells[k] = lines[i][k];
        put_line(out, cells, width);
    }
    free(lines);
}

static void put_run(struct mb_strbuf *out, const struct mb_compare_run *run)
{
    mb_strbuf_printf(out, "run %lld of %s: %s, %s, build %.12s, on %s", (long long)json_integer_value(json_object_get(run->facts, "run")),
                     mb_compare_fact(run, "database"), mb_compare_fact(run, "plan"), mb_compare_fact(run, "started_utc"), mb_compare_fact(run, "commit"), mb_compare_fact(run, "device"));
}

static void put_head(const struct mb_compare *c, struct mb_strbuf *out)
{
    mb_strbuf_printf(out, "# meltbench compare: %zu worse, %zu better, %zu same, %zu cannot tell\n\n- A: ", c->n_verdict[MB_COMPARE_WORSE],
                     c->n_verdict[MB_COMPARE_BETTER], c->n_verdict[MB_COMPARE_SAME], c->n_verdict[MB_COMPARE_UNKNOWN]);
    if (c->is_baseline)
        mb_strbuf_printf(out, "the medians of %zu earlier runs, the newest of them ", c->n_a);
    put_run(out, &c->a[0]);
    mb_strbuf_puts(out, "\n- B: ");
    put_run(out, &c->b);
    mb_strbuf_puts(out, "\n");
    size_t i;
    json_t *text;
    json_array_foreach(c->differs, i, text)
        mb_strbuf_printf(out, "- **note** %s\n", json_string_value(text));
    mb_strbuf_puts(out, "\n");
}

static const struct mb_compare_pair *pair_of_row(const struct mb_compare *c, size_t row)
{
    size_t i = 0;
    while (row >= c->pairs[i].first_row + c->pairs[i].n_rows)
        i++;
    return &c->pairs[i];
}

static void put_row_name(const struct mb_compare *c, size_t row, struct mb_strbuf *out)
{
    mb_compare_cell_name(pair_of_row(c, row), out);
    mb_strbuf_printf(out, ", %s", mb_compare_metric(c->rows[row].metric).name);
}

/* Each reason once, with the first rows that have it. */
static void put_reasons(const struct mb_compare *c, struct mb_strbuf *out)
{
    for (size_t i = 0; i < c->n_rows; i++) {
        const char *reason = c->rows[i].reason;
        size_t n = 0, earlier = 0;
        while (*reason && earlier < i && strcmp(c->rows[earlier].reason, reason) != 0)
            earlier++;
        if (!*reason || earlier < i)
            continue;
        for (size_t k = i; k < c->n_rows; k++) {
            if (strcmp(c->rows[k].reason, reason) != 0)
                continue;
            if (n++ >= MOST_NAMES)
                continue;
            mb_strbuf_puts(out, n == 1 ? "- cannot tell " : "; ");
            put_row_name(c, k, out);
        }
        if (n > MOST_NAMES)
            mb_strbuf_printf(out, " and %zu more", n - MOST_NAMES);
        mb_strbuf_printf(out, ": %s\n", reason);
    }
}

static void put_flips(const struct mb_compare *c, struct mb_strbuf *out)
{
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct mb_compare_row *row = &c->rows[i];
        if (row->lost + row->won == 0)
            continue;
        mb_strbuf_puts(out, "- ");
        put_row_name(c, i, out);
        mb_strbuf_printf(out, ": of %zu questions %zu right answers were lost, %zu won\n", row->n_a, row->lost, row->won);
    }
}

static void put_unused(struct mb_strbuf *out, const struct mb_compare_pair *pair, const struct mb_compare_cell *cell, const char *side)
{
    if (!cell || (!cell->refused && cell->n_failed + cell->n_invalid + cell->n_skipped == 0))
        return;
    mb_strbuf_puts(out, "- ");
    mb_compare_cell_name(pair, out);
    if (cell->refused)
        mb_strbuf_printf(out, ": %s was refused: %s\n", side, cell->refused);
    else
        mb_strbuf_printf(out, ": of %s %lld repetitions are used; not used: %lld failed, %lld invalid, %lld skipped\n", side, (long long)cell->n_ok,
                         (long long)cell->n_failed, (long long)cell->n_invalid, (long long)cell->n_skipped);
}

static void put_cells(const struct mb_compare *c, struct mb_strbuf *out)
{
    for (size_t i = 0; i < c->n_pairs; i++) {
        const struct mb_compare_pair *pair = &c->pairs[i];
        put_unused(out, pair, pair->a, "A");
        put_unused(out, pair, pair->b, "B");
        if (pair->a && pair->b)
            continue;
        mb_strbuf_printf(out, "- only in %s, not compared: ", pair->a ? "A" : "B");
        mb_compare_cell_name(pair, out);
        mb_strbuf_puts(out, "\n");
    }
}

void mb_compare_print_md(const struct mb_compare *c, struct mb_strbuf *out)
{
    put_head(c, out);
    if (c->n_rows > 0)
        put_table(c, out);
    else
        mb_strbuf_puts(out, "No metric has a value on either side.\n");
    mb_strbuf_puts(out, "\n");
    put_flips(c, out);
    put_reasons(c, out);
    put_cells(c, out);
    mb_strbuf_printf(out, "- %s B / A - 1 (accuracy: percentage points) with %g %% interval; p by %s, %s over %zu tests; minimum effect %g %%\n",
                     c->is_baseline ? "change: of the new median against the earlier runs' mean," : "change:", 100 * c->rule.confidence,
                     c->is_baseline ? "Student's t, a run being one value" : "Mann-Whitney (accuracy: McNemar)",
                     c->rule.by_discovery_rate ? "Benjamini-Hochberg" : "Holm", c->n_tests, 100 * c->rule.min_effect);
}
