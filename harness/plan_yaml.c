/* plan_yaml.c - see plan_yaml.h. Events, not libyaml's documents: depth is checked while reading, and aliases cannot multiply. */
#include "harness/plan_yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/lazy_library.h"

enum { MAX_BYTES = 1 << 20, MAX_DEPTH = 16 };

/* What we use of libyaml, loaded when a plan is read. */
struct libyaml {
    int (*initialize)(yaml_parser_t *parser);
    void (*set_encoding)(yaml_parser_t *parser, yaml_encoding_t encoding);
    void (*set_input)(yaml_parser_t *parser, const unsigned char *bytes, size_t n_bytes);
    int (*parse)(yaml_parser_t *parser, yaml_event_t *event);
    void (*event_delete)(yaml_event_t *event);
    void (*delete)(yaml_parser_t *parser);
};

struct reader {
    yaml_parser_t yaml;
    struct libyaml lib;
    const char *file;
    struct mb_error *err;
};

static int fail_at(struct reader *r, yaml_mark_t mark, const char *what)
{
    return mb_fail(r->err, MB_EINVAL, "%s:%zu:%zu: %s", r->file, mark.line + 1, mark.column + 1, what);
}

static int fail_syntax(struct reader *r)
{
    const yaml_parser_t *y = &r->yaml;
    if (y->error == YAML_MEMORY_ERROR)
        return mb_fail(r->err, MB_ENOMEM, "%s: no memory to read it", r->file);
    if (y->error == YAML_READER_ERROR)
        return mb_fail(r->err, MB_EINVAL, "%s: byte %zu: not valid UTF-8 text (%s)", r->file, y->problem_offset, y->problem);
    return mb_fail(r->err, MB_EINVAL, "%s:%zu:%zu: not valid YAML: %s%s%s", r->file, y->problem_mark.line + 1, y->problem_mark.column + 1,
                   y->problem ? y->problem : "syntax error", y->context ? " " : "", y->context ? y->context : "");
}

void mb_yaml_free(struct mb_yaml *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->n; i++) {
        if (node->keys)
            mb_yaml_free(node->keys[i]);
        if (node->items)
            mb_yaml_free(node->items[i]);
    }
    free(node->keys);
    free(node->items);
    free(node->text);
    free(node);
}

static bool same_key(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
            return false;
    return *a == *b;
}

const struct mb_yaml *mb_yaml_get(const struct mb_yaml *map, const char *key)
{
    for (size_t i = 0; map->kind == MB_YAML_MAP && i < map->n; i++)
        if (same_key(map->keys[i]->text, key))
            return map->items[i];
    return NULL;
}

int mb_yaml_fail(const char *file, const struct mb_yaml *at, struct mb_error *err, const char *fmt, ...)
{
    char what[500];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    return mb_fail(err, MB_EINVAL, "%s:%u:%u: %s", file, at->line, at->column, what);
}

const char *mb_yaml_kind_name(enum mb_yaml_kind kind)
{
    static const char *const names[] = {"a value", "a list", "a map"};
    return names[kind];
}

static struct mb_yaml *new_node(enum mb_yaml_kind kind, yaml_mark_t mark)
{
    struct mb_yaml *node = calloc(1, sizeof(*node));
    if (node)
        *node = (struct mb_yaml){.kind = kind, .line = (unsigned)mark.line + 1, .column = (unsigned)mark.column + 1};
    return node;
}

/* Puts a child into the list or map; on failure it is freed. Room grows at powers of two. */
static int adopt(struct reader *r, struct mb_yaml *node, struct mb_yaml *key, struct mb_yaml *item)
{
    if ((node->n & (node->n - 1)) == 0) {
        const size_t cap = node->n ? node->n * 2 : 1;
        struct mb_yaml **items = realloc(node->items, cap * sizeof(*items));
        struct mb_yaml **keys = node->kind == MB_YAML_MAP && items ? realloc(node->keys, cap * sizeof(*keys)) : NULL;
        node->items = items ? items : node->items;
        node->keys = keys ? keys : node->keys;
        if (!items || (node->kind == MB_YAML_MAP && !keys)) {
            mb_yaml_free(key);
            mb_yaml_free(item);
            return mb_fail(r->err, MB_ENOMEM, "%s: no memory to read it", r->file);
        }
    }
    if (node->kind == MB_YAML_MAP)
        node->keys[node->n] = key;
    node->items[node->n++] = item;
    return MB_OK;
}

