/* bench_import.c - see bench_import.h: which format a file is, and what makes a record good. */
#include "harness/bench_import.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/bench_column.h"
#include "harness/stats.h"

#define FILE_MOST ((size_t)256 << 20)
#define SAMPLES_MOST 1000000u
#define WRAP_LEAST_NS 0.4e9 /* 2^32 / sqrt(100) */
#define NS_MOST 9e15 /* 104 days: whole in a double */

void mb_bench_import_fault(struct mb_bench_import *in, int64_t line, const char *fmt, ...)
{
    if (in->n_faults < MB_BENCH_FAULTS_KEPT) {
        va_list ap;
        va_start(ap, fmt);
        in->faults[in->n_faults].line = line;
        vsnprintf(in->faults[in->n_faults].text, sizeof(in->faults[0].text), fmt, ap);
        va_end(ap);
    }
    in->n_faults++;
}

int64_t mb_bench_import_line(struct mb_bench_import *in, const char *text, const char *at)
{
    if (!in->counted_to || in->counted_to > at) {
        in->counted_to = text;
        in->counted = 0;
    }
    for (; in->counted_to < at; in->counted_to++)
        in->counted += *in->counted_to == '\n';
    return in->counted + 1;
}

/* --- one value -------------------------------------------------------------------------------------------------------- */

static json_t *number_of_text(const char *text, enum mb_bench_kind kind)
{
    char *end;
    errno = 0;
    if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)
        return kind == MB_BENCH_REAL ? NULL : json_integer(strcasecmp(text, "true") == 0);
    if (kind == MB_BENCH_REAL) {
        const double v = strtod(text, &end);
        return end == text || *end ? NULL : isfinite(v) ? json_real(v) : json_null();
    }
    const long long v = strtoll(text, &end, 10);
    return end == text || *end || errno ? NULL : json_integer(v);
}

/* In the kind of its column, json_null() where it is unknown, NULL where it makes no sense. New reference. */
static json_t *value_of(const json_t *v, enum mb_bench_kind kind)
{
    char text[64];
    if (json_is_null(v))
        return json_null();
    if (kind == MB_BENCH_TEXT) {
        if (json_is_string(v))
            return json_string(json_string_value(v));
        if (json_is_boolean(v))
            return json_string(json_is_true(v) ? "true" : "false");
        snprintf(text, sizeof(text), "%.17g", json_number_value(v));
        return json_is_number(v) ? json_string(text) : NULL;
    }
    if (json_is_string(v))
        return *json_string_value(v) ? number_of_text(json_string_value(v), kind) : json_null();
    if (kind == MB_BENCH_REAL)
        return json_is_number(v) ? json_real(json_number_value(v)) : NULL;
    if (json_is_boolean(v))
        return json_integer(json_is_true(v));
    if (json_is_real(v) && json_real_value(v) == floor(json_real_value(v)) && fabs(json_real_value(v)) < NS_MOST)
        return json_integer((json_int_t)json_real_value(v));
    return json_is_integer(v) ? json_integer(json_integer_value(v)) : NULL;
}

/* Positive numbers, all of them. */
static bool samples_fit(const json_t *list)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
        if (!json_is_number(v) || !(json_number_value(v) > 0) || json_number_value(v) > NS_MOST)
            return false;
    return json_array_size(list) > 0 && json_array_size(list) <= SAMPLES_MOST;
}

/* --- one record ------------------------------------------------------------------------------------------------------- */

static bool is_column_name(const char *key)
{
    return *key && strlen(key) < 64 && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(key);
}

/* What goes into the database, or NULL after a fault. Of the arrays only samples_ns is kept: samples_ts follows from it. */
static json_t *normalized(struct mb_bench_import *in, const json_t *record, int64_t line)
{
    json_t *out = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)record, key, value) {
        const struct mb_bench_column *column = mb_bench_column_find(key);
        json_t *kept = NULL;
        if (strcmp(key, "samples_ns") == 0)
            kept = json_is_array(value) && samples_fit(value) ? json_incref(value) : NULL;
        else if (strcmp(key, "samples_ts") == 0 || !is_column_name(key) || (!column && (json_is_array(value) || json_is_object(value))))
            continue;
        else
            kept = column ? value_of(value, column->kind) : value_of(value, strcmp(key, "use_mmap") == 0 ? MB_BENCH_BOOL
                                                                            : json_is_integer(value) || json_is_boolean(value) ? MB_BENCH_INT
                                                                            : json_is_real(value) ? MB_BENCH_REAL : MB_BENCH_TEXT);
        if (!kept) {
            char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
            mb_bench_import_fault(in, line, "%s: %.80s makes no sense", key, shown ? shown : "its value");
            free(shown);
            json_decref(out);
            return NULL;
        }
        if (json_is_null(kept))
            json_decref(kept);
        else
            json_object_set_new(out, key, kept);
    }
    return out;
}

