/* cmd_list.c - `meltbench list`: everything that a plan or a flag may name, one a line, and for what is not available the reason. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/metric.h"
#include "base/strbuf.h"
#include "collectors/collector.h"
#include "eng/engine.h"
#include "harness/catalogue.h"
#include "harness/machine_cpu.h"
#include "harness/machine_facts.h"
#include "harness/options.h"
#include "runners/runner.h"
#include "workloads/workload.h"

enum { ID_WIDTH = 18 };

/* One line: id, settings, sentence, and why it cannot be used. */
static void print_line(const char *id, const char *settings, const char *text, const char *unavailable)
{
    printf("%-*s ", ID_WIDTH, id);
    if (settings && *settings)
        printf("%s  ", settings);
    printf("%s", text ? text : "");
    if (unavailable)
        printf("%snot available: %s", text && *text ? "; " : "", unavailable);
    putchar('\n');
}

static void list_family(enum eng_family family)
{
    size_t n;
    const struct eng_method_info *const *methods = eng_methods(family, &n);
    for (size_t i = 0; i < n; i++) {
        struct mb_strbuf settings = {0};
        for (const struct eng_method_param *p = methods[i]->params; p && p->name; p++)
            mb_strbuf_printf(&settings, "%s%s=%" PRId64 " (%" PRId64 "..%" PRId64 ")", settings.n_bytes ? " " : "", p->name, p->def, p->min, p->max);
        print_line(methods[i]->name, mb_strbuf_text(&settings), methods[i]->summary, methods[i]->unavailable);
        mb_strbuf_release(&settings);
    }
}

static void list_backends(void) { list_family(ENG_FAMILY_BACKEND); }
static void list_quant(void) { list_family(ENG_FAMILY_QUANT); }
static void list_act(void) { list_family(ENG_FAMILY_ACT); }
static void list_cache_type(void) { list_family(ENG_FAMILY_CACHE); }
static void list_early_exit(void) { list_family(ENG_FAMILY_EXIT); }
static void list_token_reduction(void) { list_family(ENG_FAMILY_REDUCE); }

/* The processor that the cpu backend computes on; other backends have a device only where they are available. */
static void list_devices(void)
{
    const struct mb_cores cores = mb_machine_cores("", 0);
    const long long kib = mb_machine_memory_kib("", "MemTotal");
    size_t n;
    const struct eng_method_info *const *backends = eng_methods(ENG_FAMILY_BACKEND, &n);
    char *name = mb_machine_cpu_name("");
    json_t *flags = mb_machine_cpu_flags(""), *flag;
    struct mb_strbuf text = {0};
    mb_strbuf_printf(&text, "%s, %u cores, %u threads", name ? name : "unknown", cores.n_physical, cores.n_logical);
    if (kib >= 0)
        mb_strbuf_printf(&text, ", %.1f GiB", (double)kib / 1048576.0);
    size_t i_flag;
    json_array_foreach(flags, i_flag, flag)
        mb_strbuf_printf(&text, "%s%s", i_flag ? " " : ", features ", json_string_value(flag));
    print_line("cpu", NULL, mb_strbuf_text(&text), NULL);
    for (size_t i = 0; i < n; i++)
        if (backends[i]->unavailable)
            print_line(backends[i]->name, NULL, "", backends[i]->unavailable);
    mb_strbuf_release(&text);
    json_decref(flags);
    free(name);
}

static void list_collectors(void)
{
    size_t n;
    const struct mb_collector_ops *const *ops = mb_collectors(&n);
    const struct mb_collect_env env = {.root = "", .pid = getpid(), .period_ns = 10000000u, .max_samples = 16, .options = ""};
    for (size_t i = 0; i < n; i++) {
        struct mb_error why = {0};
        char group[64];
        const int rc = ops[i]->probe(&env, &why);
        snprintf(group, sizeof(group), "group=%s", ops[i]->group);
        struct mb_strbuf text = {0};
        mb_strbuf_printf(&text, "%s%s%s", ops[i]->summary, rc || !why.text[0] ? "" : "; here: ", rc ? "" : why.text);
        print_line(ops[i]->name, group, mb_strbuf_text(&text), rc ? why.text : NULL);
        mb_strbuf_release(&text);
    }
}

static void list_workloads(void)
{
    size_t n;
    const struct mb_workload_ops *const *ops = mb_workloads(&n);
    for (size_t i = 0; i < n; i++) {
        struct mb_strbuf settings = {0};
        for (const struct mb_workload_option *row = ops[i]->options; row && row->key; row++) {
            mb_strbuf_printf(&settings, "%s%s=%s", settings.n_bytes ? " " : "", row->key, row->def ? row->def : "(needed)");
            if (row->kind == MB_OPTION_INTEGER)
                mb_strbuf_printf(&settings, " (%" PRId64 "..%" PRId64 "%s)", row->min, row->max, row->sweep ? ", lists" : "");
        }
        print_line(ops[i]->name, mb_strbuf_text(&settings), ops[i]->summary, NULL);
        mb_strbuf_release(&settings);
    }
}

