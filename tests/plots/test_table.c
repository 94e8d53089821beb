/* Nothing in a database can break a CSV, a page or a gnuplot script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "plots/gnuplot.h"
#include "plots/html.h"

static void query(struct mb_table *t, const char *sql, int64_t run_id)
{
    sqlite3 *db;
    struct mb_error err = {0};
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    if (mb_table_query(t, db, "test", sql, run_id, &err))
        fail_msg("%s", err.text);
    sqlite3_close(db);
}

static void csv_as_rfc_4180_says(void **state)
{
    (void)state;
    struct mb_table t;
    struct mb_strbuf csv = {0};
    query(&t, "SELECT 'a,b' AS \"x,y\", 'say \"hi\"' AS q, 'two' || char(13, 10) || 'lines' AS n, NULL AS none, '' AS empty, 1.5 AS v, :run AS run", 42);
    mb_table_csv(&t, &csv);
    assert_string_equal(mb_strbuf_text(&csv), "\"x,y\",q,n,none,empty,v,run\r\n\"a,b\",\"say \"\"hi\"\"\",\"two\r\nlines\",,\"\",1.5,42\r\n");
    assert_true(mb_table_number(&t, 0, 5) == 1.5 && isnan(mb_table_number(&t, 0, 3)) && isnan(mb_table_number(&t, 0, 1)));
    assert_true(isnan(mb_table_number(&t, 0, -1)));
    assert_int_equal(mb_table_column(&t, "v"), 5);
    assert_int_equal(mb_table_column(&t, "missing"), -1);
    assert_string_equal(mb_table_text(&t, 0, 3), "");
    mb_strbuf_release(&csv);
    mb_table_release(&t);
}

static void a_bad_query_is_an_error_with_its_name(void **state)
{
    (void)state;
    sqlite3 *db;
    struct mb_table t;
    struct mb_error err = {0};
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(mb_table_query(&t, db, "decode", "SELECT x FROM nowhere", 1, &err), MB_EFAILED);
    assert_non_null(strstr(err.text, "query decode: no such table"));
    assert_int_equal(mb_table_query(&t, db, "late", "SELECT abs(-9223372036854775808)", 1, &err), MB_EFAILED);
    assert_null(t.cells);
    sqlite3_close(db);
}

static void html_is_escaped(void **state)
{
    (void)state;
    struct mb_strbuf out = {0};
    mb_html_text(&out, "<script>alert(\"x\" & 'y')</script>");
    assert_string_equal(mb_strbuf_text(&out), "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;");
    mb_strbuf_release(&out);
}

static void gnuplot_strings_cannot_end_early(void **state)
{
    (void)state;
    static const struct { const char *in; size_t max; const char *out; } cases[] = {
        {"plain", 20, "\"plain\""},
        {"\"; system(\"rm x\") \\", 40, "\"'; system('rm x') /\""},
        {"tab\tline\nend\x7f", 40, "\"tab line end \""},
        {"0123456789abcdef", 9, "\"0123\xe2\x80\xa6""cdef\""},
        {"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 5, "\"\xc3\xa9\xc3\xa9\xe2\x80\xa6\xc3\xa9\xc3\xa9\""},
        {"", 5, "\"\""}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mb_strbuf out = {0};
        mb_gnuplot_string(&out, cases[i].in, cases[i].max);
        assert_string_equal(mb_strbuf_text(&out), cases[i].out);
        mb_strbuf_release(&out);
    }
}

static void data_blocks_name_their_series(void **state)
{
    (void)state;
    struct mb_table t;
    struct mb_strbuf out = {0};
    query(&t, "SELECT column1 AS kind, column2 AS series, column3 AS y FROM (VALUES ('k', 'a', 1), ('k', 'b', NULL), ('k', 'a', 2.5))", 0);
    mb_gnuplot_data(&out, &t);
    assert_string_equal(mb_strbuf_text(&out),
                        "$data << MB_END_OF_DATA\n\"k\"\t\"a\"\t1\n\"k\"\t\"b\"\t?\n\"k\"\t\"a\"\t2.5\nMB_END_OF_DATA\n"
                        "mb_rows = 3\nmb_label_chars = 1\narray mb_series[2] = [\"a\", \"b\"]\n");
    mb_strbuf_release(&out);
    mb_table_release(&t);
}

static void gnuplot_faults_are_told(void **state)
{
    (void)state;
    struct mb_strbuf svg = {0};
    struct mb_error err = {0};
    const int rc = mb_gnuplot_run("set terminal svg\nplot 'no such file'\n", &svg, &err);
    if (rc == MB_ENOTSUP) {
        print_message("gnuplot is not installed\n");
        skip();
    }
    assert_int_equal(rc, MB_EFAILED);
    assert_true(strlen(err.text) > 20 && !strchr(err.text, '\n'));
    mb_strbuf_clear(&svg);
    assert_int_equal(mb_gnuplot_run("print 1\n", &svg, &err), MB_EFORMAT);
    mb_strbuf_clear(&svg);
    assert_int_equal(mb_gnuplot_run("set terminal svg\nplot x\n", &svg, &err), MB_OK);
    assert_non_null(strstr(mb_strbuf_text(&svg), "<svg"));
    mb_strbuf_release(&svg);
}

static void without_gnuplot_it_says_how_to_get_it(void **state)
{
    (void)state;
    char *path = strdup(getenv("PATH") ? getenv("PATH") : "");
    struct mb_strbuf svg = {0};
    struct mb_error err = {0};
    setenv("PATH", "/nonexistent", 1);
    const int rc = mb_gnuplot_run("plot x\n", &svg, &err);
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(rc, MB_ENOTSUP);
    assert_non_null(strstr(err.text, "apt-get install gnuplot-nox"));
    mb_strbuf_release(&svg);
}

static void inline_drawings_take_the_page_colour_and_unique_ids(void **state)
{
    (void)state;
    static const char svg[] = "<?xml version=\"1.0\" encoding=\"utf8\"?>\n<svg \n width=\"9\">\n<title>Gnuplot</title>\n<desc>Produced</desc>\n"
                              "<g id=\"gnuplot_canvas\"><circle id='gpDot'/><use xlink:href='#gpDot' color=\"black\"/><g fill=\"black\"/></g></svg>";
    struct mb_strbuf out = {0};
    mb_svg_inline(&out, svg, "decode", "A <title>", "b & c");
    const char *text = mb_strbuf_text(&out);
    assert_null(strstr(text, "<?xml"));
    assert_null(strstr(text, "black"));
    assert_non_null(strstr(text, "<title>A &lt;title&gt;</title><desc>b &amp; c</desc>"));
    assert_non_null(strstr(text, "id=\"decode-gnuplot_canvas\""));
    assert_non_null(strstr(text, "id='decode-gpDot'"));
    assert_non_null(strstr(text, "href='#decode-gpDot'"));
    assert_non_null(strstr(text, "fill=\"currentColor\""));
    mb_strbuf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_as_rfc_4180_says), cmocka_unit_test(a_bad_query_is_an_error_with_its_name), cmocka_unit_test(html_is_escaped),
        cmocka_unit_test(gnuplot_strings_cannot_end_early), cmocka_unit_test(data_blocks_name_their_series),
        cmocka_unit_test(gnuplot_faults_are_told), cmocka_unit_test(without_gnuplot_it_says_how_to_get_it),
        cmocka_unit_test(inline_drawings_take_the_page_colour_and_unique_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