static bool has_figures(struct mb_bench_import *in, const json_t *r, int64_t line)
{
    const json_t *pp = json_object_get(r, "n_prompt"), *tg = json_object_get(r, "n_gen");
    const double mean_ns = json_number_value(json_object_get(r, "avg_ns")), mean_ts = json_number_value(json_object_get(r, "avg_ts"));
    const char *missing = !pp ? "n_prompt" : !tg ? "n_gen" : !json_object_get(r, "avg_ts") ? "avg_ts" : !json_object_get(r, "avg_ns") ? "avg_ns" : NULL;
    if (missing)
        mb_bench_import_fault(in, line, "no %s: this is not a result of llama-bench", missing);
    else if (json_integer_value(pp) < 0 || json_integer_value(tg) < 0 || (!json_integer_value(pp) && !json_integer_value(tg)))
        mb_bench_import_fault(in, line, "a test of %lld + %lld tokens", (long long)json_integer_value(pp), (long long)json_integer_value(tg));
    else if (!(mean_ns > 0) || !(mean_ts > 0) || mean_ns > NS_MOST)
        mb_bench_import_fault(in, line, "avg_ns %.0f, avg_ts %g: no time and no rate", mean_ns, mean_ts);
    else
        return true;
    return false;
}

/*
 * llama-bench's stddev_ns comes out of 64-bit sums of squares that wrap from about 2 s at five repetitions (llama.cpp #24951); its rates are doubles.
 * With samples the right one is known. Without, s_ns / avg_ns must be about s_ts / avg_ts (first order of 1/x); twice that either way, where the
 * spread is small enough for first order and the time long enough for a wrap at 100 repetitions, is no rounding. Wider spreads cannot be told.
 */
static char *find_flaw(const json_t *r)
{
    const json_t *given = json_object_get(r, "stddev_ns"), *samples = json_object_get(r, "samples_ns");
    const size_t n = json_array_size(samples);
    struct mb_strbuf text = {0};
    if (!given)
        return NULL;
    const double s_ns = json_number_value(given);
    if (n) {
        double *x = calloc(n, sizeof(*x));
        for (size_t i = 0; x && i < n; i++)
            x[i] = json_number_value(json_array_get(samples, i));
        const double right = x ? round(mb_stats_sd(x, n)) : s_ns;
        free(x);
        if (fabs(s_ns - right) > 2 + 0.01 * right)
            mb_strbuf_printf(&text, "stddev_ns %.0f is not that of samples_ns: recomputed, %.0f", s_ns, right);
    } else if (json_object_get(r, "stddev_ts")) {
        const double by_ns = s_ns / json_number_value(json_object_get(r, "avg_ns"));
        const double by_ts = json_number_value(json_object_get(r, "stddev_ts")) / json_number_value(json_object_get(r, "avg_ts"));
        if (json_number_value(json_object_get(r, "avg_ns")) > WRAP_LEAST_NS && by_ts < 0.3 && fabs(by_ns - by_ts) > 0.001 && (by_ns > 2 * by_ts || by_ns < 0.5 * by_ts))
            mb_strbuf_printf(&text, "stddev_ns %.0f contradicts stddev_ts, and without samples_ns it cannot be recomputed: left unknown", s_ns);
    }
    return text.n_bytes ? mb_strbuf_take(&text) : NULL;
}

/* What every format prints: equal for one result in json and in csv (rates to six decimals there). */
static int identify(const json_t *r, char hex[MB_DIGEST_HEX], struct mb_error *err)
{
    static const char *const keys[] = {"build_commit", "cpu_info", "gpu_info", "model_filename", "model_type", "n_batch", "n_ubatch", "n_threads", "type_k",
                                       "type_v", "n_gpu_layers", "flash_attn", "n_prompt", "n_gen", "n_depth", "test_time", "avg_ns", "quant",
                                       "early_exit", "token_reduction"};
    struct mb_strbuf all = {0};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const json_t *v = json_object_get(r, keys[i]);
        if (json_is_string(v))
            mb_strbuf_puts(&all, json_string_value(v));
        else if (v)
            mb_strbuf_printf(&all, "%lld", (long long)json_integer_value(v));
        mb_strbuf_puts(&all, "\n");
    }
    const int rc = all.failed ? mb_fail(err, MB_ENOMEM, "no memory") : mb_digest_bytes(mb_strbuf_text(&all), all.n_bytes, hex, err);
    mb_strbuf_release(&all);
    return rc;
}

static void keep(struct mb_bench_import *in, const json_t *r, int64_t line)
{
    char hex[MB_DIGEST_HEX];
    struct mb_error err = {0};
    if (in->n == in->cap) {
        const size_t cap = in->cap ? 2 * in->cap : 16;
        struct mb_db_import_row *grown = realloc(in->rows, cap * sizeof(*grown));
        in->no_memory |= !grown;
        if (!grown)
            return;
        in->rows = grown;
        in->cap = cap;
    }
    if (identify(r, hex, &err)) {
        in->no_memory = true;
        return;
    }
    char *flaw = find_flaw(r);
    in->n_flawed += flaw != NULL;
    in->rows[in->n] = (struct mb_db_import_row){.line = line, .identity = strdup(hex), .flaw = flaw,
                                                .record_json = json_dumps(r, JSON_COMPACT | JSON_PRESERVE_ORDER)};
    in->no_memory |= !in->rows[in->n].identity || !in->rows[in->n].record_json;
    in->n++;
}

