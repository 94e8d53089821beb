/* tune.c - see tune.h: the settings. Who keeps watch is in tune_run.c. */
#include "harness/tune.h"

#include <stdlib.h>
#include <string.h>

#include "base/sysroot.h"

static const struct { const char *id, *path, *wanted, *only_from, *why; } rows[] = {
#define TUNE(id, path, wanted, only_from, why) {#id, path, wanted, only_from, why},
#include "harness/tune.def"
#undef TUNE
};

/* The value, or of "always [madvise] never" the word in brackets. */
static int read_value(const char *root, const char *path, char value[64], struct mb_error *err)
{
    char text[256];
    const int rc = mb_sys_read_text(root, path, text, sizeof(text), err);
    if (rc)
        return rc;
    const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
    const size_t n = close ? (size_t)(close - open) - 1 : strlen(text);
    if (n == 0 || n >= 64)
        return mb_fail(err, MB_EFORMAT, "%s: an unexpected value", path);
    memcpy(value, close ? open + 1 : text, n);
    value[n] = '\0';
    return MB_OK;
}

static void add(struct mb_tune *t, size_t row, const char *path)
{
    struct mb_error err = {0};
    if (t->n == MB_TUNE_MOST)
        return;
    struct mb_tune_change *c = &t->changes[t->n++];
    *c = (struct mb_tune_change){.id = rows[row].id, .why = rows[row].why};
    snprintf(c->path, sizeof(c->path), "%s", path);
    snprintf(c->wanted, sizeof(c->wanted), "%s", rows[row].wanted);
    const int rc = read_value(t->root, path, c->before, &err);
    snprintf(c->reason, sizeof(c->reason), "%.230s", err.text);
    const bool fits = strcmp(c->before, c->wanted) == 0 || (*rows[row].only_from && strcmp(c->before, rows[row].only_from) != 0);
    c->state = rc == MB_ENOENT ? MB_TUNE_ABSENT : rc ? MB_TUNE_REFUSED : fits ? MB_TUNE_AS_WANTED : MB_TUNE_PLANNED;
}

/* "/dir/policy*" + "/scaling_governor" for every policy. */
static void add_each(struct mb_tune *t, size_t row)
{
    char dir[128], path[160], **names = NULL;
    const char *star = strchr(rows[row].path, '*'), *slash = star;
    size_t n = 0;
    while (*slash != '/')
        slash--;
    snprintf(dir, sizeof(dir), "%.*s", (int)(slash - rows[row].path), rows[row].path);
    char prefix[32];
    snprintf(prefix, sizeof(prefix), "%.*s", (int)(star - slash) - 1, slash + 1);
    if (mb_sys_list(t->root, dir, prefix, &names, &n, NULL))
        n = 0;
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%.30s%s", dir, names[i], star + 1);
        add(t, row, path);
    }
    mb_sys_list_free(names, n);
    if (n == 0)
        add(t, row, rows[row].path); /* says that there is none */
}

int mb_tune_plan(struct mb_tune *t, const char *root, struct mb_error *err)
{
    *t = (struct mb_tune){.root = root, .changes = calloc(MB_TUNE_MOST, sizeof(*t->changes))};
    if (!t->changes)
        return mb_fail(err, MB_ENOMEM, "no memory for the settings");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strchr(rows[i].path, '*'))
            add_each(t, i);
        else
            add(t, i, rows[i].path);
    }
    return MB_OK;
}

void mb_tune_release(struct mb_tune *t)
{
    free(t->changes);
    *t = (struct mb_tune){0};
}

size_t mb_tune_count(const struct mb_tune *t, enum mb_tune_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += t->changes[i].state == state;
    return n;
}

void mb_tune_apply(struct mb_tune *t)
{
    for (size_t i = 0; i < t->n; i++) {
        struct mb_tune_change *c = &t->changes[i];
        struct mb_error err = {0};
        char now[64] = "";
        if (c->state != MB_TUNE_PLANNED)
            continue;
        int rc = mb_sys_write_text(t->root, c->path, c->wanted, &err);
        if (!rc)
            rc = read_value(t->root, c->path, now, &err);
        if (!rc && strcmp(now, c->wanted) != 0)
            rc = mb_fail(&err, MB_EFAILED, "%s: it stays %s", c->path, now);
        c->state = rc ? MB_TUNE_REFUSED : MB_TUNE_APPLIED;
        snprintf(c->reason, sizeof(c->reason), "%.230s", err.text);
    }
}

/* false: it could not. */
static bool put_back(const char *root, const struct mb_tune_change *c, FILE *says)
{
    struct mb_error err = {0};
    char now[64];
    int rc = read_value(root, c->path, now, &err);
    if (!rc && strcmp(now, c->before) == 0)
        return true;
    if (!rc && strcmp(now, c->wanted) != 0) {
        fprintf(says, "meltbench: %s was changed to %s by somebody else: left, it was %s\n", c->path, now, c->before);
        return true;
    }
    if (!rc || rc == MB_EFORMAT) /* the latter: killed within a write, not a value that somebody chose */
        rc = mb_sys_write_text(root, c->path, c->before, &err);
    if (rc)
        fprintf(says, "meltbench: %s could not be put back to %s: %s\n", c->path, c->before, err.text);
    return rc == MB_OK;
}

size_t mb_tune_undo(const struct mb_tune *t, FILE *says)
{
    size_t n_failed = 0;
    for (size_t i = t->n; i-- > 0;) { /* last changed, first back */
        const struct mb_tune_change *c = &t->changes[i];
        if (c->state != MB_TUNE_ABSENT && c->state != MB_TUNE_AS_WANTED && *c->before)
            n_failed += !put_back(t->root, c, says);
    }
    return n_failed;
}
