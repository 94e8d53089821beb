/*
 * cmd_bench.c - `meltbench bench`: llama-bench's question (tokens per second of prefill and decode) with its flags, test names and
 * output. Every test is a cell of the micro workload, in a process of its own; --db keeps what llama-bench throws away.
 */
#include <eng/engine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "harness/bench_flags.h"
#include "harness/bench_row.h"
#include "harness/direct.h"
#include "harness/options.h"

struct bench_options {
    const char *axis[MB_AXIS_N];
    const char *n_prompt, *n_gen, *depth, *format, *format_err, *db, *data;
    struct mb_opt_texts pg;
    struct mb_bench_flags flags;
    uint32_t repetitions, delay_s;
    uint64_t seed;
    bool no_warmup, progress;
};

static const struct mb_opt_row bench_rows[] = {
    {"--n-prompt", "-p", MB_OPT_TEXT, offsetof(struct bench_options, n_prompt), "LIST", 0, 0, "prompt lengths, one prefill test each; 0 = none (512)"},
    {"--n-gen", "-n", MB_OPT_TEXT, offsetof(struct bench_options, n_gen), "LIST", 0, 0, "lengths of generation, one decode test each; 0 = none (128)"},
    {"--prompt-gen", "-pg", MB_OPT_TEXTS, offsetof(struct bench_options, pg), "PP,TG", 0, 0, "one test of PP prompt tokens and TG generated ones together; may be given again"},
    {"--n-depth", "-d", MB_OPT_TEXT, offsetof(struct bench_options, depth), "LIST", 0, 0, "tokens in the cache before each test begins, not timed (0)"},
    {"--repetitions", "-r", MB_OPT_U32, offsetof(struct bench_options, repetitions), "N", 1, 100000, "measured repetitions of each test (5)"},
    {"--output", "-o", MB_OPT_TEXT, offsetof(struct bench_options, format), "FORMAT", 0, 0, "md, csv, json, jsonl or sql on standard output (md)"},
    {"--output-err", "-oe", MB_OPT_TEXT, offsetof(struct bench_options, format_err), "FORMAT", 0, 0, "the same on standard error, in a format of its own (none)"},
    {"--delay", NULL, MB_OPT_U32, offsetof(struct bench_options, delay_s), "SECONDS", 0, 86400, "pause before each test but the first (0)"},
    {"--no-warmup", NULL, MB_OPT_FLAG, offsetof(struct bench_options, no_warmup), NULL, 0, 0, "measure at once"},
    {"--seed", NULL, MB_OPT_U64, offsetof(struct bench_options, seed), "N", 0, 9.0e18, "seed of everything random (42)"},
    {"--db", NULL, MB_OPT_TEXT, offsetof(struct bench_options, db), "FILE", 0, 0, "also store the run in this database"},
    {"--data", NULL, MB_OPT_TEXT, offsetof(struct bench_options, data), "DIR", 0, 0, "folder of real data sets (default: $MELTBENCH_DATA)"},
    {"--progress", NULL, MB_OPT_FLAG, offsetof(struct bench_options, progress), NULL, 0, 0, "show progress on standard error"},
#define BENCH_FLAG(id, name, alias, value, harmless, rule, why) \
    {name, alias, MB_OPT_TEXT, offsetof(struct bench_options, flags.id), value, 0, 0, "of llama-bench: " why},
#include "harness/bench_flag.def"
#undef BENCH_FLAG
    {0},
};

struct bench_state {
    const struct mb_plan *plan;
    struct { double *samples_ns; size_t n, cap; char test_time[32]; } *tests; /* [plan->n_cells] */
    char failure[700]; /* the first reason, with its cell */
    bool out_of_memory;
};

static uint32_t option_of(const struct mb_cell *cell, const char *key)
{
    return (uint32_t)json_integer_value(json_object_get(cell->options, key));
}

/* Time of the part that the test is about: a prefill alone ends with its logits, anything with output ends with the last token. */
static double measured_ns(const struct mb_cell *cell, const struct mb_record *record)
{
    const uint64_t begin = mb_record_stamp(record, MB_EVENT_PREFILL_BEGIN, 0, false);
    const enum mb_event_kind last = option_of(cell, "gen") ? MB_EVENT_TOKEN : MB_EVENT_PREFILL_END;
    const uint64_t end = mb_record_stamp(record, last, 0, true);
    return begin && end > begin ? (double)(end - begin) : 0;
}

static void take_trial(void *user, const struct mb_plan_cell *cell, const struct mb_record *record)
{
    struct bench_state *st = user;
    const size_t i = (size_t)(cell - st->plan->cells);
    if (record->status != MB_TRIAL_OK) {
        if (!st->failure[0] && !cell->refused)
            snprintf(st->failure, sizeof(st->failure), "%s: %s", cell->label, record->reason ? record->reason : "failed");
        return;
    }
    const double ns = measured_ns(&cell->cell, record);
    if (record->kind != MB_TRIAL_MEASURED || ns <= 0)
        return;
    if (st->tests[i].n == st->tests[i].cap) {
        const size_t cap = st->tests[i].cap ? 2 * st->tests[i].cap : 8;
        double *grown = realloc(st->tests[i].samples_ns, cap * sizeof(*grown));
        if (!grown) {
            st->out_of_memory = true;
            return;
        }
        st->tests[i].samples_ns = grown;
        st->tests[i].cap = cap;
    }
    if (st->tests[i].n == 0)
        snprintf(st->tests[i].test_time, sizeof(st->tests[i].test_time), "%s", record->started_utc);
    st->tests[i].samples_ns[st->tests[i].n++] = ns;
}