static int read_node(struct reader *r, const yaml_event_t *event, int depth, struct mb_yaml **out);

static int next_event(struct reader *r, yaml_event_t *event)
{
    return r->lib.parse(&r->yaml, event) ? MB_OK : fail_syntax(r);
}

static int read_list(struct reader *r, struct mb_yaml *node, int depth)
{
    for (;;) {
        yaml_event_t event;
        struct mb_yaml *item = NULL;
        int rc = next_event(r, &event);
        if (rc)
            return rc;
        const bool ended = event.type == YAML_SEQUENCE_END_EVENT;
        if (!ended)
            rc = read_node(r, &event, depth, &item);
        r->lib.event_delete(&event);
        if (rc || ended)
            return rc;
        if ((rc = adopt(r, node, NULL, item)))
            return rc;
    }
}

static int check_key(struct reader *r, const struct mb_yaml *node, const struct mb_yaml *key)
{
    if (key->kind != MB_YAML_SCALAR)
        return mb_yaml_fail(r->file, key, r->err, "a key must be a single word, not %s", mb_yaml_kind_name(key->kind));
    for (size_t i = 0; i < node->n; i++)
        if (same_key(node->keys[i]->text, key->text))
            return mb_yaml_fail(r->file, key, r->err, "key '%s' is given twice; first at line %u", key->text, node->keys[i]->line);
    return MB_OK;
}

static int read_map(struct reader *r, struct mb_yaml *node, int depth)
{
    for (;;) {
        yaml_event_t event;
        struct mb_yaml *key = NULL, *item = NULL;
        int rc = next_event(r, &event);
        if (rc)
            return rc;
        const bool ended = event.type == YAML_MAPPING_END_EVENT;
        if (!ended)
            rc = read_node(r, &event, depth, &key);
        r->lib.event_delete(&event);
        if (!rc && !ended)
            rc = check_key(r, node, key);
        if (!rc && !ended && !(rc = next_event(r, &event))) {
            rc = read_node(r, &event, depth, &item);
            r->lib.event_delete(&event);
        }
        if (rc || ended) {
            mb_yaml_free(key);
            return rc;
        }
        if ((rc = adopt(r, node, key, item)))
            return rc;
    }
}

static int fill_scalar(struct reader *r, const yaml_event_t *event, struct mb_yaml *node)
{
    const char *value = (const char *)event->data.scalar.value;
    const size_t n = event->data.scalar.length;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (memchr(value, '\0', n))
        return fail_at(r, event->start_mark, "a value with a NUL character in it");
    node->text = strndup(value, n);
    return node->text ? MB_OK : mb_fail(r->err, MB_ENOMEM, "%s: no memory to read it", r->file);
}

static int read_node(struct reader *r, const yaml_event_t *event, int depth, struct mb_yaml **out)
{
    static const char no_anchors[] = "anchors and aliases (&name, *name) are not supported; write the value out (one that begins with * or & needs quotes)";
    const yaml_char_t *anchor = event->type == YAML_SCALAR_EVENT ? event->data.scalar.anchor :
                                event->type == YAML_SEQUENCE_START_EVENT ? event->data.sequence_start.anchor :
                                event->type == YAML_MAPPING_START_EVENT ? event->data.mapping_start.anchor : NULL;
    if (event->type == YAML_ALIAS_EVENT || anchor)
        return fail_at(r, event->start_mark, no_anchors);
    if (depth >= MAX_DEPTH)
        return fail_at(r, event->start_mark, "nested too deeply (more than 16 levels)");
    const enum mb_yaml_kind kind = event->type == YAML_SCALAR_EVENT ? MB_YAML_SCALAR :
                                   event->type == YAML_SEQUENCE_START_EVENT ? MB_YAML_LIST : MB_YAML_MAP;
    struct mb_yaml *node = new_node(kind, event->start_mark);
    if (!node)
        return mb_fail(r->err, MB_ENOMEM, "%s: no memory to read it", r->file);
    const int rc = kind == MB_YAML_SCALAR ? fill_scalar(r, event, node) :
                   kind == MB_YAML_LIST ? read_list(r, node, depth + 1) : read_map(r, node, depth + 1);
    if (rc)
        mb_yaml_free(node);
    else
        *out = node;
    return rc;
}

