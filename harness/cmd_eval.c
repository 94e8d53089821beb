/*
 * cmd_eval.c - `meltbench eval`: accuracy of a configuration by likelihood (lm-eval's rules), or perplexity of a text; a table of
 * scores with their standard error on standard output.
 */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/direct.h"
#include "harness/options.h"

struct eval_options {
    const char *axis[MB_AXIS_N];
    const char *tasks, *text, *data, *db, *format;
    uint32_t limit, chunks, n_ctx;
    uint64_t seed;
    bool quiet;
};

static const struct mb_opt_row eval_rows[] = {
    {"--tasks", NULL, MB_OPT_TEXT, offsetof(struct eval_options, tasks), "LIST", 0, 0, "mini (shipped), arc_easy, openbookqa, piqa (mini)"},
    {"--limit", NULL, MB_OPT_U32, offsetof(struct eval_options, limit), "N", 0, 1 << 30, "first N questions of each task; 0 = all (0)"},
    {"--perplexity", NULL, MB_OPT_TEXT, offsetof(struct eval_options, text), "FILE", 0, 0,
     "perplexity of a text instead of tasks, by llama-perplexity's rules; text.txt = the shipped one"},
    {"--ctx-size", "-c", MB_OPT_U32, offsetof(struct eval_options, n_ctx), "N", 8, 131072, "tokens of a chunk of --perplexity (512)"},
    {"--chunks", NULL, MB_OPT_U32, offsetof(struct eval_options, chunks), "N", 0, 1000000, "first N chunks of --perplexity; 0 = all (0)"},
    {"--output", "-o", MB_OPT_TEXT, offsetof(struct eval_options, format), "FORMAT", 0, 0, "md or json on standard output (md)"},
    {"--data", NULL, MB_OPT_TEXT, offsetof(struct eval_options, data), "DIR", 0, 0, "folder of real data sets (default: $MELTBENCH_DATA)"},
    {"--db", NULL, MB_OPT_TEXT, offsetof(struct eval_options, db), "FILE", 0, 0, "also store the run in this database"},
    {"--seed", NULL, MB_OPT_U64, offsetof(struct eval_options, seed), "N", 0, 9.0e18, "seed of everything random (42)"},
    {"--quiet", "-q", MB_OPT_FLAG, offsetof(struct eval_options, quiet), NULL, 0, 0, "no progress"},
    {0},
};

struct eval_state {
    json_t *rows;
    bool alone; /* one configuration: its label, which names what differs, says nothing */
    char failure[700];
};

/* Perplexity after each chunk: the workload's answers. */
static json_t *running_values(const struct mb_record *record)
{
    json_t *values = json_array();
    for (size_t i = 0; i < record->n_answers; i++)
        json_array_append_new(values, json_real(strtod(record->answers[i].given, NULL)));
    return values;
}

/* One row per metric and scope that the workload scored; a share's standard error is sqrt(p (1 - p) / (n - 1)), the sample sd of
 * zeros and ones over sqrt(n) (lm-eval's stderr of a mean). */
static void take_scores(void *user, const struct mb_plan_cell *cell, const struct mb_record *record)
{
    struct eval_state *st = user;
    if (record->kind != MB_TRIAL_MEASURED)
        return;
    if (record->status != MB_TRIAL_OK) {
        if (!st->failure[0] && !cell->refused)
            snprintf(st->failure, sizeof(st->failure), "%s: %s", cell->label, record->reason ? record->reason : "failed");
        return;
    }
    for (size_t i = 0; i < record->n_metrics; i++) {
        const struct mb_record_metric *m = &record->metrics[i];
        const bool share = m->metric == MB_METRIC_ACCURACY || m->metric == MB_METRIC_ACCURACY_NORM;
        if (!share && m->metric != MB_METRIC_PERPLEXITY)
            continue;
        if (isnan(m->value)) {
            if (!st->failure[0])
                snprintf(st->failure, sizeof(st->failure), "%s: %s", mb_metric_rows[m->metric].name, m->reason ? m->reason : "unknown");
            continue;
        }
        const double n = mb_record_value(record, MB_METRIC_N_QUESTIONS, m->scope);
        json_t *row = json_pack("{s:s,s:s,s:s,s:f}", "configuration", st->alone ? cell->cell.axis[MB_AXIS_MODEL] : cell->label, "task", *m->scope ? m->scope : "all", "metric",
                                mb_metric_rows[m->metric].name, "value", m->value);
        json_object_set_new(row, "stderr", share && n > 1 ? json_real(sqrt(m->value * (1 - m->value) / (n - 1))) : json_null());
        json_object_set_new(row, "n", isnan(n) ? json_null() : json_integer(llround(n)));
        if (m->metric == MB_METRIC_PERPLEXITY)
            json_object_set_new(row, "by_chunk", running_values(record));
        for (int a = 0; a < MB_AXIS_N; a++)
            json_object_set_new(row, mb_axis_rows[a].key, json_string(cell->cell.axis[a]));
        json_array_append_new(st->rows, row);
    }
}

