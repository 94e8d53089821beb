/* cmd_plan.c - `meltbench plan`: the cells of a plan, what is refused and why, and how long it will take. Runs nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "db/store.h"
#include "harness/memory_forecast.h"
#include "harness/options.h"
#include "harness/plan.h"
#include "harness/plan_estimate.h"
#include "harness/plan_store.h"
#include "workloads/workload.h"

struct plan_options {
    const char *db, *data;
    bool json;
};

static const struct mb_opt_row rows[] = {
    {"--data", NULL, MB_OPT_TEXT, offsetof(struct plan_options, data), "DIR", 0, 0, "folder of real data sets (default: $MELTBENCH_DATA)"},
    {"--db", NULL, MB_OPT_TEXT, offsetof(struct plan_options, db), "FILE", 0, 0,
     "take times of cells that this database already holds (default: none, times are estimated from the model's size)"},
    {"--json", NULL, MB_OPT_FLAG, offsetof(struct plan_options, json), NULL, 0, 0, "print one JSON object instead of the table"},
    {0},
};

enum { N_COLUMNS = MB_AXIS_N + 5 };

struct costs {
    struct mb_estimate *cells; /* [n_cells]; a refused cell costs nothing */
    struct mb_memory_forecast *memory; /* [n_cells] */
    size_t n_short;            /* cells that will not fit */
    double total_s;            /* of what can be told */
    size_t n_unknown, n_from_database;
    double bytes_per_s;
};

/* NULL: it fits, or nobody knows. */
static const char *shortage_of(const struct mb_plan *plan, const struct costs *costs, size_t i, char *buf, size_t cap)
{
    return plan->cells[i].refused ? NULL : mb_memory_shortage(costs->memory[i].peak_bytes, plan->protocol.memory_limit_mib, "", buf, cap);
}

static int estimate_all(struct costs *costs, const struct mb_plan *plan, struct mb_db *db, struct mb_error *err)
{
    char shortage[160];
    costs->bytes_per_s = mb_estimate_bandwidth();
    costs->cells = calloc(plan->n_cells ? plan->n_cells : 1, sizeof(*costs->cells));
    costs->memory = calloc(plan->n_cells ? plan->n_cells : 1, sizeof(*costs->memory));
    if (!costs->cells || !costs->memory)
        return mb_fail(err, MB_ENOMEM, "no memory for the estimate");
    for (size_t i = 0; i < plan->n_cells; i++) {
        if (plan->cells[i].refused)
            continue;
        costs->cells[i] = mb_estimate_cell(plan, &plan->cells[i], db, costs->bytes_per_s);
        mb_memory_forecast(&costs->memory[i], &plan->cells[i].cell, "");
        costs->n_short += shortage_of(plan, costs, i, shortage, sizeof(shortage)) != NULL;
        costs->n_unknown += isnan(costs->cells[i].cell_s);
        costs->n_from_database += costs->cells[i].from_database;
        costs->total_s += isnan(costs->cells[i].cell_s) ? 0 : costs->cells[i].cell_s;
    }
    return MB_OK;
}

static void format_time(double s, char *buf, size_t cap)
{
    if (isnan(s))
        snprintf(buf, cap, "-");
    else if (s < 120)
        snprintf(buf, cap, "%.0f s", ceil(s));
    else if (s < 7200)
        snprintf(buf, cap, "%.0f min", ceil(s / 60));
    else
        snprintf(buf, cap, "%.1f h", s / 3600);
}

static void option_text(const json_t *value, struct mb_strbuf *out)
{
    size_t i;
    json_t *item;
    if (json_is_integer(value))
        mb_strbuf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_string(value))
        mb_strbuf_puts(out, json_string_value(value));
    json_array_foreach(value, i, item)
        mb_strbuf_printf(out, "%s%s", i ? "," : "", json_string_value(item));
}

/* "micro prompt=256 gen=64": the options that are not at their defaults. */
static void workload_text(const struct mb_cell *cell, struct mb_strbuf *out)
{
    const struct mb_workload_ops *ops = mb_workload_find(cell->workload);
    mb_strbuf_puts(out, cell->workload);
    for (const struct mb_workload_option *row = ops->options; row && row->key; row++) {
        struct mb_strbuf value = {0};
        option_text(json_object_get(cell->options, row->key), &value);
        if (value.n_bytes && (!row->def || strcmp(value.text, row->def) != 0))
            mb_strbuf_printf(out, " %s=%.60s", row->key, value.text);
        mb_strbuf_release(&value);
    }
}