/* STREAM-START DOCUMENT-START node DOCUMENT-END STREAM-END, and nothing else. */
static int read_stream(struct reader *r, struct mb_yaml **out)
{
    for (;;) {
        yaml_event_t event;
        int rc = next_event(r, &event);
        if (rc)
            return rc;
        const yaml_event_type_t type = event.type;
        const bool starts = type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT || type == YAML_DOCUMENT_END_EVENT;
        if (type == YAML_DOCUMENT_START_EVENT && *out)
            rc = fail_at(r, event.start_mark, "a second document ('---'); a plan file has one");
        else if (!starts && type != YAML_STREAM_END_EVENT)
            rc = read_node(r, &event, 0, out);
        r->lib.event_delete(&event);
        if (rc)
            return rc;
        if (type == YAML_STREAM_END_EVENT)
            return *out ? MB_OK : mb_fail(r->err, MB_EINVAL, "%s:1:1: the file is empty", r->file);
    }
}

static int load_libyaml(struct libyaml *lib, struct mb_error *err)
{
    static const char *const files[] = {"libyaml-0.so.2", "libyaml.so", NULL};
    static const char *const names[] = {"yaml_parser_initialize", "yaml_parser_set_encoding", "yaml_parser_set_input_string", "yaml_parser_parse",
                                        "yaml_event_delete", "yaml_parser_delete"};
    static const struct mb_lazy_library library = {"a plan file", "libyaml-0-2", files, names, sizeof(names) / sizeof(names[0])};
    mb_lazy_function f[sizeof(names) / sizeof(names[0])];
    const int rc = mb_lazy_load(&library, f, err);
    if (rc)
        return rc;
    *lib = (struct libyaml){(int (*)(yaml_parser_t *))f[0], (void (*)(yaml_parser_t *, yaml_encoding_t))f[1],
                            (void (*)(yaml_parser_t *, const unsigned char *, size_t))f[2], (int (*)(yaml_parser_t *, yaml_event_t *))f[3],
                            (void (*)(yaml_event_t *))f[4], (void (*)(yaml_parser_t *))f[5]};
    return MB_OK;
}

int mb_yaml_parse(struct mb_yaml **out, const char *file, const char *bytes, size_t n_bytes, struct mb_error *err)
{
    struct reader r = {.file = file, .err = err};
    *out = NULL;
    if (n_bytes > MAX_BYTES)
        return mb_fail(err, MB_EINVAL, "%s: larger than 1 MiB; this is not a plan", file);
    const int missing = load_libyaml(&r.lib, err);
    if (missing)
        return missing;
    if (!r.lib.initialize(&r.yaml))
        return mb_fail(err, MB_ENOMEM, "%s: no memory to read it", file);
    r.lib.set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    r.lib.set_input(&r.yaml, (const unsigned char *)bytes, n_bytes);
    const int rc = read_stream(&r, out);
    r.lib.delete(&r.yaml);
    if (rc) {
        mb_yaml_free(*out);
        *out = NULL;
    }
    return rc;
}

int mb_yaml_read(struct mb_yaml **out, const char *file, struct mb_error *err)
{
    int rc;
    *out = NULL;
    char *bytes = NULL;
    FILE *f = fopen(file, "re");
    if (!f)
        return mb_fail_errno(err, MB_EINVAL, "%s", file);
    bytes = malloc(MAX_BYTES + 1);
    if (!bytes) {
        rc = mb_fail(err, MB_ENOMEM, "%s: no memory to read it", file);
        goto out;
    }
    errno = 0;
    const size_t n = fread(bytes, 1, MAX_BYTES + 1, f);
    rc = ferror(f) ? mb_fail_errno(err, MB_EINVAL, "%s", file) : mb_yaml_parse(out, file, bytes, n, err);
out:
    free(bytes);
    fclose(f);
    return rc;
}
