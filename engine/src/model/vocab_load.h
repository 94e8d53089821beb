/** vocab_load.h - the parts of eng_vocab_from_gguf(): one loader per kind of tokenizer. They fill pieces' texts, the piece index and what
 *  their algorithm needs; kinds have been read, special tokens and ids follow. */
#ifndef ENG_MODEL_VOCAB_LOAD_H
#define ENG_MODEL_VOCAB_LOAD_H

#include "model/vocab.h"

struct eng_vocab_load {
    const struct eng_gguf *g;
    struct eng_arena *arena;
    struct eng_error *err;
    struct eng_vocab *v;
    const struct eng_gguf_kv *tokens; /* tokenizer.ggml.tokens, at most UINT16_MAX bytes each */
    uint64_t n_text_bytes;            /* of all tokens together */
};

int eng_vocab_load_bpe(struct eng_vocab_load *l) ENG_MUST_CHECK;  /* "gpt2" */
int eng_vocab_load_spm(struct eng_vocab_load *l) ENG_MUST_CHECK;  /* "llama" */
int eng_vocab_load_rwkv(struct eng_vocab_load *l) ENG_MUST_CHECK; /* "rwkv" */

static inline int eng_vocab_no_memory(const struct eng_vocab_load *l)
{
    return eng_fail(l->err, ENG_ENOMEM, "%s: no memory for the vocabulary", l->g->label);
}

#endif
