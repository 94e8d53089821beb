/**
 * golden_data.h (tests) - where reference values are, and how to read them. Paths are built into the caller's buffer.
 * Reference data: MELTBENCH_TEST_DATA, else ../shared/data beside the checkout. Model: the cache of scripts/quickstart.sh.
 */
#ifndef ENG_TESTS_GOLDEN_DATA_H
#define ENG_TESTS_GOLDEN_DATA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define GOLDEN_PATH 1024

/** golden_path() - of a file below the data folder; false when it is not there. */
bool golden_path(char path[GOLDEN_PATH], const char *below);
/** golden_default_model() - SmolLM2-135M-Instruct Q4_1; false when it has not been fetched. */
bool golden_default_model(char path[GOLDEN_PATH]);

json_t *golden_json(const char *below);      /* a whole file; asserts; json_decref() it */

/** golden_npz() - one float32 or int32 array of an .npz (zip with stored or deflated members), as floats; asserts. free() it.
 *  *n receives its elements. */
float *golden_npz(const char *below, const char *member, size_t *n);
bool golden_npz_has(const char *below, const char *member);

#endif
