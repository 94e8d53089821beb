/**
 * pretokenizer.h - cuts text into the words inside which byte-pair merges happen. One row per scheme in pretokenizer.c;
 * the pattern is the one that the model's training used, so a scheme that is not known is refused, never approximated.
 */
#ifndef ENG_MODEL_PRETOKENIZER_H
#define ENG_MODEL_PRETOKENIZER_H

#include "base/error.h"

/** eng_pretokenizer_compile() - *pattern for scheme @name[n] of GGUF's tokenizer.ggml.pre. ENG_ENOTSUP lists the known ones. */
int eng_pretokenizer_compile(void **pattern, const char *name, size_t n, struct eng_error *err) ENG_MUST_CHECK;
void eng_pretokenizer_free(void *pattern); /* accepts NULL */

struct eng_splitter { /* one walk over one text */
    const void *pattern;
    void *match_data;
    const char *text; /* valid UTF-8: a copy where the caller's is not */
    char *repaired;   /* the copy, or NULL */
    size_t n_bytes, pos;
};

/** eng_splitter_open() - @text is borrowed until eng_splitter_close(). Bytes that are no UTF-8 count as symbols, one each. */
int eng_splitter_open(struct eng_splitter *s, const void *pattern, const char *text, size_t n_bytes, struct eng_error *err) ENG_MUST_CHECK;
/** eng_splitter_next() - false at the end; else the next word is [*begin, *end), never empty. All words together are the text. */
bool eng_splitter_next(struct eng_splitter *s, size_t *begin, size_t *end);
void eng_splitter_close(struct eng_splitter *s); /* safe on zeroed */

#endif
