/* html.c - see html.h. The SVG side knows how gnuplot 5.4 writes: one <svg> tag, ids 'gp...', black as "black". */
#include "plots/html.h"

#include <string.h>

void mb_html_text(struct mb_strbuf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        switch (*p) {
        case '&': mb_strbuf_puts(out, "&amp;"); break;
        case '<': mb_strbuf_puts(out, "&lt;"); break;
        case '>': mb_strbuf_puts(out, "&gt;"); break;
        case '"': mb_strbuf_puts(out, "&quot;"); break;
        case '\'': mb_strbuf_puts(out, "&#39;"); break;
        default: mb_strbuf_add(out, p, 1);
        }
    }
}

struct change { const char *from, *to; };

/* All changes in one pass; the first that fits at a place wins. */
static void put_changed(struct mb_strbuf *out, const char *text, const struct change *changes, size_t n)
{
    while (*text) {
        size_t i = 0;
        while (i < n && strncmp(text, changes[i].from, strlen(changes[i].from)) != 0)
            i++;
        if (i < n)
            mb_strbuf_puts(out, changes[i].to);
        else
            mb_strbuf_add(out, text, 1);
        text += i < n ? strlen(changes[i].from) : 1;
    }
}

/* From "<svg" on, with gnuplot's own title and description replaced. Returns the rest after them; NULL when this is not gnuplot's SVG. */
static const char *put_head(struct mb_strbuf *out, const char *svg, const char *title, const char *description, const char *attributes)
{
    const char *start = strstr(svg, "<svg"), *end = start ? strchr(start, '>') : NULL;
    const char *rest = end ? strstr(end, "</desc>") : NULL;
    if (!rest)
        return NULL;
    mb_strbuf_add(out, start, (size_t)(end - start));
    mb_strbuf_puts(out, attributes);
    mb_strbuf_puts(out, "><title>");
    mb_html_text(out, title);
    mb_strbuf_puts(out, "</title><desc>");
    mb_html_text(out, description);
    return rest;
}

void mb_svg_file(struct mb_strbuf *out, const char *svg, const char *title, const char *description)
{
    static const struct change changes[] = {{"fill=\"none\"/>\n<defs>", "fill=\"white\"/>\n<defs>"}};
    mb_strbuf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n");
    const char *rest = put_head(out, svg, title, description, "");
    put_changed(out, rest ? rest : svg, changes, 1);
}

void mb_svg_inline(struct mb_strbuf *out, const char *svg, const char *name, const char *title, const char *description)
{
    struct mb_strbuf id_single = {0}, id_double = {0}, href = {0}, url = {0};
    mb_strbuf_printf(&id_single, " id='%s-", name);
    mb_strbuf_printf(&id_double, " id=\"%s-", name);
    mb_strbuf_printf(&href, "href='#%s-", name);
    mb_strbuf_printf(&url, "url(#%s-", name);
    const struct change changes[] = {
        {" id='", mb_strbuf_text(&id_single)}, {" id=\"", mb_strbuf_text(&id_double)}, {"href='#", mb_strbuf_text(&href)},
        {"url(#", mb_strbuf_text(&url)}, {" color=\"black\"", ""}, {"fill=\"black\"", "fill=\"currentColor\""},
        {"stroke='black'", "stroke='currentColor'"}, {"stroke=\"black\"", "stroke=\"currentColor\""}};
    const char *rest = put_head(out, svg, title, description, " role=\"img\"");
    if (rest)
        put_changed(out, rest, changes, sizeof(changes) / sizeof(changes[0]));
    mb_strbuf_release(&id_single);
    mb_strbuf_release(&id_double);
    mb_strbuf_release(&href);
    mb_strbuf_release(&url);
}
