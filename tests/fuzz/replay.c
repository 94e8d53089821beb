/* replay.c - the corpus through a fuzz target, without a fuzzer: whole, and cut at a few places. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fuzz_target.h"
#include "scratch_dir.h"

static void run_copy(const char *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1); /* exactly as large, for the sanitizer */
    assert_non_null(copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = (uint8_t)data[i];
    assert_int_equal(LLVMFuzzerTestOneInput(copy, n), 0);
    free(copy);
}

static void the_corpus_breaks_nothing(void **state)
{
    (void)state;
    DIR *dir = opendir(CORPUS_DIR);
    const struct dirent *entry;
    size_t n_files = 0;
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char path[SCRATCH_PATH];
        size_t n;
        if (entry->d_name[0] == '.')
            continue;
        scratch_path(path, CORPUS_DIR, entry->d_name);
        char *data = scratch_read(path, &n);
        assert_non_null(data);
        for (size_t part = 1; part <= 8; part++)
            run_copy(data, n * part / 8);
        free(data);
        n_files++;
    }
    closedir(dir);
    assert_true(n_files >= 8);
    print_message("%zu files of %s\n", n_files, CORPUS_DIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_corpus_breaks_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
