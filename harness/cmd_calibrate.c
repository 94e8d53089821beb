/*
 * cmd_calibrate.c - `meltbench calibrate`: the limits of this machine - reading memory, multiplying floats and bytes - per number of
 * threads, as a table or JSON on standard output (roofline.h); with `machine` also whether its collectors are right and what they cost
 * (validation.h).
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/axis.h"
#include "harness/calibration.h"
#include "harness/machine.h"
#include "harness/options.h"
#include "harness/validation.h"

enum { MAX_COUNTS = 64, ALL_COUNTS_UP_TO = 8, MAX_THREADS = 1024 };

struct calibrate_options {
    const char *threads, *limits, *format, *db;
    uint32_t repetitions, size_mib;
    bool quiet;
};

static const struct mb_opt_row calibrate_rows[] = {
    {"--threads", "-t", MB_OPT_TEXT, offsetof(struct calibrate_options, threads), "LIST", 0, 0,
     "numbers of threads (1 to the physical cores; above 8 in powers of two)"},
    {"--limits", NULL, MB_OPT_TEXT, offsetof(struct calibrate_options, limits), "LIST", 0, 0, "only these: read, read_matrices, f32, int8 (all)"},
    {"--repetitions", "-r", MB_OPT_U32, offsetof(struct calibrate_options, repetitions), "N", 1, 1000, "values of each limit (9)"},
    {"--size", NULL, MB_OPT_U32, offsetof(struct calibrate_options, size_mib), "MIB", 16, 1 << 20,
     "memory that is read in one pass (4 times the last-level cache, at least 256)"},
    {"--output", "-o", MB_OPT_TEXT, offsetof(struct calibrate_options, format), "FORMAT", 0, 0, "md or json on standard output (md)"},
    {"--db", NULL, MB_OPT_TEXT, offsetof(struct calibrate_options, db), "FILE", 0, 0, "also store the values in this database: `profile` finds them there"},
    {"--quiet", "-q", MB_OPT_FLAG, offsetof(struct calibrate_options, quiet), NULL, 0, 0, "no progress"},
    {0},
};

static int calibrate_main(int argc, char **argv);

const struct mb_command mb_command_calibrate = {
    .name = "calibrate",
    .operands = "[machine]",
    .summary = "measure what this machine can do at most, and whether its collectors are right",
    .description = "Measures, for each number of threads, how fast memory is read (read: one stream a thread; read_matrices: matrices of 1 to 8 "
                   "MiB, all threads meeting after each, as decoding does) and how fast registers are multiplied (f32, int8; every instruction "
                   "set that the engine has kernels for). Values are medians of the repetitions with a distribution-free interval. With 'machine' "
                   "also the instruments: the clock, work of known size through the collectors (one that is outside its bound is reported as broken, "
                   "exit 1), what each collector costs and what all of them take from a bandwidth-bound loop, and power while idle; no model is "
                   "needed, about half a minute in all.",
    .rows = calibrate_rows,
    .run = calibrate_main,
};

static void show_section(void *user, const char *section)
{
    (void)user;
    fprintf(stderr, "\rvalidating: %s\033[K", section);
    fflush(stderr);
}

static int validate(struct mb_validation *v, bool shown, struct mb_error *err)
{
    v->progress = shown ? show_section : NULL;
    const int rc = mb_validation_run(v, "", err);
    if (shown)
        fputs("\r\033[K", stderr);
    return rc;
}

static int parse_threads(const char *text, uint32_t counts[MAX_COUNTS], size_t *n, struct mb_error *err)
{
    *n = 0;
    if (!text) {
        const uint32_t n_cores = mb_machine_physical_cores("");
        for (uint32_t t = 1; t < n_cores && *n + 1 < MAX_COUNTS; t = n_cores <= ALL_COUNTS_UP_TO ? t + 1 : 2 * t)
            counts[(*n)++] = t;
        counts[(*n)++] = n_cores;
        return MB_OK;
    }
    char **items = NULL;
    size_t n_items = 0;
    int rc = mb_axis_list_expand(MB_AXIS_KIND_COUNT, text, &items, &n_items, err);
    if (!rc && (n_items == 0 || n_items > MAX_COUNTS))
        rc = mb_fail(err, MB_EINVAL, "--threads: %zu numbers of threads; 1 to %d are possible", n_items, MAX_COUNTS);
    for (size_t i = 0; !rc && i < n_items; i++) {
        const unsigned long t = strtoul(items[i], NULL, 10);
        if (t == 0 || t > MAX_THREADS)
            rc = mb_fail(err, MB_EINVAL, "--threads: %s is not from 1 to %d", items[i], MAX_THREADS);
        else
            counts[(*n)++] = (uint32_t)t;
    }
    mb_axis_list_free(items, n_items);
    return rc;
}

/* One bit for each limit that is named. */
static int parse_limits(const char *text, unsigned *limits, struct mb_error *err)
{
    char **items = NULL;
    size_t n_items = 0;
    *limits = 0;
    int rc = text ? mb_axis_list_expand(MB_AXIS_KIND_TEXT, text, &items, &n_items, err) : MB_OK;
    for (size_t i = 0; !rc && i < n_items; i++) {
        const enum mb_limit kind = mb_limit_find(items[i]);
        if (kind == MB_LIMIT_N)
            rc = mb_fail(err, MB_EINVAL, "--limits: '%s' is none of read, read_matrices, f32, int8", items[i]);
        *limits |= 1u << kind;
    }
    mb_axis_list_free(items, n_items);
    return rc;
}

