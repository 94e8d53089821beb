/** vocab_reading.h - the vocabulary of a GGUF file, read by a thread of its own while others pack the weights: 100,000 texts and a table of
 *  merges take a fifth of the time to the first token of a small model. */
#ifndef ENG_MODEL_VOCAB_READING_H
#define ENG_MODEL_VOCAB_READING_H

#include <pthread.h>

#include "model/vocab.h"

struct eng_vocab_reading { /* zeroed = not begun */
    const struct eng_gguf *g;
    struct eng_arena *arena;
    struct eng_vocab *vocab;
    struct eng_error err;
    int rc;
    bool begun, beside;
    pthread_t thread;
};

/** eng_vocab_reading_begin() - @g stays and does not change until the end. @beside: in a thread, with memory from an arena of its own; else,
 *  and where no thread can be had, here and now. @arena: for the latter. */
void eng_vocab_reading_begin(struct eng_vocab_reading *r, const struct eng_gguf *g, bool beside, struct eng_arena *arena);

/** eng_vocab_reading_end() - wait; results as of eng_vocab_from_gguf(). *own_arena: what the caller frees after the vocabulary, or NULL. */
int eng_vocab_reading_end(struct eng_vocab_reading *r, struct eng_vocab **vocab, struct eng_arena **own_arena, struct eng_error *err) ENG_MUST_CHECK;

#endif
