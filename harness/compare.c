/* compare.c - see compare.h. */
#include "harness/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "harness/compare_facts.h"
#include "harness/stats.h"

static int lack_memory(struct mb_error *err)
{
    return mb_fail(err, MB_ENOMEM, "no memory for the comparison");
}

static const struct mb_compare_cell *newest_of_key(const struct mb_compare *c, const char *key)
{
    const struct mb_compare_cell *cell = NULL;
    for (size_t i = 0; i < c->n_a && !cell; i++)
        cell = mb_compare_find(&c->a[i], key);
    return cell;
}

/* Cells of B in its order, each with A's where there is one; then those of the newest A that B lacks. */
static int pair_cells(struct mb_compare *c, struct mb_error *err)
{
    c->pairs = calloc(c->b.n_cells + c->a[0].n_cells + 1, sizeof(*c->pairs));
    if (!c->pairs)
        return lack_memory(err);
    for (size_t i = 0; i < c->b.n_cells; i++) {
        const struct mb_compare_cell *a = newest_of_key(c, c->b.cells[i].key);
        c->pairs[c->n_pairs++] = (struct mb_compare_pair){.a = a, .b = &c->b.cells[i]};
        c->n_only_b += !a;
    }
    for (size_t i = 0; i < c->a[0].n_cells; i++) {
        if (mb_compare_find(&c->b, c->a[0].cells[i].key))
            continue;
        c->pairs[c->n_pairs++] = (struct mb_compare_pair){.a = &c->a[0].cells[i]};
        c->n_only_a++;
    }
    if (c->n_only_b < c->b.n_cells)
        return MB_OK;
    return mb_fail(err, MB_ENOENT, "no cell is on both sides: A has %s %s, B has %s %s; cells meet when configuration, model and data are the same", c->a[0].cells[0].label,
                   c->a[0].cells[0].shape, c->b.cells[0].label, c->b.cells[0].shape);
}

/* Both lists are sorted by item. */
static void measure_items(struct mb_compare_row *row, const struct mb_compare_cell *a, const struct mb_compare_cell *b, const struct mb_compare_rule *rule)
{
    size_t n = 0, right_a = 0, lost = 0, won = 0;
    for (size_t i = 0, j = 0; i < a->n_answers && j < b->n_answers;) {
        const int order = strcmp(a->answers[i].item, b->answers[j].item);
        if (order == 0) {
            const bool in_a = a->answers[i].right, in_b = b->answers[j].right;
            n++;
            right_a += in_a;
            lost += in_a && !in_b;
            won += in_b && !in_a;
        }
        i += order <= 0;
        j += order >= 0;
    }
    mb_compare_items(row, n, right_a, lost, won, rule);
}

static int copy_values(double **copy, const struct mb_compare_cell *cell, size_t metric, struct mb_error *err)
{
    const size_t n = cell->n_value[metric];
    *copy = calloc(n + 1, sizeof(**copy));
    if (!*copy)
        return lack_memory(err);
    if (n > 0)
        memcpy(*copy, cell->value[metric], n * sizeof(**copy));
    return MB_OK;
}

static int measure_samples(struct mb_compare_row *row, const struct mb_compare_pair *pair, const struct mb_compare_rule *rule, struct mb_error *err)
{
    double *a = NULL, *b = NULL;
    int rc = copy_values(&a, pair->a, row->metric, err);
    if (!rc)
        rc = copy_values(&b, pair->b, row->metric, err);
    if (!rc)
        mb_compare_samples(row, a, pair->a->n_value[row->metric], b, pair->b->n_value[row->metric], rule);
    free(a);
    free(b);
    return rc;
}

/* The medians of all runs of the baseline that have the figure, against the new one's. */
static int measure_baseline(struct mb_compare_row *row, const struct mb_compare *c, const struct mb_compare_pair *pair, struct mb_error *err)
{
    double *medians = calloc(c->n_a + 1, sizeof(*medians)), *x = NULL;
    size_t n_runs = 0;
    int rc = medians ? MB_OK : lack_memory(err);
    for (size_t i = 0; i < c->n_a && !rc; i++) {
        const struct mb_compare_cell *cell = mb_compare_find(&c->a[i], pair->b->key);
        if (!cell || cell->n_value[row->metric] == 0)
            continue;
        rc = copy_values(&x, cell, row->metric, err);
        if (!rc)
            medians[n_runs++] = mb_stats_median(x, cell->n_value[row->metric]);
        free(x);
        x = NULL;
    }
    if (!rc)
        rc = copy_values(&x, pair->b, row->metric, err);
    if (!rc) {
        const size_t n_b = pair->b->n_value[row->metric];
        mb_compare_baseline(row, medians, n_runs, mb_stats_median(x, n_b), n_b, &c->rule);
    }
    free(x);
    free(medians);
    return rc;
}