/* "[1]16.4155,[2]14.9893,": as llama-perplexity writes them. */
static void print_running(const json_t *row)
{
    const json_t *values = json_object_get(row, "by_chunk");
    for (size_t i = 0; i < json_array_size(values); i++)
        printf("%s[%zu]%.4f", i ? "," : "", i + 1, json_real_value(json_array_get(values, i)));
    if (json_array_size(values))
        puts("\n");
}

static void print_rows(const json_t *rows, const char *format)
{
    size_t i;
    json_t *row;
    if (strcmp(format, "json") == 0) {
        json_dumpf(rows, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
        putchar('\n');
        return;
    }
    json_array_foreach(rows, i, row)
        print_running(row);
    puts("| configuration | task | metric | value | ± stderr | n |\n| --- | --- | --- | ---: | ---: | ---: |");
    json_array_foreach(rows, i, row) {
        const json_t *se = json_object_get(row, "stderr"), *n = json_object_get(row, "n");
        printf("| %s | %s | %s | %.4f |", json_string_value(json_object_get(row, "configuration")), json_string_value(json_object_get(row, "task")),
               json_string_value(json_object_get(row, "metric")), json_real_value(json_object_get(row, "value")));
        json_is_null(se) ? printf(" |") : printf(" %.4f |", json_real_value(se));
        json_is_null(n) ? puts(" |") : printf(" %lld |\n", (long long)json_integer_value(n));
    }
}

/* A file of the folder that the user stands in goes by its full path: the worker and the data folders know nothing of that folder. */
static json_t *file_or_name(const char *text)
{
    char full[PATH_MAX];
    return json_string(strchr(text, '.') && access(text, R_OK) == 0 && realpath(text, full) ? full : text);
}

static json_t *options_of_flags(const struct eval_options *o)
{
    if (!o->text) {
        json_t *tasks = json_array();
        char *copy = strdup(o->tasks), *save = NULL;
        for (char *t = copy ? strtok_r(copy, ",", &save) : NULL; t; t = strtok_r(NULL, ",", &save))
            json_array_append_new(tasks, file_or_name(t));
        free(copy);
        return json_pack("{s:o,s:i}", "tasks", tasks, "limit", (int)o->limit);
    }
    return json_pack("{s:i,s:i,s:o}", "chunks", (int)o->chunks, "ctx", (int)o->n_ctx, "file", file_or_name(o->text));
}

static int eval_main(int argc, char **argv);

const struct mb_command mb_command_eval = {
    .name = "eval",
    .summary = "accuracy or perplexity of a configuration",
    .description = "Scores multiple-choice questions by the likelihood of their choices, with lm-eval's rules, or the perplexity of a text with "
                   "llama-perplexity's. Axis flags take lists; their product is scored. Of a perplexity the running value after each chunk is printed first.",
    .rows = eval_rows,
    .takes_axes = true,
    .axis_offset = offsetof(struct eval_options, axis),
    .run = eval_main,
};

static int eval_main(int argc, char **argv)
{
    struct eval_options o = {.tasks = "mini", .n_ctx = 512, .format = "md", .seed = 42};
    struct eval_state st = {0};
    struct mb_error err = {0};
    struct mb_plan *plan = NULL;
    struct mb_session_result result = {0};
    int n_operands = 0;
    int rc = mb_opt_parse(&mb_command_eval, argc, argv, &o, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc && !o.axis[MB_AXIS_MODEL])
        rc = mb_fail(&err, MB_EINVAL, "which model? give -m FILE or a catalogue name (smollm2-135m)");
    if (!rc && strcmp(o.format, "md") != 0 && strcmp(o.format, "json") != 0)
        rc = mb_fail(&err, MB_EINVAL, "unknown output format '%s'; known: md, json", o.format);
    if (!rc) {
        const struct mb_protocol protocol = {.repetitions = 1, .warmup = 0, .order = MB_ORDER_LISTED, .seed = o.seed, .timeout_s = 24 * 3600};
        const struct mb_plan_env env = {.data_dir = o.data};
        json_t *options = options_of_flags(&o);
        rc = mb_plan_single(&plan, "eval", o.axis, NULL, o.text ? "perplexity" : "accuracy", options, &protocol, "memory", &env, &err);
        json_decref(options);
    }
    if (!rc) {
        mb_direct_say_refused(plan);
        st.rows = json_array();
        st.alone = plan->n_cells == 1;
        struct mb_session_options so = {.quiet = o.quiet, .no_warmup = true, .on_trial = take_scores, .user = &st};
        rc = mb_direct_run(plan, o.db, &so, &result, &err);
    }
    if (st.rows && json_array_size(st.rows))
        print_rows(st.rows, o.format);
    if (st.failure[0])
        fprintf(stderr, "meltbench: %s\n", st.failure);
    json_decref(st.rows);
    mb_plan_free(plan);
    if (rc)
        return mb_complain(&mb_command_eval, &err);
    return st.failure[0] ? 1 : mb_direct_exit(&result);
}
