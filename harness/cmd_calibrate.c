/*
 * cmd_calibrate.c - `meltbench calibrate`: the limits of this machine - reading memory, multiplying floats and bytes - per number of
 * threads, as a table or JSON on standard output. What each figure means is said in roofline.h.
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
    .summary = "measure what this machine can do at most: memory and arithmetic",
    .description = "Measures, for each number of threads, how fast memory is read (read: one stream a thread; read_matrices: matrices of 1 to 8 "
                   "MiB, all threads meeting after each, as decoding does) and how fast registers are multiplied (f32, int8; every instruction "
                   "set that the engine has kernels for). Values are medians of the repetitions with a distribution-free interval.",
    .rows = calibrate_rows,
    .run = calibrate_main,
};

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

static void print_json(const struct mb_calibration *c)
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
    json_dumpf(rows, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(rows);
}

static int store(struct mb_calibration *c, const char *path, struct mb_error *err)
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
    mb_db_close(db);
    mb_machine_release(&machine);
    return rc;
}

static int calibrate_main(int argc, char **argv)
{
    struct calibrate_options o = {.repetitions = 9, .format = "md"};
    struct mb_calibration c = {0};
    struct mb_error err = {0};
    uint32_t counts[MAX_COUNTS];
    size_t n_counts = 0;
    unsigned limits = 0;
    int n_operands = 0;
    int rc = mb_opt_parse(&mb_command_calibrate, argc, argv, &o, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc && strcmp(o.format, "md") != 0 && strcmp(o.format, "json") != 0)
        rc = mb_fail(&err, MB_EINVAL, "--output: '%s' is neither md nor json", o.format);
    if (!rc)
        rc = parse_threads(o.threads, counts, &n_counts, &err);
    if (!rc)
        rc = parse_limits(o.limits, &limits, &err);
    if (!rc) {
        const struct mb_calibration_wish wish = {.threads = counts, .n_threads = n_counts, .limits = limits, .n_repetitions = o.repetitions,
                                                 .read_bytes = (uint64_t)o.size_mib << 20,
                                                 .progress = !o.quiet && isatty(STDERR_FILENO) ? show_progress : NULL};
        rc = mb_calibration_measure(&c, &wish, &err);
    }
    if (!rc && o.db)
        rc = store(&c, o.db, &err);
    if (!rc)
        strcmp(o.format, "json") == 0 ? print_json(&c) : print_table(&c);
    mb_calibration_release(&c);
    return rc ? mb_complain(&mb_command_calibrate, &err) : 0;
}
