/* A run of any shape becomes a page that stands alone, says what is missing and why, and is the same bytes every time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "demo_run.h"
#include "known_run.h"
#include "plots/figure.h"
#include "plots/gnuplot.h"
#include "plots/report.h"

struct place { char folder[256], file[300], out[300]; struct mb_db *db; struct mb_report_result result; };

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    known_folder_make(p->folder, sizeof(p->folder));
    snprintf(p->file, sizeof(p->file), "%s/t.db", p->folder);
    snprintf(p->out, sizeof(p->out), "%s/re port/a", p->folder);
    setenv("SOURCE_DATE_EPOCH", "1767323045", 1);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    mb_db_close(p->db);
    known_folder_remove(p->folder);
    free(p);
    return 0;
}

static void fill(struct place *p, enum demo_style style)
{
    struct mb_error err = {0};
    assert_int_equal(mb_db_open(&p->db, p->file, MB_DB_CREATE, &err), MB_OK);
    demo_fill(p->db, style);
    mb_db_close(p->db);
    assert_int_equal(mb_db_open(&p->db, p->file, MB_DB_READ, &err), MB_OK);
}

static void report(struct place *p, const char *out)
{
    struct mb_error err = {0};
    const struct mb_report_options options = {.out_dir = out};
    if (mb_report_write(mb_db_handle(p->db), &options, &p->result, &err))
        fail_msg("%s", err.text);
}

/* Text of out/name, to be freed; NULL when it is not there. */
static char *read_text(const char *out, const char *name)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", out, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    char *text = calloc(1, 8 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (8 << 20) - 1, f) > 0);
    fclose(f);
    return text;
}

static void says(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("does not say '%s'", what);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what))
        n++;
    return n;
}

/* Nothing is fetched, tags of the page are balanced, ids are unique. */
static void stands_alone(const char *page)
{
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "<link"));
    assert_null(strstr(page, "@import"));
    assert_null(strstr(page, "src="));
    assert_int_equal(count(page, "http"), count(page, "xmlns=\"http://www.w3.org") + count(page, "xmlns:xlink=\"http://www.w3.org"));
    static const char *const tags[] = {"section", "figure", "table", "div", "svg", "figcaption", "tr", "ol", "dl"};
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        char open[40], open_with[40], close[40];
        snprintf(open, sizeof(open), "<%s>", tags[i]);
        snprintf(open_with, sizeof(open_with), "<%s ", tags[i]);
        snprintf(close, sizeof(close), "</%s>", tags[i]);
        if (count(page, open) + count(page, open_with) != count(page, close))
            fail_msg("<%s> is not balanced", tags[i]);
    }
    for (const char *p = page; (p = strstr(p, " id=")) != NULL; p++) {
        char id[120];
        snprintf(id, sizeof(id), " id=%c%.*s%c", p[4], (int)strcspn(p + 5, "'\""), p + 5, p[4]);
        if (count(page, id) != 1)
            fail_msg("%s is not unique", id);
    }
}

static bool have_gnuplot(void)
{
    struct mb_strbuf svg = {0};
    const int rc = mb_gnuplot_run("set terminal svg\nplot x\n", &svg, NULL);
    mb_strbuf_release(&svg);
    return rc == MB_OK;
}

static void a_full_run_draws_everything(void **state)
{
    struct place *p = *state;
    if (!have_gnuplot()) {
        print_message("gnuplot is not installed\n");
        skip();
    }
    fill(p, DEMO_FULL);
    report(p, p->out);
    assert_int_equal(p->result.n_skipped, 0);
    char *page = read_text(p->out, "index.html");
    assert_non_null(page);
    stands_alone(page);
    says(page, "demo &lt;quant&gt; &amp; exit, &quot;reduce&quot;");
    says(page, "Synthetic Core &lt;v1&gt; &amp; &quot;co&quot;");
    says(page, "verify needs the whole cache: streaming drops tokens");
    says(page, "killed by signal 9: out of memory");
    says(page, "no /sys/class/thermal/thermal_zone*");
    says(page, "5a1395716f7913741cc51d98581b9b1228d80987a9f7d3664106742eb06bba83");
    says(page, "Made 2026-01-02 03:04 UTC");
    says(page, "no idle baseline of rapl (plans/idle.yaml)");
    size_t n;
    const struct mb_figure_row *rows = mb_figure_rows(&n);
    for (size_t i = 0; i < n; i++) {
        char name[100];
        snprintf(name, sizeof(name), "%s.csv", rows[i].name);
        char *csv = read_text(p->out, name);
        assert_non_null(csv);
        assert_true(count(csv, "\r\n") >= 2);
        free(csv);
        snprintf(name, sizeof(name), "%s.svg", rows[i].name);
        char *svg = read_text(p->out, name);
        assert_true((svg != NULL) == (rows[i].gp != NULL));
        if (svg) {
            says(svg, "encoding=\"UTF-8\"");
            says(svg, "view v_");
            says(svg, "build 0123456789ab");
            says(svg, "N = ");
            says(svg, "measured");
        }
        free(svg);
    }
    free(page);
}

