/* cmd_import.c - `meltbench import`: llama-bench's results of other machines and years, beside our own in the database. */
#include <stddef.h>
#include <stdio.h>

#include "harness/bench_import.h"
#include "harness/options.h"

enum { FLAWS_SHOWN = 3 };

struct import_options { const char *db; };

static const struct mb_opt_row rows[] = {
    {"--db", NULL, MB_OPT_TEXT, offsetof(struct import_options, db), "FILE", 0, 0, "database, made when missing (meltbench.db)"},
    {0},
};

static void say_faults(const struct mb_bench_import *in, const char *path)
{
    const char *place = in->format && *in->format == 's' && in->format[3] == 'i' ? " row " : ""; /* sqlite has rows, the others lines */
    for (size_t i = 0; i < in->n_faults && i < MB_BENCH_FAULTS_KEPT; i++)
        fprintf(stderr, "meltbench: %s:%s%lld: %s\n", path, place, (long long)in->faults[i].line, in->faults[i].text);
    if (in->n_faults > MB_BENCH_FAULTS_KEPT)
        fprintf(stderr, "meltbench: %s: %zu more faults\n", path, in->n_faults - MB_BENCH_FAULTS_KEPT);
}

static void say_flaws(const struct mb_bench_import *in, const char *path)
{
    size_t n = 0;
    for (size_t i = 0; i < in->n; i++)
        if (in->rows[i].flaw && n++ < FLAWS_SHOWN)
            fprintf(stderr, "meltbench: %s:%lld: %s (llama.cpp #24951)\n", path, (long long)in->rows[i].line, in->rows[i].flaw);
    if (n > FLAWS_SHOWN)
        fprintf(stderr, "meltbench: %s: %zu more rows with a wrong stddev_ns\n", path, n - FLAWS_SHOWN);
}

/* One file, whole or not at all but for damaged records; *damaged is set where there were any. */
static int import_file(struct mb_db *db, const char *path, bool *damaged, struct mb_error *err)
{
    struct mb_bench_import in;
    size_t n_new = 0;
    int rc = mb_bench_import_read(&in, path, err);
    if (!rc && in.n) {
        const struct mb_db_import file = {.sha256 = in.sha256, .name = path, .format = in.format};
        rc = mb_db_put_import(db, &file, in.rows, in.n, &n_new, err);
    }
    if (!rc) {
        say_faults(&in, path);
        if (n_new)
            say_flaws(&in, path);
        printf("%s: %s, %zu of %zu results imported", path, in.format, n_new, in.n + in.n_faults);
        if (in.n > n_new)
            printf(", %zu were there already", in.n - n_new);
        if (in.n_faults)
            printf(", %zu damaged", in.n_faults);
        putchar('\n');
    }
    *damaged |= in.n_faults > 0;
    mb_bench_import_release(&in);
    return rc;
}

static int import_main(int argc, char **argv)
{
    struct import_options o = {.db = "meltbench.db"};
    struct mb_error err = {0};
    struct mb_db *db = NULL;
    bool damaged = false;
    int n_operands = 0, code = 0;
    int rc = mb_opt_parse(&mb_command_import, argc, argv, &o, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc)
        rc = mb_db_open(&db, o.db, MB_DB_CREATE, &err);
    if (rc)
        return mb_complain(&mb_command_import, &err);
    for (int i = 1; i <= n_operands; i++) /* a bad file does not keep the others out */
        if (import_file(db, argv[i], &damaged, &err))
            code = mb_complain(&mb_command_import, &err);
    mb_db_close(db);
    return code ? code : damaged;
}

const struct mb_command mb_command_import = {
    .name = "import",
    .operands = "FILE...",
    .summary = "take results of llama-bench into the database",
    .description = "Reads what llama-bench wrote with -o json, jsonl, csv or sql, or the SQLite file made of the last, of any year, and adds the results "
                   "to the database with the file's name and sha256. Ask the view llama_bench for them: it has llama-bench's columns over these rows "
                   "and over our own runs. A result is kept once. A stddev_ns that does not follow from the samples is recomputed. Of a damaged file "
                   "the whole records are taken and the others named with their line. Exit: 0 all taken, 1 something was damaged or could not be read.",
    .rows = rows,
    .run = import_main,
};
