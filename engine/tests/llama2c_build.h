/** llama2c_build.h - tiny files in llama2.c's formats for tests: a checkpoint with random weights and its tokenizer. */
#ifndef ENG_TESTS_LLAMA2C_BUILD_H
#define ENG_TESTS_LLAMA2C_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LLAMA2C_VOCAB = 268 }; /* <unk>, <s>, </s>, 256 bytes, and the pieces " ", a, b, c, ab, bc, " a", abc, é */

/** Both malloc'ed; *n receives the size. Dimensions: dim 32, hidden 48, 1 layer, 4 heads, 2 key-value heads, context 16. */
uint8_t *llama2c_build_model(bool own_classifier, size_t *n);
uint8_t *llama2c_build_tokenizer(size_t *n);

#endif
