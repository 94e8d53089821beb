/** vocab.h (engine, internal) - vocabulary and merges; tokenizer.c and detokenizer.c read it. */
#ifndef ENG_MODEL_VOCAB_H
#define ENG_MODEL_VOCAB_H

#include "base/error.h"

struct eng_vocab; /* owned by the model; released with it */

#endif