static void show_progress(void *user, size_t done, size_t all)
{
    (void)user;
    fprintf(stderr, "\rcalibrating: %zu of %zu%s", done, all, done == all ? "\r\033[K" : "");
    fflush(stderr);
}

/* Against one thread of the same limit, or NaN. */
static double scaling(const struct mb_calibration *c, enum mb_limit kind, const struct mb_limit_figure *f)
{
    struct mb_limit_figure one;
    return mb_calibration_figure(c, kind, f->isa, 1, &one) ? f->median / one.median : (double)NAN;
}

static void print_table(const struct mb_calibration *c)
{
    struct mb_limit_figure f;
    enum mb_limit kind;
    bool cached = false;
    puts("| limit | instruction set | threads | MiB a pass | median | interval | unit | x 1 thread |\n"
         "| --- | --- | ---: | ---: | ---: | --- | --- | ---: |");
    for (size_t at = 0; mb_calibration_next(c, &at, &kind, &f);) {
        const double per = mb_limit_rows[kind].per_unit, times = scaling(c, kind, &f);
        char size[24] = "";
        if (f.n_bytes)
            snprintf(size, sizeof(size), "%" PRIu64, f.n_bytes >> 20);
        printf("| %s | %s | %u | %s | %.4g | %.4g .. %.4g | %s | ", mb_limit_rows[kind].name, f.isa, f.n_threads, size, f.median / per, f.lo / per,
               f.hi / per, mb_limit_rows[kind].unit);
        isnan(times) ? puts("|") : printf("%.3f |\n", times);
        cached |= f.n_bytes && (!c->cache_bytes || f.n_bytes + ((uint64_t)16 << 20) < 4 * c->cache_bytes);
    }
    if (cached)
        fprintf(stderr, "meltbench: a pass is less than 4 times the last-level cache (%s): caches may have served part of it\n",
                c->cache_bytes ? "see --size" : "whose size is not known here");
}

static void print_number(const char *before, double value)
{
    isnan(value) ? printf("%s", before) : printf("%s%.6g", before, value);
}

static void print_validation(const struct mb_validation *v)
{
    static const struct { const char *id, *what; } sections[] = {
#define SECTION(id, what) {#id, what},
#include "harness/validation.def"
#undef SECTION
    };
    for (size_t s = 0; s < sizeof(sections) / sizeof(sections[0]); s++) {
        printf("\n%s: %s\n\n| of | what | value | expected | +- | unit | verdict | |\n| --- | --- | ---: | ---: | ---: | --- | --- | --- |\n", sections[s].id,
               sections[s].what);
        for (size_t i = 0; i < v->n; i++) {
            const struct mb_validation_row *r = &v->rows[i];
            if (strcmp(r->section, sections[s].id) != 0)
                continue;
            printf("| %s | %s", r->subject, r->what);
            print_number(" | ", r->value);
            print_number(" | ", r->expected);
            print_number(" | ", r->bound);
            printf(" | %s | %s | %s |\n", r->unit, r->verdict == MB_VALIDATION_BROKEN ? "**broken**" : mb_validation_verdict_name(r->verdict), r->note);
        }
    }
}

static json_t *number_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *validation_json(const struct mb_validation *v)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < v->n; i++) {
        const struct mb_validation_row *r = &v->rows[i];
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:s}", "section", r->section, "of", r->subject, "what", r->what,
                                              "value", number_or_null(r->value), "expected", number_or_null(r->expected), "bound",
                                              number_or_null(r->bound), "unit", r->unit, "verdict", mb_validation_verdict_name(r->verdict), "note", r->note));
    }
    return rows;
}

