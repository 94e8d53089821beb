/*
 * bench_read_sql.c - what `llama-bench -o sql` and `sqlite3 .dump` write: CREATE TABLE llama_bench (names) and INSERT INTO llama_bench [(names)]
 * VALUES (...). It is parsed, never executed: a stranger's file can do nothing but be wrong. llama-bench does not double the quotes within a value,
 * which SQLite refuses; here a quote ends a value only where a comma or a parenthesis follows.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/bench_import.h"

enum { COLUMNS_MOST = 256, NAME_CAP = 64 };
struct names { char name[COLUMNS_MOST][NAME_CAP]; size_t n; };

static const char *skip(const char *p)
{
    for (;;) {
        p += strspn(p, " \t\r\n;");
        if (strncmp(p, "--", 2) != 0)
            return p;
        p += strcspn(p, "\n");
    }
}

static bool take_word(const char **p, const char *word)
{
    const size_t n = strlen(word);
    const char *at = skip(*p);
    if (strncasecmp(at, word, n) != 0 || strspn(at + n, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"))
        return false;
    *p = at + n;
    return true;
}

static bool take_char(const char **p, char c)
{
    const char *at = *p + strspn(*p, " \t\r\n");
    if (*at != c)
        return false;
    *p = at + 1;
    return true;
}

static bool take_name(const char **p, char name[NAME_CAP])
{
    const char *at = *p + strspn(*p, " \t\r\n");
    const bool quoted = *at && strchr("\"`[", *at);
    at += quoted;
    const size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    if (n == 0 || n >= NAME_CAP || (quoted && !(at[n] && strchr("\"`]", at[n]))))
        return false;
    memcpy(name, at, n);
    name[n] = '\0';
    *p = at + n + quoted;
    return true;
}

/* "(a, b TEXT, c)": the first word of each part. */
static bool take_names(const char **p, struct names *names)
{
    names->n = 0;
    if (!take_char(p, '('))
        return false;
    do {
        if (names->n == COLUMNS_MOST || !take_name(p, names->name[names->n++]))
            return false;
        *p += strcspn(*p, ",)");
    } while (take_char(p, ','));
    return take_char(p, ')');
}

/* A literal as JSON, or NULL. */
static json_t *take_value(const char **p)
{
    const char *at = *p + strspn(*p, " \t\r\n");
    if (*at != '\'') {
        const size_t n = strcspn(at, " \t\r\n,)");
        char word[64];
        if (n == 0 || n >= sizeof(word))
            return NULL;
        memcpy(word, at, n);
        word[n] = '\0';
        *p = at + n;
        if (strcasecmp(word, "null") == 0)
            return json_null();
        return strspn(word, "+-.0123456789eE") == n || strcasecmp(word, "true") == 0 || strcasecmp(word, "false") == 0 ? json_string(word) : NULL;
    }
    struct mb_strbuf text = {0};
    for (at++; *at && *at != '\n'; at++) {
        if (*at == '\'' && at[1] == '\'' )
            at++;
        else if (*at == '\'' && at[1 + strspn(at + 1, " \t\r\n")] && strchr(",)", at[1 + strspn(at + 1, " \t\r\n")]))
            break;
        mb_strbuf_add(&text, at, 1);
    }
    json_t *value = *at == '\'' ? json_stringn(mb_strbuf_text(&text), text.n_bytes) : NULL;
    *p = at + (*at == '\'');
    mb_strbuf_release(&text);
    return value;
}

/* "(value, ...)". NULL: not whole. */
static json_t *take_row(const char **p, const struct names *names)
{
    json_t *record = json_object();
    size_t n = 0;
    bool good = take_char(p, '(');
    do {
        json_t *value = good && n < names->n ? take_value(p) : NULL;
        good = value && json_object_set_new(record, names->name[n], value) == 0;
        n++;
    } while (good && take_char(p, ','));
    if (good && n == names->n && take_char(p, ')'))
        return record;
    json_decref(record);
    return NULL;
}

/* From behind INSERT INTO llama_bench. false: damaged. */
static bool take_insert(struct mb_bench_import *in, const char *text, const char **p, struct names *names, struct names *listed)
{
    const char *at = *p + strspn(*p, " \t\r\n");
    const struct names *of = names;
    if (*at == '(') {
        if (!take_names(p, listed))
            return false;
        of = listed;
    }
    if (!take_word(p, "values"))
        return false;
    do {
        const int64_t line = mb_bench_import_line(in, text, *p + strspn(*p, " \t\r\n"));
        json_t *record = take_row(p, of);
        if (!record)
            return false;
        mb_bench_import_add(in, record, line);
    } while (take_char(p, ','));
    return take_char(p, ';');
}

static const char *next_statement(const char *p)
{
    for (p += strcspn(p, "\n"); *p; p += strcspn(p, "\n")) {
        p++;
        if (strncasecmp(p, "insert", 6) == 0 || strncasecmp(p, "create", 6) == 0)
            break;
    }
    return p;
}

/* One statement; false when it is damaged. Others than the two are passed over: they have no result in them. */
static bool take_statement(struct mb_bench_import *in, const char *text, const char **p, struct names *names, struct names *listed)
{
    char table[NAME_CAP];
    if (take_word(p, "create") && take_word(p, "table")) {
        if (take_word(p, "if"))
            (void)(take_word(p, "not") && take_word(p, "exists"));
        return take_name(p, table) && (strcasecmp(table, "llama_bench") != 0 || take_names(p, names));
    }
    if (!take_word(p, "insert")) {
        *p += strcspn(*p, ";\n");
        return true;
    }
    return take_word(p, "into") && take_name(p, table) && strcasecmp(table, "llama_bench") == 0 && take_insert(in, text, p, names, listed);
}

void mb_bench_read_sql(struct mb_bench_import *in, const char *text)
{
    struct names *names = calloc(2, sizeof(*names));
    in->no_memory |= !names;
    for (const char *p = skip(text); names && *p; p = skip(p)) {
        const char *from = p;
        if (take_statement(in, text, &p, &names[0], &names[1]))
            continue;
        const size_t n_shown = strcspn(from, "\n");
        mb_bench_import_fault(in, mb_bench_import_line(in, text, p), "not a whole statement on llama_bench with a value for each column: %.*s...",
                              (int)(n_shown < 40 ? n_shown : 40), from);
        p = next_statement(from);
    }
    free(names);
}
