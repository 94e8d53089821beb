/* cmd_compare.c - `meltbench compare`: two runs -> a verdict per cell and metric, and an exit code that a nightly job can use. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/compare.h"
#include "harness/compare_print.h"
#include "harness/compare_select.h"
#include "harness/options.h"

enum { MOST_RUNS = 365 };

struct compare_options {
    const char *db, *where, *metric, *fail_on, *format, *adjust;
    float min_effect, confidence;
    uint32_t baseline;
    bool noisy;
};

static const struct mb_opt_row compare_rows[] = {
    {"--db", NULL, MB_OPT_TEXT, offsetof(struct compare_options, db), "FILE", 0, 0, "database of selectors that name none (meltbench.db)"},
    {"--where", NULL, MB_OPT_TEXT, offsetof(struct compare_options, where), "AXIS=VALUE,...", 0, 0, "only cells with these values, on both sides (all)"},
    {"--metric", NULL, MB_OPT_TEXT, offsetof(struct compare_options, metric), "LIST", 0, 0,
     "what is compared: prefill, decode, ttft, tpot, e2e, itl_p50, itl_p90, itl_p95, itl_p99, memory, weights, kv, energy, token_energy, "
     "prefill_energy, decode_energy, acc, ppl, or all (all but tpot, e2e, itl_p50 to itl_p95, energy and the energy of phases)"},
    {"--min-effect", NULL, MB_OPT_F32, offsetof(struct compare_options, min_effect), "PCT", 0, 100,
     "a change that matters, in per cent; of accuracy, in percentage points (1)"},
    {"--confidence", NULL, MB_OPT_F32, offsetof(struct compare_options, confidence), "P", 0.5, 0.9999, "of intervals; false alarms: at most 1 - P of the comparisons of equal runs (0.95)"},
    {"--adjust", NULL, MB_OPT_TEXT, offsetof(struct compare_options, adjust), "METHOD", 0, 0,
     "for many tests at once: holm = the chance of any false alarm, bh = their share (Benjamini-Hochberg) (holm)"},
    {"--fail-on", NULL, MB_OPT_TEXT, offsetof(struct compare_options, fail_on), "METRIC[:PCT],...", 0, 0,
     "metrics whose regression makes the exit code 3 (quality: 5), where given when surely more than PCT (every compared one, --min-effect)"},
    {"--baseline-last", NULL, MB_OPT_U32, offsetof(struct compare_options, baseline), "N", 3, MOST_RUNS,
     "A is the last N finished runs before B of its plan and device, each run one value; give B only, or nothing for the last run"},
    {"--noisy", NULL, MB_OPT_FLAG, offsetof(struct compare_options, noisy), NULL, 0, 0, "judge times and energy of two runs also where others used the machine (noise grade E)"},
    {"--output", "-o", MB_OPT_TEXT, offsetof(struct compare_options, format), "FORMAT", 0, 0, "md, json or benchstat on standard output (md)"},
    {0},
};

/* The next item of a comma-separated list; false at the end. */
static bool next_item(const char **list, const char **item, size_t *n)
{
    while (**list == ',')
        ++*list;
    *item = *list;
    *n = strcspn(*list, ",");
    *list += *n;
    return *n > 0;
}

static int choose_metrics(const char *list, struct mb_compare_wanted *wanted, struct mb_error *err)
{
    const char *item;
    size_t n;
    for (size_t i = 0; !list && i < MB_COMPARE_METRIC_N; i++)
        wanted->metric[i] = mb_compare_metric(i).usual;
    while (list && next_item(&list, &item, &n)) {
        const bool all = n == 3 && strncmp(item, "all", n) == 0;
        const int metric = all ? 0 : mb_compare_metric_find(item, n, err);
        if (metric < 0)
            return mb_fail_context(err, "--metric");
        for (size_t i = 0; i < MB_COMPARE_METRIC_N; i++)
            wanted->metric[i] |= all || i == (size_t)metric;
    }
    return MB_OK;
}