static void findings_come_from_the_views(void **state)
{
    struct place *p = *state;
    fill(p, DEMO_FULL);
    report(p, p->out);
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(mb_db_handle(p->db), "SELECT max(decode_tps), (SELECT decode_tps FROM v_cell WHERE label = 'file (5.47 bpw) 2t' AND workload = 'micro')"
                                        " FROM v_cell WHERE workload = 'micro'", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    char expected[100];
    snprintf(expected, sizeof(expected), "q4_0 (4.58 bpw) 2t with %#.4g tokens/s (median of 5, 93.8 %% interval", sqlite3_column_double(s, 0));
    says(p->result.findings[0], expected);
    snprintf(expected, sizeof(expected), "%.2f times the file as stored", sqlite3_column_double(s, 0) / sqlite3_column_double(s, 1));
    says(p->result.findings[0], expected);
    sqlite3_finalize(s);
    says(p->result.findings[1], "q4_0 (4.58 bpw) 2t keeps accuracy: 0.600 right against 0.620");
    says(p->result.findings[1], "2 of 6 settings fall below");
    says(p->result.findings[2], "71 % of its drafts accepted; the output is the same token for token.");
}

static void the_same_database_gives_the_same_bytes(void **state)
{
    struct place *p = *state;
    char second[300];
    fill(p, DEMO_FULL);
    report(p, p->out);
    snprintf(second, sizeof(second), "%s/b", p->folder);
    report(p, second);
    static const char *const names[] = {"index.html", "decode.csv", "timeline.csv", "provenance.csv"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char *a = read_text(p->out, names[i]), *b = read_text(second, names[i]);
        assert_true(a && b);
        assert_string_equal(a, b);
        free(a);
        free(b);
    }
}

static void one_cell_is_enough(void **state)
{
    struct place *p = *state;
    fill(p, DEMO_ONE);
    report(p, p->out);
    char *page = read_text(p->out, "index.html");
    stands_alone(page);
    says(page, "energy is unknown on this machine: rapl: no /sys/class/powercap");
    says(page, "Not drawn: no cell answered questions");
    says(p->result.findings[0], "it is the only setting of this run");
    says(p->result.findings[0], "(median of 1)"); /* no interval from one repetition */
    free(page);
}

static void forty_cells_with_long_names_fit(void **state)
{
    struct place *p = *state;
    fill(p, DEMO_FORTY);
    report(p, p->out);
    char *page = read_text(p->out, "index.html");
    stands_alone(page);
    says(page, "A-Very-Long-Model-Name-That-Somebody-Chose-03-Instruct-v0.3-Q4_K_M-imatrix.gguf");
    char *csv = read_text(p->out, "decode.csv");
    assert_int_equal(count(csv, "\r\n"), 41);
    free(csv);
    free(page);
}

static void a_run_without_numbers_says_why(void **state)
{
    struct place *p = *state;
    fill(p, DEMO_FAILED);
    report(p, p->out);
    assert_int_equal(p->result.n_figures, 0);
    char *page = read_text(p->out, "index.html");
    stands_alone(page);
    says(page, "NaN logit at token 3");
    says(page, "backend opencl is not available: no platform");
    says(p->result.findings[0], "2 of 2 cells");
    assert_string_equal(p->result.findings[1], "");
    free(page);
}

static void without_gnuplot_the_numbers_are_still_there(void **state)
{
    struct place *p = *state;
    char *path = strdup(getenv("PATH") ? getenv("PATH") : "");
    fill(p, DEMO_FULL);
    setenv("PATH", "/nonexistent", 1);
    report(p, p->out);
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(p->result.n_figures, 0);
    char *page = read_text(p->out, "index.html"), *csv = read_text(p->out, "decode.csv");
    stands_alone(page);
    says(page, "apt-get install gnuplot-nox");
    says(page, "decode_tps_lo"); /* the data as a table instead */
    assert_int_equal(count(csv, "\r\n"), 11);
    free(page);
    free(csv);
}

static void wrong_wishes_are_refused(void **state)
{
    struct place *p = *state;
    struct mb_error err = {0};
    struct mb_report_result result;
    fill(p, DEMO_FAILED);
    struct mb_report_options options = {.out_dir = p->out, .run_id = 99};
    assert_int_equal(mb_report_write(mb_db_handle(p->db), &options, &result, &err), MB_ENOENT);
    says(err.text, "no run 99");
    options = (struct mb_report_options){.out_dir = p->file};
    assert_int_equal(mb_report_write(mb_db_handle(p->db), &options, &result, &err), MB_EIO);
    says(err.text, "is not a folder");
    options.out_dir = "";
    assert_int_equal(mb_report_write(mb_db_handle(p->db), &options, &result, &err), MB_EINVAL);
    mb_db_close(p->db);
    snprintf(p->file, sizeof(p->file), "%s/empty.db", p->folder);
    assert_int_equal(mb_db_open(&p->db, p->file, MB_DB_CREATE, &err), MB_OK);
    options.out_dir = p->out;
    assert_int_equal(mb_report_write(mb_db_handle(p->db), &options, &result, &err), MB_ENOENT);
    says(err.text, "no run yet");
    assert_int_not_equal(access(p->out, F_OK), 0); /* no folder for nothing */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_full_run_draws_everything), T(findings_come_from_the_views), T(the_same_database_gives_the_same_bytes), T(one_cell_is_enough),
        T(forty_cells_with_long_names_fit), T(a_run_without_numbers_says_why), T(without_gnuplot_the_numbers_are_still_there),
        T(wrong_wishes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
