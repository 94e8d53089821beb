/* page.c - see page.h. Every text of the database passes mb_html_text(). */
#include "plots/page.h"

#include <string.h>

#include "plots/html.h"
#include "plots_texts.h"

static const char *of(const struct mb_table *run, const char *column)
{
    return mb_table_text(run, 0, mb_table_column(run, column));
}

static void put_fact(struct mb_strbuf *page, const char *label, const char *value)
{
    mb_strbuf_printf(page, "<div><dt>%s</dt><dd>", label);
    mb_html_text(page, value);
    mb_strbuf_puts(page, "</dd></div>\n");
}

static void put_facts(struct mb_strbuf *page, const struct mb_table *run)
{
    struct mb_strbuf text = {0};
    mb_strbuf_puts(page, "<dl class=\"facts\">\n");
    put_fact(page, "Device", of(run, "device"));
    put_fact(page, "Processor", of(run, "cpu"));
    put_fact(page, "Started (UTC)", of(run, "started_utc"));
    mb_strbuf_printf(&text, "%s %s", of(run, "version"), of(run, "commit_id"));
    put_fact(page, "meltbench", mb_strbuf_text(&text));
    mb_strbuf_clear(&text);
    mb_strbuf_printf(&text, "%s ok, %s failed, %s skipped in %s cells%s", of(run, "n_ok"), of(run, "n_failed"),
                     of(run, "n_skipped"), of(run, "n_cells"),
                     strcmp(of(run, "state"), "running") == 0 ? " (not finished)" : "");
    put_fact(page, "Repetitions", mb_strbuf_text(&text));
    mb_strbuf_puts(page, "</dl>\n");
    mb_strbuf_release(&text);
}

static void put_findings(struct mb_strbuf *page, const struct mb_report_result *result)
{
    if (!result->findings[0][0])
        return;
    mb_strbuf_puts(page, "<section><h2 id=\"findings\">Findings</h2>\n<ol class=\"findings\">\n");
    for (size_t i = 0; i < 3 && result->findings[i][0]; i++) {
        mb_strbuf_puts(page, "<li>");
        mb_html_text(page, result->findings[i]);
        mb_strbuf_puts(page, "</li>\n");
    }
    mb_strbuf_puts(page, "</ol></section>\n");
}

