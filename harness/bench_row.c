/* bench_row.c - see bench_row.h. */
#include "harness/bench_row.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "harness/bench_column.h"
#include "harness/stats.h"

static void put_text(json_t *row, const char *key, const char *value)
{
    json_object_set_new(row, key, json_string(value ? value : ""));
}

static void put_integer(json_t *row, const char *key, uint64_t value)
{
    json_object_set_new(row, key, json_integer((json_int_t)value));
}

static json_t *rates_of(const struct mb_bench_test *t, double *mean, double *sd)
{
    json_t *list = json_array();
    double *rates = calloc(t->n_samples ? t->n_samples : 1, sizeof(*rates));
    for (size_t i = 0; rates && i < t->n_samples; i++) {
        rates[i] = (double)(t->n_prompt + t->n_gen) * 1e9 / t->samples_ns[i];
        json_array_append_new(list, json_real(rates[i]));
    }
    *mean = rates ? mb_stats_mean(rates, t->n_samples) : 0;
    *sd = rates ? mb_stats_sd(rates, t->n_samples) : 0;
    free(rates);
    return list;
}

static void put_model_type(json_t *row, const struct mb_bench_facts *f)
{
    char text[128];
    const double m = (double)f->n_params / 1e6;
    if (m >= 1000)
        snprintf(text, sizeof(text), "%s %.1fB %s", f->arch, m / 1000, f->stored_type);
    else
        snprintf(text, sizeof(text), "%s %.0fM %s", f->arch, m, f->stored_type);
    put_text(row, "model_type", text);
}

/* All columns in llama-bench's order; what this engine has no notion of gets what llama-bench prints when the option is untouched. */
static json_t *begin_row(void)
{
    size_t n;
    const struct mb_bench_column *columns = mb_bench_columns(&n);
    json_t *row = json_object();
    for (size_t i = 0; i < n; i++)
        json_object_set_new(row, columns[i].name, columns[i].untouched ? json_loads(columns[i].untouched, JSON_DECODE_ANY, NULL) : json_null());
    return row;
}

static void put_backend(json_t *row, const char *backend)
{
    char name[32];
    size_t i = 0;
    for (; backend && backend[i] && i + 1 < sizeof(name); i++)
        name[i] = (char)toupper((unsigned char)backend[i]);
    name[i] = '\0';
    put_text(row, "backends", name);
}

json_t *mb_bench_row(const struct mb_bench_facts *f, const struct mb_bench_test *t)
{
    double mean_ts, sd_ts;
    json_t *row = begin_row(), *ns = json_array(), *ts = rates_of(t, &mean_ts, &sd_ts);
    const char *const own[] = {"backend", "quant", "act", "early_exit", "token_reduction"};
    put_text(row, "build_commit", f->machine->build.commit);
    put_text(row, "cpu_info", f->machine->device.cpu);
    put_backend(row, t->cell->axis[MB_AXIS_BACKEND]);
    put_text(row, "model_filename", t->cell->model_path);
    put_model_type(row, f);
    put_integer(row, "model_size", f->weight_bytes);
    put_integer(row, "model_n_params", f->n_params);
    put_integer(row, "n_threads", strtoull(t->cell->axis[MB_AXIS_THREADS], NULL, 10));
    put_text(row, "type_k", t->cell->axis[MB_AXIS_CACHE_TYPE_K]);
    put_text(row, "type_v", t->cell->axis[MB_AXIS_CACHE_TYPE_V]);
    put_integer(row, "n_prompt", t->n_prompt);
    put_integer(row, "n_gen", t->n_gen);
    put_integer(row, "n_depth", t->n_depth);
    put_text(row, "test_time", t->test_time);
    put_integer(row, "avg_ns", (uint64_t)llround(mb_stats_mean(t->samples_ns, t->n_samples)));
    put_integer(row, "stddev_ns", (uint64_t)llround(mb_stats_sd(t->samples_ns, t->n_samples)));
    json_object_set_new(row, "avg_ts", json_real(mean_ts));
    json_object_set_new(row, "stddev_ts", json_real(sd_ts));
    for (size_t i = 0; i < t->n_samples; i++)
        json_array_append_new(ns, json_integer(llround(t->samples_ns[i])));
    json_object_set_new(row, "samples_ns", ns);
    json_object_set_new(row, "samples_ts", ts);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        put_text(row, own[i], t->cell->axis[mb_axis_find(own[i])]);
    return row;
}

/* --- printers ------------------------------------------------------------------------------------------------------- */

/* Scalar as text: booleans as 0/1, reals with six digits as llama-bench prints them. Arrays are left out of flat formats. */
static void flat_value(const json_t *v, char *buf, size_t cap)
{
    if (json_is_string(v))
        snprintf(buf, cap, "%s", json_string_value(v));
    else if (json_is_integer(v))
        snprintf(buf, cap, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        snprintf(buf, cap, "%.6f", json_real_value(v));
    else
        snprintf(buf, cap, "%d", json_is_true(v));
}

/* One value between quotes, with the quote character doubled inside (RFC 4180 for CSV, SQL literals). */
static void print_quoted(FILE *out, const char *text, char quote)
{
    fputc(quote, out);
    for (; *text; text++) {
        if (*text == quote)
            fputc(quote, out);
        fputc(*text, out);
    }
    fputc(quote, out);
}

static void print_flat(FILE *out, const json_t *row, char quote, bool names)
{
    const char *key, *separator = "";
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)row, key, value) {
        char text[4096];
        if (json_is_array(value))
            continue;
        flat_value(value, text, sizeof(text));
        fputs(separator, out);
        if (names && quote == '"')
            fputs(key, out);
        else if (names)
            fprintf(out, "%s %s", key, json_is_string(value) ? "TEXT" : json_is_real(value) ? "REAL" : "INTEGER");
        else
            print_quoted(out, text, quote);
        separator = quote == '"' ? "," : ", ";
    }
}

