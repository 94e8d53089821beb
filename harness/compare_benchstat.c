/* compare_benchstat.c - a comparison's values in the Go benchmark format, so that benchstat reads them. See compare_print.h. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "harness/compare_print.h"

/* Units of ours that benchstat does not scale by itself: it knows ns and B; "tok/s" is a unit of its own. */
static void unit_of(const char *name, char unit[64])
{
    static const struct { const char *end, *unit; } units[] = {{"_tps", "tok/s"}, {"_ns", "ns"}, {"_bytes", "B"}, {"_uj", "uJ"}};
    size_t n = strlen(name);
    const char *end = "";
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        const size_t n_end = strlen(units[i].end);
        if (n > n_end && strcmp(name + n - n_end, units[i].end) == 0) {
            n -= n_end;
            end = units[i].unit;
            break;
        }
    }
    snprintf(unit, 64, "%.*s%s%s", (int)n, name, *end ? "-" : "", end);
}

/* Benchmark names have no spaces; a '-' with digits at their end would be read as GOMAXPROCS. */
static void put_name(struct mb_strbuf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        const char c = isspace((unsigned char)*p) || *p == '-' || *p == '/' || (unsigned char)*p < 0x20 ? '_' : *p;
        mb_strbuf_add(out, &c, 1);
    }
}

static void put_side(const struct mb_compare *c, const char *side, const struct mb_compare_run *run, struct mb_strbuf *out)
{
    /* Only "side" may differ as configuration: benchstat would put another key's values into tables of their own. */
    mb_strbuf_printf(out, "\n# run %lld of %s, commit %s\nside: %s\n", (long long)json_integer_value(json_object_get(run->facts, "run")),
                     mb_compare_fact(run, "database"), mb_compare_fact(run, "commit"), side);
    for (size_t i = 0; i < c->n_pairs; i++) {
        const struct mb_compare_pair *pair = &c->pairs[i];
        const struct mb_compare_cell *cell = *side == 'A' ? pair->a : pair->b;
        for (size_t r = 0; r < pair->n_rows; r++) {
            const size_t m = c->rows[pair->first_row + r].metric;
            char unit[64];
            unit_of(mb_compare_metric(m).name, unit);
            for (size_t k = 0; k < cell->n_value[m]; k++) {
                mb_strbuf_puts(out, "BenchmarkCell/");
                put_name(out, pair->b->shape);
                mb_strbuf_puts(out, "/");
                put_name(out, pair->b->label);
                mb_strbuf_printf(out, " 1 %.9g %s\n", cell->value[m][k], unit);
            }
        }
    }
}

void mb_compare_print_benchstat(const struct mb_compare *c, struct mb_strbuf *out)
{
    for (size_t m = 0; m < MB_COMPARE_METRIC_N; m++) {
        char unit[64];
        const struct mb_compare_metric_row metric = mb_compare_metric(m);
        unit_of(metric.name, unit);
        if (c->wanted.metric[m])
            mb_strbuf_printf(out, "Unit %s better=%s%s\n", unit, metric.better == MB_BETTER_HIGHER ? "higher" : "lower",
                             metric.how == MB_COMPARE_EXACT ? " assume=exact" : "");
    }
    put_side(c, "A", &c->a[0], out);
    put_side(c, "B", &c->b, out);
}
