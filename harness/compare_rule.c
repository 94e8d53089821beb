/* compare_rule.c - see compare_rule.h. */
#include "harness/compare_rule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/axis.h"
#include "harness/stats.h"
#include "harness/stats_adjust.h"
#include "harness/stats_compare.h"
#include "harness/stats_paired.h"

enum { LEAST_RUNS = 3, MOST_WANTED = 1000 };

static const struct { struct mb_compare_metric_row row; bool as_metric; } table[MB_COMPARE_METRIC_N] = {
#define MB_COMPARE_BETTER_HIGHER MB_BETTER_HIGHER, false
#define MB_COMPARE_BETTER_LOWER MB_BETTER_LOWER, false
#define MB_COMPARE_BETTER_METRIC MB_BETTER_NONE, true
#define ROW(name, short_name, group, how, floor, usual, better, follows) {{name, short_name, better, group, how, floor, usual}, follows},
#define EXPANDED(...) ROW(__VA_ARGS__)
#define COMPARE_METRIC(id, name, short_name, better, group, how, floor, usual) \
    EXPANDED(name, short_name, MB_COMPARE_##group, MB_COMPARE_##how, floor, usual, MB_COMPARE_BETTER_##better)
#include "harness/compare_metric.def"
#undef COMPARE_METRIC
};

struct mb_compare_metric_row mb_compare_metric(size_t i)
{
    struct mb_compare_metric_row row = table[i].row;
    const int metric = table[i].as_metric ? mb_metric_find(row.name) : -1;
    if (metric >= 0)
        row.better = mb_metric_rows[metric].better;
    return row;
}

static bool is_named(const char *name, const char *typed, size_t n_bytes)
{
    size_t i = 0;
    while (i < n_bytes && name[i] && (typed[i] == name[i] || (typed[i] == '-' && name[i] == '_')))
        i++;
    return i == n_bytes && name[i] == '\0';
}

int mb_compare_metric_find(const char *name, size_t n_bytes, struct mb_error *err)
{
    const char *names[2 * MB_COMPARE_METRIC_N];
    char typed[64];
    for (size_t i = 0; i < MB_COMPARE_METRIC_N; i++) {
        names[2 * i] = table[i].row.name;
        names[2 * i + 1] = table[i].row.short_name;
        if (is_named(table[i].row.name, name, n_bytes) || is_named(table[i].row.short_name, name, n_bytes))
            return (int)i;
    }
    snprintf(typed, sizeof(typed), "%.*s", (int)n_bytes, name);
    const char *near = mb_nearest(typed, names, 2 * MB_COMPARE_METRIC_N);
    mb_fail(err, MB_EINVAL, "no metric '%s'%s%s%s; compare --help has the list", typed, near ? "; did you mean '" : "", near ? near : "",
            near ? "'?" : "");
    return -1;
}

const char *mb_compare_verdict_name(enum mb_compare_verdict verdict)
{
    static const char *const names[MB_COMPARE_VERDICT_N] = {"worse", "better", "same", "cannot tell"};
    return names[verdict];
}

static void begin_row(struct mb_compare_row *row, size_t n_a, size_t n_b)
{
    const size_t metric = row->metric;
    *row = (struct mb_compare_row){.metric = metric, .n_a = n_a, .n_b = n_b, .verdict = MB_COMPARE_UNKNOWN};
    row->median_a = row->median_b = row->change = row->lo = row->hi = row->coverage = (double)NAN;
    row->p = row->p_adjusted = row->effect = (double)NAN;
}

/* 2 / C(n_a + n_b, n_a): one order of all, and its mirror image */
static double least_p(size_t n_a, size_t n_b)
{
    return fmin(1, 2 * exp(lgamma((double)n_a + 1) + lgamma((double)n_b + 1) - lgamma((double)(n_a + n_b) + 1)));
}

size_t mb_compare_least_n(double alpha, size_t n_tests)
{
    size_t n = 2;
    while (n < MOST_WANTED && least_p(n, n) * (double)(n_tests > 0 ? n_tests : 1) >= alpha)
        n++;
    return n;
}

static bool take_logarithms(double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!(x[i] > 0 && isfinite(x[i])))
            return false;
        x[i] = log(x[i]);
    }
    return true;
}

static void set_change(struct mb_compare_row *row, double estimate, double lo, double hi, double coverage)
{
    row->change = expm1(estimate);
    row->lo = expm1(lo);
    row->hi = expm1(hi);
    row->coverage = coverage;
}