void mb_page_begin(struct mb_strbuf *page, const char *title, const struct mb_table *run, const struct mb_report_result *result)
{
    mb_strbuf_puts(page, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                   "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    mb_html_text(page, title);
    mb_strbuf_printf(page, " \xe2\x80\x94 meltbench report</title>\n<style>\n%s</style></head>\n<body><main>\n<header><h1>", mb_text_page_css);
    mb_html_text(page, title);
    mb_strbuf_puts(page, "</h1>\n");
    put_facts(page, run);
    mb_strbuf_puts(page, "</header>\n");
    put_findings(page, result);
    mb_strbuf_puts(page, "<nav aria-label=\"Contents\"><ul>\n");
    size_t n;
    const struct mb_figure_row *rows = mb_figure_rows(&n);
    for (size_t i = 0; i < n; i++) {
        mb_strbuf_printf(page, "<li><a href=\"#%s\">", rows[i].name);
        mb_html_text(page, rows[i].title);
        mb_strbuf_puts(page, "</a></li>\n");
    }
    mb_strbuf_puts(page, "</ul></nav>\n");
}

/* Numbers and intervals of numbers stand right. */
static bool is_number(const struct mb_table_cell *cell)
{
    return !cell->text || cell->is_number || (cell->text[0] && strspn(cell->text, "0123456789.+-e[] ") == strlen(cell->text));
}

static bool column_is_number(const struct mb_table *t, size_t column)
{
    for (size_t r = 0; r < t->n_rows; r++)
        if (!is_number(&t->cells[r * t->n_columns + column]))
            return false;
    return true;
}

static void put_table(struct mb_strbuf *page, const struct mb_table *t)
{
    mb_strbuf_puts(page, "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr>");
    for (size_t c = 0; c < t->n_columns; c++) {
        mb_strbuf_puts(page, column_is_number(t, c) ? "<th scope=\"col\" class=\"n\">" : "<th scope=\"col\">");
        mb_html_text(page, t->names[c]);
        mb_strbuf_puts(page, "</th>");
    }
    mb_strbuf_puts(page, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
        const struct mb_table_cell *cell = &t->cells[i];
        const char *text = cell->text ? cell->text : "\xe2\x80\x93"; /* unknown: a dash, never 0 */
        mb_strbuf_puts(page, i % t->n_columns ? "" : "<tr>");
        mb_strbuf_puts(page, column_is_number(t, i % t->n_columns) ? "<td class=\"n\">" : strlen(text) > 44 ? "<td class=\"l\">" : "<td>");
        mb_html_text(page, text);
        mb_strbuf_puts(page, (i + 1) % t->n_columns ? "</td>" : "</td></tr>\n");
    }
    mb_strbuf_puts(page, "</tbody></table></div>\n");
}

static void put_caption(struct mb_strbuf *page, const struct mb_figure_row *row, const struct mb_figure *f)
{
    const bool drawn = f->svg.n_bytes > 0;
    mb_html_text(page, row->caption);
    if (f->notes.n_bytes) {
        mb_strbuf_puts(page, " ");
        mb_html_text(page, mb_strbuf_text(&f->notes));
    }
    mb_strbuf_puts(page, "<br><small>");
    mb_html_text(page, mb_strbuf_text(&f->foot));
    if (drawn)
        mb_strbuf_printf(page, " \xc2\xb7 <a href=\"%s.svg\">%s.svg</a>", row->name, row->name);
    mb_strbuf_printf(page, " \xc2\xb7 <a href=\"%s.csv\">%s.csv</a></small>", row->name, row->name);
}

void mb_page_figure(struct mb_strbuf *page, const struct mb_figure_row *row, const struct mb_figure *f)
{
    mb_strbuf_printf(page, "<section id=\"%s\"><h2>", row->name);
    mb_html_text(page, row->title);
    mb_strbuf_puts(page, "</h2>\n");
    if (f->table.n_rows == 0) {
        mb_strbuf_puts(page, row->gp ? "<p class=\"missing\">Not drawn: " : "<p class=\"missing\">");
        mb_html_text(page, mb_strbuf_text(&f->missing));
        mb_strbuf_puts(page, "</p>\n");
    } else if (row->gp) {
        mb_strbuf_puts(page, "<figure>");
        if (f->svg.n_bytes) {
            mb_strbuf_puts(page, "<div class=\"scroll\" tabindex=\"0\">");
            mb_svg_inline(page, mb_strbuf_text(&f->svg), row->name, row->title, mb_strbuf_text(&f->foot));
            mb_strbuf_puts(page, "</div>");
        } else {
            mb_strbuf_puts(page, "<p class=\"missing\">Not drawn: ");
            mb_html_text(page, mb_strbuf_text(&f->missing));
            mb_strbuf_puts(page, "</p>");
            put_table(page, &f->table);
        }
        mb_strbuf_puts(page, "<figcaption>");
        put_caption(page, row, f);
        mb_strbuf_puts(page, "</figcaption></figure>\n");
    } else {
        mb_strbuf_puts(page, "<p>");
        put_caption(page, row, f);
        mb_strbuf_puts(page, "</p>\n");
        put_table(page, &f->table);
    }
    mb_strbuf_puts(page, "</section>\n");
}

void mb_page_end(struct mb_strbuf *page, const char *stamp)
{
    mb_strbuf_puts(page, "<footer><p>Made ");
    mb_html_text(page, stamp);
    mb_strbuf_puts(page, " by <code>meltbench report</code>. Unknown numbers are a dash and have a reason; nothing was trimmed. Each figure "
                   "names the database view that it draws: the formula stands there as a comment (db/views.sql).</p></footer>\n"
                   "</main></body></html>\n");
}