/* Does either side have the figure? A side that has it alone is not passed over. */
static bool has_figure(const struct mb_compare_pair *pair, size_t metric)
{
    if (mb_compare_metric(metric).how == MB_COMPARE_PAIRED)
        return pair->a->n_answers > 0 || pair->b->n_answers > 0;
    return pair->a->n_value[metric] > 0 || pair->b->n_value[metric] > 0;
}

/* Cells of one run whose repetitions took turns: what others did met both alike. */
static bool took_turns(const struct mb_compare_run *a, const struct mb_compare_run *b)
{
    return strcmp(mb_compare_fact(a, "order"), "interleaved") == 0 && json_equal(json_object_get(a->facts, "run"), json_object_get(b->facts, "run")) &&
           strcmp(mb_compare_fact(a, "database"), mb_compare_fact(b, "database")) == 0;
}

/* Two runs on a machine that others use differ by what the others did: a test over repetitions takes that for a difference of the runs. The runs of a
 * baseline have it in their scatter. */
static const char *doubt_of(const struct mb_compare *c, size_t metric)
{
    const enum mb_compare_group group = mb_compare_metric(metric).group;
    const struct mb_compare_run *a = &c->a[0], *b = &c->b;
    if (group == MB_COMPARE_ENERGY && strcmp(mb_compare_fact(a, "energy"), mb_compare_fact(b, "energy")) != 0)
        return "energy of the two sides is not of one source";
    if ((group != MB_COMPARE_SPEED && group != MB_COMPARE_ENERGY) || c->is_baseline || c->noisy || took_turns(a, b))
        return NULL;
    if (mb_compare_fact(a, "noise_grade")[0] == 'E' || mb_compare_fact(b, "noise_grade")[0] == 'E')
        return "noise grade E: others used the machine, so two runs differ by what they did; measure when it is quiet, or use --baseline-last, or --noisy";
    return NULL;
}

static int measure_pair(struct mb_compare *c, struct mb_compare_pair *pair, struct mb_error *err)
{
    int rc = MB_OK;
    pair->first_row = c->n_rows;
    for (size_t m = 0; m < MB_COMPARE_METRIC_N && !rc && pair->a && pair->b; m++) {
        if (!c->wanted.metric[m] || !has_figure(pair, m))
            continue;
        struct mb_compare_row *row = &c->rows[c->n_rows++];
        row->metric = m;
        if (mb_compare_metric(m).how == MB_COMPARE_PAIRED)
            measure_items(row, pair->a, pair->b, &c->rule);
        else
            rc = c->is_baseline ? measure_baseline(row, c, pair, err) : measure_samples(row, pair, &c->rule, err);
        row->doubt = doubt_of(c, m);
    }
    pair->n_rows = c->n_rows - pair->first_row;
    return rc;
}

int mb_compare_make(struct mb_compare *c, struct mb_error *err)
{
    int rc = pair_cells(c, err);
    if (!rc && !(c->rows = calloc(c->n_pairs * MB_COMPARE_METRIC_N, sizeof(*c->rows))))
        rc = lack_memory(err);
    for (size_t i = 0; i < c->n_pairs && !rc; i++)
        rc = measure_pair(c, &c->pairs[i], err);
    if (!rc)
        rc = mb_compare_judge(c->rows, c->n_rows, &c->rule, err);
    for (size_t i = 0; i < c->n_rows; i++) {
        c->n_verdict[c->rows[i].verdict]++;
        c->n_tests += !isnan(c->rows[i].p);
    }
    c->differs = mb_compare_facts(c);
    return rc || c->differs ? rc : lack_memory(err);
}

void mb_compare_release(struct mb_compare *c)
{
    for (size_t i = 0; i < c->n_a; i++)
        mb_compare_run_release(&c->a[i]);
    mb_compare_run_release(&c->b);
    free(c->a);
    free(c->pairs);
    free(c->rows);
    json_decref(c->differs);
    *c = (struct mb_compare){0};
}

bool mb_compare_fails(const struct mb_compare *c, const struct mb_compare_row *row)
{
    return c->wanted.fails[row->metric] && mb_compare_is_beyond(row, fmax(c->wanted.limit[row->metric], row->matters));
}

int mb_compare_exit(const struct mb_compare *c)
{
    int code = 0;
    for (size_t i = 0; i < c->n_rows; i++) {
        if (!mb_compare_fails(c, &c->rows[i]))
            continue;
        if (mb_compare_metric(c->rows[i].metric).group == MB_COMPARE_QUALITY)
            return 5;
        code = 3;
    }
    return code;
}