void mb_compare_samples(struct mb_compare_row *row, double *a, size_t n_a, double *b, size_t n_b, const struct mb_compare_rule *rule)
{
    begin_row(row, n_a, n_b);
    row->median_a = mb_stats_median(a, n_a);
    row->median_b = mb_stats_median(b, n_b);
    if (n_a == 0 || n_b == 0) {
        snprintf(row->reason, sizeof(row->reason), "no usable repetition of %s", n_a == 0 ? "A" : "B");
        return;
    }
    row->exact = mb_compare_metric(row->metric).how == MB_COMPARE_EXACT && a[0] == a[n_a - 1] && b[0] == b[n_b - 1] && a[0] > 0 && b[0] > 0;
    if (row->exact) {
        row->change = row->lo = row->hi = b[0] / a[0] - 1;
        row->coverage = 1;
        return;
    }
    if (!take_logarithms(a, n_a) || !take_logarithms(b, n_b)) {
        snprintf(row->reason, sizeof(row->reason), "a value is not above 0: there is no ratio");
        return;
    }
    const struct mb_stats_mann_whitney test = mb_stats_mann_whitney(a, n_a, b, n_b);
    const struct mb_stats_shift shift = mb_stats_shift(a, n_a, b, n_b, rule->confidence);
    if (least_p(n_a, n_b) < 1 - rule->confidence)
        row->p = fmax(test.p, least_p(n_a, n_b));
    row->effect = test.rank_biserial;
    set_change(row, shift.estimate, shift.lo, shift.hi, shift.coverage);
}

void mb_compare_baseline(struct mb_compare_row *row, double *medians, size_t n_a, double new_median, size_t n_b, const struct mb_compare_rule *rule)
{
    begin_row(row, n_a, n_b);
    row->by_runs = true;
    row->median_a = mb_stats_median(medians, n_a);
    row->median_b = new_median;
    if (n_b == 0 || n_a < LEAST_RUNS) {
        if (n_b == 0)
            snprintf(row->reason, sizeof(row->reason), "no usable repetition of B");
        else
            snprintf(row->reason, sizeof(row->reason), "%zu earlier runs have it; a baseline needs %d", n_a, LEAST_RUNS);
        return;
    }
    row->exact = mb_compare_metric(row->metric).how == MB_COMPARE_EXACT && medians[0] == medians[n_a - 1] && medians[0] > 0 && new_median > 0;
    if (row->exact) {
        row->change = row->lo = row->hi = new_median / medians[0] - 1;
        row->coverage = 1;
        return;
    }
    if (!take_logarithms(medians, n_a) || !take_logarithms(&new_median, 1)) {
        snprintf(row->reason, sizeof(row->reason), "a value is not above 0: there is no ratio");
        return;
    }
    const struct mb_stats_prediction at = mb_stats_predict(medians, n_a, new_median, rule->confidence);
    row->p = at.p;
    set_change(row, at.difference, at.lo, at.hi, rule->confidence);
}

void mb_compare_items(struct mb_compare_row *row, size_t n, size_t right_a, size_t lost, size_t won, const struct mb_compare_rule *rule)
{
    begin_row(row, n, n);
    row->lost = lost;
    row->won = won;
    if (n == 0) {
        snprintf(row->reason, sizeof(row->reason), "no question was answered by both");
        return;
    }
    const struct mb_stats_mcnemar test = mb_stats_mcnemar(lost, won, n, rule->confidence);
    row->median_a = (double)right_a / (double)n;
    row->median_b = ((double)right_a - (double)lost + (double)won) / (double)n;
    if (ldexp(2, -(int)fmin((double)(lost + won), 1000)) < 1 - rule->confidence)
        row->p = test.p;
    row->change = test.difference;
    row->lo = test.lo;
    row->hi = test.hi;
    row->coverage = rule->confidence;
    row->exact = lost + won == 0; /* about these questions nothing is left to chance */
    if (row->exact)
        row->lo = row->hi = row->change = 0;
}

/* The direction that counts: 1 when a larger value is worse. */
static int worse_sign(const struct mb_compare_row *row)
{
    return mb_compare_metric(row->metric).better == MB_BETTER_HIGHER ? -1 : 1;
}

/* How far into the given direction the whole interval lies: its end that is nearer to 0. */
static double least_change(const struct mb_compare_row *row, int sign)
{
    return sign > 0 ? row->lo : -row->hi;
}

