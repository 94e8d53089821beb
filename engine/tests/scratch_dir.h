/** scratch_dir.h - a folder for one test, under $TMPDIR or /tmp, and what the tests read from elsewhere. */
#ifndef ENG_TESTS_SCRATCH_DIR_H
#define ENG_TESTS_SCRATCH_DIR_H

#include <stdbool.h>
#include <stddef.h>

enum { SCRATCH_PATH = 512 };

void scratch_dir_make(char dir[SCRATCH_PATH]);
void scratch_dir_remove(const char *dir); /* with the files in it */
void scratch_path(char path[SCRATCH_PATH], const char *dir, const char *name);
void scratch_write(const char *path, const void *bytes, size_t n);
/** A whole file, malloc'ed and NUL-terminated; NULL when it cannot be read. */
char *scratch_read(const char *path, size_t *n);

/** Reference data: $MELTBENCH_TEST_DATA or ../shared/data beside the checkout. False when the file is not there (then skip). */
bool test_data_path(char path[SCRATCH_PATH], const char *name);
/** A model in the cache of scripts/get_model.sh. False when it is not there. */
bool cached_model_path(char path[SCRATCH_PATH], const char *file);
/** The default model in the cache. False when it is not there. */
bool default_model_path(char path[SCRATCH_PATH]);

#endif