static void print_csv(FILE *out, const json_t *rows, const struct mb_machine *machine)
{
    (void)machine;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (i == 0) {
            print_flat(out, row, '"', true);
            fputc('\n', out);
        }
        print_flat(out, row, '"', false);
        fputc('\n', out);
    }
}

static void print_sql(FILE *out, const json_t *rows, const struct mb_machine *machine)
{
    (void)machine;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        if (i == 0) {
            fputs("CREATE TABLE IF NOT EXISTS llama_bench (\n  ", out);
            print_flat(out, row, '\'', true);
            fputs("\n);\n", out);
        }
        fputs("INSERT INTO llama_bench (", out);
        print_flat(out, row, '"', true);
        fputs(") VALUES (", out);
        print_flat(out, row, '\'', false);
        fputs(");\n", out);
    }
}

static const char *text_of(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static void test_name(const json_t *row, char *buf, size_t cap)
{
    const long long p = json_integer_value(json_object_get(row, "n_prompt")), n = json_integer_value(json_object_get(row, "n_gen")),
                    d = json_integer_value(json_object_get(row, "n_depth"));
    char depth[32] = "";
    if (d)
        snprintf(depth, sizeof(depth), " @ d%lld", d);
    if (p && n)
        snprintf(buf, cap, "pp%lld+tg%lld%s", p, n, depth);
    else
        snprintf(buf, cap, "%s%lld%s", n ? "tg" : "pp", n ? n : p, depth);
}

/* A column that never leaves its default says nothing: only those that do are shown, as llama-bench does. */
static bool differs(const json_t *rows, const char *key, const char *def)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
        if (strcmp(text_of(row, key), def) != 0)
            return true;
    return false;
}

static void print_md(FILE *out, const json_t *rows, const struct mb_machine *machine)
{
    static const struct { const char *key, *def; } extra[] = {
        {"quant", "file"}, {"act", "q8"}, {"type_k", "f16"}, {"type_v", "f16"}, {"early_exit", "none"}, {"token_reduction", "none"}};
    enum { N_EXTRA = sizeof(extra) / sizeof(extra[0]) };
    bool shown[N_EXTRA];
    fputs("| model | size | params | backend | threads |", out);
    for (size_t k = 0; k < N_EXTRA; k++)
        if ((shown[k] = differs(rows, extra[k].key, extra[k].def)))
            fprintf(out, " %s |", extra[k].key);
    fputs(" test | t/s |\n| --- | ---: | ---: | --- | ---: |", out);
    for (size_t k = 0; k < N_EXTRA; k++)
        if (shown[k])
            fputs(" --- |", out);
    fputs(" ---: | ---: |\n", out);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        char test[96];
        test_name(row, test, sizeof(test));
        const double mib = (double)json_integer_value(json_object_get(row, "model_size")) / (1 << 20),
                     m = (double)json_integer_value(json_object_get(row, "model_n_params")) / 1e6;
        fprintf(out, "| %s | %.2f %s | %.2f %s | %s | %lld |", text_of(row, "model_type"), mib < 1024 ? mib : mib / 1024, mib < 1024 ? "MiB" : "GiB",
                m < 1000 ? m : m / 1000, m < 1000 ? "M" : "B", text_of(row, "backends"),
                (long long)json_integer_value(json_object_get(row, "n_threads")));
        for (size_t k = 0; k < N_EXTRA; k++)
            if (shown[k])
                fprintf(out, " %s |", text_of(row, extra[k].key));
        fprintf(out, " %s | %.2f ± %.2f |\n", test, json_real_value(json_object_get(row, "avg_ts")),
                json_real_value(json_object_get(row, "stddev_ts")));
    }
    fprintf(out, "\nbuild: %s (meltbench %s)\n", machine->build.commit, machine->build.version);
}

static void print_json(FILE *out, const json_t *rows, const struct mb_machine *machine)
{
    (void)machine;
    json_dumpf(rows, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    fputc('\n', out);
}

static void print_jsonl(FILE *out, const json_t *rows, const struct mb_machine *machine)
{
    (void)machine;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) {
        json_dumpf(row, out, JSON_COMPACT | JSON_PRESERVE_ORDER);
        fputc('\n', out);
    }
}

static const struct {
    const char *name;
    void (*print)(FILE *out, const json_t *rows, const struct mb_machine *machine);
} formats[] = {{"md", print_md}, {"csv", print_csv}, {"json", print_json}, {"jsonl", print_jsonl}, {"sql", print_sql}};

int mb_bench_check_format(const char *format, struct mb_error *err)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, format) == 0)
            return MB_OK;
    return mb_fail(err, MB_EINVAL, "unknown output format '%s'; known: md, csv, json, jsonl, sql", format);
}

int mb_bench_print(FILE *out, const char *format, const json_t *rows, const struct mb_machine *machine, struct mb_error *err)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, format) == 0) {
            formats[i].print(out, rows, machine);
            return MB_OK;
        }
    return mb_bench_check_format(format, err);
}