/* METRIC or METRIC:3% */
static int add_limit(struct mb_compare_wanted *wanted, const char *item, size_t n, struct mb_error *err)
{
    const char *colon = memchr(item, ':', n);
    const int metric = mb_compare_metric_find(item, colon ? (size_t)(colon - item) : n, err);
    if (metric < 0)
        return mb_fail_context(err, "--fail-on");
    wanted->metric[metric] = wanted->fails[metric] = true;
    if (!colon)
        return MB_OK;
    char text[32], *end;
    snprintf(text, sizeof(text), "%.*s", (int)(n - (size_t)(colon + 1 - item)), colon + 1);
    const double percent = strtod(text, &end);
    if (end == text || !(percent >= 0 && percent <= 1000) || (*end && strcmp(end, "%") != 0))
        return mb_fail(err, MB_EINVAL, "--fail-on: '%.*s' is not METRIC:PCT, such as decode:3%%", (int)n, item);
    wanted->limit[metric] = percent / 100;
    return MB_OK;
}

static int choose_failures(const char *list, struct mb_compare_wanted *wanted, struct mb_error *err)
{
    const char *item;
    size_t n;
    int rc = MB_OK;
    for (size_t i = 0; !list && i < MB_COMPARE_METRIC_N; i++)
        wanted->fails[i] = true;
    while (list && !rc && next_item(&list, &item, &n))
        rc = add_limit(wanted, item, n, err);
    return rc;
}

/* 0.95 again, not 0.949999988 */
static double as_typed(float value)
{
    return round((double)value * 1e6) / 1e6;
}

static int choose(const struct compare_options *o, struct mb_compare *c, struct mb_error *err)
{
    if (strcmp(o->adjust, "holm") != 0 && strcmp(o->adjust, "bh") != 0)
        return mb_fail(err, MB_EINVAL, "--adjust: '%s' is neither holm nor bh", o->adjust);
    if (strcmp(o->format, "md") != 0 && strcmp(o->format, "json") != 0 && strcmp(o->format, "benchstat") != 0)
        return mb_fail(err, MB_EINVAL, "--output: '%s' is none of md, json, benchstat", o->format);
    c->rule = (struct mb_compare_rule){.confidence = as_typed(o->confidence), .min_effect = as_typed(o->min_effect) / 100,
                                       .by_discovery_rate = strcmp(o->adjust, "bh") == 0};
    c->noisy = o->noisy;
    const int rc = choose_metrics(o->metric, &c->wanted, err);
    return rc ? rc : choose_failures(o->fail_on, &c->wanted, err);
}

/* An axis that the two sides fix at different values, or that one fixes, is what they are compared by: it is no part of the cells' identity. */
static void axes_between(const struct mb_cell_filter *a, const struct mb_cell_filter *b, bool without[MB_AXIS_N])
{
    for (size_t i = 0; i < MB_AXIS_N; i++)
        without[i] = a->axis[i] && b->axis[i] ? strcmp(a->axis[i], b->axis[i]) != 0 : a->axis[i] != b->axis[i];
}

static int read_two(struct mb_compare *c, const struct mb_compare_choice *a, const struct mb_compare_choice *b, struct mb_error *err)
{
    bool without[MB_AXIS_N];
    axes_between(&a->filter, &b->filter, without);
    c->a = calloc(1, sizeof(*c->a));
    if (!c->a)
        return mb_fail(err, MB_ENOMEM, "no memory for a run");
    c->n_a = 1;
    const int rc = mb_compare_read(&c->a[0], a->path, a->run_id, &a->filter, without, err);
    return rc ? rc : mb_compare_read(&c->b, b->path, b->run_id, &b->filter, without, err);
}

