/* catalogue.c - see catalogue.h. */
#include "harness/catalogue.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/axis.h"

static const struct mb_catalogue_row rows[] = {
#define MODEL(name, file, sha256, bytes, get, note) {name, file, sha256, bytes, get, note},
#include "harness/catalogue.def"
#undef MODEL
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

const struct mb_catalogue_row *mb_catalogue(size_t *n)
{
    *n = N_ROWS;
    return rows;
}

const struct mb_catalogue_row *mb_catalogue_find(const char *name)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

const struct mb_catalogue_row *mb_catalogue_find_sha256(const char *sha256)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].sha256, sha256) == 0)
            return &rows[i];
    return NULL;
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode); /* a device or pipe would be hashed for ever */
}

/* Folder i of the search into dir[cap]; false past the last. A relative XDG_CACHE_HOME is ignored, as its specification says. */
static bool search_dir(int i, char *dir, size_t cap)
{
    const char *models = getenv("MELTBENCH_MODELS"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const bool has_models = models && *models;
    if (i == 0 && has_models)
        return snprintf(dir, cap, "%s", models) < (int)cap;
    if (i != (has_models ? 1 : 0))
        return false;
    if (cache && *cache == '/')
        return snprintf(dir, cap, "%s/meltbench", cache) < (int)cap;
    return home && *home && snprintf(dir, cap, "%s/.cache/meltbench", home) < (int)cap;
}

static int fail_missing(const struct mb_catalogue_row *row, struct mb_error *err)
{
    char looked[300] = "", dir[PATH_MAX];
    for (int i = 0; search_dir(i, dir, sizeof(dir)); i++) {
        const size_t n = strlen(looked);
        snprintf(looked + n, sizeof(looked) - n, "%s%.140s", n ? " and " : "", dir);
    }
    return mb_fail(err, MB_ENOENT, "model %s: no %s in %s; get it with `%s`", row->name, row->file, *looked ? looked : "any folder (HOME is not set)",
                   row->get);
}

/* "dir/x.gguf" or "x.gguf" was meant as a file, "smollm2" as a name. */
static int fail_unknown(const char *text, struct mb_error *err)
{
    const size_t n = strlen(text);
    const bool is_path = strchr(text, '/') || (n > 5 && strcmp(text + n - 5, ".gguf") == 0) || (n > 4 && strcmp(text + n - 4, ".bin") == 0);
    struct stat st;
    if (stat(text, &st) == 0)
        return mb_fail(err, MB_ENOENT, "model %s: this is %s, not a model file", text, S_ISDIR(st.st_mode) ? "a folder" : "no regular file");
    char cwd[PATH_MAX];
    const bool is_relative = text[0] != '/' && getcwd(cwd, sizeof(cwd));
    if (is_path)
        return mb_fail(err, MB_ENOENT, "model %s: no such file%s%.200s; the default model is smollm2-135m, got with `%s`", text,
                       is_relative ? " in " : "", is_relative ? cwd : "", rows[0].get);
    const char *names[N_ROWS];
    for (size_t i = 0; i < N_ROWS; i++)
        names[i] = rows[i].name;
    const char *nearest = mb_nearest(text, names, N_ROWS);
    return mb_fail(err, MB_ENOENT, "model %s: neither a file nor a name of the catalogue (`meltbench list models`)%s%s%s", text,
                   nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

int mb_model_locate(const char *name_or_path, char *path, size_t cap, struct mb_error *err)
{
    if (is_file(name_or_path)) {
        if (snprintf(path, cap, "%s", name_or_path) < (int)cap)
            return MB_OK;
        return mb_fail(err, MB_EINVAL, "model %.100s...: the path is too long", name_or_path);
    }
    const struct mb_catalogue_row *row = mb_catalogue_find(name_or_path);
    char dir[PATH_MAX];
    for (int i = 0; row && search_dir(i, dir, sizeof(dir)); i++)
        if (snprintf(path, cap, "%s/%s", dir, row->file) < (int)cap && is_file(path))
            return MB_OK;
    return row ? fail_missing(row, err) : fail_unknown(name_or_path, err);
}
