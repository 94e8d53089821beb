/* report.c - see report.h. A file appears under its name only when it is complete. */
#include "plots/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "plots/figure.h"
#include "plots/findings.h"
#include "plots/html.h"
#include "plots/page.h"

/* Makes the folder and the ones above it. */
static int make_folder(const char *path, struct mb_error *err)
{
    char *copy = strdup(path);
    if (!copy)
        return mb_fail(err, MB_ENOMEM, "no memory");
    int rc = MB_OK;
    for (char *p = copy + 1; !rc && *copy; p++) {
        const char end = *p;
        if (end != '/' && end != '\0')
            continue;
        *p = '\0';
        if (mkdir(copy, 0777) && errno != EEXIST)
            rc = mb_fail_errno(err, MB_EIO, "report folder %s cannot be made", copy);
        *p = end;
        if (end == '\0')
            break;
    }
    struct stat st;
    if (!rc && (stat(path, &st) || !S_ISDIR(st.st_mode)))
        rc = mb_fail(err, MB_EIO, "%s is not a folder: name another with -o", path);
    free(copy);
    return rc;
}

static int write_file(const char *folder, const char *name, const char *suffix, const struct mb_strbuf *text, struct mb_error *err)
{
    if (text->failed)
        return mb_fail(err, MB_ENOMEM, "no memory for %s%s", name, suffix);
    struct mb_strbuf path = {0}, draft = {0};
    mb_strbuf_printf(&path, "%s/%s%s", folder, name, suffix);
    mb_strbuf_printf(&draft, "%s.part", mb_strbuf_text(&path));
    int rc = MB_OK;
    FILE *f = fopen(mb_strbuf_text(&draft), "wb");
    bool ok = f && fwrite(mb_strbuf_text(text), 1, text->n_bytes, f) == text->n_bytes;
    if (f && fclose(f))
        ok = false;
    if (!ok || rename(mb_strbuf_text(&draft), mb_strbuf_text(&path))) {
        rc = mb_fail_errno(err, MB_EIO, "%s cannot be written", mb_strbuf_text(&path));
        unlink(mb_strbuf_text(&draft));
    }
    mb_strbuf_release(&path);
    mb_strbuf_release(&draft);
    return rc;
}

/* When the page was made; SOURCE_DATE_EPOCH (reproducible-builds.org) makes it repeatable. */
static void make_stamp(char *stamp, size_t cap)
{
    const char *fixed = getenv("SOURCE_DATE_EPOCH");
    char *end = NULL;
    const long long seconds = fixed ? strtoll(fixed, &end, 10) : 0;
    const time_t t = fixed && *fixed && *end == '\0' ? (time_t)seconds : time(NULL);
    struct tm utc;
    if (!gmtime_r(&t, &utc) || !strftime(stamp, cap, "%Y-%m-%d %H:%M UTC", &utc))
        snprintf(stamp, cap, "at an unknown time");
}

static int find_run(struct sqlite3 *db, int64_t wanted, int64_t *run_id, struct mb_table *run, struct mb_error *err)
{
    int rc = mb_table_query(run, db, "run", wanted ? "SELECT * FROM v_run WHERE run_id = :run"
                                                   : "SELECT * FROM v_run ORDER BY run_id DESC LIMIT 1", wanted, err);
    if (!rc && run->n_rows == 0) {
        mb_table_release(run);
        rc = wanted ? mb_fail(err, MB_ENOENT, "the database has no run %" PRId64, wanted)
                    : mb_fail(err, MB_ENOENT, "the database has no run yet: 'meltbench run PLAN --db FILE' makes one");
    }
    if (!rc)
        *run_id = (int64_t)mb_table_number(run, 0, mb_table_column(run, "run_id"));
    return rc;
}

