/** vocab_file.h (tests) - the vocabulary of a GGUF file alone: no weights are read, whatever the architecture is. */
#ifndef ENG_TESTS_VOCAB_FILE_H
#define ENG_TESTS_VOCAB_FILE_H

#include "model/model.h"

struct vocab_file {
    struct eng_model m; /* vocab only: for eng_tokenize() and eng_detokenize() */
    struct eng_arena *arena;
};

/** vocab_file_open() - a failure ends the test program with its reason. vocab_file_close() in the end. */
void vocab_file_open(struct vocab_file *v, const char *path);
/** vocab_bytes_open() - the same for a file in memory; *why receives the reason of a failure. Safe to close then. */
int vocab_bytes_open(struct vocab_file *v, const void *bytes, size_t n_bytes, struct eng_error *why);
void vocab_file_close(struct vocab_file *v);

#endif