static void add_test(json_t *tests, uint32_t n_prompt, uint32_t n_gen, uint32_t n_depth)
{
    if (n_prompt || n_gen)
        json_array_append_new(tests, json_pack("{s:i,s:i,s:i}", "prompt", (int)n_prompt, "gen", (int)n_gen, "depth", (int)n_depth));
}

/* "0" or a list of positive counts with ranges into numbers; "0" may stand in the list. */
static int parse_counts(const char *flag, const char *text, uint32_t **out, size_t *n_out, struct mb_error *err)
{
    char **items = NULL;
    size_t n = 0;
    *out = NULL;
    *n_out = 0;
    if (strcmp(text, "0") != 0) {
        const int rc = mb_axis_list_expand(MB_AXIS_KIND_COUNT, text, &items, &n, err);
        if (rc) {
            mb_fail_context(err, "%s", flag);
            return rc;
        }
    }
    *out = calloc(n ? n : 1, sizeof(**out));
    for (size_t i = 0; *out && i < n; i++)
        (*out)[i] = (uint32_t)strtoul(items[i], NULL, 10);
    *n_out = n;
    mb_axis_list_free(items, n);
    return *out ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for %s", flag);
}

static int parse_pair(const char *text, uint32_t pair[2], struct mb_error *err)
{
    char tail;
    if (sscanf(text, "%u,%u%c", &pair[0], &pair[1], &tail) != 2 || !pair[0] || !pair[1])
        return mb_fail(err, MB_EINVAL, "-pg '%s' is not PP,TG with two positive numbers", text);
    return MB_OK;
}

/* Order of llama-bench: all prefill tests, all decode tests, the pairs; each over all depths. */
static int list_tests(const struct bench_options *o, json_t **tests, struct mb_error *err)
{
    uint32_t *pp = NULL, *tg = NULL, *depths = NULL, pairs[MB_OPT_TEXTS_MAX][2];
    size_t n_pp = 0, n_tg = 0, n_depths = 0;
    *tests = json_array();
    int rc = parse_counts("-p", o->n_prompt, &pp, &n_pp, err);
    if (!rc)
        rc = parse_counts("-n", o->n_gen, &tg, &n_tg, err);
    if (!rc)
        rc = parse_counts("-d", o->depth, &depths, &n_depths, err);
    for (size_t i = 0; !rc && i < o->pg.n; i++)
        rc = parse_pair(o->pg.text[i], pairs[i], err);
    if (!rc && n_depths == 0)
        n_depths = 1; /* depths[0] is 0 */
    for (size_t d = 0; !rc && d < n_depths; d++) {
        for (size_t i = 0; i < n_pp; i++)
            add_test(*tests, pp[i], 0, depths[d]);
        for (size_t i = 0; i < n_tg; i++)
            add_test(*tests, 0, tg[i], depths[d]);
        for (size_t i = 0; i < o->pg.n; i++)
            add_test(*tests, pairs[i][0], pairs[i][1], depths[d]);
    }
    free(pp);
    free(tg);
    free(depths);
    if (!rc && json_array_size(*tests) == 0)
        rc = mb_fail(err, MB_EINVAL, "nothing to test: -p 0 and -n 0");
    return rc;
}

/* Facts of a model file; the types are what the file stores. */
static int read_facts(const char *path, struct mb_bench_facts *facts, char type[16], struct eng_model **model, struct mb_error *err)
{
    struct eng_error e = {0};
    if (eng_model_open(model, path, NULL, &e))
        return mb_fail(err, MB_EFORMAT, "%s", e.text);
    const struct eng_model_info *info = eng_model_info(*model);
    snprintf(type, 16, "%s", eng_type_name(info->stored[0].type));
    for (char *c = type; *c; c++)
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    facts->arch = info->arch;
    facts->stored_type = type;
    facts->n_params = info->n_params;
    facts->weight_bytes = info->weight_bytes;
    return MB_OK;
}

