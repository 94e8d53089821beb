/**
 * type_golden.h (tests) - the recorded quantizations: 2048 floats of three inputs, the bytes that ggml made of them in each format,
 * and the floats that it made of these bytes. See golden/llama_cpp/README.md of the reference data.
 */
#ifndef ENG_TESTS_TYPE_GOLDEN_H
#define ENG_TESTS_TYPE_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "types/types.h"

#define TYPE_GOLDEN_N 2048
#define TYPE_GOLDEN_INPUTS 3

extern const char *const type_golden_inputs[TYPE_GOLDEN_INPUTS];

struct type_golden {
    float x[TYPE_GOLDEN_N], decoded[TYPE_GOLDEN_N];
    uint8_t bytes[TYPE_GOLDEN_N * 4];
    size_t n_bytes;
};

/** type_golden_present() - false, with a printed reason, where the reference data is not. */
bool type_golden_present(void);

/** type_golden_read() - asserts that all three files are there and as long as the type says. */
void type_golden_read(const char *input, const struct eng_type_traits *traits, struct type_golden *out);

/** type_golden_traits() - the i-th quantized type of the registry (f32 has no recording); NULL after the last. */
const struct eng_type_traits *type_golden_traits(size_t i);

/** type_golden_random() - the next number of SplitMix64 (Steele, Vigna); type_golden_random_bytes() takes bits 32 to 39 of each. */
uint64_t type_golden_random(uint64_t *state);
void type_golden_random_bytes(uint64_t *state, uint8_t *out, size_t n);

/** type_golden_rel_rmse() - sqrt(sum (x - y)^2 / sum x^2). */
double type_golden_rel_rmse(const float *x, const float *y, size_t n);

#endif
