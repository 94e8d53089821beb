/* From a model's name to its file, and what is said when it is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/catalogue.h"
#include "plan_file.h"

static struct plan_files files;

static int begin(void **state)
{
    (void)state;
    plan_files_begin(&files);
    setenv("XDG_CACHE_HOME", files.dir, 1);
    unsetenv("MELTBENCH_MODELS");
    return 0;
}

static int end(void **state)
{
    (void)state;
    plan_files_end(&files);
    return 0;
}

static void make_dir(const char *name)
{
    char command[160];
    snprintf(command, sizeof(command), "mkdir -p '%s/%s'", files.dir, name);
    assert_int_equal(system(command), 0);
}

static void rows_are_complete(void **state)
{
    (void)state;
    size_t n;
    const struct mb_catalogue_row *rows = mb_catalogue(&n);
    assert_true(n >= 1);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(strlen(rows[i].sha256), 64);
        assert_int_equal(strspn(rows[i].sha256, "0123456789abcdef"), 64);
        assert_true(rows[i].n_bytes > 0 && *rows[i].get && *rows[i].note && *rows[i].file);
        assert_ptr_equal(mb_catalogue_find(rows[i].name), &rows[i]);
        assert_ptr_equal(mb_catalogue_find_sha256(rows[i].sha256), &rows[i]);
        assert_null(strchr(rows[i].name, '/'));
    }
    assert_null(mb_catalogue_find("no-such-model"));
}

static void a_missing_default_model_names_folder_and_command(void **state)
{
    (void)state;
    char path[4096], expected[512];
    struct mb_error err = {0};
    assert_int_equal(mb_model_locate("smollm2-135m", path, sizeof(path), &err), MB_ENOENT);
    snprintf(expected, sizeof(expected), "model smollm2-135m: no SmolLM2-135M-Instruct.Q4_1.gguf in %s/meltbench; get it with `scripts/quickstart.sh --model-only`",
             files.dir);
    assert_string_equal(err.text, expected);
    setenv("MELTBENCH_MODELS", "/nowhere", 1);
    assert_int_equal(mb_model_locate("smollm2-135m", path, sizeof(path), &err), MB_ENOENT);
    assert_non_null(strstr(err.text, "in /nowhere and "));
    unsetenv("MELTBENCH_MODELS");
}

static void folders_are_searched_in_order(void **state)
{
    (void)state;
    char path[4096], cached[256], own[256], dir[128];
    struct mb_error err = {0};
    make_dir("meltbench");
    make_dir("own");
    plan_file_write(&files, "meltbench/SmolLM2-135M-Instruct.Q4_1.gguf", "x", 1, cached);
    assert_int_equal(mb_model_locate("smollm2-135m", path, sizeof(path), &err), MB_OK);
    assert_string_equal(path, cached);
    snprintf(dir, sizeof(dir), "%s/own", files.dir);
    setenv("MELTBENCH_MODELS", dir, 1);
    assert_int_equal(mb_model_locate("smollm2-135m", path, sizeof(path), &err), MB_OK);
    assert_string_equal(path, cached); /* own has none: the cache's */
    plan_file_write(&files, "own/SmolLM2-135M-Instruct.Q4_1.gguf", "x", 1, own);
    assert_int_equal(mb_model_locate("smollm2-135m", path, sizeof(path), &err), MB_OK);
    assert_string_equal(path, own);
    unsetenv("MELTBENCH_MODELS");
}

static void paths_are_taken_as_they_are(void **state)
{
    (void)state;
    char path[4096], file[256], small[8];
    struct mb_error err = {0};
    plan_file_write(&files, "any, name=1.gguf", "x", 1, file);
    assert_int_equal(mb_model_locate(file, path, sizeof(path), &err), MB_OK);
    assert_string_equal(path, file);
    assert_int_equal(mb_model_locate(file, small, sizeof(small), &err), MB_EINVAL);
    assert_int_equal(mb_model_locate(files.dir, path, sizeof(path), &err), MB_ENOENT);
    assert_non_null(strstr(err.text, "this is a folder"));
    assert_int_equal(mb_model_locate("/dev/zero", path, sizeof(path), &err), MB_ENOENT); /* would be hashed for ever */
    assert_int_equal(mb_model_locate("missing.gguf", path, sizeof(path), &err), MB_ENOENT);
    assert_non_null(strstr(err.text, "no such file in /"));
    assert_int_equal(mb_model_locate("smolm2-135m", path, sizeof(path), &err), MB_ENOENT);
    assert_non_null(strstr(err.text, "did you mean 'smollm2-135m'?"));
}

/* A file under the catalogue's name that is not the catalogue's file must not be measured under that name. */
static void an_impostor_is_not_measured(void **state)
{
    (void)state;
    struct mb_error err;
    char cached[256];
    make_dir("meltbench");
    plan_file_write(&files, "meltbench/SmolLM2-135M-Instruct.Q4_1.gguf", "x", 1, cached);
    assert_null(plan_load_text(&files, "models: [smollm2-135m]\nworkloads: [micro]\n", &err));
    assert_int_equal(err.code, MB_EFORMAT);
    assert_non_null(strstr(err.text, "is not the catalogue's file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_complete),
        cmocka_unit_test(a_missing_default_model_names_folder_and_command),
        cmocka_unit_test(folders_are_searched_in_order),
        cmocka_unit_test(paths_are_taken_as_they_are),
        cmocka_unit_test(an_impostor_is_not_measured),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
