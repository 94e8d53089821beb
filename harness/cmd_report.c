/* cmd_report.c - `meltbench report`: a database -> a folder with the page, figures and their data; path and findings on stdout. */
#include <stddef.h>
#include <stdio.h>

#include "db/store.h"
#include "harness/options.h"
#include "plots/report.h"

struct report_options {
    const char *out, *db, *title;
    uint64_t run;
};

static const struct mb_opt_row rows[] = {
    {"--out", "-o", MB_OPT_TEXT, offsetof(struct report_options, out), "DIR", 0, 0, "folder for the page and the figures, made when missing (report)"},
    {"--db", NULL, MB_OPT_TEXT, offsetof(struct report_options, db), "FILE", 0, 0, "the database, where it is not named as DB (meltbench.db)"},
    {"--run", NULL, MB_OPT_U64, offsetof(struct report_options, run), "N", 0, 9e15, "number of the run (0: the newest)"},
    {"--title", NULL, MB_OPT_TEXT, offsetof(struct report_options, title), "TEXT", 0, 0, "heading of the page (the plan's name)"},
    {0},
};

static int make_report(const struct report_options *o, struct mb_report_result *result, struct mb_error *err)
{
    const struct mb_report_options wanted = {.out_dir = o->out, .run_id = (int64_t)o->run, .title = o->title};
    struct mb_db *db = NULL;
    int rc = mb_db_open(&db, o->db, MB_DB_READ, err);
    if (rc == MB_OK)
        rc = mb_report_write(mb_db_handle(db), &wanted, result, err);
    mb_db_close(db);
    return rc;
}

static int report_main(int argc, char **argv)
{
    struct report_options o = {.out = "report", .db = "meltbench.db"};
    struct mb_report_result result = {0};
    struct mb_error err = {0};
    int n_operands = 0;
    const int parsed = mb_opt_parse(&mb_command_report, argc, argv, &o, &n_operands, &err);
    if (parsed == 1)
        return 0;
    if (parsed)
        return mb_complain(&mb_command_report, &err);
    if (n_operands == 1)
        o.db = argv[1];
    if (make_report(&o, &result, &err))
        return mb_complain(&mb_command_report, &err);
    printf("report: %s (%u figures, %u without data)\n", result.index_path, result.n_figures, result.n_skipped);
    for (size_t i = 0; i < sizeof(result.findings) / sizeof(result.findings[0]) && result.findings[i][0]; i++)
        printf("- %s\n", result.findings[i]);
    return 0;
}

const struct mb_command mb_command_report = {
    .name = "report",
    .operands = "[DB]",
    .summary = "make the report: a self-contained page, figures as SVG, their data as CSV",
    .description = "Reads a run of the database and writes index.html with its figures (NAME.svg, NAME.csv) into a folder. gnuplot draws; "
                   "without it the page has the numbers as tables. Prints where the page is and the most useful findings.",
    .rows = rows,
    .run = report_main,
};