static int read_baseline(struct mb_compare *c, const struct mb_compare_choice *b, uint32_t n, struct mb_error *err)
{
    static const bool without[MB_AXIS_N] = {false};
    int64_t ids[MOST_RUNS];
    size_t found;
    c->is_baseline = true;
    int rc = mb_compare_earlier_runs(b, n, ids, &found, err);
    if (!rc && found < 3)
        rc = mb_fail(err, MB_ENOENT, "%s has %zu finished runs of this plan and device before run %lld; a baseline needs 3", b->path, found,
                     (long long)b->run_id);
    if (!rc && !(c->a = calloc(found, sizeof(*c->a))))
        rc = mb_fail(err, MB_ENOMEM, "no memory for %zu runs", found);
    for (size_t i = 0; i < found && !rc; i++) {
        rc = mb_compare_read(&c->a[i], b->path, ids[i], &b->filter, without, err);
        c->n_a += !rc;
    }
    return rc ? rc : mb_compare_read(&c->b, b->path, b->run_id, &b->filter, without, err);
}

static int read_sides(struct mb_compare *c, const struct compare_options *o, char **operands, int n, struct mb_error *err)
{
    struct mb_compare_choice a = {0}, b = {0};
    int rc;
    if (o->baseline > 0 && n > 1)
        return mb_fail(err, MB_EINVAL, "--baseline-last makes A by itself: give B only");
    if (o->baseline == 0 && n != 2)
        return mb_fail(err, MB_EINVAL, "compare needs two runs, such as last~1 last; or --baseline-last N");
    rc = mb_compare_select(&b, n > 0 ? operands[n - 1] : "last", o->db, o->where, err);
    if (!rc && o->baseline > 0)
        rc = read_baseline(c, &b, o->baseline, err);
    else if (!rc && !(rc = mb_compare_select(&a, operands[0], o->db, o->where, err)))
        rc = read_two(c, &a, &b, err);
    mb_compare_choice_release(&a);
    mb_compare_choice_release(&b);
    return rc;
}

static int print(const struct mb_compare *c, const char *format, struct mb_error *err)
{
    struct mb_strbuf out = {0};
    int rc = MB_OK;
    if (strcmp(format, "json") == 0)
        rc = mb_compare_print_json(c, &out, err);
    else if (strcmp(format, "benchstat") == 0)
        mb_compare_print_benchstat(c, &out);
    else
        mb_compare_print_md(c, &out);
    if (!rc && out.failed)
        rc = mb_fail(err, MB_ENOMEM, "no memory for the output");
    if (!rc && (fputs(mb_strbuf_text(&out), stdout) < 0 || fflush(stdout)))
        rc = mb_fail_errno(err, MB_EIO, "writing to standard output");
    mb_strbuf_release(&out);
    return rc;
}

static int compare_main(int argc, char **argv);

const struct mb_command mb_command_compare = {
    .name = "compare",
    .operands = "[A] [B]",
    .summary = "is run B better or worse than run A: a verdict per cell and metric; exit 3 on a regression, 5 on one of quality",
    .description = "Pairs cells with the same configuration, model and data, and says for each metric better, worse, same or cannot tell, with the change, its "
                   "interval and p. A and B: a run's number; last, last~1; @COMMIT; PLAN@last; a database, or DB:RUN; and behind a colon the cells, as in "
                   "last:quant=q4_0 last:quant=q8_0. Worse and better need p below 1 - confidence after adjustment for the number of tests, and an interval "
                   "wholly beyond the minimum effect; same an interval wholly within it.",
    .rows = compare_rows,
    .run = compare_main,
};

static int compare_main(int argc, char **argv)
{
    struct compare_options o = {.db = "meltbench.db", .format = "md", .adjust = "holm", .min_effect = 1, .confidence = 0.95F};
    struct mb_compare c = {0};
    struct mb_error err = {0};
    int n_operands = 0, code = 0;
    int rc = mb_opt_parse(&mb_command_compare, argc, argv, &o, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc)
        rc = choose(&o, &c, &err);
    if (!rc)
        rc = read_sides(&c, &o, argv + 1, n_operands, &err);
    if (!rc)
        rc = mb_compare_make(&c, &err);
    if (!rc)
        rc = print(&c, o.format, &err);
    if (!rc)
        code = mb_compare_exit(&c);
    mb_compare_release(&c);
    return rc ? mb_complain(&mb_command_compare, &err) : code;
}
