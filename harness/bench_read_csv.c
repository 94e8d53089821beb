/* bench_read_csv.c - RFC 4180: a header line with the names of columns, values in quotes or bare, quotes doubled inside. Several outputs appended to
 * one file are read too: each header begins a new set of columns. */
#include <stdlib.h>
#include <string.h>

#include "harness/bench_import.h"

enum { FIELDS_MOST = 256 };
struct fields { struct mb_strbuf text[FIELDS_MOST]; size_t n; };

static void release(struct fields *f)
{
    for (size_t i = 0; i < FIELDS_MOST; i++)
        mb_strbuf_release(&f->text[i]);
    f->n = 0;
}

/* One field from *p; it stands at the separator, line end or NUL afterwards. false: the quote does not end. */
static bool take_field(const char **p, struct mb_strbuf *out)
{
    mb_strbuf_clear(out);
    const char *at = *p;
    const bool quoted = *at == '"';
    if (!quoted) {
        const size_t n = strcspn(at, ",\r\n");
        mb_strbuf_add(out, at, n);
        *p = at + n;
        return true;
    }
    for (at++; *at; at++) {
        if (*at == '"' && at[1] != '"')
            break;
        at += *at == '"';
        mb_strbuf_add(out, at, 1);
    }
    *p = *at ? at + 1 : at;
    return *at == '"';
}

/* One line of fields; *p goes behind its end. Says what is wrong, or NULL. */
static const char *take_line(const char **p, struct fields *f)
{
    for (f->n = 0;;) {
        if (f->n == FIELDS_MOST)
            return "too many columns";
        if (!take_field(p, &f->text[f->n++]))
            return "a quote does not end";
        if (**p != ',')
            break;
        (*p)++;
    }
    if (**p && !strchr("\r\n", **p))
        return "text behind a closing quote";
    *p += **p == '\r';
    *p += **p == '\n';
    return NULL;
}

static json_t *record_of(const struct fields *names, const struct fields *values)
{
    json_t *record = json_object();
    for (size_t i = 0; record && i < names->n; i++)
        if (json_object_set_new(record, mb_strbuf_text(&names->text[i]), json_stringn(mb_strbuf_text(&values->text[i]), values->text[i].n_bytes))) {
            json_decref(record);
            record = json_integer(0); /* not UTF-8: "not an object of columns" */
        }
    return record;
}

static bool is_header(const struct fields *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(mb_strbuf_text(&f->text[i]), "n_prompt") == 0)
            return true;
    return false;
}

void mb_bench_read_csv(struct mb_bench_import *in, const char *text)
{
    struct fields *names = calloc(1, sizeof(*names)), *line = calloc(1, sizeof(*line));
    in->no_memory |= !names || !line;
    for (const char *p = text, *from; !in->no_memory && *p;) {
        from = p;
        if (strchr("\r\n", *p)) {
            p++;
            continue;
        }
        const char *wrong = take_line(&p, line);
        const int64_t at = mb_bench_import_line(in, text, from);
        if (wrong) {
            mb_bench_import_fault(in, at, "%s", wrong);
            p = from + strcspn(from, "\n"); /* the next line may be whole */
        } else if (is_header(line)) {
            struct fields *old = names;
            names = line;
            line = old;
        } else if (line->n != names->n) {
            mb_bench_import_fault(in, at, "%zu values for %zu columns: the line is cut, or of another version of llama-bench without its header", line->n, names->n);
        } else {
            mb_bench_import_add(in, record_of(names, line), at);
        }
    }
    if (names)
        release(names);
    if (line)
        release(line);
    free(names);
    free(line);
}
