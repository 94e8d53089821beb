/* plan_file.c - see plan_file.h. */
#include "plan_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void plan_files_begin(struct plan_files *files)
{
    snprintf(files->dir, sizeof(files->dir), "/tmp/mb-plan-XXXXXX");
    assert_non_null(mkdtemp(files->dir));
}

void plan_files_end(const struct plan_files *files)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -r '%s'", files->dir);
    assert_int_equal(system(command), 0);
}

void plan_file_write(const struct plan_files *files, const char *name, const void *bytes, size_t n, char path[256])
{
    snprintf(path, 256, "%s/%s", files->dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

struct mb_plan *plan_load_text(const struct plan_files *files, const char *text, struct mb_error *err)
{
    char path[256];
    struct mb_plan *plan = NULL;
    plan_file_write(files, "p.yaml", text, strlen(text), path);
    *err = (struct mb_error){0};
    const int rc = mb_plan_load(&plan, path, NULL, err);
    assert_true((rc == 0) == (plan != NULL));
    char *at = strstr(err->text, files->dir);
    if (at)
        memmove(at, at + strlen(files->dir) + 1, strlen(at + strlen(files->dir) + 1) + 1);
    return plan;
}