static json_t *limits_json(const struct mb_calibration *c)
{
    struct mb_limit_figure f;
    enum mb_limit kind;
    json_t *rows = json_array();
    for (size_t at = 0; mb_calibration_next(c, &at, &kind, &f);) {
        const size_t first = at - f.n;
        json_t *values = json_array(), *row;
        for (size_t i = first; i < at; i++)
            json_array_append_new(values, json_real(c->samples[i].value));
        row = json_pack("{s:s,s:s,s:i,s:I,s:o,s:f,s:f,s:f,s:o}", "limit", mb_limit_rows[kind].name, "isa", f.isa, "threads", (int)f.n_threads,
                        "pass_bytes", (json_int_t)f.n_bytes, "cache_bytes", c->cache_bytes ? json_integer((json_int_t)c->cache_bytes) : json_null(),
                        "median", f.median, "lo", f.lo, "hi", f.hi, "values", values);
        json_object_set_new(row, "coverage", isnan(f.coverage) ? json_null() : json_real(f.coverage));
        json_array_append_new(rows, row);
    }
    return rows;
}

/* An array of limits; with the instruments an object of both. */
static void print_json(const struct mb_calibration *c, const struct mb_validation *v)
{
    json_t *page = limits_json(c);
    if (v->n)
        page = json_pack("{s:o, s:o}", "limits", page, "validation", validation_json(v));
    json_dumpf(page, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(page);
}

static int store(struct mb_calibration *c, const struct mb_validation *v, const char *path, struct mb_error *err)
{
    struct mb_machine machine = {0};
    struct mb_db *db = NULL;
    int64_t device_id, build_id;
    int rc = mb_machine_read(&machine, "", err);
    if (!rc)
        rc = mb_db_open(&db, path, MB_DB_CREATE, err);
    if (!rc)
        rc = mb_db_put_device(db, &machine.device, &device_id, err);
    if (!rc)
        rc = mb_db_put_build(db, &machine.build, &build_id, err);
    if (!rc)
        rc = mb_calibration_store(c, db, device_id, build_id, machine.conditions_json, err);
    if (!rc)
        rc = mb_validation_store(v, db, c->id, err);
    mb_db_close(db);
    mb_machine_release(&machine);
    return rc;
}

static int calibrate_main(int argc, char **argv)
{
    struct calibrate_options o = {.repetitions = 9, .format = "md"};
    struct mb_calibration c = {0};
    struct mb_validation v = {0};
    struct mb_error err = {0};
    uint32_t counts[MAX_COUNTS];
    size_t n_counts = 0;
    unsigned limits = 0;
    int n_operands = 0;
    int rc = mb_opt_parse(&mb_command_calibrate, argc, argv, &o, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc && n_operands == 1 && strcmp(argv[1], "machine") != 0)
        rc = mb_fail(&err, MB_EINVAL, "'%s': the only thing that can be named is 'machine'", argv[1]);
    const bool instruments = n_operands == 1, shown = !o.quiet && isatty(STDERR_FILENO);
    if (!rc && strcmp(o.format, "md") != 0 && strcmp(o.format, "json") != 0)
        rc = mb_fail(&err, MB_EINVAL, "--output: '%s' is neither md nor json", o.format);
    if (!rc)
        rc = parse_threads(o.threads, counts, &n_counts, &err);
    if (!rc)
        rc = parse_limits(o.limits, &limits, &err);
    if (!rc) {
        const struct mb_calibration_wish wish = {.threads = counts, .n_threads = n_counts, .limits = limits, .n_repetitions = o.repetitions,
                                                 .read_bytes = (uint64_t)o.size_mib << 20,
                                                 .progress = shown ? show_progress : NULL};
        rc = mb_calibration_measure(&c, &wish, &err);
    }
    if (!rc && instruments)
        rc = validate(&v, shown, &err);
    if (!rc && o.db)
        rc = store(&c, &v, o.db, &err);
    if (!rc && strcmp(o.format, "json") == 0) {
        print_json(&c, &v);
    } else if (!rc) {
        print_table(&c);
        if (instruments)
            print_validation(&v);
    }
    const size_t n_broken = mb_validation_count(&v, MB_VALIDATION_BROKEN);
    if (!rc && n_broken)
        fprintf(stderr, "meltbench: %zu of the collectors' figures are outside their bounds: do not trust them on this machine\n", n_broken);
    mb_calibration_release(&c);
    mb_validation_release(&v);
    return rc ? mb_complain(&mb_command_calibrate, &err) : n_broken > 0;
}