/* Text of column i of a cell; the columns are: number, axes that vary, workload, repetitions, memory, time. */
static void column_text(const struct mb_plan *plan, const struct costs *costs, size_t i_cell, int column, struct mb_strbuf *out)
{
    const struct mb_plan_cell *cell = &plan->cells[i_cell];
    char time[32];
    mb_strbuf_clear(out);
    if (column == 0)
        mb_strbuf_printf(out, "%zu", i_cell + 1);
    else if (column <= MB_AXIS_N)
        mb_strbuf_puts(out, cell->cell.axis[column - 1]);
    else if (column == MB_AXIS_N + 1)
        workload_text(&cell->cell, out);
    else if (column == MB_AXIS_N + 2)
        mb_strbuf_printf(out, cell->stopping.most ? "%u-%u" : "%u", cell->repetitions, cell->stopping.most);
    else if (column == MB_AXIS_N + 3) {
        if (costs->memory[i_cell].peak_bytes)
            mb_strbuf_printf(out, "%.0f MiB", (double)costs->memory[i_cell].peak_bytes / 1048576.0);
    } else if (cell->refused)
        mb_strbuf_puts(out, "refused");
    else {
        format_time(costs->cells[i_cell].cell_s, time, sizeof(time));
        mb_strbuf_puts(out, time);
    }
}

static const char *header_of(int column)
{
    static const char *const last[] = {"workload", "repetitions", "memory", "time"};
    return column == 0 ? "cell" : column <= MB_AXIS_N ? mb_axis_rows[column - 1].column : last[column - MB_AXIS_N - 1];
}

static void print_common(const struct mb_plan *plan, FILE *out)
{
    bool first = true;
    for (int a = 0; a < MB_AXIS_N; a++) {
        if (mb_plan_varies(plan, (enum mb_axis)a))
            continue;
        fprintf(out, "%s%s %s", first ? "every cell: " : ", ", mb_axis_rows[a].column, plan->cells[0].cell.axis[a]);
        first = false;
    }
    fputs(first ? "" : "\n", out);
}

static void print_cell(const struct mb_plan *plan, const struct costs *costs, size_t i, const size_t width[N_COLUMNS], FILE *out)
{
    struct mb_strbuf text = {0};
    for (int c = 0; c < N_COLUMNS; c++) {
        if (!width[c])
            continue;
        column_text(plan, costs, i, c, &text);
        fprintf(out, "%-*s", c == N_COLUMNS - 1 ? 0 : (int)width[c] + 2, mb_strbuf_text(&text));
    }
    if (plan->cells[i].refused)
        fprintf(out, ": %s", plan->cells[i].refused);
    const char *warning = strstr(plan->cells[i].label, "[warning");
    fprintf(out, "%s%s", warning ? "  " : "", warning ? warning : "");
    char shortage[160];
    const char *lacks = shortage_of(plan, costs, i, shortage, sizeof(shortage));
    fprintf(out, lacks ? "  [warning: %s]\n" : "%s\n", lacks ? lacks : "");
    mb_strbuf_release(&text);
}

static void measure_columns(const struct mb_plan *plan, const struct costs *costs, size_t width[N_COLUMNS])
{
    struct mb_strbuf text = {0};
    for (int c = 0; c < N_COLUMNS; c++) {
        const bool shown = c == 0 || c > MB_AXIS_N || mb_plan_varies(plan, (enum mb_axis)(c - 1));
        width[c] = shown && c != MB_AXIS_N + 3 ? strlen(header_of(c)) : 0; /* memory: only where some cell's is known */
        for (size_t i = 0; shown && i < plan->n_cells; i++) {
            column_text(plan, costs, i, c, &text);
            width[c] = text.n_bytes > width[c] ? text.n_bytes : width[c];
        }
        if (width[c] > 0 && width[c] < strlen(header_of(c)))
            width[c] = strlen(header_of(c));
    }
    mb_strbuf_release(&text);
}

static size_t count_refused(const struct mb_plan *plan)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n_cells; i++)
        n += plan->cells[i].refused != NULL;
    return n;
}

static void print_totals(const struct mb_plan *plan, const struct costs *costs, FILE *out)
{
    char total[32];
    const size_t n_refused = count_refused(plan), n_run = plan->n_cells - n_refused;
    format_time(costs->total_s, total, sizeof(total));
    fprintf(out, "\n%zu cells, %zu refused, %zu to run", plan->n_cells, n_refused, n_run);
    if (n_run > costs->n_unknown)
        fprintf(out, "; about %s", total);
    if (costs->n_unknown)
        fprintf(out, "; time of %zu unknown (scripts)", costs->n_unknown);
    fputc('\n', out);
    if (n_run > costs->n_unknown + costs->n_from_database)
        fprintf(out, "time is a rough estimate: weights read once per token at %.1f GB/s (one thread, measured now), prompt tokens at a fifth, %s\n",
                costs->bytes_per_s * 1e-9, "answers at full length, warm-up and start counted");
    if (costs->n_from_database)
        fprintf(out, "time of %zu cells from the database: median of their measured trials\n", costs->n_from_database);
    if (costs->n_short)
        fprintf(out, "%zu cells will not fit into memory: a smaller format, cache or context, or fewer things beside them\n", costs->n_short);
}

