/* scratch.c - see scratch.h. */
#include "scratch.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void scratch_make(struct scratch *s)
{
    const char *base = getenv("TMPDIR");
    snprintf(s->dir, sizeof(s->dir), "%s/mb-workloads-XXXXXX", base && *base ? base : "/tmp");
    assert_non_null(mkdtemp(s->dir));
}

const char *scratch_write(struct scratch *s, const char *name, const void *bytes, size_t n_bytes)
{
    static char path[512]; /* a test is one thread */
    snprintf(path, sizeof(path), "%s/%s", s->dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n_bytes, f), n_bytes);
    assert_int_equal(fclose(f), 0);
    return path;
}

const char *scratch_text(struct scratch *s, const char *name, const char *text)
{
    return scratch_write(s, name, text, strlen(text));
}

void scratch_remove(struct scratch *s)
{
    DIR *d = opendir(s->dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[600];
        snprintf(path, sizeof(path), "%s/%s", s->dir, e->d_name);
        if (e->d_name[0] != '.')
            unlink(path);
    }
    closedir(d);
    rmdir(s->dir);
}

void cell_make(struct mb_cell *cell, const char *workload, const char *options)
{
    *cell = (struct mb_cell){.model_path = "",
                             .runner = "null",
                             .workload = workload,
                             .options = *options ? json_loads(options, 0, NULL) : json_object(),
                             .share_dir = MB_SOURCE_DIR "/workloads/data",
                             .seed = 42};
    assert_non_null(cell->options);
    for (int i = 0; i < MB_AXIS_N; i++)
        cell->axis[i] = "";
}

void cell_release(struct mb_cell *cell)
{
    json_decref((json_t *)(uintptr_t)cell->options);
    cell->options = NULL;
}

void assert_close(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.17g is not %.17g (tolerance %g)", value, expected, tolerance);
}

const char *golden_dir(void)
{
    const char *dir = getenv("MELTBENCH_TEST_DATA");
    if (!dir || !*dir)
        dir = MB_SOURCE_DIR "/../shared/data";
    if (access(dir, R_OK) == 0)
        return dir;
    print_message("skipped: no test data at %s (set MELTBENCH_TEST_DATA)\n", dir);
    return NULL;
}
