/** open.h - the two loaders behind eng_model_open(). Each fills everything but weights.c's part: hp, info, vocab, matrices as stored. */
#ifndef ENG_MODEL_OPEN_H
#define ENG_MODEL_OPEN_H

#include "model/mapped_file.h"
#include "model/model.h"

/** eng_open_gguf() - @file stays mapped as long as the model lives. With model->vocab_only: info and vocabulary, of any architecture. */
int eng_open_gguf(struct eng_model *model, const struct eng_mapped_file *file, struct eng_error *err) ENG_MUST_CHECK;

/** eng_open_llama2c() - @path: to find the tokenizer beside the file. */
int eng_open_llama2c(struct eng_model *model, const struct eng_mapped_file *file, const char *path, struct eng_error *err) ENG_MUST_CHECK;

/** eng_fill_info() - copy what hp and vocab know into info. */
void eng_fill_info(struct eng_model *model);

#endif