static void list_runners(void)
{
    size_t n;
    const struct mb_runner_ops *const *ops = mb_runners(&n);
    for (size_t i = 0; i < n; i++) {
        struct mb_error why = {0};
        const int rc = ops[i]->probe ? ops[i]->probe(&why) : MB_OK;
        print_line(ops[i]->name, NULL, ops[i]->summary, rc ? why.text : NULL);
    }
}

static void list_models(void)
{
    size_t n;
    const struct mb_catalogue_row *rows = mb_catalogue(&n);
    for (size_t i = 0; i < n; i++) {
        char path[4096];
        struct mb_strbuf text = {0};
        struct mb_error why = {0};
        const int rc = mb_model_locate(rows[i].name, path, sizeof(path), &why);
        mb_strbuf_printf(&text, "%s%s%s", rows[i].note, rc ? "" : "; ", rc ? "" : path);
        print_line(rows[i].name, NULL, mb_strbuf_text(&text), rc ? why.text : NULL);
        mb_strbuf_release(&text);
    }
}

static void list_metrics(void)
{
    static const char *const better[] = {"", ", higher is better", ", lower is better"};
    for (int i = 0; i < MB_METRIC_N; i++) {
        char settings[96];
        snprintf(settings, sizeof(settings), "[%s%s]", mb_metric_rows[i].unit, better[mb_metric_rows[i].better]);
        print_line(mb_metric_rows[i].name, settings, mb_metric_rows[i].formula, NULL);
    }
}

static void list_axes(void)
{
    for (int i = 0; i < MB_AXIS_N; i++) {
        char settings[96];
        const struct mb_axis_row *row = &mb_axis_rows[i];
        snprintf(settings, sizeof(settings), "%s%s%s", row->def ? "default=" : "(needed)", row->def ? row->def : "", row->kind == MB_AXIS_KIND_COUNT ? " (ranges)" : "");
        print_line(row->key, settings, row->help, NULL);
    }
}

static const struct section { const char *name; void (*print)(void); } sections[] = {
    {"backends", list_backends}, {"devices", list_devices}, {"collectors", list_collectors}, {"workloads", list_workloads},
    {"quant", list_quant}, {"early_exit", list_early_exit}, {"token_reduction", list_token_reduction}, {"act", list_act},
    {"cache_type", list_cache_type}, {"runners", list_runners}, {"models", list_models}, {"metrics", list_metrics}, {"axes", list_axes},
};

enum { N_SECTIONS = sizeof(sections) / sizeof(sections[0]) };

static int list_section(const char *name, struct mb_error *err)
{
    const char *names[N_SECTIONS];
    char key[64];
    snprintf(key, sizeof(key), "%s", name);
    for (char *p = key; *p; p++)
        if (*p == '-')
            *p = '_';
    for (size_t i = 0; i < N_SECTIONS; i++) {
        names[i] = sections[i].name;
        if (strcmp(sections[i].name, key) == 0) {
            sections[i].print();
            return MB_OK;
        }
    }
    const char *nearest = mb_nearest(name, names, N_SECTIONS);
    if (nearest)
        return mb_fail(err, MB_EINVAL, "list: unknown section '%s'; did you mean '%s'?", name, nearest);
    return mb_fail(err, MB_EINVAL, "list: unknown section '%s'; `meltbench list` prints all of them", name);
}

static int list_main(int argc, char **argv);

const struct mb_command mb_command_list = {
    .name = "list", .operands = "[SECTION]", .summary = "what can be named here, and why the rest is not available",
    .description = "Prints one thing a line, its id first, then its settings as name=default with the range, a sentence, and for what this "
                   "machine or build does not offer the reason. SECTION is one of backends, devices, collectors, workloads, quant, early_exit, "
                   "token_reduction, act, cache_type, runners, models, metrics, axes; without it all are printed under headings.",
    .run = list_main,
};

static int list_main(int argc, char **argv)
{
    struct mb_error err = {0};
    int n_operands = 0;
    int rc = mb_opt_parse(&mb_command_list, argc, argv, NULL, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc && n_operands)
        rc = list_section(argv[1], &err);
    for (size_t i = 0; !rc && !n_operands && i < N_SECTIONS; i++) {
        printf("%s%s:\n", i ? "\n" : "", sections[i].name);
        sections[i].print();
    }
    return rc ? mb_complain(&mb_command_list, &err) : 0;
}