bool mb_compare_is_beyond(const struct mb_compare_row *row, double limit)
{
    return row->verdict == MB_COMPARE_WORSE && least_change(row, worse_sign(row)) > limit;
}

/* Repetitions a side that would bring the interval clear of the nearer limit, if change and scatter stay as they are: its half-width shrinks
 * as 1 / sqrt n. 0: more than can be said. */
static size_t repetitions_wanted(const struct mb_compare_row *row)
{
    const double room = fabs(fabs(row->change) - row->matters), half = (row->hi - row->lo) / 2;
    const double n = fmax((double)row->n_a, (double)row->n_b), wanted = ceil(n * half * half / (room * room));
    return room > 0 && wanted <= MOST_WANTED ? (size_t)fmax(wanted, n + 1) : 0;
}

/* @n_asked: rows that a test would answer, were the values enough. */
static void say_why_not(struct mb_compare_row *row, const struct mb_compare_rule *rule, size_t n_asked)
{
    if (row->reason[0])
        return;
    const double alpha = 1 - rule->confidence;
    const bool paired = mb_compare_metric(row->metric).how == MB_COMPARE_PAIRED;
    const size_t least = mb_compare_least_n(alpha, rule->by_discovery_rate ? 1 : n_asked);
    const bool beyond = least_change(row, 1) > row->matters || least_change(row, -1) > row->matters;
    const size_t wanted = repetitions_wanted(row);
    if (paired)
        snprintf(row->reason, sizeof(row->reason), "%zu of %zu answers changed: too few questions to tell", row->lost + row->won, row->n_a);
    else if (row->by_runs)
        snprintf(row->reason, sizeof(row->reason), "within what the %zu earlier runs scatter, which is more than the minimum effect", row->n_a);
    else if (row->n_a < least || row->n_b < least)
        snprintf(row->reason, sizeof(row->reason), "%zu against %zu values cannot reach p < %.3g among %zu comparisons: %zu each are the least",
                 row->n_a, row->n_b, alpha, n_asked, least);
    else if (beyond)
        snprintf(row->reason, sizeof(row->reason), "p is not below %.3g among %zu comparisons", alpha, n_asked);
    else if (wanted)
        snprintf(row->reason, sizeof(row->reason), "the interval reaches over the minimum effect: about %zu repetitions a side, if it stays so", wanted);
    else
        snprintf(row->reason, sizeof(row->reason), "the change is too near to the minimum effect for any sensible number of repetitions");
}

static void judge(struct mb_compare_row *row, const struct mb_compare_rule *rule, size_t n_asked)
{
    const double alpha = 1 - rule->confidence;
    const bool covers = row->coverage >= rule->confidence, shown = row->exact || row->p_adjusted < alpha;
    if (row->doubt && !row->exact)
        snprintf(row->reason, sizeof(row->reason), "%s", row->doubt);
    else if (covers && shown && least_change(row, worse_sign(row)) > row->matters)
        row->verdict = MB_COMPARE_WORSE;
    else if (covers && shown && least_change(row, -worse_sign(row)) > row->matters)
        row->verdict = MB_COMPARE_BETTER;
    else if (covers && row->lo >= -row->matters && row->hi <= row->matters)
        row->verdict = MB_COMPARE_SAME;
    else
        say_why_not(row, rule, n_asked);
}

int mb_compare_judge(struct mb_compare_row *rows, size_t n, const struct mb_compare_rule *rule, struct mb_error *err)
{
    double *p = calloc(n ? n : 1, sizeof(*p));
    size_t n_asked = 0;
    if (!p)
        return mb_fail(err, MB_ENOMEM, "no memory to judge %zu comparisons", n);
    for (size_t i = 0; i < n; i++) {
        p[i] = rows[i].p;
        n_asked += !rows[i].exact;
    }
    const int rc = rule->by_discovery_rate ? mb_stats_adjust_benjamini_hochberg(p, n, p, err) : mb_stats_adjust_holm(p, n, p, err);
    for (size_t i = 0; i < n && !rc; i++) {
        const double floor = mb_compare_metric(rows[i].metric).floor;
        rows[i].p_adjusted = p[i];
        rows[i].matters = fmax(rule->min_effect, floor > 0 ? floor / rows[i].median_a : 0);
        judge(&rows[i], rule, n_asked);
    }
    free(p);
    return rc;
}
