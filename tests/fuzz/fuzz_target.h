/** fuzz_target.h - the entry point that libFuzzer and replay.c call. */
#ifndef TESTS_FUZZ_FUZZ_TARGET_H
#define TESTS_FUZZ_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

/** One input. Returns 0; a broken promise ends the program. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#endif