static int write_figure(const char *folder, const struct mb_figure_row *row, const struct mb_figure *f, struct mb_error *err)
{
    struct mb_strbuf csv = {0}, svg = {0};
    mb_table_csv(&f->table, &csv);
    int rc = write_file(folder, row->name, ".csv", &csv, err);
    if (!rc && f->svg.n_bytes) {
        mb_svg_file(&svg, mb_strbuf_text(&f->svg), row->title, mb_strbuf_text(&f->foot));
        rc = write_file(folder, row->name, ".svg", &svg, err);
    } else if (!rc && row->gp) { /* one of an earlier report would not belong to this page */
        mb_strbuf_printf(&svg, "%s/%s.svg", folder, row->name);
        unlink(mb_strbuf_text(&svg));
    }
    mb_strbuf_release(&csv);
    mb_strbuf_release(&svg);
    return rc;
}

static int put_figures(struct mb_strbuf *page, struct sqlite3 *db, int64_t run_id, const char *folder, const struct mb_provenance *from,
                       struct mb_report_result *result, struct mb_error *err)
{
    size_t n;
    const struct mb_figure_row *rows = mb_figure_rows(&n);
    int rc = MB_OK;
    for (size_t i = 0; !rc && i < n; i++) {
        struct mb_figure figure;
        rc = mb_figure_make(&figure, &rows[i], db, run_id, from, err);
        if (rc)
            break;
        rc = write_figure(folder, &rows[i], &figure, err);
        mb_page_figure(page, &rows[i], &figure);
        if (rows[i].gp && figure.svg.n_bytes)
            result->n_figures++;
        else if (rows[i].gp)
            result->n_skipped++;
        mb_figure_release(&figure);
    }
    return rc;
}

/* "host, processor" and "build COMMIT", as every figure carries them. */
static int make_provenance(const struct mb_table *run, struct mb_provenance *from, struct mb_error *err)
{
    struct mb_strbuf device = {0}, build = {0};
    mb_strbuf_printf(&device, "%s, %s", mb_table_text(run, 0, mb_table_column(run, "device")), mb_table_text(run, 0, mb_table_column(run, "cpu")));
    mb_strbuf_printf(&build, "build %s", mb_table_text(run, 0, mb_table_column(run, "commit_id")));
    from->device = mb_strbuf_take(&device);
    from->build = mb_strbuf_take(&build);
    return from->device && from->build ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for the report");
}

/* The newest run, or the one asked for, with one snapshot of the database for all figures. */
static int write_report(struct sqlite3 *db, const struct mb_report_options *o, struct mb_report_result *result, struct mb_error *err)
{
    struct mb_table run = {0};
    struct mb_strbuf page = {0};
    struct mb_provenance from = {0};
    int64_t run_id = 0;
    char stamp[40];
    int rc = find_run(db, o->run_id, &run_id, &run, err);
    if (rc)
        return rc;
    rc = make_provenance(&run, &from, err);
    if (!rc)
        rc = make_folder(o->out_dir, err);
    if (!rc)
        rc = mb_findings_make(db, run_id, result, err);
    if (!rc) {
        mb_page_begin(&page, o->title ? o->title : mb_table_text(&run, 0, mb_table_column(&run, "plan")), &run, result);
        rc = put_figures(&page, db, run_id, o->out_dir, &from, result, err);
    }
    if (!rc) {
        make_stamp(stamp, sizeof(stamp));
        mb_page_end(&page, stamp);
        rc = write_file(o->out_dir, "index", ".html", &page, err);
    }
    if (!rc)
        snprintf(result->index_path, sizeof(result->index_path), "%s/index.html", o->out_dir);
    mb_table_release(&run);
    mb_strbuf_release(&page);
    free(from.device);
    free(from.build);
    return rc;
}

int mb_report_write(struct sqlite3 *db, const struct mb_report_options *options, struct mb_report_result *result, struct mb_error *err)
{
    *result = (struct mb_report_result){0};
    if (!options->out_dir || !options->out_dir[0])
        return mb_fail(err, MB_EINVAL, "no folder for the report: name one with -o");
    return write_report(db, options, result, err);
}