static int collect_rows(const struct bench_state *st, const struct mb_machine *machine, json_t *rows, struct mb_error *err)
{
    struct mb_bench_facts facts = {0};
    struct eng_model *model = NULL; /* of the row before: rows of one model stand together, so it is opened once */
    const char *opened = NULL;
    char type[16];
    int rc = MB_OK;
    for (size_t i = 0; i < st->plan->n_cells && !rc; i++) {
        const struct mb_cell *cell = &st->plan->cells[i].cell;
        if (st->tests[i].n == 0)
            continue;
        if (!opened || strcmp(opened, cell->model_path) != 0) {
            eng_model_close(model);
            model = NULL;
            opened = cell->model_path;
            facts = (struct mb_bench_facts){.machine = machine, .arch = "none", .stored_type = "none"};
            rc = *opened ? read_facts(opened, &facts, type, &model, err) : MB_OK;
            if (rc)
                break;
        }
        const struct mb_bench_test test = {.cell = cell, .n_prompt = option_of(cell, "prompt"), .n_gen = option_of(cell, "gen"),
                                           .n_depth = option_of(cell, "depth"), .samples_ns = st->tests[i].samples_ns,
                                           .n_samples = st->tests[i].n, .test_time = st->tests[i].test_time};
        json_t *row = mb_bench_row(&facts, &test);
        if (!row || json_array_append_new(rows, row))
            rc = mb_fail(err, MB_ENOMEM, "no memory for the result rows");
    }
    eng_model_close(model);
    return rc;
}

static int bench_and_print(const struct bench_options *o, const struct mb_plan *plan, struct mb_session_result *result, struct mb_error *err)
{
    struct bench_state st = {.plan = plan};
    struct mb_machine machine = {0};
    struct mb_session_options so = {.quiet = !o->progress, .no_warmup = o->no_warmup, .on_trial = take_trial, .user = &st};
    json_t *rows = json_array();
    st.tests = calloc(plan->n_cells, sizeof(*st.tests));
    int rc = st.tests && rows ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for the results");
    if (!rc)
        rc = mb_machine_read(&machine, "", err);
    if (!rc)
        rc = mb_direct_run(plan, o->db, &so, result, err);
    const int rc_run = rc;
    if (rc == MB_EINTR)
        rc = MB_OK; /* print what was measured before Ctrl-C */
    if (!rc && st.out_of_memory)
        rc = mb_fail(err, MB_ENOMEM, "no memory for the samples");
    if (!rc)
        rc = collect_rows(&st, &machine, rows, err);
    if (!rc && strcmp(o->format, "none") != 0)
        rc = mb_bench_print(stdout, o->format, rows, &machine, err);
    if (!rc && o->format_err && strcmp(o->format_err, "none") != 0)
        rc = mb_bench_print(stderr, o->format_err, rows, &machine, err);
    if (st.failure[0])
        fprintf(stderr, "meltbench: %s\n", st.failure);
    for (size_t i = 0; st.tests && i < plan->n_cells; i++)
        free(st.tests[i].samples_ns);
    free(st.tests);
    json_decref(rows);
    mb_machine_release(&machine);
    return rc ? rc : rc_run;
}

static int bench_main(int argc, char **argv);

const struct mb_command mb_command_bench = {
    .name = "bench",
    .summary = "prefill and decode speed, with llama-bench's flags and output",
    .description = "Measures each test in its own process and prints llama-bench's rows: tokens per second with the standard deviation, "
                   "every sample in json and jsonl. Axis flags take lists and ranges (1,2,4; 256-1024+256; 1-8*2); their product is run.",
    .rows = bench_rows,
    .takes_axes = true,
    .axis_offset = offsetof(struct bench_options, axis),
    .run = bench_main,
};

static int run_bench(int argc, char **argv)
{
    struct bench_options o = {.n_prompt = "512", .n_gen = "128", .depth = "0", .repetitions = 5, .format = "md", .seed = 42};
    struct mb_error err = {0};
    struct mb_plan *plan = NULL;
    struct mb_session_result result = {0};
    json_t *tests = NULL;
    int n_operands = 0;
    int rc = mb_opt_parse(&mb_command_bench, argc, argv, &o, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc && strcmp(o.format, "none") != 0)
        rc = mb_bench_check_format(o.format, &err);
    if (!rc && o.format_err && strcmp(o.format_err, "none") != 0)
        rc = mb_bench_check_format(o.format_err, &err);
    if (!rc)
        rc = mb_bench_flags_check(&o.flags, &err);
    if (!rc && !o.axis[MB_AXIS_MODEL])
        rc = mb_fail(&err, MB_EINVAL, "which model? give -m FILE or a catalogue name (smollm2-135m)");
    if (!rc)
        rc = list_tests(&o, &tests, &err);
    if (!rc) {
        const struct mb_protocol protocol = {.repetitions = o.repetitions, .warmup = o.no_warmup ? 0 : -1, .order = MB_ORDER_LISTED,
                                             .seed = o.seed, .timeout_s = 3600, .cooldown = {.fixed_s = (int32_t)o.delay_s}};
        const struct mb_plan_env env = {.data_dir = o.data};
        rc = mb_plan_single(&plan, "bench", o.axis, NULL, "micro", tests, &protocol, "", &env, &err);
    }
    if (!rc) {
        mb_direct_say_refused(plan);
        rc = bench_and_print(&o, plan, &result, &err);
    }
    json_decref(tests);
    mb_plan_free(plan);
    return rc ? mb_complain(&mb_command_bench, &err) : mb_direct_exit(&result);
}

static int bench_main(int argc, char **argv)
{
    struct mb_bench_joined joined;
    const int n = mb_bench_flags_join(&mb_command_bench, argc, argv, &joined), code = run_bench(n, argv);
    mb_bench_flags_free(&joined);
    return code;
}