static void print_table(const struct mb_plan *plan, const struct costs *costs, FILE *out)
{
    size_t width[N_COLUMNS];
    measure_columns(plan, costs, width);
    fprintf(out, "plan %s (%.12s), order %s, seed %llu, collect %s\n", plan->name, plan->hash,
            mb_order_name(plan->protocol.order), (unsigned long long)plan->protocol.seed,
            *plan->collect ? plan->collect : "nothing");
    print_common(plan, out);
    fputc('\n', out);
    for (int c = 0; c < N_COLUMNS; c++)
        if (width[c])
            fprintf(out, "%-*s", c == N_COLUMNS - 1 ? 0 : (int)width[c] + 2, header_of(c));
    fputc('\n', out);
    for (size_t i = 0; i < plan->n_cells; i++)
        print_cell(plan, costs, i, width, out);
    print_totals(plan, costs, out);
}

static json_t *number_or_null(double v)
{
    return isnan(v) ? json_null() : json_real(v);
}

/* Bytes; null for a cell whose need is not known, with the reason beside it. */
static json_t *memory_json(const struct mb_memory_forecast *f)
{
    if (!f->peak_bytes)
        return json_pack("{s:n, s:s}", "peak_bytes", "unknown", f->why_not);
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "peak_bytes", (json_int_t)f->peak_bytes, "process_bytes", (json_int_t)f->process_bytes, "weight_bytes",
                     (json_int_t)f->need.weight_bytes, "kv_bytes", (json_int_t)f->need.kv_bytes, "scratch_bytes", (json_int_t)f->need.scratch_bytes);
}

static json_t *cell_json(const struct mb_plan *plan, const struct costs *costs, size_t i)
{
    const struct mb_plan_cell *cell = &plan->cells[i];
    const struct mb_estimate *e = &costs->cells[i];
    char shortage[160];
    json_t *config = json_loads(cell->config_json, 0, NULL);
    return json_pack("{s:I, s:s, s:s, s:o, s:s?, s:i, s:s, s:o, s:s?, s:o, s:s?}", "cell", (json_int_t)i + 1, "hash", cell->hash, "label", cell->label,
                     "config", config, "refused", cell->refused, "repetitions", (int)cell->repetitions, "model_sha256", cell->model_sha256,
                     "estimate_s", cell->refused ? json_null() : number_or_null(e->cell_s), "estimate_from",
                     cell->refused || isnan(e->cell_s) ? NULL : e->from_database ? "database" : "model size and memory bandwidth", "memory",
                     cell->refused ? json_null() : memory_json(&costs->memory[i]), "memory_warning", shortage_of(plan, costs, i, shortage, sizeof(shortage)));
}

static int print_json(const struct mb_plan *plan, const struct costs *costs, FILE *out, struct mb_error *err)
{
    json_t *cells = json_array();
    for (size_t i = 0; i < plan->n_cells; i++)
        json_array_append_new(cells, cell_json(plan, costs, i));
    json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:o, s:f, s:s, s:o}", "name", plan->name, "hash", plan->hash, "n_cells",
                             (json_int_t)plan->n_cells, "n_refused", (json_int_t)count_refused(plan), "plan",
                             json_loads(plan->text, 0, NULL), "estimate_s", costs->total_s, "collect", plan->collect, "cells", cells);
    const int failed = !root || json_dumpf(root, out, JSON_INDENT(2) | JSON_SORT_KEYS);
    fputc('\n', out);
    json_decref(root);
    return failed ? mb_fail(err, MB_ENOMEM, "no memory for the plan's JSON") : MB_OK;
}

static int show_plan(const struct plan_options *o, const char *path, struct mb_error *err)
{
    const struct mb_plan_env env = {.data_dir = o->data};
    struct mb_plan *plan = NULL;
    struct mb_db *db = NULL;
    struct costs costs = {0};
    int rc = mb_plan_load(&plan, path, &env, err);
    if (!rc && o->db)
        rc = mb_db_open(&db, o->db, MB_DB_READ, err);
    if (!rc)
        rc = estimate_all(&costs, plan, db, err);
    if (!rc && o->json)
        rc = print_json(plan, &costs, stdout, err);
    else if (!rc)
        print_table(plan, &costs, stdout);
    free(costs.cells);
    free(costs.memory);
    mb_db_close(db);
    mb_plan_free(plan);
    return rc;
}

static int plan_main(int argc, char **argv);

const struct mb_command mb_command_plan = {
    .name = "plan", .operands = "PLAN", .summary = "print the cells of a plan and how long they take, run nothing",
    .description = "Reads a plan file, checks it and prints every cell that it makes: the axes that vary, the workload, the repetitions, "
                   "how much memory and time it will take about, with a warning where the memory is not there, and for cells that will not run the reason. Nothing is measured or stored.",
    .rows = rows, .run = plan_main,
};

static int plan_main(int argc, char **argv)
{
    struct plan_options o = {0};
    struct mb_error err = {0};
    int n_operands = 0;
    int rc = mb_opt_parse(&mb_command_plan, argc, argv, &o, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc)
        rc = show_plan(&o, argv[1], &err);
    return rc ? mb_complain(&mb_command_plan, &err) : 0;
}