void mb_bench_import_add(struct mb_bench_import *in, json_t *record, int64_t line)
{
    json_t *r = json_is_object(record) ? normalized(in, record, line) : NULL;
    if (!record)
        in->no_memory = true;
    else if (!json_is_object(record))
        mb_bench_import_fault(in, line, "not an object of columns");
    if (r && has_figures(in, r, line))
        keep(in, r, line);
    json_decref(r);
    json_decref(record);
}

/* --- one file --------------------------------------------------------------------------------------------------------- */

static int read_bytes(const char *path, char **bytes, size_t *n, struct mb_error *err)
{
    FILE *f = fopen(path, "rb");
    struct mb_strbuf all = {0};
    char piece[65536];
    if (!f)
        return mb_fail_errno(err, errno == ENOENT ? MB_ENOENT : MB_EIO, "%s", path);
    for (size_t got; (got = fread(piece, 1, sizeof(piece), f)) > 0 && all.n_bytes <= FILE_MOST;)
        mb_strbuf_add(&all, piece, got);
    const bool unreadable = ferror(f) != 0;
    const int cause = errno;
    fclose(f);
    errno = cause;
    int rc = MB_OK;
    if (unreadable)
        rc = mb_fail_errno(err, MB_EIO, "%s", path);
    else if (all.n_bytes > FILE_MOST)
        rc = mb_fail(err, MB_EFORMAT, "%s is larger than %zu MiB: not a file of results", path, FILE_MOST >> 20);
    else if (all.n_bytes == 0)
        rc = mb_fail(err, MB_EFORMAT, "%s is empty", path);
    *n = all.n_bytes;
    *bytes = mb_strbuf_take(&all);
    return rc || *bytes ? rc : mb_fail(err, MB_ENOMEM, "no memory for %s", path);
}

static bool begins(const char *text, const char *word)
{
    return strncasecmp(text, word, strlen(word)) == 0;
}

static int read_text(struct mb_bench_import *in, const char *path, const char *text, struct mb_error *err)
{
    static const char *const statements[] = {"create table", "insert into", "begin", "pragma", "--"};
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3; /* a byte order mark is not data */
    const char *p = text + strspn(text, " \t\r\n");
    bool sql = false;
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        sql |= begins(p, statements[i]);
    const size_t n_first = strcspn(p, "\r\n");
    if (*p == '[' || *p == '{') {
        in->format = *p == '[' ? "json" : "jsonl";
        mb_bench_read_json(in, text);
    } else if (sql || (strstr(p, "\nINSERT INTO llama_bench") && *p != '|')) { /* also behind what somebody's shell put before it */
        in->format = "sql";
        mb_bench_read_sql(in, text);
    } else if (memmem(p, n_first, "n_prompt", 8) && memchr(p, ',', n_first)) {
        in->format = "csv";
        mb_bench_read_csv(in, text);
    } else if (*p == '|') {
        return mb_fail(err, MB_EFORMAT, "%s is llama-bench's table for people, which is rounded: use -o json, jsonl, csv or sql", path);
    } else {
        return mb_fail(err, MB_EFORMAT, "%s is no output of llama-bench: neither json, jsonl, csv, sql nor an SQLite file", path);
    }
    return MB_OK;
}

int mb_bench_import_read(struct mb_bench_import *in, const char *path, struct mb_error *err)
{
    char *bytes = NULL;
    size_t n = 0;
    *in = (struct mb_bench_import){0};
    int rc = read_bytes(path, &bytes, &n, err);
    if (!rc)
        rc = mb_digest_bytes(bytes, n, in->sha256, err);
    if (!rc && n >= 16 && memcmp(bytes, "SQLite format 3", 16) == 0) {
        in->format = "sqlite";
        rc = mb_bench_read_sqlite(in, path, (unsigned char *)bytes, n, err);
    } else if (!rc && memchr(bytes, '\0', n)) {
        rc = mb_fail(err, MB_EFORMAT, "%s is not text", path);
    } else if (!rc) {
        rc = read_text(in, path, bytes, err);
    }
    free(bytes);
    if (!rc && in->no_memory)
        rc = mb_fail(err, MB_ENOMEM, "no memory for the results in %s", path);
    if (!rc && in->n == 0 && in->n_faults == 0)
        rc = mb_fail(err, MB_EFORMAT, "%s has no result in it", path);
    return rc;
}

void mb_bench_import_release(struct mb_bench_import *in)
{
    for (size_t i = 0; i < in->n; i++) {
        free((char *)(uintptr_t)in->rows[i].identity);
        free((char *)(uintptr_t)in->rows[i].record_json);
        free((char *)(uintptr_t)in->rows[i].flaw);
    }
    free(in->rows);
    *in = (struct mb_bench_import){0};
}
