/**
 * cli_scene.h - a place for command lines: a scratch folder that is the working folder, a small model in it, and a shell to try what
 * the manual says. In the shell's environment: $MB the binary, $TINY the model (random weights, 4 layers, a token a byte but for five
 * merges, context 200000), $CUT and $ODD two damaged copies of it.
 */
#ifndef MB_TESTS_CLI_SCENE_H
#define MB_TESTS_CLI_SCENE_H

#include <jansson.h>
#include <stdbool.h>

#include "run_cli.h"

/** Group fixtures of cmocka. */
int scene_begin(void **state);
int scene_end(void **state);

/** sh() - run a shell script (printf format) in the scratch folder; its exit code, stdout, stderr. cli_free() after use. */
struct cli sh(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** sh_text() - stdout of a script that has to succeed without a word on stderr; the caller frees it. */
char *sh_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** sh_fails() - the script ends with @code, prints nothing on stdout, at most three lines on stderr and among them all @words
 *  (separated by '|'). */
void sh_fails(int code, const char *words, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** sh_json() - stdout as JSON; the exit code has to be 0. json_decref() after use. */
json_t *sh_json(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** figure_of() - the number behind a name in the lines of --stats; fails the test when there is none. */
double figure_of(const char *stats, const char *name);

/** default_model() - path of the default model in the cache, or NULL after printing why the test is skipped. */
const char *default_model(void);
/** data_file() - path of a file of ../shared/data (or $MELTBENCH_TEST_DATA), or NULL after printing why. Static buffer. */
const char *data_file(const char *below);

#endif
