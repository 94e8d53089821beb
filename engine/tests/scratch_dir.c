/* scratch_dir.c - see scratch_dir.h. */
#include "scratch_dir.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void scratch_dir_make(char dir[SCRATCH_PATH])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, SCRATCH_PATH, "%s/eng-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        abort();
}

void scratch_path(char path[SCRATCH_PATH], const char *dir, const char *name)
{
    if (snprintf(path, SCRATCH_PATH, "%s/%s", dir, name) >= SCRATCH_PATH)
        abort();
}

void scratch_dir_remove(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;
    while (d && (entry = readdir(d))) {
        char path[SCRATCH_PATH];
        if (entry->d_name[0] == '.')
            continue;
        scratch_path(path, dir, entry->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

void scratch_write(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || (n && fwrite(bytes, 1, n, f) != n) || fclose(f) != 0)
        abort();
}

char *scratch_read(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    size_t cap = 1 << 16, got;
    char *data = malloc(cap + 1);
    *n = 0;
    while (data && (got = fread(data + *n, 1, cap - *n, f)) > 0) {
        *n += got;
        if (*n == cap)
            data = realloc(data, (cap *= 2) + 1);
    }
    fclose(f);
    if (data)
        data[*n] = '\0';
    return data;
}

bool test_data_path(char path[SCRATCH_PATH], const char *name)
{
    const char *root = getenv("MELTBENCH_TEST_DATA");
    scratch_path(path, root && *root ? root : ENG_TEST_DATA_DIR, name);
    return access(path, R_OK) == 0;
}

bool cached_model_path(char path[SCRATCH_PATH], const char *file)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const bool has_cache = cache && *cache;
    snprintf(path, SCRATCH_PATH, "%s%s/meltbench/%s",
             has_cache ? cache
             : home    ? home
                       : "",
             has_cache ? "" : "/.cache", file);
    return access(path, R_OK) == 0;
}

bool default_model_path(char path[SCRATCH_PATH])
{
    return cached_model_path(path, "SmolLM2-135M-Instruct.Q4_1.gguf");
}
