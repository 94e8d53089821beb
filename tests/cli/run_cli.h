/** run_cli.h - the binary as a user runs it: arguments in, exit code, stdout and stderr out. */
#ifndef MB_TESTS_RUN_CLI_H
#define MB_TESTS_RUN_CLI_H

#include <stddef.h>

struct cli { int code; /* exit code, or 128 + signal */ char *out, *err; };

/** cli_run() - arguments end with NULL. Fails the test when the binary cannot be run. cli_free() releases the texts. */
struct cli cli_run(const char *first, ...) __attribute__((sentinel));
void cli_free(struct cli *c);

size_t cli_count_lines(const char *text);

#endif
