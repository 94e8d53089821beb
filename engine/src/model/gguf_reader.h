/** gguf_reader.h (private to gguf*.c) - a position in the file and checked reads from it. */
#ifndef ENG_MODEL_GGUF_READER_H
#define ENG_MODEL_GGUF_READER_H

#include "model/gguf.h"

struct eng_gguf_reader {
    const struct eng_gguf *g;
    uint64_t pos; /* <= g->n_bytes always */
    struct eng_error *err;
};

/** Each reads at r->pos and advances. @what names the thing in the message when the file ends too early. */
int eng_gguf_read(struct eng_gguf_reader *r, void *out, size_t n_bytes, const char *what) ENG_MUST_CHECK;
int eng_gguf_read_str(struct eng_gguf_reader *r, struct eng_gguf_str *out, const char *what) ENG_MUST_CHECK;
int eng_gguf_skip(struct eng_gguf_reader *r, uint64_t n_bytes, const char *what) ENG_MUST_CHECK;

int eng_gguf_read_kvs(struct eng_gguf *g, struct eng_gguf_reader *r) ENG_MUST_CHECK;     /* gguf_kv.c */
int eng_gguf_read_tensors(struct eng_gguf *g, struct eng_gguf_reader *r) ENG_MUST_CHECK; /* gguf_tensor.c */

/** eng_gguf_index_slot() - the slot that holds @name, or the free one where it belongs. @names: first of the entries' names, each
 *  @stride bytes after the last. */
uint64_t eng_gguf_index_slot(const uint32_t *index, uint64_t mask, const struct eng_gguf_str *names, size_t stride,
                             struct eng_gguf_str name);
/** eng_gguf_index_new() - a table of at least 2 n slots; *mask is its size - 1. NULL: no memory. */
uint32_t *eng_gguf_index_new(uint64_t n, uint64_t *mask);

#endif
