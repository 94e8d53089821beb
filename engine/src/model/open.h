/** open.h - the two loaders behind eng_model_open(). Each fills everything but weights.c's part: hp, info, vocab, matrices as stored. */
#ifndef ENG_MODEL_OPEN_H
#define ENG_MODEL_OPEN_H

#include "model/mapped_file.h"
#include "model/gguf.h"
#include "model/model.h"
#include "model/vocab_reading.h"

struct eng_opening { /* zeroed; what goes on between the parts of an opening */
    struct eng_gguf g;
    struct eng_vocab_reading vocab;
    bool parsed;
};

/** eng_open_gguf() - @file stays mapped as long as the model lives. With model->vocab_only: info and vocabulary, of any architecture.
 *  @rest: NULL, or the vocabulary is read by a thread until eng_open_gguf_end(), to be called whatever this returned. */
int eng_open_gguf(struct eng_model *model, const struct eng_mapped_file *file, struct eng_opening *rest, struct eng_error *err) ENG_MUST_CHECK;

/** eng_open_gguf_end() - vocabulary and info are there when it returns ENG_OK. @rc: of what was done meanwhile, and @err its message; a fault of
 *  the vocabulary comes before it. Also right when nothing was begun. */
int eng_open_gguf_end(struct eng_model *model, struct eng_opening *rest, int rc, struct eng_error *err) ENG_MUST_CHECK;

/** eng_open_llama2c() - @path: to find the tokenizer beside the file. */
int eng_open_llama2c(struct eng_model *model, const struct eng_mapped_file *file, const char *path, struct eng_error *err) ENG_MUST_CHECK;

/** eng_fill_info() - copy what hp and vocab know into info. */
void eng_fill_info(struct eng_model *model);

#endif
